//! What queries see of one table: its files, which of their rows are dead, and
//! the rows that no file holds yet. Every change keeps each row in exactly one
//! place; a view is made when asked for, and kept until something changes.

use crate::delta::StoredFile;
use crate::rows::conform;
use crate::{Error, FileView, Result, TableName, TableView};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use roaring::RoaringTreemap;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Small chunks are joined up to this many rows.
const JOINED_ROWS_MAX: usize = 8 << 10;

/// Number of a file within this process.
pub(crate) type FileId = u32;

/// A file and its rows that do not count.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) stored: StoredFile,
    /// Rows that rows of the tail replace.
    covered: RoaringTreemap,
}

/// Rows that no file holds yet.
struct Chunk {
    batch: RecordBatch,
    /// Rows that later chunks replace.
    dead: HashSet<usize>,
}

/// See the module.
pub(crate) struct Shown {
    name: TableName,
    folder: PathBuf,
    schema: SchemaRef,
    files: BTreeMap<FileId, Held>,
    next_file: FileId,
    tail: Vec<Chunk>,
    /// Chunks that a commit under way writes: they stay as they are.
    frozen: usize,
    view: Option<Arc<TableView>>,
}

impl Shown {
    pub(crate) fn new(name: TableName, folder: &Path, schema: SchemaRef, files: Vec<StoredFile>) -> Self {
        let mut shown = Self {
            name,
            folder: folder.to_owned(),
            schema,
            files: BTreeMap::new(),
            next_file: 0,
            tail: Vec::new(),
            frozen: 0,
            view: None,
        };
        shown.set_files(files);
        shown
    }

    /// Takes over the files of a version; they are numbered on from the number returned.
    pub(crate) fn set_files(&mut self, files: Vec<StoredFile>) -> FileId {
        let first = self.next_file;
        self.view = None;
        self.files.clear();
        for stored in files {
            self.add_file(stored);
        }
        first
    }

    pub(crate) fn files(&self) -> &BTreeMap<FileId, Held> {
        &self.files
    }

    pub(crate) fn path(&self, file: &StoredFile) -> PathBuf {
        self.folder.join(&file.name)
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn set_schema(&mut self, schema: SchemaRef) {
        if self.schema != schema {
            self.schema = schema;
            self.view = None;
        }
    }

    pub(crate) fn add_file(&mut self, stored: StoredFile) -> FileId {
        let id = self.next_file;
        self.next_file += 1;
        self.files.insert(id, Held { stored, covered: RoaringTreemap::new() });
        self.view = None;
        id
    }

    pub(crate) fn remove_file(&mut self, id: FileId) {
        self.files.remove(&id);
        self.view = None;
    }

    /// The rows of a file that a commit made dead, all of them.
    pub(crate) fn set_dead(&mut self, id: FileId, dead: RoaringTreemap, vector: Option<String>) {
        if let Some(held) = self.files.get_mut(&id) {
            held.stored.dead = dead;
            held.stored.vector = vector;
            self.view = None;
        }
    }

    /// A row of the tail replaces this one.
    pub(crate) fn cover(&mut self, id: FileId, row: u32) {
        if let Some(held) = self.files.get_mut(&id) {
            held.covered.insert(u64::from(row));
            self.view = None;
        }
    }

    /// No row of the tail replaces a row of a file any more.
    pub(crate) fn uncover(&mut self) {
        for held in self.files.values_mut() {
            held.covered.clear();
        }
        self.view = None;
    }

    /// Adds rows to the tail and returns the number of their chunk.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> usize {
        self.tail.push(Chunk { batch, dead: HashSet::new() });
        self.view = None;
        self.tail.len() - 1
    }

    /// Adds rows to the tail; small chunks are joined, so that many small
    /// batches cost a query no more than a few large ones.
    ///
    /// # Errors
    /// [`Error::Rows`] if the rows are not of this table.
    pub(crate) fn push_joining(&mut self, batch: RecordBatch) -> Result<()> {
        self.push(batch);
        while let [rest @ .., before, last] = &self.tail[self.frozen..] {
            let rows = before.batch.num_rows() + last.batch.num_rows();
            if before.batch.num_rows() > 2 * last.batch.num_rows() || rows > JOINED_ROWS_MAX {
                break;
            }
            let keep = self.frozen + rest.len();
            let joined = concat_batches(before.batch.schema_ref(), [&before.batch, &last.batch]);
            let joined = joined.map_err(Error::rows(self.name))?;
            self.tail.truncate(keep);
            self.push(joined);
        }
        Ok(())
    }

    /// A later row replaces this row of the tail.
    pub(crate) fn kill(&mut self, chunk: usize, row: usize) {
        if let Some(chunk) = self.tail.get_mut(chunk) {
            chunk.dead.insert(row);
            self.view = None;
        }
    }

    /// The rows of the tail; what comes later does not join them until [`Shown::thaw`].
    pub(crate) fn freeze(&mut self) -> Result<Vec<RecordBatch>> {
        self.frozen = self.tail.len();
        self.live_tail()
    }

    /// Drops the chunks that were frozen, if they are in a file now.
    pub(crate) fn thaw(&mut self, committed: bool) {
        if committed {
            self.tail.drain(..self.frozen);
            self.view = None;
        }
        self.frozen = 0;
    }

    /// Replaces the whole tail.
    pub(crate) fn set_tail(&mut self, batches: Vec<RecordBatch>) {
        self.frozen = 0;
        self.view = None;
        self.tail = batches.into_iter().map(|batch| Chunk { batch, dead: HashSet::new() }).collect();
    }

    pub(crate) fn tail_rows(&self) -> usize {
        self.tail.iter().map(|chunk| chunk.batch.num_rows() - chunk.dead.len()).sum()
    }

    pub(crate) fn tail_bytes(&self) -> usize {
        self.tail.iter().map(|chunk| chunk.batch.get_array_memory_size()).sum()
    }

    fn live_tail(&self) -> Result<Vec<RecordBatch>> {
        let live = |chunk: &Chunk| {
            if chunk.dead.is_empty() {
                return conform(&chunk.batch, &self.schema);
            }
            let keep = (0..chunk.batch.num_rows()).map(|row| Some(!chunk.dead.contains(&row)));
            let batch = filter_record_batch(&chunk.batch, &keep.collect::<BooleanArray>())?;
            conform(&batch, &self.schema)
        };
        let batches = self.tail.iter().map(live).collect::<Result<Vec<_>, _>>().map_err(Error::rows(self.name))?;
        Ok(batches.into_iter().filter(|batch| batch.num_rows() > 0).collect())
    }

    /// What queries read.
    pub(crate) fn view(&mut self) -> Arc<TableView> {
        if let Some(view) = &self.view {
            return Arc::clone(view);
        }
        let files = self.files.values().map(|held| self.file_view(held));
        let tail = self.live_tail().unwrap_or_else(|error| {
            tracing::error!(table = %self.name, %error, "rows in memory cannot be shown");
            Vec::new()
        });
        let view = Arc::new(TableView {
            name: self.name.as_str(),
            schema: Arc::clone(&self.schema),
            files: files.filter(|file| file.dead.as_ref().is_none_or(|dead| dead.len() < file.rows)).collect(),
            tail,
        });
        self.view = Some(Arc::clone(&view));
        view
    }

    fn file_view(&self, held: &Held) -> FileView {
        let dead = &held.stored.dead | &held.covered;
        FileView {
            path: self.path(&held.stored),
            size: held.stored.size,
            rows: held.stored.rows,
            dead: (!dead.is_empty()).then(|| Arc::new(dead)),
        }
    }
}
