//! Reading segment files: blocks in order, damage reported and stepped over.

use super::block::{self, Block, Decoded, HEADER_BYTES, Header};
use crate::{Error, Frame, Result};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Distance between two marks of a segment's index, in bytes.
pub(super) const INDEX_EVERY: u64 = 64 << 10;
/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Path of the segment whose first offset is `first`.
pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.seg"))
}

/// What a scan found in a segment.
#[derive(Default)]
pub(super) struct Scan {
    /// End of the last whole block, in bytes.
    pub(super) end: u64,
    /// The offset after the last entry, if there is one.
    pub(super) next: Option<u64>,
    /// Where damage stands between whole blocks.
    pub(super) damage: Vec<std::ops::Range<u64>>,
    /// (first offset, byte) of some blocks, ascending.
    pub(super) index: Vec<(u64, u64)>,
}

/// Reads blocks from byte `from` up to byte `limit` and hands the entries of
/// each to `visit` until it says stop.
pub(super) fn scan(
    file: &Path,
    partition: u32,
    from: u64,
    limit: u64,
    mut visit: impl FnMut(Vec<Frame>) -> bool,
) -> Result<Scan> {
    let io = |source| Error::Io { action: "read", path: file.to_owned(), source };
    let handle = File::open(file).map_err(io)?;
    let mut reader = Reader { handle: &handle, limit, start: 0, bytes: Bytes::new() };
    let header = block::check_header(&reader.at(0, HEADER_BYTES).map_err(io)?, partition);
    if header == Header::Foreign {
        let reason = "its header is that of another partition or of another version of the program".to_owned();
        return Err(Error::Corrupt { path: file.to_owned(), reason });
    }
    let mut at = from.max(HEADER_BYTES as u64);
    let mut found = Scan { end: at, ..Scan::default() };
    if header == Header::Damaged {
        found.damage.push(0..HEADER_BYTES as u64);
    }
    let mut least = 0;
    let mut bad_from = None;
    while at < limit {
        let mut decoded = block::decode(&reader.at(at, block::HEAD_BYTES).map_err(io)?);
        if let Decoded::Short(needed) = decoded {
            decoded = block::decode(&reader.at(at, needed).map_err(io)?);
        }
        let whole = match decoded {
            Decoded::Block(block, length) if block.first >= least => {
                block.frames().map(|frames| (block, frames, length))
            }
            _ => None,
        };
        let Some((block, frames, length)) = whole else {
            bad_from.get_or_insert(at);
            at = reader.next_marker(at + 1).map_err(io)?;
            continue;
        };
        if let Some(start) = bad_from.take() {
            found.damage.push(start..at);
        }
        least = block.first + u64::from(block.count);
        found.note(at, &block, length as u64);
        at += length as u64;
        if !visit(frames) {
            break;
        }
    }
    Ok(found)
}

impl Scan {
    fn note(&mut self, at: u64, block: &Block, length: u64) {
        if self.index.last().is_none_or(|(_, byte)| at - byte >= INDEX_EVERY) {
            self.index.push((block.first, at));
        }
        self.end = at + length;
        self.next = Some(block.first + u64::from(block.count));
    }
}

struct Reader<'a> {
    handle: &'a File,
    limit: u64,
    start: u64,
    bytes: Bytes,
}

impl Reader<'_> {
    /// The bytes from `at` on: at least `needed` unless the segment ends.
    fn at(&mut self, at: u64, needed: usize) -> std::io::Result<Bytes> {
        let held = self.start + self.bytes.len() as u64;
        if at < self.start || at + needed as u64 > held {
            let left = usize::try_from(self.limit.saturating_sub(at)).unwrap_or(usize::MAX);
            let mut buffer = vec![0; needed.max(READ_BYTES).min(left)];
            let mut filled = 0;
            while filled < buffer.len() {
                match self.handle.read_at(&mut buffer[filled..], at + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            buffer.truncate(filled);
            (self.start, self.bytes) = (at, Bytes::from(buffer));
        }
        let skip = usize::try_from(at - self.start).unwrap_or(usize::MAX).min(self.bytes.len());
        Ok(self.bytes.slice(skip..))
    }

    /// The next place at or after `at` where a block could begin.
    fn next_marker(&mut self, mut at: u64) -> std::io::Result<u64> {
        while at < self.limit {
            let bytes = self.at(at, block::HEAD_BYTES)?;
            if bytes.len() < block::MARKER.len() {
                break;
            }
            if let Some(skip) = bytes.windows(4).position(|window| window == block::MARKER) {
                return Ok(at + skip as u64);
            }
            at += (bytes.len() - 3) as u64;
        }
        Ok(self.limit)
    }
}
