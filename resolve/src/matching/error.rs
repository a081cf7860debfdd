//! Why a run is refused.

/// What a run can be refused for; all of it is for the caller to put right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two records carry one key: choose a key column without repeats.
    #[error("two records carry one key: rows {first} and {second}")]
    RepeatedKey {
        /// Row of the first, from 0.
        first: usize,
        /// Row of the second, from 0.
        second: usize,
    },
    /// A column is not as long as the table: the caller's mistake.
    #[error("column {column} has {found} rows, the table {expected}")]
    ColumnLength {
        /// Name of the column.
        column: String,
        /// Rows it has.
        found: usize,
        /// Rows it should have.
        expected: usize,
    },
    /// No column tells who a record is about: name the columns.
    #[error("no column can be compared: {columns} columns seen, none recognised")]
    NothingToCompare {
        /// Columns that were looked at.
        columns: usize,
    },
    /// The model was written by another version: train it again.
    #[error("model version {found}, this program reads {expected}")]
    ModelVersion {
        /// Version in the file.
        found: u32,
        /// Version this program reads.
        expected: u32,
    },
    /// The model does not hold together: restore the file or train it again.
    #[error("model is damaged: {part}")]
    ModelDamaged {
        /// Which part of it.
        part: &'static str,
    },
    /// The file says what to compare, not how much that is worth: train it.
    #[error("the model has no probabilities: train it with `tributary identity train --splink`")]
    NotTrained,
    /// A blocking key cannot be made: write it with the parts there are.
    #[error("blocking key [{key}]: {reason}")]
    BlockingKey {
        /// The key as it is written.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is no settings file of Splink: give the file that it saved.
    #[error("splink settings cannot be read: {part}")]
    SplinkUnreadable {
        /// What is wrong with it.
        part: String,
    },
    /// A level of a Splink comparison has no equal here: take it out or replace it.
    #[error("splink comparison {comparison} is refused, {reason}: {sql}")]
    SplinkRefused {
        /// Output column of the comparison.
        comparison: String,
        /// The condition as it is written.
        sql: String,
        /// Why it is refused.
        reason: String,
    },
    /// A comparison is of a column that is not compared: name one that the records have.
    #[error("a comparison is of column {column:?}, which the records lack or which cannot be compared")]
    NotCompared {
        /// The column of the comparison.
        column: String,
    },
    /// More records than one run holds: split the file.
    #[error("{records} records, one run holds {limit}")]
    TooManyRecords {
        /// Records given.
        records: usize,
        /// Most that one run holds.
        limit: usize,
    },
}

/// Result of this module.
pub type Result<T> = std::result::Result<T, Error>;
