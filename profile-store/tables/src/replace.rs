//! `profiles`, `identities` and `objects`: rows that the state folds, each
//! replaced when it changes.
//!
//! ```text
//! state: positions, then dirty keys --> rows into the tail (their old places covered)
//!        --> one commit {deletion vectors of the old places, one file of new rows, positions} --> keys clean
//! ```
//!
//! Positions are read before the dirty keys: the rows are at least as new. A
//! row's place (file, row) is kept in memory by the key the state knows it by,
//! and found again at start by one scan of the key columns.

use crate::base::{Base, Shared, lock};
use crate::delta::{Change, StoredFile};
use crate::file::{FileReader, write_file};
use crate::rows::profiles::TraitColumns;
use crate::rows::{identities, objects, profiles};
use crate::shown::{FileId, Shown};
use crate::written::{Due, Written};
use crate::{Error, Result, TableName};
use arrow::array::RecordBatch;
use roaring::RoaringTreemap;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use tributary_state::{State, Table};

/// Where a row is in the files.
#[derive(Clone, Copy, Debug)]
struct Address {
    file: FileId,
    row: u32,
}

/// A row that changed and is in no file yet.
#[derive(Clone, Copy, Debug)]
struct TailRow {
    /// The state's sequence of the change it shows.
    sequence: u64,
    /// Chunk and row of the tail; none if the row is gone.
    place: Option<(usize, usize)>,
}

/// What the writer knows of the rows.
struct Rows {
    addresses: HashMap<u128, Address>,
    tail: HashMap<u128, TailRow>,
    /// Keys of each chunk of the tail.
    chunks: Vec<Vec<u128>>,
    columns: TraitColumns,
    /// The positions that tail and files together have reached.
    positions: Vec<u64>,
    /// The state was made anew: rows it does not know must go.
    sweep: Option<u64>,
    last_commit: Instant,
}

impl Rows {
    /// Covers the places of all rows of the tail.
    fn cover(&self, shown: &mut Shown) {
        shown.uncover();
        for address in self.tail.keys().filter_map(|key| self.addresses.get(key)) {
            shown.cover(address.file, address.row);
        }
    }
}

/// See the module.
pub(crate) struct ReplacedTable {
    base: Base,
    state: State,
    kind: Table,
    rows: Mutex<Rows>,
}

impl ReplacedTable {
    pub(crate) fn open(tables: &Path, kind: Table, state: &State, shared: &Shared) -> Result<Self> {
        let name = match kind {
            Table::Profiles => TableName::Profiles,
            Table::Identities => TableName::Identities,
            Table::Objects => TableName::Objects,
        };
        let base = Base::open(tables, name, shared)?;
        let columns = TraitColumns::new(&shared.settings, base.shown().schema());
        if kind == Table::Profiles {
            base.shown().set_schema(columns.schema());
        }
        let rows = Rows {
            addresses: HashMap::new(),
            tail: HashMap::new(),
            chunks: Vec::new(),
            columns,
            positions: base.recorded(),
            sweep: None,
            last_commit: Instant::now(),
        };
        let files = base.shown().files().values().map(|held| held.stored.clone()).collect();
        let table = Self { base, state: state.clone(), kind, rows: Mutex::new(rows) };
        table.load(files)?;
        lock(&table.rows).sweep = table.pending_sweep()?;
        Ok(table)
    }

    /// Notes durably that the state was made anew.
    pub(crate) fn begin_sweep(&self) -> Result<()> {
        let number = self.sweep_number("sweep")? + 1;
        let change = Change { transactions: vec![(self.base.shared.marker("sweep"), number)], ..Change::default() };
        self.base.commit(change, None)?;
        lock(&self.rows).sweep = Some(number);
        Ok(())
    }

    fn sweep_number(&self, marker: &str) -> Result<u64> {
        Ok(self.base.delta().transaction(&self.base.shared.marker(marker))?.unwrap_or(0))
    }

    fn pending_sweep(&self) -> Result<Option<u64>> {
        let begun = self.sweep_number("sweep")?;
        Ok(Some(begun).filter(|&begun| self.sweep_number("swept").is_ok_and(|done| done < begun)))
    }

    /// Whether rows of a state that was lost may still be here.
    pub(crate) fn is_sweep_pending(&self) -> bool {
        lock(&self.rows).sweep.is_some()
    }

