//! The one error of this crate.

use crate::TableName;
use std::path::{Path, PathBuf};

/// What can go wrong with the tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log of a table cannot be read or written: look at the disk and the source.
    #[error("{action} the table {table}")]
    Delta {
        /// The table.
        table: TableName,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<delta_kernel::KernelError>,
    },
    /// Another process wrote to the table: there must be one writer per folder.
    #[error("the table {table} was written by another process (version {version})")]
    Conflict {
        /// The table.
        table: TableName,
        /// The version that exists already.
        version: u64,
    },
    /// A table holds the records of another log: configure that log, or use another data folder.
    #[error("the table {table} was made from another log")]
    OtherLog {
        /// The table.
        table: TableName,
    },
    /// A file or folder cannot be used: look at the disk.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file of a table is damaged: restore it from a backup, or rebuild the table from the log.
    #[error("the table file {} is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows cannot be laid out as columns: a mistake in this program.
    #[error("lay out rows of the table {table}")]
    Rows {
        /// The table.
        table: TableName,
        /// Why it failed.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// The live state cannot be read or written: look at its own error.
    #[error("use the live state")]
    State(#[from] tributary_state::Error),
    /// A table did not reach the end that was asked for in time: wait, or look at its health.
    #[error("the table {table} lags: partition {partition} is at {recorded} of {end}")]
    Lagging {
        /// The table that lags.
        table: TableName,
        /// The partition it lags in.
        partition: u32,
        /// The next offset it needs.
        recorded: u64,
        /// The offset that was asked for.
        end: u64,
    },
    /// A table still has rows to commit when it was waited for: wait longer, or look at its errors.
    #[error("the table {table} has not committed all that changed")]
    Uncommitted {
        /// The table.
        table: TableName,
    },
    /// A metric cannot be registered: a mistake in this program.
    #[error("register metrics")]
    Metrics(#[from] prometheus::Error),
    /// A task ended before it was done: the process is shutting down, or a mistake in this program.
    #[error("finish a task of the tables")]
    Task(#[from] tokio::task::JoinError),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn delta(table: TableName, action: &'static str) -> impl FnOnce(delta_kernel::KernelError) -> Self {
        move |source| Self::Delta { table, action, source: Box::new(source) }
    }

    pub(crate) fn rows(table: TableName) -> impl Fn(arrow::error::ArrowError) -> Self {
        move |source| Self::Rows { table, source }
    }

    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
