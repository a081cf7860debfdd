//! Where reading stands in a file, and whether it is still that file.
//!
//! A file that was changed is told apart by what was read of it: if it still
//! begins with those bytes it has grown and reading goes on behind them, else
//! it was replaced and is read from its start.

use super::{Facts, Opened, Prefix};
use crate::{Cursor, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// The bytes of a file that `grows` are held from where they are first needed.
    pub fn at_start_of_read(file: &mut Opened, cursor: Option<Cursor>, now_micros: i64, grows: bool) -> Result<Self> {
        let facts = file.facts();
        let is_settled = facts.is_settled(now_micros);
        let saved = cursor.and_then(|cursor| serde_json::from_value::<Self>(cursor.0).ok());
        let mut saved = saved.filter(|saved| saved.path == file.path());
        if let Some(saved) = saved.take_if(|saved| saved.facts == facts) {
            let waiting = saved.end == End::Waiting;
            let end = if waiting { End::Ahead } else { saved.end };
            let settled = is_settled || (waiting && facts.is_ahead(now_micros));
            if grows && end == End::Ahead {
                saved.hold(file)?;
            }
            return Ok(Self { end, settled, ..saved });
        }
        if let Some(saved) = saved.filter(|saved| grows && facts.size >= saved.offset) {
            // First held, then compared: what is compared is what is read.
            saved.hold(file)?;
            if saved.may_go_on(file)? {
                let changed = saved.end == End::Ahead;
                return Ok(Self { facts, changed, end: End::Ahead, settled: is_settled, ..saved });
            }
        }
        let fresh = Self { path: file.path().to_owned(), facts, settled: is_settled, ..Self::default() };
        if grows {
            fresh.hold(file)?;
        }
        Ok(fresh)
    }

    /// Takes what this read needs of the file.
    fn hold(&self, file: &mut Opened) -> Result<()> {
        file.hold(self.prefix.chained(self.offset), self.offset)
    }

    /// Whether a changed file may be read on where reading stands. Under the
    /// reader only its last bytes are compared; the others are at the end.
    fn may_go_on(&self, file: &Opened) -> Result<bool> {
        if self.end == End::Ahead {
            return Ok(self.facts.inode == file.facts().inode && self.prefix.rest_matches(file, self.offset)?);
        }
        self.prefix.matches(file, self.offset)
    }

    /// Remembers what was read. A file that was changed under the reader, and
    /// not only grew, is read again.
    pub fn behind_read(mut self, file: &Opened) -> Result<Self> {
        self.prefix.extend(file, self.offset)?;
        if self.end != End::Ahead && self.changed {
            if !self.prefix.matches(file, self.offset)? {
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
