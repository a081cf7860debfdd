//! The durable log: what is appended is on disk before `append` returns.
//!
//! ```text
//! append(entries) --> queue --> writer thread: write, fdatasync --> positions
//!                                     |
//! read(partition, from) <-- segment files, synced frames only
//! ```
//!
//! [`Log`] is the trait; [`EmbeddedLog`] keeps a folder of segment files (their
//! format is described in [`frame`]).

mod embedded;
mod error;
pub mod frame;
mod segment;
mod writer;

pub use embedded::{Damage, EmbeddedLog, EmbeddedOptions};
pub use error::{Error, Result};

use bytes::Bytes;
use uuid::Uuid;

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The partition, from 0.
    pub partition: u32,
    /// The offset in it, from 0; offsets may have gaps and are never reused.
    pub offset: u64,
}

/// What is appended. Equal keys go to one partition.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Chooses the partition.
    pub key: Bytes,
    /// The payload.
    pub value: Bytes,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its offset in the partition.
    pub offset: u64,
    /// As appended.
    pub key: Bytes,
    /// As appended.
    pub value: Bytes,
}

/// Whether the log takes appends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It does.
    Ok,
    /// The disk is at its reserve: free some space.
    Full {
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that must stay free.
        reserve_bytes: u64,
    },
    /// It failed and takes no more until the process starts again.
    Stalled {
        /// Why.
        reason: String,
    },
}

/// A durable, partitioned log.
#[async_trait::async_trait]
pub trait Log: Send + Sync + 'static {
    /// The id made at first use: offsets mean nothing to another log.
    fn id(&self) -> Uuid;

    /// Number of partitions.
    fn partitions(&self) -> u32;

    /// Appends `entries` and returns their positions, in their order, once all
    /// are durable. After an error some may be durable: send them again with
    /// the same message ids.
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>>;

    /// Returns durable frames at or above `from`, in order, of about
    /// `bytes_max` bytes; at least one if there is one.
    async fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>>;

    /// Returns when there is a durable frame at or above `from`. Cancel-safe.
    async fn wait(&self, partition: u32, from: u64);

    /// The end of each partition: the offset after its last durable frame.
    async fn durable_ends(&self) -> Result<Vec<u64>>;

    /// Hints that nobody needs the frames below `up_to` any more.
    async fn release(&self, partition: u32, up_to: u64) -> Result<()>;

    /// Makes sure that the next offset is at least `offset`.
    async fn continue_above(&self, partition: u32, offset: u64) -> Result<()>;

    /// Whether it takes appends.
    fn health(&self) -> Health;

    /// Waits for what was appended and closes.
    async fn close(&self) -> Result<()>;
}
