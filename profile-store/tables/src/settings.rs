//! What can be set about the tables.

use std::collections::BTreeMap;
use std::time::Duration;

/// Type that the column of a trait is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TraitType {
    String,
    Integer,
    Float,
    Boolean,
    Timestamp,
    Date,
}

/// Settings of the tables. The defaults suit a server.
#[derive(Clone, Debug)]
pub struct TableSettings {
    /// Types of traits by folded name, over those that the specification reserves.
    pub traits: BTreeMap<String, TraitType>,
    /// Most columns of `profiles`.
    pub columns_max: usize,
    /// `events`: a commit at most this long after a row came.
    pub append_interval: Duration,
    /// `events`: a commit as soon as this many rows wait.
    pub append_rows: usize,
    /// Replaced tables: a commit at most this long after a row changed.
    pub replace_interval: Duration,
    /// Replaced tables: a commit as soon as this many rows wait.
    pub replace_rows: usize,
    /// Least time between two looks for changed rows; they show to queries after it.
    pub refresh_interval: Duration,
    /// Most rows of a replaced table in one commit.
    pub commit_rows_max: usize,
    /// Most bytes of rows that wait in memory.
    pub tail_bytes_max: usize,
    /// Commits from one checkpoint to the next.
    pub checkpoint_every: u64,
    /// Files below this size are merged.
    pub small_file_bytes: u64,
    /// Once there are this many small files, they are merged.
    pub small_files: usize,
    /// A file with a greater share of dead rows is rewritten.
    pub dead_share_max: f64,
    /// More files with a deletion vector than this are rewritten.
    pub vector_files_max: usize,
    /// Log files before the last checkpoint are kept for this long.
    pub log_retention: Duration,
    /// Files that no version needs any more are kept for this long, for queries under way.
    pub file_grace: Duration,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            traits: BTreeMap::new(),
            columns_max: 500,
            append_interval: Duration::from_secs(5),
            append_rows: 50_000,
            replace_interval: Duration::from_secs(30),
            replace_rows: 20_000,
            refresh_interval: Duration::from_millis(250),
            commit_rows_max: 50_000,
            tail_bytes_max: 128 << 20,
            checkpoint_every: 15,
            small_file_bytes: 128 << 20,
            small_files: 64,
            dead_share_max: 0.2,
            vector_files_max: 100,
            log_retention: Duration::from_hours(24),
            file_grace: Duration::from_mins(15),
        }
    }
}

/// Traits to which the Segment specification gives a type other than text
/// (segment.com/docs/connections/spec/identify, "Traits").
const RESERVED: [(&str, TraitType); 3] =
    [("age", TraitType::Integer), ("birthday", TraitType::Date), ("created_at", TraitType::Timestamp)];

impl TableSettings {
    /// The type of a trait: the declared one, else the reserved one, else text.
    pub(crate) fn trait_type(&self, name: &str) -> TraitType {
        let reserved = || RESERVED.iter().find(|(reserved, _)| *reserved == name).map(|(_, kind)| *kind);
        self.traits.get(name).copied().or_else(reserved).unwrap_or(TraitType::String)
    }
}
