//! The bare ceiling of this machine: what 64 connections have in flight is
//! appended to a file and synced, over and over, with no network, no parsing
//! and no worker. No durable gateway that commits in groups can be faster.
//! And its floor: one request after the other at a steady pace, each synced;
//! and computing at that pace, as a processor that is shared is not always there.

use crate::load::Outcome;
use std::convert::Infallible;
use std::fs::File;
use std::hint::black_box;
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
    let outcome = at_intervals(events, interval, duration, || {
        file.write_all(bytes)?;
        file.sync_data()
    })?;
    std::fs::remove_file(path)?;
    Ok(outcome)
}

/// Computes every `interval` what takes `work` at full speed, with nothing else
/// under way.
pub fn computing(work: Duration, interval: Duration, duration: Duration) -> Outcome {
    let rounds = rounds_in(work);
    let Ok(outcome) = at_intervals::<Infallible>(0, interval, duration, || {
        compute(rounds);
        Ok(())
    });
    outcome
}

/// Does something of so many `events` every `interval`, and takes how long it took.
fn at_intervals<E>(
    events: u64,
    interval: Duration,
    duration: Duration,
    mut step: impl FnMut() -> Result<(), E>,
) -> Result<Outcome, E> {
    let mut latencies = Vec::new();
    let started = Instant::now();
    let mut due = started;
    while due < started + duration {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let from = Instant::now();
        step()?;
        latencies.push(from.elapsed());
        due += interval;
    }
    Ok(Outcome::new(latencies.len() as u64 * events, started, &[latencies]))
}

/// Rounds of computing that fit into a time at full speed: that of the fastest of some tries.
fn rounds_in(time: Duration) -> u64 {
    const TRIES: u32 = 50;
    const ROUNDS: u64 = 100_000;
    let took = |_| {
        let from = Instant::now();
        compute(ROUNDS);
        from.elapsed()
    };
    let fastest = (0..TRIES).map(took).min().unwrap_or_default().as_nanos().max(1);
    u64::try_from(u128::from(ROUNDS) * time.as_nanos() / fastest).unwrap_or(ROUNDS)
}

fn compute(rounds: u64) {
    black_box((0..rounds).fold(1_u64, |state, round| black_box(state.wrapping_mul(6_364_136_223_846_793_005) ^ round)));
}
