//! `Tables`: the handle that worker, queries and the command line share.

use crate::append::AppendTable;
use crate::base::Shared;
use crate::changes::ChangesTable;
use crate::delta::{self, DeltaTable, Kernel};
use crate::metrics::Metrics;
use crate::replace::ReplacedTable;
use crate::rows::events::events_to_rows;
use crate::rows::failed;
use crate::shown::Shown;
use crate::written::{Due, Written, one_turn, write};
use crate::{Error, ReadView, Result, TableName, TableSettings};
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tributary_protocol::{FailedEvent, LogValue, Record};
use tributary_state::{Applied, Counted, State, Table};
use uuid::Uuid;

/// A flush that is not done asks again after this long: the table may have failed meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// All tables of a data folder. One process at a time may have them open.
pub struct Tables {
    events: Arc<AppendTable>,
    failed: Arc<AppendTable>,
    replaced: [Arc<ReplacedTable>; 3],
    changes: Arc<ChangesTable>,
    shared: Shared,
    /// Changes with every batch that is accepted.
    arrivals: watch::Sender<u64>,
    /// Whether the tables have writers.
    running: AtomicBool,
}

impl Tables {
    /// Opens the tables in `dir`, or creates them, for the log `log_id` of so
    /// many partitions. What the state marked as changed comes back into memory.
    ///
    /// # Errors
    /// [`Error::OtherLog`] if they hold another log's records; [`Error::Damaged`],
    /// [`Error::File`] or [`Error::Delta`] if they cannot be read or written.
    pub async fn open(
        dir: &Path,
        state: State,
        log_id: Uuid,
        partitions: u32,
        settings: TableSettings,
        registry: &prometheus::Registry,
    ) -> Result<Arc<Self>> {
        let metrics = Metrics::new(registry)?;
        let dir = dir.to_owned();
        let open = move || Self::open_blocking(&dir, &state, log_id, partitions, settings, metrics);
        Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
    }

    fn open_blocking(
        dir: &Path,
        state: &State,
        log_id: Uuid,
        partitions: u32,
        settings: TableSettings,
        metrics: Metrics,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let kernel = Kernel::new().map_err(Error::delta(TableName::Events, "start the engine of"))?;
        let shared = Shared {
            kernel: Arc::new(kernel),
            log_id: log_id.to_string(),
            partitions,
            settings: Arc::new(settings),
            metrics,
            tail_bytes: watch::Sender::new(0),
        };
        let replaced = |kind| ReplacedTable::open(dir, kind, state, &shared).map(Arc::new);
        let tables = Self {
            events: Arc::new(AppendTable::open(dir, TableName::Events, &shared)?),
            failed: Arc::new(AppendTable::open(dir, TableName::FailedEvents, &shared)?),
            replaced: [replaced(Table::Profiles)?, replaced(Table::Identities)?, replaced(Table::Objects)?],
            changes: Arc::new(ChangesTable::open(dir, state, &shared)?),
            shared,
            arrivals: watch::Sender::new(0),
            running: AtomicBool::new(false),
        };
        tables.note_lost_state(state)?;
        for table in &tables.replaced {
            table.refresh(tables.shared.settings.commit_rows_max)?;
        }
        tables.changes.refresh()?;
        Ok(tables)
    }

    /// A state that has applied nothing under tables that have rows was lost:
    /// it will be rebuilt, and what it will not know then must go.
    fn note_lost_state(&self, state: &State) -> Result<()> {
        let mut applied = false;
        for partition in 0..self.shared.partitions {
            applied |= state.position(partition)? > 0;
        }
        let has_rows = self.all().any(|table| table.base().recorded().iter().any(|&next| next > 0));
        if applied || !has_rows {
            return Ok(());
        }
        self.replaced.iter().try_for_each(|table| table.begin_sweep())?;
        self.changes.begin_generation()
    }

    /// Whether a lost state is still being made up for: if so, it must be
    /// rebuilt from [`Tables::scan_events`] before the log is read on. True
    /// until every table has been written from the rebuilt state.
    pub fn rebuilds(&self) -> bool {
        self.replaced.iter().any(|table| table.is_sweep_pending())
    }