    /// Takes over the files of a version: finds the place of every row, then
    /// shows them, the rows that the tail replaces covered.
    fn load(&self, files: Vec<StoredFile>) -> Result<()> {
        let folder = self.base.delta().folder().to_owned();
        let mut places: HashMap<u128, (usize, u32)> = HashMap::new();
        for (at, stored) in files.iter().enumerate() {
            let path = folder.join(&stored.name);
            let mut row = 0_u32;
            for batch in FileReader::open(&path, Some(self.key_columns()), None)? {
                for key in self.row_keys(&batch?).map_err(|reason| Error::damaged(&path, reason))? {
                    if !stored.dead.contains(u64::from(row)) {
                        places.insert(key, (at, row));
                    }
                    row += 1;
                }
            }
            if u64::from(row) != stored.rows {
                return Err(Error::damaged(&path, format!("it has {row} rows, the log says {}", stored.rows)));
            }
        }
        let rows = &mut *lock(&self.rows);
        let mut shown = self.base.shown();
        let ids: Vec<FileId> = (shown.set_files(files)..).take(shown.files().len()).collect();
        let address = |(key, (at, row)): (u128, (usize, u32))| Some((key, Address { file: *ids.get(at)?, row }));
        rows.addresses = places.into_iter().filter_map(address).collect();
        rows.cover(&mut shown);
        Ok(())
    }

