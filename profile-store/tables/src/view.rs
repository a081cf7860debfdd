//! What a query reads: one version of every table, and the rows that are in
//! memory only. A view never changes; the newest is swapped in whole.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use roaring::RoaringTreemap;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// One Parquet file of a table.
#[derive(Clone, Debug)]
pub struct FileView {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its rows, dead ones included.
    pub rows: u64,
    /// The rows that do not count: the deletion vector, and those that rows of
    /// the tail replace.
    pub dead: Option<Arc<RoaringTreemap>>,
}

/// One table.
#[derive(Clone, Debug)]
pub struct TableView {
    /// Its name.
    pub name: &'static str,
    /// Its columns. A file may lack newer ones, which are null there.
    pub schema: SchemaRef,
    /// Its files.
    pub files: Vec<FileView>,
    /// Rows that no file holds yet.
    pub tail: Vec<RecordBatch>,
}

/// All tables, of one moment.
#[derive(Clone, Debug, Default)]
pub struct ReadView {
    /// By name.
    pub tables: BTreeMap<&'static str, Arc<TableView>>,
}
