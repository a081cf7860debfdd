//! What every table has: its log on disk, what queries see of it, and how far
//! it has come.

use crate::delta::{Change, DeltaTable, Kernel, StoredFile};
use crate::metrics::{Metrics, TableMetrics};
use crate::shown::Shown;
use crate::{Error, Result, TableName, TableSettings};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, watch};

/// What the tables share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) log_id: String,
    pub(crate) partitions: u32,
    pub(crate) settings: Arc<TableSettings>,
    pub(crate) metrics: Metrics,
    /// Bytes of rows in memory, over all tables.
    pub(crate) tail_bytes: watch::Sender<usize>,
}

impl Shared {
    /// The application whose version is the next offset of a partition.
    pub(crate) fn application(&self, partition: u32) -> String {
        format!("{}/{partition}", self.log_id)
    }

    /// An application of ours that no partition is called by.
    pub(crate) fn marker(&self, name: &str) -> String {
        format!("{}/{name}", self.log_id)
    }

    /// What a commit records, by application.
    pub(crate) fn transactions(&self, positions: &[u64]) -> Vec<(String, u64)> {
        (0..).zip(positions).map(|(partition, &next)| (self.application(partition), next)).collect()
    }
}

/// See the module.
pub(crate) struct Base {
    pub(crate) name: TableName,
    pub(crate) shared: Shared,
    pub(crate) metrics: TableMetrics,
    /// Used by the table's writer only.
    delta: Mutex<DeltaTable>,
    shown: Mutex<Shown>,
    /// The next offset of each partition, by the newest version.
    recorded: watch::Sender<Vec<u64>>,
    /// There is news for the writer.
    pub(crate) news: Notify,
    /// The writer must act at once.
    pub(crate) urgent: Notify,
    /// Flushes that were asked for.
    flushes: AtomicU64,
    /// How many of them are done.
    flushed: watch::Sender<u64>,
    trouble: Mutex<Option<String>>,
    /// Files that no version needs, and since when.
    pub(crate) unneeded: Mutex<HashMap<String, Instant>>,
    last_tail_bytes: Mutex<usize>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Base {
    pub(crate) fn open(tables: &Path, name: TableName, shared: &Shared) -> Result<Self> {
        let delta = DeltaTable::open_or_create(shared.kernel.engine(), tables, name, &shared.log_id)?;
        let shown = Shown::new(name, delta.folder(), delta.schema()?, delta.files()?);
        let recorded = recorded(&delta, shared)?;
        let base = Self {
            name,
            shared: shared.clone(),
            metrics: shared.metrics.of(name),
            delta: Mutex::new(delta),
            shown: Mutex::new(shown),
            recorded: watch::Sender::new(recorded),
            news: Notify::new(),
            urgent: Notify::new(),
            flushes: AtomicU64::new(0),
            flushed: watch::Sender::new(0),
            trouble: Mutex::new(None),
            unneeded: Mutex::new(HashMap::new()),
            last_tail_bytes: Mutex::new(0),
        };
        base.measure();
        Ok(base)
    }

    pub(crate) fn settings(&self) -> &TableSettings {
        &self.shared.settings
    }

    pub(crate) fn delta(&self) -> MutexGuard<'_, DeltaTable> {
        lock(&self.delta)
    }

    pub(crate) fn shown(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }

    pub(crate) fn recorded(&self) -> Vec<u64> {
        self.recorded.borrow().clone()
    }

    pub(crate) fn watch_recorded(&self) -> watch::Receiver<Vec<u64>> {
        self.recorded.subscribe()
    }

    /// Positions that may be committed: never behind those recorded.
    pub(crate) fn not_behind(&self, positions: &[u64]) -> Vec<u64> {
        positions.iter().zip(&*self.recorded.borrow()).map(|(&position, &recorded)| position.max(recorded)).collect()
    }

    /// Commits a change, timed and counted; `positions`, if given, are recorded with it.
    pub(crate) fn commit(&self, mut change: Change, positions: Option<&[u64]>) -> Result<Option<String>> {
        let timer = self.metrics.commit_seconds.start_timer();
        if let Some(positions) = positions {
            change.transactions.extend(self.shared.transactions(positions));
        }
        let rows: u64 = change.added.iter().map(|file| file.rows).sum();
        let rearranges = change.rearranges;
        let vector = self.delta().commit(change)?;
        timer.observe_duration();
        if !rearranges {
            self.metrics.rows.inc_by(rows);
        }
        Ok(vector)
    }

    /// Says how far the table has come, once what queries see has it too.
    pub(crate) fn set_recorded(&self, positions: Vec<u64>) {
        self.recorded.send_replace(positions);
    }

    /// Reads the newest version from disk again, after an error: its files, and
    /// how far it has come. Queries see it once the table has taken it over.
    pub(crate) fn reload(&self) -> Result<(Vec<StoredFile>, Vec<u64>)> {
        let mut delta = self.delta();
        delta.reload()?;
        Ok((delta.files()?, recorded(&delta, &self.shared)?))
    }

    /// Asks the writer to commit all that changed so far; returns the number of the request.
    pub(crate) fn request_flush(&self) -> u64 {
        let number = self.flushes.fetch_add(1, Ordering::AcqRel) + 1;
        self.urgent.notify_one();
        number
    }

    /// The last flush that was asked for, if it is not done.
    pub(crate) fn flush_wanted(&self) -> Option<u64> {
        let asked = self.flushes.load(Ordering::Acquire);
        (asked > *self.flushed.borrow()).then_some(asked)
    }

    /// Notes that what was asked for up to this flush is committed.
    pub(crate) fn set_flushed(&self, number: u64) {
        self.flushed.send_replace(number);
    }

    pub(crate) fn watch_flushed(&self) -> watch::Receiver<u64> {
        self.flushed.subscribe()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *lock(&self.trouble) = trouble;
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// Brings gauges and the shared count of bytes up to date.
    pub(crate) fn measure(&self) {
        let shown = self.shown();
        let bytes = shown.tail_bytes();
        let vectors = shown.files().values().filter(|held| held.stored.vector.is_some()).count();
        self.metrics.files.set(i64::try_from(shown.files().len()).unwrap_or(i64::MAX));
        self.metrics.vectors.set(i64::try_from(vectors).unwrap_or(i64::MAX));
        self.metrics.tail_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        drop(shown);
        let before = std::mem::replace(&mut *lock(&self.last_tail_bytes), bytes);
        self.shared.tail_bytes.send_modify(|total| *total = (*total + bytes).saturating_sub(before));
    }
}

/// The next offset of each partition that the newest version records.
fn recorded(delta: &DeltaTable, shared: &Shared) -> Result<Vec<u64>> {
    let of = |partition| Ok::<_, Error>(delta.transaction(&shared.application(partition))?.unwrap_or(0));
    (0..shared.partitions).map(of).collect()
}