    fn key_columns(&self) -> &'static [&'static str] {
        match self.kind {
            Table::Profiles => profiles::KEY,
            Table::Identities => identities::KEY,
            Table::Objects => objects::KEY,
        }
    }

    fn row_keys(&self, batch: &RecordBatch) -> Result<Vec<u128>, String> {
        match self.kind {
            Table::Profiles => profiles::keys(batch),
            Table::Identities => identities::keys(batch),
            Table::Objects => objects::keys(batch),
        }
    }

    /// Reads rows of the state: those that exist, and their keys.
    fn fold(&self, columns: &mut TraitColumns, keys: &[(u128, u64)]) -> Result<(Vec<u128>, RecordBatch)> {
        fn read<R>(
            keys: &[(u128, u64)],
            row: impl Fn(u128) -> tributary_state::Result<Option<R>>,
        ) -> Result<(Vec<u128>, Vec<R>)> {
            let (mut present, mut rows) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
            for (key, _) in keys {
                if let Some(row) = row(*key)? {
                    present.push(*key);
                    rows.push(row);
                }
            }
            Ok((present, rows))
        }
        let state = &self.state;
        Ok(match self.kind {
            Table::Profiles => {
                let (present, rows) = read(keys, |key| state.profile_row(key))?;
                (present, columns.lay_out(&rows)?)
            }
            Table::Identities => {
                let (present, rows) = read(keys, |key| state.identity_row(key))?;
                (present, identities::to_rows(&rows)?)
            }
            Table::Objects => {
                let (present, rows) = read(keys, |key| state.object_row(key))?;
                (present, objects::to_rows(&rows)?)
            }
        })
    }

    fn is_known(&self, key: u128) -> Result<bool> {
        Ok(match self.kind {
            Table::Profiles => self.state.profile_row(key)?.is_some(),
            Table::Identities => self.state.identity_row(key)?.is_some(),
            Table::Objects => self.state.object_row(key)?.is_some(),
        })
    }

    fn state_positions(&self) -> Result<Vec<u64>> {
        let positions = (0..self.base.shared.partitions).map(|partition| self.state.position(partition));
        Ok(positions.collect::<Result<_, _>>()?)
    }

    /// Brings changed rows into the tail, at most `limit`; says whether that was all.
    pub(crate) fn refresh(&self, limit: usize) -> Result<bool> {
        let rows = &mut *lock(&self.rows);
        self.refresh_rows(rows, limit)
    }

    fn refresh_rows(&self, rows: &mut Rows, limit: usize) -> Result<bool> {
        let positions = self.state_positions()?;
        let mut changed = self.state.dirty(self.kind);
        changed.retain(|(key, sequence)| rows.tail.get(key).map(|row| row.sequence) != Some(*sequence));
        let complete = changed.len() <= limit;
        changed.truncate(limit);
        if !changed.is_empty() {
            let (present, batch) = self.fold(&mut rows.columns, &changed)?;
            self.show(rows, &changed, present, batch);
        }
        if complete {
            rows.positions = positions;
        }
        Ok(complete)
    }

    /// Puts rows into the tail, in one step for queries.
    fn show(&self, rows: &mut Rows, changed: &[(u128, u64)], present: Vec<u128>, batch: RecordBatch) {
        let mut shown = self.base.shown();
        if self.kind == Table::Profiles {
            shown.set_schema(rows.columns.schema());
            let left_out = i64::try_from(rows.columns.left_out()).unwrap_or(i64::MAX);
            self.base.shared.metrics.traits_without_column.set(left_out);
        }
        let chunk = shown.push(batch);
        let places: HashMap<u128, usize> = present.iter().enumerate().map(|(row, key)| (*key, row)).collect();
        for &(key, sequence) in changed {
            let place = places.get(&key).map(|&row| (chunk, row));
            match rows.tail.insert(key, TailRow { sequence, place }) {
                Some(TailRow { place: Some((chunk, row)), .. }) => shown.kill(chunk, row),
                Some(_) => {}
                None => {
                    if let Some(address) = rows.addresses.get(&key) {
                        shown.cover(address.file, address.row);
                    }
                }
            }
        }
        rows.chunks.push(present);
    }

    /// Commits every changed row; in several commits if they are many, the
    /// last of which records the positions.
    fn commit(&self) -> Result<()> {
        let rows = &mut *lock(&self.rows);
        rows.last_commit = Instant::now();
        loop {
            let room = self.base.settings().commit_rows_max.saturating_sub(rows.tail.len());
            let complete = self.refresh_rows(rows, room)?;
            self.commit_tail(rows, complete)?;
            if complete {
                return Ok(());
            }
        }
    }

    fn commit_tail(&self, rows: &mut Rows, complete: bool) -> Result<()> {
        let positions = self.base.not_behind(&rows.positions);
        let swept = self.swept(rows, complete)?;
        let moved = complete && positions != self.base.recorded();
        if rows.tail.is_empty() && swept.is_none() && !moved {
            return Ok(());
        }
        let mut change = Change::default();
        let gone = swept.as_ref().map_or(&[][..], |(_, gone)| gone);
        let replaced = rows.tail.keys().chain(gone).filter_map(|key| rows.addresses.get(key));
        let dead = self.dead_rows(replaced.copied());
        for (_, name, dead, live) in &dead {
            if *live == 0 {
                change.removed.insert(name.clone());
            } else {
                change.dead.insert(name.clone(), dead.clone());
            }
        }
        change.transactions.extend(swept.as_ref().map(|(number, _)| (self.base.shared.marker("swept"), *number)));
        let written = self.write_tail(&mut change)?;
        let vector = self.base.commit(change, complete.then_some(&positions))?;
        self.take_over(rows, written, dead, vector.as_ref());
        if let Some((_, gone)) = swept {
            for key in &gone {
                rows.addresses.remove(key);
            }
            rows.sweep = None;
        }
        if complete {
            self.base.set_recorded(positions);
        }
        let clean: Vec<(u128, u64)> = rows.tail.drain().map(|(key, row)| (key, row.sequence)).collect();
        self.base.measure();
        Ok(self.state.clear_dirty(self.kind, &clean)?)
    }

    /// Keys of rows that the state does not know, if it is time to look.
    fn swept(&self, rows: &Rows, complete: bool) -> Result<Option<(u64, Vec<u128>)>> {
        let Some(number) = rows.sweep.filter(|_| complete) else { return Ok(None) };
        // Until the state has come as far as it was, rows may be missing from it.
        if self.base.not_behind(&rows.positions) != rows.positions {
            return Ok(None);
        }
        let mut gone = Vec::new();
        for key in rows.addresses.keys().filter(|key| !rows.tail.contains_key(key)) {
            if !self.is_known(*key)? {
                gone.push(*key);
            }
        }
        Ok(Some((number, gone)))
    }

    /// All dead rows of the files that hold `replaced` rows: file, name, rows, count of those left.
    fn dead_rows(&self, replaced: impl Iterator<Item = Address>) -> Vec<(FileId, String, RoaringTreemap, u64)> {
        let mut by_file: BTreeMap<FileId, RoaringTreemap> = BTreeMap::new();
        for address in replaced {
            by_file.entry(address.file).or_default().insert(u64::from(address.row));
        }
        let shown = self.base.shown();
        let of_file = |(file, dead): (FileId, RoaringTreemap)| {
            let stored = &shown.files().get(&file)?.stored;
            let dead = dead | &stored.dead;
            let live = stored.rows.saturating_sub(dead.len());
            Some((file, stored.name.clone(), dead, live))
        };
        by_file.into_iter().filter_map(of_file).collect()
    }

    /// Writes the rows of the tail as a file of the change.
    fn write_tail(&self, change: &mut Change) -> Result<Option<StoredFile>> {
        let (batches, schema) = {
            let mut shown = self.base.shown();
            let batches = shown.freeze()?;
            shown.thaw(false);
            (batches, shown.schema().clone())
        };
        let delta = self.base.delta();
        let (folder, stored_schema) = (delta.folder().to_owned(), delta.schema()?);
        drop(delta);
        let is_new = |field: &&arrow::datatypes::FieldRef| stored_schema.column_with_name(field.name()).is_none();
        change.columns = schema.fields().iter().filter(is_new).map(|field| (**field).clone()).collect();
        if batches.is_empty() {
            return Ok(None);
        }
        let file = write_file(&folder, self.base.name, &schema, &batches)?;
        let stored = StoredFile {
            name: file.name.clone(),
            size: file.size,
            rows: file.rows,
            dead: RoaringTreemap::new(),
            vector: None,
        };
        change.added.push(file);
        Ok(Some(stored))
    }

    /// Makes what was committed what queries see, in one step.
    fn take_over(
        &self,
        rows: &mut Rows,
        written: Option<StoredFile>,
        dead: Vec<(FileId, String, RoaringTreemap, u64)>,
        vector: Option<&String>,
    ) {
        let mut shown = self.base.shown();
        for (file, _, dead, live) in dead {
            if live == 0 {
                shown.remove_file(file);
            } else {
                shown.set_dead(file, dead, vector.cloned());
            }
        }
        shown.uncover();
        shown.set_tail(Vec::new());
        let file = written.map(|stored| shown.add_file(stored));
        drop(shown);
        let mut row = 0;
        for (chunk, keys) in std::mem::take(&mut rows.chunks).iter().enumerate() {
            for (at, key) in keys.iter().enumerate() {
                let live = rows.tail.get(key).is_some_and(|row| row.place == Some((chunk, at)));
                if let Some(file) = file.filter(|_| live) {
                    rows.addresses.insert(*key, Address { file, row });
                    row += 1;
                }
            }
        }
        let Rows { tail, addresses, .. } = rows;
        for key in tail.iter().filter(|(_, row)| row.place.is_none()).map(|(key, _)| key) {
            addresses.remove(key);
        }
    }
}

