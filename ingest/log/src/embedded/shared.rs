//! What the writer and the readers of the embedded log share: the segments and
//! how far they are durable, the health, the damage found.

use super::block::HEADER_BYTES;
use super::segment::{INDEX_EVERY, Scan};
use super::writer::Tail;
use crate::{Error, Health, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Bytes of a segment that are no frame and stand between frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// The bytes.
    pub bytes: Range<u64>,
}

/// What readers see of one partition.
#[derive(Default)]
pub(super) struct Partition {
    /// Segments by first offset.
    pub(super) segments: BTreeMap<u64, Segment>,
    /// The offset after the last durable frame.
    pub(super) end: u64,
}

/// What readers see of one segment.
#[derive(Default)]
pub(super) struct Segment {
    /// Bytes that are durable.
    pub(super) bytes: u64,
    /// (offset, byte) of some blocks, ascending.
    pub(super) index: Vec<(u64, u64)>,
}

/// What writer and readers share.
pub(super) struct Shared {
    partitions: Mutex<Vec<Partition>>,
    /// The end of each partition.
    ends: watch::Sender<Vec<u64>>,
    health: Mutex<Health>,
    damage: Mutex<Vec<Damage>>,
}

/// Locks, whether or not a thread panicked while it held the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A log without partitions, in which no damage is known.
    pub(super) fn new() -> Self {
        let (ends, _) = watch::channel(Vec::new());
        Self { partitions: Mutex::default(), ends, health: Mutex::new(Health::Ok), damage: Mutex::default() }
    }

    /// Adds the next partition.
    pub(super) fn add_partition(&self, partition: Partition) {
        self.ends.send_modify(|ends| ends.push(partition.end));
        lock(&self.partitions).push(partition);
    }

    /// The ends of the partitions, as they change.
    pub(super) fn ends(&self) -> watch::Receiver<Vec<u64>> {
        self.ends.subscribe()
    }

    pub(super) fn end(&self, index: usize) -> u64 {
        lock(&self.partitions)[index].end
    }

    pub(super) fn set_end(&self, index: usize, end: u64) {
        lock(&self.partitions)[index].end = end;
        self.ends.send_modify(|ends| ends[index] = end);
    }

    pub(super) fn add_segment(&self, index: usize, first: u64) {
        let segment = Segment { bytes: HEADER_BYTES as u64, index: Vec::new() };
        lock(&self.partitions)[index].segments.insert(first, segment);
    }

    /// Shows readers what a commit made durable.
    pub(super) fn publish(&self, tails: &[Tail], buffers: &[Vec<u8>], marks: &[(usize, u64, usize)]) {
        let mut partitions = lock(&self.partitions);
        for &(index, offset, at) in marks {
            let tail = &tails[index];
            let start = tail.bytes - buffers[index].len() as u64;
            let segment = partitions[index].segments.entry(tail.first).or_default();
            let place = start + at as u64;
            if segment.index.last().is_none_or(|(_, byte)| place - byte >= INDEX_EVERY) {
                segment.index.push((offset, place));
            }
        }
        for (index, tail) in tails.iter().enumerate() {
            partitions[index].segments.entry(tail.first).or_default().bytes = tail.bytes;
            partitions[index].end = tail.next;
        }
        drop(partitions);
        self.ends.send_modify(|ends| ends.iter_mut().zip(tails).for_each(|(end, tail)| *end = tail.next));
    }

    pub(super) fn stall(&self, reason: String) {
        tracing::error!(reason, "log stalled");
        *lock(&self.health) = Health::Stalled { reason };
    }

    pub(super) fn check_stalled(&self) -> Result<()> {
        match &*lock(&self.health) {
            Health::Stalled { reason } => Err(Error::Stalled { reason: reason.clone() }),
            _ => Ok(()),
        }
    }

    /// Refuses to write into the disk's reserve; health follows.
    pub(super) fn check_space(&self, root: &Path, needed: u64, reserve_bytes: u64) -> Result<()> {
        let free_bytes = rustix::fs::statvfs(root).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        let full = free_bytes < reserve_bytes.saturating_add(needed);
        let mut health = lock(&self.health);
        if !matches!(*health, Health::Stalled { .. }) {
            *health = if full { Health::Full { free_bytes, reserve_bytes } } else { Health::Ok };
        }
        drop(health);
        if full { Err(Error::Full { free_bytes, reserve_bytes }) } else { Ok(()) }
    }

    /// The segment that holds `from` or the next frame after it: its first
    /// offset, where to read from, and its durable end.
    pub(super) fn place(&self, partition: u32, from: u64) -> Option<(u64, u64, u64)> {
        let partitions = lock(&self.partitions);
        let held = &partitions[partition as usize];
        let first = held.segments.range(..=from).next_back().map_or(from, |(first, _)| *first);
        let (&first, segment) = held.segments.range(first..).find(|(_, segment)| segment.bytes > 0)?;
        let at = segment.index.partition_point(|(offset, _)| *offset <= from);
        let start = at.checked_sub(1).map_or(HEADER_BYTES as u64, |at| segment.index[at].1);
        Some((first, start, segment.bytes))
    }

    /// The first offset of the segment after the one at `first`.
    pub(super) fn segment_after(&self, partition: u32, first: u64) -> Option<u64> {
        lock(&self.partitions)[partition as usize].segments.range(first + 1..).next().map(|(first, _)| *first)
    }

    /// Keeps what a scan learned: the index of an old segment, and damage.
    pub(super) fn remember(&self, scan: &Scan, file: &Path, partition: u32, first: u64) {
        let mut partitions = lock(&self.partitions);
        if let Some(segment) = partitions[partition as usize].segments.get_mut(&first) {
            let known = segment.index.last().map_or(0, |(_, byte)| *byte);
            segment.index.extend(scan.index.iter().filter(|(_, byte)| *byte >= known + INDEX_EVERY || known == 0));
        }
        drop(partitions);
        self.report(scan, file);
    }

    /// Says of each damage that a scan of `file` found, once.
    pub(super) fn report(&self, scan: &Scan, file: &Path) {
        let mut known = lock(&self.damage);
        for found in scan.damage.iter().map(|bytes| Damage { path: file.to_owned(), bytes: bytes.clone() }) {
            if !known.contains(&found) {
                tracing::error!(path = %found.path.display(), from = found.bytes.start, to = found.bytes.end, "damage in the middle of the log: frames there are lost, restore the file from a copy");
                known.push(found);
            }
        }
    }

    /// The damage found so far.
    pub(super) fn damage(&self) -> Vec<Damage> {
        lock(&self.damage).clone()
    }

    /// Whether the log takes appends, as last found.
    pub(super) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// The oldest segment, if it ends at or before `up_to` and is not the
    /// last: its first offset, and the bytes of those after it that begin
    /// before `up_to`.
    ///
    /// # Errors
    /// [`Error::NoPartition`].
    pub(super) fn released(&self, partition: u32, up_to: u64) -> Result<Option<(u64, u64)>> {
        let partitions = lock(&self.partitions);
        let held = partitions.get(partition as usize).ok_or(Error::NoPartition { partition })?;
        let mut oldest = held.segments.keys();
        let (Some(&first), Some(&next)) = (oldest.next(), oldest.next()) else { return Ok(None) };
        let behind = || held.segments.range(next..up_to).map(|(_, segment)| segment.bytes).sum();
        Ok((next <= up_to).then(|| (first, behind())))
    }

    /// Forgets a segment that is deleted.
    pub(super) fn forget(&self, partition: u32, first: u64) {
        lock(&self.partitions)[partition as usize].segments.remove(&first);
    }
}
