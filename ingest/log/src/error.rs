//! The one error of this crate.

use std::path::PathBuf;

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written: look at the disk.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file of the log is not what was written: restore it, or start with an empty folder.
    #[error("{} is damaged: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is at its reserve: free some space, it goes on by itself.
    #[error("disk full: {free_bytes} bytes free, {reserve_bytes} kept in reserve")]
    Full {
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes that must stay free.
        reserve_bytes: u64,
    },
    /// More is waiting to be made durable than the queue holds: send it again later.
    #[error("the queue of {bytes_max} bytes is full")]
    Busy {
        /// Bytes that may wait.
        bytes_max: usize,
    },
    /// An entry is larger than the log takes: the caller must limit it.
    #[error("an entry of {bytes} bytes is larger than the log takes, {bytes_max} bytes")]
    TooLarge {
        /// Bytes of its key and value.
        bytes: usize,
        /// Most bytes of key and value.
        bytes_max: usize,
    },
    /// A write could not be made durable; the process must start again.
    #[error("log stalled: {reason}")]
    Stalled {
        /// Why.
        reason: String,
    },
    /// There is no such partition: the caller is wrong.
    #[error("no partition {partition}")]
    NoPartition {
        /// The number asked for.
        partition: u32,
    },
    /// The brokers did not answer, or cannot do it now: try again; if it lasts, look at the brokers.
    #[error("{action}: the brokers do not answer or cannot do it now")]
    Unreachable {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The brokers refuse it for good: change the permissions or the configuration.
    #[error("{action}: the brokers refuse it")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A setting of the client is wrong: change the configuration. Its value may be a secret and is not kept here.
    #[error("Kafka property `{name}`: {reason}")]
    Property {
        /// The property.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The topic cannot serve as this log: name another one, or change the configuration.
    #[error("topic `{topic}`: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The log ends below what was read from it, and cannot skip offsets: somebody must decide.
    #[error(
        "partition {partition} ends at offset {end}, below {offset} that was read already: the topic was truncated, or \
         deleted and made again; restore it, or start with another topic and an empty data folder"
    )]
    Behind {
        /// The partition.
        partition: u32,
        /// Its end.
        end: u64,
        /// Where it should go on.
        offset: u64,
    },
    /// Retention deleted frames before they were read: somebody must decide.
    #[error(
        "partition {partition} begins at offset {first}: what stood from {from} on was deleted by the topic's retention \
         before it was read; restore it, or set the property `auto.offset.reset: earliest` to go on without it"
    )]
    Lost {
        /// The partition.
        partition: u32,
        /// The first offset that was to be read.
        from: u64,
        /// The first that is there.
        first: u64,
    },
}

/// Who must act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operator: change the configuration or the permissions.
    Config,
    /// The operator: data is damaged, lost or too large.
    Data,
    /// Nobody: try again later.
    Transient,
    /// The process must start again, or the program is wrong.
    Internal,
}

impl Error {
    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Property { .. } | Self::Topic { .. } | Self::Refused { .. } => ErrorKind::Config,
            Self::Corrupt { .. } | Self::TooLarge { .. } | Self::Behind { .. } | Self::Lost { .. } => ErrorKind::Data,
            Self::Full { .. } | Self::Busy { .. } | Self::Unreachable { .. } => ErrorKind::Transient,
            Self::Io { .. } | Self::Stalled { .. } | Self::NoPartition { .. } => ErrorKind::Internal,
        }
    }
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
