//! A file that goes to the disk as it is written. A sync waits for whatever
//! else the disk still has to write: one file of many MB, synced at its end
//! alone, holds up every acknowledgement meanwhile.

use std::fs::File;
use std::io::{Result, Write};

/// Bytes between two syncs: a millisecond or so of the disk's time.
const STEP: u64 = 256 << 10;

/// A file written from its beginning to its end.
pub(crate) struct SteadyFile {
    file: File,
    written: u64,
    /// Bytes from the beginning that are durable.
    durable: u64,
}

impl SteadyFile {
    /// Writes into `file`, which is empty.
    pub(crate) fn new(file: File) -> Self {
        Self { file, written: 0, durable: 0 }
    }

    /// The file; not yet durable, but little of it is left to write.
    pub(crate) fn into_inner(self) -> File {
        self.file
    }
}

impl Write for SteadyFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let room = usize::try_from(self.durable + STEP - self.written).unwrap_or(usize::MAX);
        let taken = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.written += taken as u64;
        if self.written == self.durable + STEP {
            self.file.sync_data()?;
            self.durable = self.written;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_is_written_in_any_pieces_is_the_file() {
        let bytes: Vec<u8> = (0..5 * STEP + 17).map(|at| (at % 251) as u8).collect();
        for piece in [1 << 10, 300_000, 256 << 10, bytes.len()] {
            let mut steady = SteadyFile::new(tempfile::tempfile().unwrap());
            for part in bytes.chunks(piece) {
                steady.write_all(part).unwrap();
            }
            steady.flush().unwrap();
            assert_eq!((steady.written, steady.durable), (bytes.len() as u64, 5 * STEP));
            let mut found = Vec::new();
            let mut file = steady.into_inner();
            std::io::Seek::rewind(&mut file).unwrap();
            file.read_to_end(&mut found).unwrap();
            assert!(found == bytes, "pieces of {piece}");
        }
    }
}
