//! What a file was: its facts, and a hash of what was read of it that can be
//! extended batch by batch and kept in a cursor.

use super::Opened;
use crate::Result;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use tributary_protocol::hash128;

/// Bytes of one link of the chain.
const BLOCK: usize = 1 << 20;
/// A file that was not written to for this long is taken as finished.
const SETTLED_MICROS: i64 = 5_000_000;

/// What tells a file from its earlier or later self.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub size: u64,
    /// Time of change, in nanoseconds since 1970.
    modified_ns: i128,
    pub inode: u64,
}

impl Facts {
    pub fn of(file: &Metadata) -> Self {
        let modified_ns = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
        Self { size: file.len(), modified_ns, inode: file.ino() }
    }

    /// Whether nobody has written to the file for a while.
    pub fn is_settled(self, now_micros: i64) -> bool {
        self.age_ns(now_micros) >= i128::from(SETTLED_MICROS) * 1000
    }

    /// Whether the file's clock is ahead of ours, so that its age says nothing.
    pub fn is_ahead(self, now_micros: i64) -> bool {
        self.age_ns(now_micros) < 0
    }

    fn age_ns(self, now_micros: i64) -> i128 {
        i128::from(now_micros) * 1000 - self.modified_ns
    }
}

/// Hash of the first bytes of a file: a chain over whole blocks, and the rest
/// behind them. Hexadecimal, so that a cursor is readable JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prefix {
    /// Bytes that the chain covers.
    chained: u64,
    chain: String,
    rest: String,
}

impl Prefix {
    /// Bytes that need not be read again to cover more of the file, up to `offset` or behind it.
    pub fn chained(&self, offset: u64) -> u64 {
        if offset < self.chained { 0 } else { self.chained }
    }

    /// Covers the first `offset` bytes of the file.
    pub fn extend(&mut self, file: &Opened, offset: u64) -> Result<()> {
        if self.chained(offset) == 0 {
            *self = Self::default();
        }
        let mut bytes = file.at(self.chained);
        let mut block = Vec::with_capacity(BLOCK);
        loop {
            let left = offset - self.chained;
            block.clear();
            (&mut bytes).take(left.min(BLOCK as u64)).read_to_end(&mut block).map_err(|source| file.wrong(source))?;
            let link = format!("{:032x}", hash128(&[self.chain.as_bytes(), &block]));
            if block.len() < BLOCK {
                self.rest = link;
                return Ok(());
            }
            self.chain = link;
            self.chained += BLOCK as u64;
        }
    }

    /// Whether what stands behind the whole blocks is still what was covered:
    /// the next [`Prefix::extend`] takes it from the file once more.
    pub fn rest_matches(&self, file: &Opened, offset: u64) -> Result<bool> {
        let mut now = self.clone();
        now.extend(file, offset)?;
        Ok(now.rest == self.rest)
    }

    /// Whether the first `offset` bytes of the file are those that are covered.
    pub fn matches(&self, file: &Opened, offset: u64) -> Result<bool> {
        let mut now = Self::default();
        now.extend(file, offset)?;
        Ok(now == *self)
    }
}
