//! Sorted exports of whole tables, to compare two servers byte for byte.

use crate::Server;
use anyhow::ensure;
use std::collections::BTreeMap;

/// What makes a row of each table unique, which is also the order of its export.
const KEYS: [(&str, &str); 4] = [
    ("events", "source, message_id"),
    ("profiles", "profile_id"),
    ("identities", "kind, value"),
    ("objects", "source, type, id"),
];

/// Of `events` all that does not say when a record came, and where in the log.
const EVENT_COLUMNS: &str = "message_id, source, type, event, user_id, anonymous_id, group_id, previous_id, identifiers, \
    timestamp, original_timestamp, sent_at, properties, traits, context, consent, node, object, profile_id";

/// CSV of tables, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export(BTreeMap<String, String>);

impl Export {
    /// Exports `tables` in full, through `tributary sql`.
    ///
    /// # Errors
    /// If one cannot be read.
    pub async fn of(server: &Server, tables: &[&str]) -> anyhow::Result<Self> {
        let mut export = Self::default();
        for table in tables {
            export.add(server, table, "*").await?;
        }
        Ok(export)
    }

    /// Exports all that follows from the records alone, not from when, in which order and through which log they came.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub async fn of_records(server: &Server) -> anyhow::Result<Self> {
        let mut export = Self::of(server, &["profiles", "identities", "objects"]).await?;
        export.add(server, "events", EVENT_COLUMNS).await?;
        Ok(export)
    }

    async fn add(&mut self, server: &Server, table: &str, columns: &str) -> anyhow::Result<()> {
        let keys = KEYS.iter().find(|(name, _)| *name == table);
        let order = keys.map_or("1", |(_, key)| key);
        let csv = server.sql_csv(&format!("SELECT {columns} FROM {table} ORDER BY {order}")).await?;
        self.0.insert(table.to_owned(), csv);
        Ok(())
    }

    /// Rows of a table, its header not counted.
    #[must_use]
    pub fn rows(&self, table: &str) -> usize {
        self.0.get(table).map_or(0, |csv| csv.lines().count().saturating_sub(1))
    }

    /// Compares two exports.
    ///
    /// # Errors
    /// With the first line that differs.
    pub fn ensure_same(&self, other: &Self, what: &str) -> anyhow::Result<()> {
        ensure!(self.0.keys().eq(other.0.keys()), "{what}: other tables");
        for (table, csv) in &self.0 {
            let theirs = &other.0[table];
            let (ours, theirs): (Vec<_>, Vec<_>) = (csv.lines().collect(), theirs.lines().collect());
            let differing = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
            let at = differing.unwrap_or(ours.len().min(theirs.len()));
            ensure!(
                ours == theirs,
                "{what}: {table} differs in line {at} ({} and {} lines)\n  {}\n  {}",
                ours.len(),
                theirs.len(),
                ours.get(at).unwrap_or(&"(end)"),
                theirs.get(at).unwrap_or(&"(end)"),
            );
        }
        Ok(())
    }
}
