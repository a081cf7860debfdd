//! Where reading stands in a file, and whether it is still that file.

use crate::{Cursor, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The content of a file's cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    path: PathBuf,
    /// Size and time of change when it was last read.
    size: u64,
    modified_ns: u64,
    /// Bytes that were read (CSV, JSON Lines).
    pub offset: u64,
    /// Rows that were read.
    pub rows: u64,
    /// SHA-256 of the first `offset` bytes, once the end was reached.
    prefix_hash: String,
    /// Whether the end was reached.
    pub done: bool,
}

impl Position {
    /// Goes on from `cursor` if the file still begins with what was read, else from the start.
    pub fn at_start_of_read(path: &Path, cursor: Option<Cursor>) -> Result<Self> {
        let wrong = |source| Error::File { path: path.to_owned(), source };
        let facts = std::fs::metadata(path).map_err(wrong)?;
        let modified = facts.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ns = modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0));
        let fresh = Self { path: path.to_owned(), size: facts.len(), modified_ns, ..Self::default() };
        let saved = cursor.and_then(|cursor| serde_json::from_value::<Self>(cursor.0).ok());
        let Some(saved) = saved.filter(|saved| saved.path == path) else { return Ok(fresh) };
        if (saved.size, saved.modified_ns) == (fresh.size, fresh.modified_ns) {
            return Ok(saved);
        }
        let grown = saved.offset > 0 && saved.offset <= fresh.size && !saved.prefix_hash.is_empty();
        if grown && hash(path, saved.offset)? == saved.prefix_hash {
            return Ok(Self { offset: saved.offset, rows: saved.rows, ..fresh });
        }
        Ok(fresh)
    }

    /// At the end of the file, remembers what its beginning was.
    pub fn with_hash(mut self, path: &Path) -> Result<Self> {
        if self.done && self.offset > 0 {
            self.prefix_hash = hash(path, self.offset)?;
        }
        Ok(self)
    }

    pub fn into_cursor(self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

fn hash(path: &Path, bytes: u64) -> Result<String> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let mut rest = File::open(path).map_err(wrong)?.take(bytes);
    let mut hasher = Sha256::new();
    std::io::copy(&mut rest, &mut hasher).map_err(wrong)?;
    Ok(format!("{:x}", hasher.finalize()))
}