impl Written for ReplacedTable {
    fn base(&self) -> &Base {
        &self.base
    }

    fn act(&self, due: Due) -> Result<()> {
        let settings = self.base.settings();
        let complete = due == Due::Flush || self.refresh(settings.commit_rows_max)?;
        let (waiting, waited) = {
            let rows = lock(&self.rows);
            (rows.tail.len(), rows.last_commit.elapsed())
        };
        self.base.measure();
        let pressed = *self.base.shared.tail_bytes.borrow() > settings.tail_bytes_max / 2 && waiting > 0;
        let full = !complete || waiting >= settings.replace_rows || pressed;
        if due == Due::Flush || full || waited >= settings.replace_interval {
            self.commit()?;
        }
        Ok(())
    }

    fn recover(&self) -> Result<()> {
        let (files, recorded) = self.base.reload()?;
        self.load(files)?;
        self.base.set_recorded(recorded);
        Ok(())
    }

    fn keys(&self, rows: &RecordBatch) -> Result<Vec<u128>, String> {
        self.row_keys(rows)
    }

    fn exchange(&self, removed: &[FileId], file: StoredFile, keys: Vec<u128>) {
        let mut rows = lock(&self.rows);
        let mut shown = self.base.shown();
        for id in removed {
            shown.remove_file(*id);
        }
        let file = shown.add_file(file);
        rows.addresses.extend((0..).zip(keys).map(|(row, key)| (key, Address { file, row })));
        rows.cover(&mut shown);
    }
}
