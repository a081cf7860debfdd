//! The limit on what waits to be made durable: beyond it callers wait, and
//! are refused when it takes too long.

use crate::{Entry, Error, Result};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Longest wait for room; a client's own timeout is longer.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Bytes of one permit.
const UNIT_BYTES: usize = 1 << 10;
/// Bytes that an entry takes besides its key and value.
const ENTRY_BYTES: usize = 256;

/// A place in a queue of bounded bytes.
pub(crate) struct QueueLimit {
    room: Semaphore,
    units: usize,
}

impl QueueLimit {
    /// A queue of about `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let units = (bytes_max / UNIT_BYTES).clamp(1, u32::MAX as usize);
        Self { room: Semaphore::new(units), units }
    }

    /// Waits for room for `entries`; what is larger than the whole queue has it for itself.
    ///
    /// # Errors
    /// [`Error::Busy`] if there is none in time.
    pub(crate) async fn enter(&self, entries: &[Entry]) -> Result<SemaphorePermit<'_>> {
        let bytes: usize = entries.iter().map(|entry| entry.bytes() + ENTRY_BYTES).sum();
        let units = (bytes / UNIT_BYTES + 1).min(self.units);
        let busy = || Error::Busy { bytes_max: self.units * UNIT_BYTES };
        let room = self.room.acquire_many(u32::try_from(units).unwrap_or(u32::MAX));
        let room = tokio::time::timeout(WAIT_MAX, room).await;
        room.map_err(|_| busy())?.map_err(|_| busy())
    }
}
