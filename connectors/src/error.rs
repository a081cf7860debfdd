//! The one error of this crate.

use std::path::PathBuf;

/// Who must act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The author of the configuration.
    Config,
    /// Whoever made the data.
    Data,
    /// Nobody: try again later.
    Transient,
    /// The authors of this program.
    Internal,
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened or read: check the path and its rights.
    #[error("read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The mapping names a column that the file has not: correct the mapping.
    #[error("{} has no column {column:?}; it has: {}", path.display(), columns.join(", "))]
    Column {
        /// The file.
        path: PathBuf,
        /// The column that the mapping names.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// A setting cannot be used: correct it.
    #[error("source {source_name}: {key}: {reason}")]
    Setting {
        /// The source.
        source_name: String,
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not of its format: look at what wrote it.
    #[error("{} is not readable: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A stream was asked for that the source has not.
    #[error("there is no stream {stream:?}")]
    Stream {
        /// The stream.
        stream: String,
    },
    /// A task of this program ended early.
    #[error("reading stopped: {reason}")]
    Internal {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Says who must act.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Column { .. } | Self::Setting { .. } | Self::Stream { .. } => ErrorKind::Config,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::Config,
            Self::File { .. } => ErrorKind::Transient,
            Self::Format { .. } => ErrorKind::Data,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
