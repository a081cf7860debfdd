//! Where reading stands in a file, and whether it is still that file.
//!
//! A file that was changed is told apart by what was read of it: if it still
//! begins with those bytes it has grown and reading goes on behind them, else
//! it was replaced and is read from its start.

use super::{Facts, Prefix};
use crate::{Cursor, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Whether the end of the file was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// There is more to read.
    #[default]
    Ahead,
    /// All but a last row that looked unfinished was read: it is looked at again.
    Waiting,
    /// Everything was read.
    Reached,
}

/// The content of a file's cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    path: PathBuf,
    /// What the file was when it was last looked at.
    facts: Facts,
    /// Bytes that were read and are not read again (CSV, JSON Lines).
    pub offset: u64,
    /// The line, from 0, that begins there.
    pub line: u64,
    /// Rows that were read (Parquet).
    pub rows: u64,
    /// What those bytes were.
    prefix: Prefix,
    /// Whether the file changed while it was read: then its prefix is compared at the end.
    changed: bool,
    /// Whether the end was reached.
    pub end: End,
    /// Whether an unfinished last row is taken as it is.
    #[serde(skip)]
    pub settled: bool,
}

impl Position {
    /// Goes on from `cursor` if the file still begins with what was read, else from the start.
    pub fn at_start_of_read(path: &Path, cursor: Option<Cursor>, now_micros: i64, grows: bool) -> Result<Self> {
        let facts = Facts::of(path)?;
        let fresh = Self { path: path.to_owned(), facts, ..Self::default() };
        let saved = cursor.and_then(|cursor| serde_json::from_value::<Self>(cursor.0).ok());
        let saved = saved.filter(|saved| saved.path == path);
        let is_settled = facts.is_settled(now_micros);
        let next = match saved {
            Some(saved) if saved.facts == facts => {
                let waiting = saved.end == End::Waiting;
                let end = if waiting { End::Ahead } else { saved.end };
                let settled = is_settled || (waiting && facts.is_ahead(now_micros));
                return Ok(Self { end, settled, ..saved });
            }
            Some(saved) if grows && facts.size >= saved.offset && saved.may_go_on(facts)? => {
                let changed = saved.end == End::Ahead;
                Self { facts, changed, end: End::Ahead, ..saved }
            }
            _ => fresh,
        };
        Ok(Self { settled: is_settled, ..next })
    }

    /// Whether a changed file may be read on where reading stands. Under the
    /// reader only its last bytes are compared; the others are at the end.
    fn may_go_on(&self, now: Facts) -> Result<bool> {
        if self.end == End::Ahead {
            return Ok(self.facts.inode == now.inode && self.prefix.rest_matches(&self.path, self.offset)?);
        }
        self.prefix.matches(&self.path, self.offset)
    }

    /// Remembers what was read. A file that was changed under the reader, and
    /// not only grew, is read again.
    pub fn behind_read(mut self, path: &Path) -> Result<Self> {
        self.prefix.extend(path, self.offset)?;
        if self.end != End::Ahead && self.changed {
            if !self.prefix.matches(path, self.offset)? {
                return Ok(Self { path: self.path, facts: self.facts, ..Self::default() });
            }
            self.changed = false;
        }
        Ok(self)
    }

    /// Bytes of the file when this read began.
    pub fn size(&self) -> u64 {
        self.facts.size
    }

    pub fn into_cursor(self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}
