//! Reads files of records into one table: keys and truth apart, the rest as
//! dictionary-encoded columns.

mod columnar;
mod delimited;
mod encoding;
mod forms;
mod keys;
mod select;
mod unite;

pub(crate) use keys::Keys;
pub(crate) use select::{Columns, FileTable, Selection};
pub(crate) use unite::{Input, append, read_all, record_hash_in, stem};

use crate::progress::Progress;
use crate::{Error, Result};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

/// Bytes looked at to tell the format, the encoding and the delimiter.
const HEAD_BYTES: usize = 64 * 1024;

/// Takes what a file holds, cell by cell. Cells of one column come in the
/// order of rows; those of different columns may be apart by one batch.
pub(crate) trait Sink {
    /// Takes the names of the columns and says which are wanted.
    fn header(&mut self, names: &[String]) -> Result<Vec<bool>>;
    /// Takes the cell of a wanted column; `row` counts from 0, blank is missing.
    fn cell(&mut self, column: usize, row: usize, text: &str) -> Result<()>;
    /// All cells of some more rows have been given.
    fn batch_end(&mut self) -> Result<()> {
        Ok(())
    }
    /// Something was read otherwise than it might seem.
    fn note(&mut self, _text: String) {}
}

/// Reads one file into `sink`, Parquet if it begins as such, else CSV.
pub(crate) fn read(path: &Path, sink: &mut impl Sink) -> Result<()> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let bytes = file.metadata().map_err(Error::read(path))?.len();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(Error::read(path))?;
    if head.is_empty() {
        return Err(Error::Empty { path: path.to_owned() });
    }
    file.rewind().map_err(Error::read(path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return Err(Error::format(path, "the file is JSON: give CSV or Parquet"));
    }
    if head.starts_with(b"PAR1") {
        return columnar::read(path, file, &name, sink);
    }
    let progress = Progress::begin(format!("read {name}"), bytes);
    delimited::read(path, file, &head, sink, &progress)?;
    progress.end();
    Ok(())
}

/// Texts that programs write for a value they do not have.
const NO_VALUE: [&str; 12] = ["NULL", "null", "Null", "NaN", "nan", "N/A", "n/a", "#N/A", "\\N", "None", "<NA>", "NA"];

/// A cell without the space around it; empty for what says that there is no value.
fn cell_text(text: &str) -> &str {
    let text = text.trim();
    if text.len() <= 4 && NO_VALUE.contains(&text) { "" } else { text }
}
