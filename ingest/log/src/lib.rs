//! The durable log: what is appended is durable before `append` returns.
//!
//! ```text
//! EmbeddedLog  append(entries) --> blocks --> queue --> writer thread: write, fdatasync --> positions
//!                                                  |
//!              read(partition, from) <-- segment files, synced frames only
//!
//! KafkaLog     append(entries) --> queue --> idempotent producer, all in-sync replicas --> positions
//!                                                  |
//!              read(partition, from) <-- buffer <-- consumer, assigned by offset
//! ```
//!
//! [`Log`] is the trait. [`EmbeddedLog`] keeps a folder of segment files (their
//! format is described in [`block`]); [`KafkaLog`] keeps a topic (described in
//! [`kafka`]). One set of tests, `tests/suite`, holds both to the trait.

mod embedded;
mod error;
pub mod kafka;
mod queue;

pub use embedded::{Damage, EmbeddedLog, EmbeddedOptions, block};
pub use error::{Error, ErrorKind, Result};
pub use kafka::{KafkaLog, KafkaOptions};

use bytes::Bytes;
use twox_hash::XxHash3_64;
use uuid::Uuid;

/// The partition, below `partitions`, of the frames with this key: XXH3-64 of the key, modulo their number.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    let partition = XxHash3_64::oneshot(key) % u64::from(partitions.max(1));
    u32::try_from(partition).unwrap_or_default()
}

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

impl Entry {
    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
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
    /// It takes none. A failed disk stays so until the process starts again;
    /// brokers that cannot be reached are tried until they can.
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
    ///
    /// # Errors
    /// By [`Error::kind`]: `Transient` if there is no room or no answer now,
    /// `Data` if an entry is too large, `Internal` if the log is stalled or closed.
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>>;

    /// Returns durable frames at or above `from`, in order, of about
    /// `bytes_max` bytes; at least one if there is one.
    ///
    /// # Errors
    /// [`Error::NoPartition`]; `Transient` if the brokers do not answer; `Data`
    /// if what stood there is damaged, lost or was never there.
    async fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>>;

    /// Returns when there is a durable frame at or above `from`, or when
    /// reading there would fail. Cancel-safe.
    async fn wait(&self, partition: u32, from: u64);

    /// The end of each partition: the offset after its last durable frame.
    ///
    /// # Errors
    /// `Transient` if the brokers do not answer.
    async fn durable_ends(&self) -> Result<Vec<u64>>;

    /// Hints that nobody needs the frames below `up_to` any more.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be deleted, [`Error::NoPartition`].
    async fn release(&self, partition: u32, up_to: u64) -> Result<()>;

    /// Makes sure that the next offset is at least `offset`.
    ///
    /// # Errors
    /// [`Error::Behind`] if it is not and the log cannot skip offsets.
    async fn continue_above(&self, partition: u32, offset: u64) -> Result<()>;

    /// Whether it takes appends.
    fn health(&self) -> Health;

    /// Waits for what was appended and closes; later appends are refused.
    ///
    /// # Errors
    /// If what was appended could not be waited for.
    async fn close(&self) -> Result<()>;
}
