//! A table as its writer task sees it, and that task.

use crate::base::Base;
use crate::delta::StoredFile;
use crate::error::chain;
use crate::shown::FileId;
use crate::{Error, Result, compact, vacuum};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Longest and first wait after an error.
const RETRY_MAX: Duration = Duration::from_secs(30);
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// The look for changed rows takes at most this share of the time: one part in five.
const REFRESH_SHARE: u32 = 4;

/// Files written by compaction in one turn; rows that come meanwhile wait.
const REWRITES_MAX: usize = 4;

/// Why a table acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Time has passed or rows have come: it acts if it is worth it.
    News,
    /// Someone waits for all of it to be committed.
    Flush,
}

/// A table with a writer of its own. All methods block.
pub(crate) trait Written: Send + Sync + 'static {
    fn base(&self) -> &Base;

    /// Shows changed rows to queries, and commits if it is time to.
    fn act(&self, due: Due) -> Result<()>;

    /// Reads the newest version again, after an error.
    fn recover(&self) -> Result<()>;

    /// Puts a file in the place of those whose rows it holds, in one step for
    /// queries; `keys` are those of its rows.
    fn exchange(&self, removed: &[FileId], file: StoredFile, _keys: Vec<u128>) {
        let mut shown = self.base().shown();
        for id in removed {
            shown.remove_file(*id);
        }
        shown.add_file(file);
    }

    /// The keys of rows that compaction moves, if the table keeps addresses.
    fn keys(&self, _rows: &arrow::array::RecordBatch) -> Result<Vec<u128>, String> {
        Ok(Vec::new())
    }
}

/// One turn of a table: rows, then files.
fn turn(table: &dyn Written, due: Due) -> Result<()> {
    let base = table.base();
    let wanted = base.flush_wanted();
    table.act(due)?;
    if let (Due::Flush, Some(number)) = (due, wanted) {
        base.set_flushed(number);
    }
    if base.delta().since_checkpoint() >= base.settings().checkpoint_every {
        let version = base.delta().checkpoint()?;
        vacuum::vacuum(base, version)?;
    }
    for _ in 0..REWRITES_MAX {
        if !compact::compact_one(table)? {
            break;
        }
    }
    base.measure();
    Ok(())
}

/// Writes a table until `shutdown`; an error is told, and tried again.
pub(crate) async fn write(table: Arc<dyn Written>, shutdown: CancellationToken) {
    let settings = table.base().settings().clone();
    let mut retry = RETRY_FIRST;
    let mut spacing = settings.refresh_interval;
    let mut wait = settings.append_interval.min(settings.replace_interval);
    let mut last = Instant::now();
    loop {
        let spaced = async {
            table.base().news.notified().await;
            tokio::time::sleep_until((last + spacing).into()).await;
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = table.base().urgent.notified() => {}
            () = spaced => {}
            () = tokio::time::sleep(wait) => {}
        }
        let due = if table.base().flush_wanted().is_some() { Due::Flush } else { Due::News };
        let begun = Instant::now();
        match one_turn(&table, due).await {
            Ok(()) => {
                table.base().set_trouble(None);
                retry = RETRY_FIRST;
                wait = settings.append_interval.min(settings.replace_interval);
            }
            Err(error) => {
                report(&table, &error);
                wait = retry;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
        last = Instant::now();
        spacing = settings.refresh_interval.max((last - begun) * REFRESH_SHARE);
    }
}

/// One turn off the runtime's threads; after a failure the table is read again.
pub(crate) async fn one_turn(table: &Arc<dyn Written>, due: Due) -> Result<()> {
    let table = Arc::clone(table);
    let turn = move || {
        turn(&*table, due).inspect_err(|_| {
            if let Err(error) = table.recover() {
                tracing::warn!(table = %table.base().name, error = %chain(&error), "table cannot be read again");
            }
        })
    };
    tokio::task::spawn_blocking(turn).await?
}

fn report(table: &Arc<dyn Written>, error: &Error) {
    let base = table.base();
    base.metrics.errors.inc();
    let text = chain(error);
    tracing::error!(table = %base.name, error = %text, "table does not advance, trying again");
    base.set_trouble(Some(text));
}
