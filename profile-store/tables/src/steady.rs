//! A file that goes to the disk as it is written. Synced at its end alone, a
//! file of many MB holds up every other sync of the disk for as long as it
//! takes: acknowledgements too.

use std::fs::File;
use std::io::{Result, Write};

/// Bytes between two waits for the disk: one to four milliseconds.
const STEP: u64 = 512 << 10;

/// A file written from its beginning to its end.
pub(crate) struct SteadyFile {
    file: File,
    written: u64,
    /// Bytes from the beginning that the disk was asked for.
    asked: u64,
}

impl SteadyFile {
    /// Writes into `file`, which is empty.
    pub(crate) fn new(file: File) -> Self {
        Self { file, written: 0, asked: 0 }
    }

    /// The file; not yet durable, but little of it is left to write.
    pub(crate) fn into_inner(self) -> File {
        self.file
    }
}

impl Write for SteadyFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let room = usize::try_from(self.asked + STEP - self.written).unwrap_or(usize::MAX);
        let taken = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.written += taken as u64;
        if self.written == self.asked + STEP {
            write_back(&self.file, self.asked, STEP);
            self.asked = self.written;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

/// Has the disk write a range of the file, and waits. An error is not lost:
/// the sync at the end reports it.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the system call has no safe wrapper; it takes a descriptor and three numbers")]
fn write_back(file: &File, offset: u64, length: u64) {
    use std::os::fd::AsRawFd as _;
    const WAIT: u32 =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let (offset, length) = (offset.cast_signed(), length.cast_signed());
    // SAFETY: the descriptor is that of a file that is open meanwhile; no memory is handed over.
    unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, WAIT) };
}

/// Elsewhere the sync at the end writes all.
#[cfg(not(target_os = "linux"))]
fn write_back(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_is_written_in_any_pieces_is_the_file() {
        let bytes: Vec<u8> = (0..3 * STEP + 17).map(|at| (at % 251) as u8).collect();
        for piece in [1 << 10, 300_000, 512 << 10, bytes.len()] {
            let mut steady = SteadyFile::new(tempfile::tempfile().unwrap());
            for part in bytes.chunks(piece) {
                steady.write_all(part).unwrap();
            }
            steady.flush().unwrap();
            assert_eq!((steady.written, steady.asked), (bytes.len() as u64, 3 * STEP));
            let mut found = Vec::new();
            let mut file = steady.into_inner();
            std::io::Seek::rewind(&mut file).unwrap();
            file.read_to_end(&mut found).unwrap();
            assert!(found == bytes, "pieces of {piece}");
        }
    }
}
