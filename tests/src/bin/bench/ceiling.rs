//! The bare ceiling of this machine: what 64 connections have in flight is
//! appended to a file and synced, over and over, with no network, no parsing
//! and no worker. No durable gateway that commits in groups can be faster.
//! And its floor: one request after the other at a steady pace, each synced.

use crate::load::Outcome;
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

/// Writes and syncs a request of `events` events and `bytes` bytes every
/// `interval`, with nothing else under way.
///
/// # Errors
/// If the file cannot be written.
pub fn paced(
    folder: &Path,
    events: u64,
    bytes: &[u8],
    interval: Duration,
    duration: Duration,
) -> std::io::Result<Outcome> {
    let path = folder.join("ceiling");
    let mut file = File::create(&path)?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    let mut due = started;
    while due < started + duration {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let from = Instant::now();
        file.write_all(bytes)?;
        file.sync_data()?;
        latencies.push(from.elapsed());
        due += interval;
    }
    std::fs::remove_file(path)?;
    Ok(Outcome::new(latencies.len() as u64 * events, started, &[latencies]))
}
