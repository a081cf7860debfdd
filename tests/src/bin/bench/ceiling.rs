//! The bare ceiling of this machine: what 64 connections have in flight is
//! appended to a file and synced, over and over, with no network, no parsing
//! and no worker. No durable gateway that commits in groups can be faster.

use std::fs::File;
use std::io::{IoSlice, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes after which the file starts anew, so that the disk is not filled.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Writes requests of `events` events and `bytes` bytes, `in_flight` of them
/// with each sync; returns events per second.
///
/// # Errors
/// If the file cannot be written.
pub fn measure(folder: &Path, events: u64, bytes: &[u8], in_flight: u64, duration: Duration) -> std::io::Result<f64> {
    let path = folder.join("ceiling");
    let mut file = File::create(&path)?;
    let group: Vec<IoSlice<'_>> = (0..in_flight).map(|_| IoSlice::new(bytes)).collect();
    let group_bytes = bytes.len() as u64 * in_flight;
    let (mut written, mut groups) = (0, 0_u64);
    let started = Instant::now();
    while started.elapsed() < duration {
        if written > FILE_BYTES_MAX {
            file = File::create(&path)?;
            written = 0;
        }
        let mut left = group.clone();
        let mut rest = &mut left[..];
        while !rest.is_empty() {
            let count = file.write_vectored(rest)?;
            IoSlice::advance_slices(&mut rest, count);
        }
        file.sync_data()?;
        written += group_bytes;
        groups += 1;
    }
    let rate = crate::report::per_second(groups * in_flight * events, started.elapsed());
    std::fs::remove_file(path)?;
    Ok(rate)
}