    /// Starts one writer per table, compaction included. They end at `shutdown`,
    /// after the commit under way; what they lack is in log and state.
    pub fn spawn(self: &Arc<Self>, shutdown: CancellationToken) -> JoinHandle<()> {
        self.running.store(true, Ordering::Release);
        let mut writers = JoinSet::new();
        for table in self.all() {
            writers.spawn(write(table, shutdown.clone()));
        }
        let tables = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(ended) = writers.join_next().await {
                if let Err(error) = ended.as_ref().map_err(ToString::to_string) {
                    tracing::error!(%error, shutdown = shutdown.is_cancelled(), "a table's writer ended");
                }
            }
            tables.running.store(false, Ordering::Release);
        })
    }

    /// Takes what a batch of a partition counted, up to the offset `next`, into
    /// memory, where queries see it. Waits while memory is full. What came
    /// before is taken once.
    ///
    /// # Errors
    /// [`Error::Rows`] if a row cannot be laid out; without writers also what
    /// a commit may run into.
    pub async fn accept(&self, partition: u32, next: u64, applied: Applied) -> Result<()> {
        self.wait_for_room().await?;
        let (events, failed) = (Arc::clone(&self.events), Arc::clone(&self.failed));
        let counted = applied.counted;
        let lay_out = move || {
            let (records, failures) = split(&counted);
            events.accept(partition, next, &events_to_rows(partition, &records)?)?;
            failed.accept(partition, next, &failed::to_rows(partition, &failures)?)
        };
        tokio::task::spawn_blocking(lay_out).await??;
        let dirty = |table: Table| applied.dirty.iter().any(|(dirty, _)| *dirty == table);
        for (table, kind) in self.replaced.iter().zip([Table::Profiles, Table::Identities, Table::Objects]) {
            if dirty(kind) {
                table.base().news.notify_one();
            }
        }
        if !applied.changes.is_empty() {
            self.changes.base().news.notify_one();
        }
        self.arrivals.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Shows queries the rows that the state changed so far; the writers do so by themselves, a moment later.
    ///
    /// # Errors
    /// [`Error::Rows`] if a row cannot be laid out, [`Error::State`] if the state cannot be read.
    pub async fn show_changes(self: &Arc<Self>) -> Result<()> {
        let tables = Arc::clone(self);
        let show = move || {
            let limit = tables.shared.settings.commit_rows_max;
            tables.replaced.iter().try_for_each(|table| table.refresh(limit).and(Ok(())))?;
            tables.changes.refresh()
        };
        tokio::task::spawn_blocking(show).await?
    }

    async fn wait_for_room(&self) -> Result<()> {
        let limit = self.shared.settings.tail_bytes_max;
        let mut bytes = self.shared.tail_bytes.subscribe();
        while *bytes.borrow_and_update() >= limit {
            if self.running.load(Ordering::Acquire) {
                self.all().for_each(|table| table.base().urgent.notify_one());
                // The sender lives as long as `self`.
                let _ = tokio::time::timeout(ASK_AGAIN, bytes.changed()).await;
            } else {
                for table in self.all() {
                    one_turn(&table, Due::Flush).await?;
                }
            }
        }
        Ok(())
    }

    /// The next offset of each partition that `events` and `failed_events` both
    /// record: from here on their rows must come again after a restart.
    pub fn events_recorded(&self) -> Vec<u64> {
        least([&self.events, &self.failed].map(|table| table.base().recorded()), self.shared.partitions)
    }

    /// The next offset of each partition that every table records: the log
    /// before it is needed by none.
    pub fn recorded(&self) -> Vec<u64> {
        least(self.all().map(|table| table.base().recorded()), self.shared.partitions)
    }

    /// Commits every table up to `ends`, the next offset of each partition.
    ///
    /// # Errors
    /// [`Error::Lagging`] names a table and partition that did not reach its end in time,
    /// [`Error::Uncommitted`] a table that did but has other rows to commit.
    pub async fn flush(&self, ends: &[u64], timeout: Duration) -> Result<()> {
        match tokio::time::timeout(timeout, self.reach(ends)).await {
            Ok(reached) => reached,
            Err(_) => Err(self.laggard(ends)),
        }
    }

    async fn reach(&self, ends: &[u64]) -> Result<()> {
        let mut arrivals = self.arrivals.subscribe();
        while !reaches(&least([&self.events, &self.failed].map(|table| table.accepted()), self.shared.partitions), ends)
        {
            // The sender lives as long as `self`.
            let _ = arrivals.changed().await;
        }
        if self.running.load(Ordering::Acquire) {
            // Positions alone do not tell: those of a state that was made again are where they were, its rows are not.
            let asked: Vec<_> = self.all().map(|table| (table.base().request_flush(), table)).collect();
            for (number, table) in asked {
                // The sender lives as long as the table.
                let _ = table.base().watch_flushed().wait_for(|&done| done >= number).await;
            }
        } else {
            // A request would wait for writers that start later, and make them commit at once.
            for table in self.all() {
                one_turn(&table, Due::Flush).await?;
            }
        }
        for table in self.all() {
            let mut recorded = table.base().watch_recorded();
            while !reaches(&recorded.borrow_and_update(), ends) {
                if tokio::time::timeout(ASK_AGAIN, recorded.changed()).await.is_err() {
                    table.base().request_flush();
                }
            }
        }
        Ok(())
    }

    fn laggard(&self, ends: &[u64]) -> Error {
        let behind = self.all().find_map(|table| {
            let recorded = table.base().recorded();
            let behind = (0..).zip(recorded.iter().zip(ends)).find(|(_, (recorded, end))| recorded < end);
            let (partition, (&recorded, &end)) = behind?;
            Some(Error::Lagging { table: table.base().name, partition, recorded, end })
        });
        behind.unwrap_or_else(|| {
            let busy = self.all().find(|table| table.base().flush_wanted().is_some());
            Error::Uncommitted { table: busy.map_or(TableName::Events, |table| table.base().name) }
        })
    }

    /// What queries read now: one version of every table and the rows in memory.
    pub fn read_view(&self) -> Arc<ReadView> {
        let tables = self.all().map(|table| (table.base().name.as_str(), table.base().shown().view()));
        Arc::new(ReadView { tables: tables.collect() })
    }

    /// Reads the committed rows of `events` and `failed_events` as values of
    /// the log, by partition and offset: a lost state is made again from them.
    pub fn scan_events(&self) -> BoxStream<'static, Result<(u32, u64, LogValue)>> {
        let files = |table: &AppendTable| {
            let stored = table.base().shown().files().values().map(|held| held.stored.clone()).collect();
            crate::scan::Files { folder: table.base().delta().folder().to_owned(), stored }
        };
        crate::scan::scan(files(&self.events), files(&self.failed))
    }

    /// Why a table does not advance, if one does not.
    pub fn health(&self) -> Option<String> {
        self.all().find_map(|table| {
            let trouble = table.base().trouble()?;
            Some(format!("the table {} does not advance: {trouble}", table.base().name))
        })
    }

    /// Reads what is committed in `dir`, without a server, and the next offset of
    /// each partition that every table records.
    ///
    /// # Errors
    /// [`Error::Delta`] or [`Error::File`] if a table cannot be read.
    pub fn committed(dir: &Path) -> Result<(ReadView, Vec<u64>)> {
        // On a thread of its own: the engine blocks, and callers may be async.
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| read_committed(dir));
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn all(&self) -> impl Iterator<Item = Arc<dyn Written>> {
        let append = [&self.events, &self.failed].map(|table| Arc::clone(table) as Arc<dyn Written>);
        let replaced = self.replaced.each_ref().map(|table| Arc::clone(table) as Arc<dyn Written>);
        let changes: Arc<dyn Written> = Arc::clone(&self.changes) as _;
        append.into_iter().chain(replaced).chain([changes])
    }
}

