//! The one error of this crate. Who must act: the author of the configuration.

use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("read configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{file}:{line}: not readable as YAML: {reason}")]
    Yaml {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("{file}:{line}: {key}: {reason}")]
    Setting {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Path of the key, as `sources[0].path`.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
