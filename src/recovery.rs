//! What happens between opening the folder and reading the log on: the state
//! is rebuilt if it is gone or behind, and rows that the tables lack come
//! back to memory.
//!
//! `events` and `failed_events` are the record, the log goes on from where
//! they end. A state whose position is below that end is not whole: it lost
//! what its disk had acknowledged, was deleted, or its rebuilding was
//! interrupted. All three look the same and end the same, so that no mark is
//! needed that could itself be lost.

use crate::data_dir::DataDir;
use crate::settings::{Settings, matcher};
use crate::worker::Decoder;
use anyhow::Context as _;
use futures::TryStreamExt as _;
use prometheus::Registry;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use tributary_log::Log;
use tributary_profile_store::Tables;
use tributary_protocol::LogValue;
use tributary_state::{Applied, Counted, Mode, State};

/// Most rows, and most bytes of the log, handled at once.
const BATCH_ROWS: usize = 5_000;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Rows between two lines of progress.
const PROGRESS_ROWS: u64 = 100_000;

/// What is kept of the log: the live state and the tables.
pub struct Stores {
    /// The live state.
    pub state: State,
    /// The tables.
    pub tables: Arc<Tables>,
    /// Their metrics.
    pub registry: Registry,
}

/// Opens state and tables, and rebuilds the state if it is not whole.
///
/// # Errors
/// If one of them cannot be read or written.
pub async fn open(settings: &Settings, folder: &DataDir, log: &dyn Log) -> anyhow::Result<Stores> {
    discard_lost(folder)?;
    let stores = match open_once(settings, folder, log).await {
        Err(error) if is_by_other_rules(&error) => {
            tracing::warn!(
                "the state was made by other rules of identity or survivorship or another version, and is made again"
            );
            put_aside(folder)?;
            open_once(settings, folder, log).await?
        }
        opened => opened?,
    };
    if !is_behind(&stores)? {
        return Ok(stores);
    }
    if stores.state.is_new() {
        rebuild(stores).await?;
    } else {
        drop(stores);
        tracing::error!("the state is behind the table events: it lost what it had stored, and is made again");
        put_aside(folder)?;
        rebuild(open_once(settings, folder, log).await?).await?;
    }
    // Opened again: every row of the rebuilt state is one that the tables must look at.
    open_once(settings, folder, log).await
}

fn lost(folder: &DataDir) -> std::path::PathBuf {
    folder.path().join("state.lost")
}

fn put_aside(folder: &DataDir) -> anyhow::Result<()> {
    std::fs::rename(folder.state(), lost(folder)).context("put the lost state aside")?;
    discard_lost(folder)
}

fn is_by_other_rules(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<tributary_state::Error>(), Some(tributary_state::Error::OtherRules))
}

fn discard_lost(folder: &DataDir) -> anyhow::Result<()> {
    let path = lost(folder);
    if path.exists() {
        std::fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

async fn open_once(settings: &Settings, folder: &DataDir, log: &dyn Log) -> anyhow::Result<Stores> {
    let registry = Registry::new();
    let (id, partitions) = (log.id(), log.partitions());
    let state = open_state(folder.state(), settings, log).await?;
    tracing::debug!("state open");
    let (path, options) = (folder.tables(), settings.table_settings());
    let tables = Tables::open(&path, state.clone(), id, partitions, options, &registry).await;
    Ok(Stores { tables: tables.context("open the tables")?, state, registry })
}

async fn open_state(path: std::path::PathBuf, settings: &Settings, log: &dyn Log) -> anyhow::Result<State> {
    let (id, options) = (log.id(), settings.state_options());
    let advice = |path: &Path| {
        let path = path.display();
        format!("open the state {path}: if it is damaged, delete that folder, and it is made again from the tables")
    };
    let said = advice(&path);
    let matcher = matcher(&settings.config)?;
    tokio::task::spawn_blocking(move || State::open(&path, id, options, matcher)).await?.context(said)
}

/// Whether the state lacks records that `events` or `failed_events` hold.
fn is_behind(stores: &Stores) -> anyhow::Result<bool> {
    for (partition, next) in (0..).zip(stores.tables.events_recorded()) {
        if stores.state.position(partition)? < next {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Folds the rows of `events` and `failed_events` into an empty state. Its
/// positions reach the tables' only with the last step.
async fn rebuild(stores: Stores) -> anyhow::Result<()> {
    let Stores { state, tables, .. } = &stores;
    let recorded = tables.events_recorded();
    tracing::warn!("making the state again from the table events");
    let mut rows = pin!(tables.scan_events());
    let mut batch: Vec<(u64, LogValue)> = Vec::new();
    let mut current = 0;
    let mut count = 0_u64;
    while let Some((partition, offset, value)) = rows.try_next().await? {
        if offset >= recorded.get(partition as usize).copied().unwrap_or(0) {
            // The other table does not reach this far: the log has both.
            continue;
        }
        if partition != current || batch.len() >= BATCH_ROWS {
            apply(state, current, std::mem::take(&mut batch)).await?;
        }
        current = partition;
        batch.push((offset, value));
        count += 1;
        if count.is_multiple_of(PROGRESS_ROWS) {
            tracing::info!(rows = count, "making the state again");
        }
    }
    apply(state, current, batch).await?;
    for (partition, &next) in (0..).zip(&recorded) {
        state.set_position(partition, next)?;
    }
    tracing::info!(rows = count, "made the state again");
    Ok(())
}

async fn apply(state: &State, partition: u32, batch: Vec<(u64, LogValue)>) -> anyhow::Result<()> {
    let Some(&(last, _)) = batch.last() else { return Ok(()) };
    let state = state.clone();
    let apply = move || state.apply(partition, last, batch, Mode::Rebuild);
    tokio::task::spawn_blocking(apply).await??;
    Ok(())
}

/// Brings back to memory what the state applied and the tables lack, and lets
/// the log go on above all that is known. The tables must be writing already,
/// so that there is room for what comes.
///
/// # Errors
/// If one of them cannot be read or written, or the log lost what they need.
pub async fn refill(log: &dyn Log, stores: &Stores, decoder: &Decoder) -> anyhow::Result<()> {
    for (partition, recorded) in (0..).zip(stores.tables.events_recorded()) {
        let end = stores.state.position(partition)?;
        log.continue_above(partition, end.max(recorded)).await?;
        refill_partition(log, stores, decoder, partition, recorded..end).await?;
    }
    Ok(())
}

/// Reads records again; one counted if the position its dedup key holds is its own.
async fn refill_partition(
    log: &dyn Log,
    stores: &Stores,
    decoder: &Decoder,
    partition: u32,
    lacking: std::ops::Range<u64>,
) -> anyhow::Result<()> {
    let mut from = lacking.start;
    while from < lacking.end {
        let frames = log.read(partition, from, BATCH_BYTES_MAX).await?;
        let Some(last) = frames.last() else { break };
        from = (last.offset + 1).min(lacking.end);
        let mut counted = Vec::new();
        for (offset, value) in decoder.decode(partition, &frames) {
            if offset < lacking.end && stores.state.counted_at(value.dedup_key())? == Some((partition, offset)) {
                counted.push(Counted { offset, value });
            }
        }
        stores.tables.accept(partition, from, Applied { counted, ..Applied::default() }).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