/// What stands at an offset.
type Placed<'c, T> = (u64, &'c T);

/// Records and failed events of a batch, each with its offset.
fn split(counted: &[Counted]) -> (Vec<Placed<'_, Record>>, Vec<Placed<'_, FailedEvent>>) {
    let (mut records, mut failures) = (Vec::with_capacity(counted.len()), Vec::new());
    for Counted { offset, value } in counted {
        match value {
            LogValue::Record(record) => records.push((*offset, &**record)),
            LogValue::Failed(failed) => failures.push((*offset, failed)),
        }
    }
    (records, failures)
}

fn reaches(positions: &[u64], ends: &[u64]) -> bool {
    positions.iter().zip(ends).all(|(position, end)| position >= end)
}

/// The least of each partition.
fn least(positions: impl IntoIterator<Item = Vec<u64>>, partitions: u32) -> Vec<u64> {
    let smaller =
        |one: Vec<u64>, other: Vec<u64>| one.into_iter().zip(other).map(|(one, other)| one.min(other)).collect();
    positions.into_iter().reduce(smaller).unwrap_or_else(|| vec![0; partitions as usize])
}

fn read_committed(dir: &Path) -> Result<(ReadView, Vec<u64>)> {
    let kernel = Kernel::new().map_err(Error::delta(TableName::Events, "start the engine of"))?;
    let mut tables = BTreeMap::new();
    let mut recorded: Option<Vec<u64>> = None;
    for name in TableName::ALL {
        let folder = dir.join(name.as_str());
        let (schema, files, positions) = if delta::is_created(&folder) {
            let table = DeltaTable::open(kernel.engine(), dir, name)?;
            (table.schema()?, table.files()?, positions_of(&table)?)
        } else {
            (name.schema(), Vec::new(), Vec::new())
        };
        tables.insert(name.as_str(), Shown::new(name, &folder, schema, files).view());
        recorded = Some(match recorded {
            None => positions,
            Some(known) => {
                let at = |positions: &[u64], partition: usize| positions.get(partition).copied().unwrap_or(0);
                let partitions = known.len().max(positions.len());
                (0..partitions).map(|partition| at(&known, partition).min(at(&positions, partition))).collect()
            }
        });
    }
    Ok((ReadView { tables }, recorded.unwrap_or_default()))
}

/// What a table records of its log; every commit records all partitions.
fn positions_of(table: &DeltaTable) -> Result<Vec<u64>> {
    let Some(log_id) = table.log_id() else { return Ok(Vec::new()) };
    let mut positions = Vec::new();
    while let Some(next) = table.transaction(&format!("{log_id}/{}", positions.len()))? {
        positions.push(next);
    }
    Ok(positions)
}
