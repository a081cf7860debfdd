//! Settings of the embedded log.

use std::time::Duration;

/// Settings of the embedded log.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Partitions of a new log.
    pub partitions: u32,
    /// A segment is closed at this size.
    pub segment_bytes: u64,
    /// Released segments are kept while the released ones after them are fewer bytes than this.
    pub retain_bytes: u64,
    /// Released segments are kept this long.
    pub retain: Duration,
    /// Bytes of the disk that must stay free.
    pub disk_reserve_bytes: u64,
    /// Bytes that may wait to be made durable, and of one commit at most.
    pub queue_bytes_max: usize,
    /// Least time between two commits.
    pub commit_floor: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            partitions: 4,
            segment_bytes: 128 << 20,
            retain_bytes: 1 << 30,
            retain: Duration::from_hours(24),
            disk_reserve_bytes: 256 << 20,
            queue_bytes_max: 64 << 20,
            commit_floor: Duration::from_millis(1),
        }
    }
}
