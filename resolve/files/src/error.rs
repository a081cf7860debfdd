//! Why a command on files is refused, and what to do next.

use std::path::{Path, PathBuf};
use tributary_resolve::matching;

/// What can go wrong; unless said otherwise the caller's files are to be put right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has no bytes.
    #[error("{}: the file is empty: give a CSV file whose first row names its columns, or a Parquet file", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what it seems to be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// One row is wrong.
    #[error("{}, row {row}: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 1, the header not counted.
        row: usize,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A column that was asked for is not there.
    #[error("{}: no column {column:?}: its columns are {}", path.display(), known.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// Two columns have one name.
    #[error("{}: two columns are called {column:?}: rename one", path.display())]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// Their name.
        column: String,
    },
    /// A record has no key.
    #[error("{}, row {row}: no key in column {column:?}: every record needs one of its own", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The row, from 1, the header not counted.
        row: usize,
        /// The key column.
        column: String,
    },
    /// Two records have one key.
    #[error(
        "{}: key {key:?} of column {column:?} comes twice, in rows {first} and {second}: \
         give --key a column that is different in every row",
        path.display()
    )]
    RepeatedKey {
        /// The file.
        path: PathBuf,
        /// The key column.
        column: String,
        /// The key.
        key: String,
        /// Row of the first, from 1, the header not counted.
        first: usize,
        /// Row of the second.
        second: usize,
    },
    /// Two files have one stem, by which the output would tell them apart.
    #[error("{} and {} have the same stem, by which the output tells files apart: rename one", one.display(), other.display())]
    SameStem {
        /// The first file.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// No column tells who a record is about.
    #[error(
        "no column can be compared: of {columns} columns none was recognised as telling who a record is about: \
         say what they are in a file given with --config, for example\n\
         columns:\n  c1: given_name\n  c2: birth_date"
    )]
    NothingToCompare {
        /// Columns looked at.
        columns: usize,
    },
    /// There was nothing to train on.
    #[error("nothing to train on: {records} records, training needs at least 2")]
    NothingToTrain {
        /// Records read.
        records: usize,
    },
    /// The model cannot be used.
    #[error("{}: {source}: train it again with `tributary identity train`", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: matching::Error,
    },
    /// Matching refused the table.
    #[error(transparent)]
    Matching(#[from] matching::Error),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] tributary_config::Error),
    /// Two flags or settings exclude each other.
    #[error("{reason}")]
    Usage {
        /// What is wrong and what to do.
        reason: String,
    },
    /// Standard input cannot be read.
    #[error("read the answers")]
    Replies(#[source] std::io::Error),
    /// Standard output cannot be written.
    #[error("write the report")]
    Report(#[from] std::io::Error),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn row(path: &Path, row: usize, reason: impl Into<String>) -> Self {
        Self::Row { path: path.to_owned(), row, reason: reason.into() }
    }
}
