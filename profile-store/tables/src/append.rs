//! `events` and `failed_events`: rows come with the log and are never replaced.
//! Each commit holds whole batches, sorted by position, and records how far
//! it goes; what it goes past is never written again.

use crate::base::{Base, Shared, lock};
use crate::delta::{Change, StoredFile};
use crate::file::write_file;
use crate::written::{Due, Written};
use crate::{Error, Result, TableName};
use arrow::array::{AsArray as _, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Int32Type, Int64Type};
use roaring::RoaringTreemap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Log records without a row that may go unrecorded; a start reads them again, some 10 µs each.
const UNRECORDED_MAX: u64 = 10_000;

/// See the module.
pub(crate) struct AppendTable {
    base: Base,
    /// The next offset of each partition to accept.
    accepted: Mutex<Vec<u64>>,
    last_commit: Mutex<Instant>,
}

impl AppendTable {
    pub(crate) fn open(tables: &Path, name: TableName, shared: &Shared) -> Result<Self> {
        let base = Base::open(tables, name, shared)?;
        let accepted = Mutex::new(base.recorded());
        Ok(Self { base, accepted, last_commit: Mutex::new(Instant::now()) })
    }

    pub(crate) fn accepted(&self) -> Vec<u64> {
        lock(&self.accepted).clone()
    }

    /// Takes rows of a partition up to `next`.
    pub(crate) fn accept(&self, partition: u32, next: u64, rows: &RecordBatch) -> Result<()> {
        let name = self.base.name;
        let mut accepted = lock(&self.accepted);
        let Some(position) = accepted.get_mut(partition as usize).filter(|position| **position < next) else {
            return Ok(());
        };
        let new = from_position(rows, partition, *position).map_err(Error::rows(name))?;
        let mut shown = self.base.shown();
        if new.num_rows() > 0 {
            shown.push_joining(new)?;
        }
        *position = next;
        let rows = shown.tail_rows();
        drop((shown, accepted));
        self.base.measure();
        if rows >= self.base.settings().append_rows {
            self.base.urgent.notify_one();
        }
        Ok(())
    }

    /// Log records taken that no commit tells of.
    fn unrecorded(&self) -> u64 {
        let recorded = self.base.recorded();
        lock(&self.accepted).iter().zip(&recorded).map(|(accepted, recorded)| accepted.saturating_sub(*recorded)).sum()
    }

    fn commit(&self) -> Result<()> {
        *lock(&self.last_commit) = Instant::now();
        let accepted = lock(&self.accepted);
        let positions = accepted.clone();
        let batches = self.base.shown().freeze()?;
        drop(accepted);
        if batches.is_empty() && positions == self.base.recorded() {
            self.base.shown().thaw(false);
            return Ok(());
        }
        let committed = self.write(&batches, &positions);
        let mut shown = self.base.shown();
        shown.thaw(committed.is_ok());
        if let Some(file) = committed? {
            shown.add_file(file);
        }
        drop(shown);
        self.base.set_recorded(positions);
        self.base.measure();
        Ok(())
    }

    fn write(&self, batches: &[RecordBatch], positions: &[u64]) -> Result<Option<StoredFile>> {
        let mut change = Change::default();
        let mut stored = None;
        if let Some(first) = batches.first() {
            let (folder, schema) = (self.base.delta().folder().to_owned(), first.schema_ref());
            let file = if is_sorted(batches) {
                write_file(&folder, self.base.name, schema, batches)?
            } else {
                let sorted = concat_batches(schema, batches).and_then(|rows| sort(&rows));
                write_file(&folder, self.base.name, schema, &[sorted.map_err(Error::rows(self.base.name))?])?
            };
            let (name, size, rows) = (file.name.clone(), file.size, file.rows);
            stored = Some(StoredFile { name, size, rows, dead: RoaringTreemap::new(), vector: None });
            change.added.push(file);
        }
        self.base.commit(change, Some(positions))?;
        Ok(stored)
    }
}

impl Written for AppendTable {
    fn base(&self) -> &Base {
        &self.base
    }

    fn act(&self, due: Due) -> Result<()> {
        let settings = self.base.settings();
        let rows = self.base.shown().tail_rows();
        let waited = lock(&self.last_commit).elapsed();
        let pressed = *self.base.shared.tail_bytes.borrow() > settings.tail_bytes_max / 2;
        // A commit that only records how far the log was read can wait longer, unless a
        // restart would have much of the log to read again for it.
        let can_wait = rows == 0 && self.unrecorded() < UNRECORDED_MAX;
        let interval = if can_wait { settings.replace_interval } else { settings.append_interval };
        if due == Due::Flush || rows >= settings.append_rows || pressed || waited >= interval {
            self.commit()?;
        }
        Ok(())
    }

    fn recover(&self) -> Result<()> {
        let (files, recorded) = self.base.reload()?;
        let mut accepted = lock(&self.accepted);
        let mut shown = self.base.shown();
        let batches = shown.freeze()?;
        let left = batches.iter().map(|batch| not_recorded(batch, &recorded)).collect::<Result<Vec<_>, _>>();
        shown.set_tail(left.map_err(Error::rows(self.base.name))?);
        shown.set_files(files);
        accepted.iter_mut().zip(&recorded).for_each(|(accepted, &recorded)| *accepted = recorded.max(*accepted));
        self.base.set_recorded(recorded);
        Ok(())
    }
}

/// The rows at or above `position`.
fn from_position(rows: &RecordBatch, partition: u32, position: u64) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut recorded = vec![0; partition as usize + 1];
    recorded[partition as usize] = position;
    not_recorded(rows, &recorded)
}

/// The rows that `recorded` does not go past.
fn not_recorded(rows: &RecordBatch, recorded: &[u64]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let (partitions, offsets) = positions(rows);
    let is_new = |row: usize| {
        let next = usize::try_from(partitions.value(row)).ok().and_then(|partition| recorded.get(partition));
        next.is_none_or(|&next| offsets.value(row).cast_unsigned() >= next)
    };
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(is_new(row))).collect();
    if keep.true_count() == rows.num_rows() { Ok(rows.clone()) } else { filter_record_batch(rows, &keep) }
}

type Numbers<'b, T> = &'b arrow::array::PrimitiveArray<T>;

fn positions(rows: &RecordBatch) -> (Numbers<'_, Int32Type>, Numbers<'_, Int64Type>) {
    (rows["log_partition"].as_primitive(), rows["log_offset"].as_primitive())
}

/// Whether rows stand by position: so they come, unless there are several partitions.
fn is_sorted(batches: &[RecordBatch]) -> bool {
    let rows = batches.iter().flat_map(|batch| {
        let (partitions, offsets) = positions(batch);
        partitions.values().iter().zip(offsets.values())
    });
    rows.is_sorted()
}

/// Sorts rows by position, so that those of a partition stand together.
fn sort(rows: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let keys = ["log_partition", "log_offset"].map(|name| SortColumn { values: rows[name].clone(), options: None });
    let order: UInt32Array = lexsort_to_indices(&keys, None)?;
    take_record_batch(rows, &order)
}
