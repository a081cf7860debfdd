//! The tables and their columns, as other programs rely on them.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the tables")]
pub enum TableName {
    Events,
    FailedEvents,
    Identities,
    Objects,
    ProfileChanges,
    Profiles,
}

const TEXT: DataType = DataType::Utf8;

/// The type of every time: UTC microseconds.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl TableName {
    /// Every table.
    pub const ALL: [Self; 6] =
        [Self::Events, Self::FailedEvents, Self::Identities, Self::Objects, Self::ProfileChanges, Self::Profiles];

    /// Its name in SQL and its folder.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::FailedEvents => "failed_events",
            Self::Identities => "identities",
            Self::Objects => "objects",
            Self::ProfileChanges => "profile_changes",
            Self::Profiles => "profiles",
        }
    }

    /// The columns that it always has.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        let fields = self.columns().into_iter().map(|(name, kind)| Field::new(name, kind, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn columns(self) -> Vec<(&'static str, DataType)> {
        match self {
            Self::Events => event_columns(),
            Self::FailedEvents => vec![
                ("source", TEXT),
                ("reason", TEXT),
                ("message", TEXT),
                ("payload", DataType::Binary),
                ("received_at", time_type()),
                ("log_partition", DataType::Int32),
                ("log_offset", DataType::Int64),
            ],
            Self::Identities => vec![("node", TEXT), ("kind", TEXT), ("value", TEXT), ("profile_id", TEXT)],
            Self::Objects => vec![
                ("source", TEXT),
                ("type", TEXT),
                ("id", TEXT),
                ("fields", TEXT),
                ("associations", TEXT),
                ("deleted", DataType::Boolean),
                ("updated_at", time_type()),
            ],
            Self::ProfileChanges => vec![
                ("change", TEXT),
                ("profile_id", TEXT),
                ("other_profile_id", TEXT),
                ("cause", TEXT),
                ("edges", TEXT),
                ("changed_at", time_type()),
            ],
            Self::Profiles => vec![
                ("profile_id", TEXT),
                ("identifiers", TEXT),
                ("created_at", time_type()),
                ("updated_at", time_type()),
                ("traits", TEXT),
            ],
        }
    }

    /// The columns whose least and greatest values the log holds: times and
    /// positions, never personal data.
    pub(crate) fn measured(self) -> &'static [&'static str] {
        match self {
            Self::Events => &["timestamp", "received_at", "log_partition", "log_offset"],
            Self::FailedEvents => &["received_at", "log_partition", "log_offset"],
            Self::Identities => &[],
            Self::Objects => &["updated_at"],
            Self::ProfileChanges => &["changed_at"],
            Self::Profiles => &["created_at", "updated_at"],
        }
    }
}

fn event_columns() -> Vec<(&'static str, DataType)> {
    vec![
        ("message_id", TEXT),
        ("source", TEXT),
        ("type", TEXT),
        ("event", TEXT),
        ("user_id", TEXT),
        ("anonymous_id", TEXT),
        ("group_id", TEXT),
        ("previous_id", TEXT),
        ("identifiers", TEXT),
        ("timestamp", time_type()),
        ("original_timestamp", time_type()),
        ("sent_at", time_type()),
        ("received_at", time_type()),
        ("properties", TEXT),
        ("traits", TEXT),
        ("context", TEXT),
        ("consent", TEXT),
        ("node", TEXT),
        ("log_partition", DataType::Int32),
        ("log_offset", DataType::Int64),
        ("object", TEXT),
    ]
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
