//! `profile_changes`: the history of the partition into profiles, from the
//! state's outbox, each change exactly once.
//!
//! The state numbers its changes; the newest number written is recorded with
//! the rows, under a name that is another one for every state: a state that
//! is made anew counts from the start.

use crate::base::{Base, Shared, lock};
use crate::delta::{Change, StoredFile};
use crate::file::write_file;
use crate::rows::changes::to_rows;
use crate::written::{Due, Written};
use crate::{Result, TableName};
use arrow::array::RecordBatch;
use roaring::RoaringTreemap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use tributary_state::State;

const GENERATION: &str = "generation";

struct Progress {
    /// Number of the state whose changes these are.
    generation: u64,
    /// The newest change in the table.
    written: u64,
    /// The changes in the tail.
    waiting: Vec<u64>,
    positions: Vec<u64>,
    last_commit: Instant,
}

/// See the module.
pub(crate) struct ChangesTable {
    base: Base,
    state: State,
    progress: Mutex<Progress>,
}

impl ChangesTable {
    pub(crate) fn open(tables: &Path, state: &State, shared: &Shared) -> Result<Self> {
        let base = Base::open(tables, TableName::ProfileChanges, shared)?;
        let generation = base.delta().transaction(&shared.marker(GENERATION))?.unwrap_or(0);
        let written = base.delta().transaction(&outbox(shared, generation))?.unwrap_or(0);
        let positions = base.recorded();
        let progress = Progress { generation, written, waiting: Vec::new(), positions, last_commit: Instant::now() };
        Ok(Self { base, state: state.clone(), progress: Mutex::new(progress) })
    }

    /// Notes durably that the state was made anew.
    pub(crate) fn begin_generation(&self) -> Result<()> {
        let mut progress = lock(&self.progress);
        let generation = progress.generation + 1;
        let change =
            Change { transactions: vec![(self.base.shared.marker(GENERATION), generation)], ..Change::default() };
        self.base.commit(change, None)?;
        (progress.generation, progress.written) = (generation, 0);
        Ok(())
    }

    /// Brings new changes into the tail.
    pub(crate) fn refresh(&self) -> Result<()> {
        let progress = &mut *lock(&self.progress);
        let positions = (0..self.base.shared.partitions).map(|partition| self.state.position(partition));
        let positions = positions.collect::<Result<Vec<u64>, _>>()?;
        let mut outbox = self.state.outbox()?;
        let done: Vec<u64> = outbox.iter().map(|(number, _)| *number).filter(|n| *n <= progress.written).collect();
        if !done.is_empty() {
            self.state.clear_outbox(&done)?;
            outbox.retain(|(number, _)| *number > progress.written);
        }
        if outbox.last().map(|(number, _)| number) != progress.waiting.last() {
            let (numbers, changes): (Vec<u64>, Vec<_>) = outbox.into_iter().unzip();
            self.base.shown().set_tail(vec![to_rows(&changes)?]);
            progress.waiting = numbers;
        }
        progress.positions = positions;
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        self.refresh()?;
        let progress = &mut *lock(&self.progress);
        progress.last_commit = Instant::now();
        let positions = self.base.not_behind(&progress.positions);
        if progress.waiting.is_empty() && positions == self.base.recorded() {
            return Ok(());
        }
        let mut change = Change::default();
        let batches = {
            let mut shown = self.base.shown();
            let batches = shown.freeze()?;
            shown.thaw(false);
            batches
        };
        let folder = self.base.delta().folder().to_owned();
        let stored = batches.first().map(|batch| self.write(&folder, batch, &mut change)).transpose()?;
        if let Some(&last) = progress.waiting.last() {
            change.transactions.push((outbox(&self.base.shared, progress.generation), last));
        }
        self.base.commit(change, Some(&positions))?;
        let numbers = std::mem::take(&mut progress.waiting);
        progress.written = numbers.last().copied().unwrap_or(progress.written);
        let mut shown = self.base.shown();
        shown.set_tail(Vec::new());
        if let Some(stored) = stored {
            shown.add_file(stored);
        }
        drop(shown);
        self.base.set_recorded(positions);
        self.base.measure();
        Ok(self.state.clear_outbox(&numbers)?)
    }

    fn write(&self, folder: &Path, batch: &RecordBatch, change: &mut Change) -> Result<StoredFile> {
        let file = write_file(folder, self.base.name, batch.schema_ref(), std::slice::from_ref(batch))?;
        let (name, size, rows) = (file.name.clone(), file.size, file.rows);
        change.added.push(file);
        Ok(StoredFile { name, size, rows, dead: RoaringTreemap::new(), vector: None })
    }
}

/// The application that records the changes of a state.
fn outbox(shared: &Shared, generation: u64) -> String {
    shared.marker(&format!("outbox/{generation}"))
}

impl Written for ChangesTable {
    fn base(&self) -> &Base {
        &self.base
    }

    fn act(&self, due: Due) -> Result<()> {
        let settings = self.base.settings();
        self.refresh()?;
        let (waiting, waited) = {
            let progress = lock(&self.progress);
            (progress.waiting.len(), progress.last_commit.elapsed())
        };
        if due == Due::Flush || waiting >= settings.replace_rows || waited >= settings.replace_interval {
            self.commit()?;
        }
        Ok(())
    }

    fn recover(&self) -> Result<()> {
        let (files, recorded) = self.base.reload()?;
        let progress = &mut *lock(&self.progress);
        let written = self.base.delta().transaction(&outbox(&self.base.shared, progress.generation))?;
        progress.written = written.unwrap_or(0);
        progress.waiting.clear();
        let mut shown = self.base.shown();
        shown.set_tail(Vec::new());
        shown.set_files(files);
        drop(shown);
        self.base.set_recorded(recorded);
        Ok(())
    }
}
