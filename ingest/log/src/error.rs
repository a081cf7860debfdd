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
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
