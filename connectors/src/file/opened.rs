//! A file, opened once for a batch. What is compared, read and hashed is of
//! one open file and, near the place of reading, of one copy of its bytes: a
//! file that is replaced or written over meanwhile cannot mix with it.

use super::{BATCH_BYTES, Facts, ROW_BYTES_MAX};
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes that a batch looks at behind the place where it begins: its last row
/// may begin at its end.
const HELD_BYTES: u64 = BATCH_BYTES + ROW_BYTES_MAX as u64;

/// An open file, and the bytes of it that are held.
#[derive(Debug)]
pub(crate) struct Opened {
    path: PathBuf,
    file: File,
    /// What the file was when it was opened.
    facts: Facts,
    /// Where the held bytes begin.
    start: u64,
    held: Vec<u8>,
    /// Whether the file ended with them.
    ended: bool,
}

impl Opened {
    /// Opens the file; no bytes are held yet.
    pub fn new(path: &Path) -> Result<Self> {
        let wrong = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(wrong)?;
        let facts = Facts::of(&file.metadata().map_err(wrong)?);
        Ok(Self { path: path.to_owned(), file, facts, start: 0, held: Vec::new(), ended: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// The file itself, for a reader that finds its own way in it.
    #[cfg(feature = "parquet")]
    pub fn file(&self) -> Result<File> {
        self.file.try_clone().map_err(|source| self.wrong(source))
    }

    /// Takes the bytes of a batch that begins at `offset`, and those from
    /// `start` on before it: whatever happens to the file, they are read as they are now.
    pub fn hold(&mut self, start: u64, offset: u64) -> Result<()> {
        let mut held = Vec::new();
        let most = offset.saturating_sub(start) + HELD_BYTES;
        (self.at(start).take(most).read_to_end(&mut held)).map_err(|source| self.wrong(source))?;
        self.ended = (held.len() as u64) < most;
        (self.start, self.held) = (start, held);
        Ok(())
    }

    /// A reader of the file from `offset`.
    pub fn at(&self, offset: u64) -> At<'_> {
        At { opened: self, offset }
    }

    /// A buffered reader of the file from `offset`.
    pub fn buffered(&self, offset: u64) -> BufReader<At<'_>> {
        BufReader::new(self.at(offset))
    }

    /// What to say of an error of reading.
    pub fn wrong(&self, source: std::io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }
}

/// A place in an open file.
#[derive(Debug)]
pub(crate) struct At<'a> {
    opened: &'a Opened,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Opened { file, start, held, ended, .. } = self.opened;
        let read = match self.offset.checked_sub(*start) {
            Some(skipped) if skipped < held.len() as u64 => (&held[length(skipped)..]).read(buffer)?,
            Some(_) if *ended => 0,
            Some(_) => file.read_at(buffer, self.offset)?,
            None => {
                let before = length(*start - self.offset).min(buffer.len());
                file.read_at(&mut buffer[..before], self.offset)?
            }
        };
        self.offset += read as u64;
        Ok(read)
    }
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Seek for At<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let place = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
            SeekFrom::End(by) => self.opened.facts.size.checked_add_signed(by),
        };
        self.offset = place.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.offset)
    }
}
