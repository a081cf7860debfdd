//! Small tables for tests: Parquet files with dead rows, and a memory tail.
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use crate::{
    FileView, ReadView, TableView,
    query::{ProfileIds, QueryEngine, QueryLimits, QueryResult, TableIds},
};
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    },
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use serde_json::{Value, json};
use std::{
    fs::File,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;

/// Rows of a row group: few, so that small files have several.
const ROW_GROUP_ROWS: usize = 4;

/// Tables in a folder of their own.
pub(crate) struct Fixture {
    folder: Arc<TempDir>,
    view: Arc<Mutex<ReadView>>,
    /// How often an engine of this fixture asked for the profile of a node.
    pub(crate) lookups: Arc<AtomicUsize>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), view: Arc::default(), lookups: Arc::default() }
    }

    /// Adds a file with `rows` to a table, those at `dead` not counting.
    pub(crate) fn file(self, table: &'static str, rows: &[Value], dead: &[u64]) -> Self {
        self.file_of(table, &schema(table), rows, dead)
    }

    /// As [`Fixture::file`], with only the columns of `columns`.
    pub(crate) fn file_of(self, table: &'static str, columns: &SchemaRef, rows: &[Value], dead: &[u64]) -> Self {
        let number = self.table(table).files.len();
        let path = self.folder.path().join(format!("{table}-{number}.parquet"));
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP_ROWS)).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, Arc::clone(columns), Some(properties)).unwrap();
        writer.write(&batch(columns, rows)).unwrap();
        writer.close().unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        let dead = (!dead.is_empty()).then(|| Arc::new(dead.iter().copied().collect()));
        let mut changed = self.table(table);
        changed.files.push(FileView { path, size, rows: rows.len() as u64, dead });
        self.set(changed);
        self
    }

    /// Adds rows that no file holds.
    pub(crate) fn tail(self, table: &'static str, rows: &[Value]) -> Self {
        let mut changed = self.table(table);
        changed.tail.push(batch(&changed.schema, rows));
        self.set(changed);
        self
    }

    /// A table as it is now, empty if nothing was added.
    pub(crate) fn table(&self, name: &'static str) -> TableView {
        let view = self.view.lock().unwrap();
        let empty = || TableView { name, schema: schema(name), files: Vec::new(), tail: Vec::new() };
        view.tables.get(name).map_or_else(empty, |table| (**table).clone())
    }

    pub(crate) fn set(&self, table: TableView) {
        self.view.lock().unwrap().tables.insert(table.name, Arc::new(table));
    }

    pub(crate) fn engine(&self) -> QueryEngine {
        self.engine_within(QueryLimits { threads: 2, ..QueryLimits::default() })
    }

    pub(crate) fn engine_within(&self, limits: QueryLimits) -> QueryEngine {
        // The files stay as long as the engine may read them.
        let (view, folder) = (Arc::clone(&self.view), Arc::clone(&self.folder));
        let source = move || {
            _ = &folder;
            Arc::new(view.lock().unwrap().clone())
        };
        QueryEngine::new(Arc::new(source), self.ids(), limits).unwrap()
    }

    fn ids(&self) -> Arc<dyn ProfileIds> {
        let rows = self.table("identities");
        let known = rows.tail.iter().flat_map(|batch| {
            let text = |name, row| {
                let column = batch.column_by_name(name).unwrap();
                datafusion::arrow::util::display::array_value_to_string(column, row).unwrap()
            };
            (0..batch.num_rows()).map(move |row| (text("node", row), text("profile_id", row)))
        });
        Arc::new(Counting { ids: TableIds::new(known.collect()), lookups: Arc::clone(&self.lookups) })
    }
}

/// Counts what it is asked.
struct Counting {
    ids: TableIds,
    lookups: Arc<AtomicUsize>,
}

impl ProfileIds for Counting {
    fn profile_id(&self, node: &str) -> Option<String> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.ids.profile_id(node)
    }
}

/// A result as CSV, its lines joined by `|`.
pub(crate) fn shown(result: &QueryResult) -> String {
    let mut bytes = Vec::new();
    crate::query::write_result(result, crate::query::Format::Csv, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap().trim_end().replace('\n', "|")
}

/// The stored columns of a table.
pub(crate) fn schema(table: &str) -> SchemaRef {
    let times = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns: &[&str] = match table {
        "events" => &[
            "message_id",
            "source",
            "type",
            "event",
            "user_id",
            "anonymous_id",
            "group_id",
            "previous_id",
            "identifiers",
            "timestamp",
            "original_timestamp",
            "sent_at",
            "received_at",
            "properties",
            "traits",
            "context",
            "consent",
            "node",
            "log_partition",
            "log_offset",
            "object",
        ],
        "profiles" => &["profile_id", "identifiers", "created_at", "updated_at", "traits"],
        "identities" => &["node", "kind", "value", "profile_id"],
        "objects" => &["source", "type", "id", "fields", "associations", "deleted", "updated_at"],
        "failed_events" => &["source", "reason", "message", "payload", "received_at", "log_partition", "log_offset"],
        "profile_changes" => &["change", "profile_id", "other_profile_id", "cause", "edges", "changed_at"],
        _ => panic!("no table {table}"),
    };
    let kind = |name: &str| match name {
        "log_partition" => DataType::Int32,
        "log_offset" => DataType::Int64,
        "deleted" => DataType::Boolean,
        "payload" => DataType::Binary,
        "timestamp" | "original_timestamp" => times(),
        name if name.ends_with("_at") => times(),
        _ => DataType::Utf8,
    };
    let fields: Vec<Field> = columns.iter().map(|name| Field::new(*name, kind(name), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Rows of a table; a column that a row lacks is null.
pub(crate) fn batch(schema: &SchemaRef, rows: &[Value]) -> RecordBatch {
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::clone(schema)).build_decoder().unwrap();
    decoder.serialize(rows).unwrap();
    decoder.flush().unwrap().unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema)))
}

/// The id of the `n`th profile.
pub(crate) fn id(n: u32) -> String {
    uuid::Uuid::from_u128(n.into()).to_string()
}

/// A row of `profiles`.
pub(crate) fn profile(n: u32, traits: &Value) -> Value {
    json!({
        "profile_id": id(n),
        "identifiers": format!(r#"[{{"kind":"user_id","value":"u{n}"}}]"#),
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-31T12:00:00Z",
        "traits": traits.to_string(),
    })
}

/// A row of `identities`: the user id `u{n}` of the `n`th profile.
pub(crate) fn identity(n: u32) -> Value {
    json!({"node": format!("user_id:u{n}"), "kind": "user_id", "value": format!("u{n}"), "profile_id": id(n)})
}

/// A row of `events` of the `n`th profile.
pub(crate) fn event(n: u32, name: &str, time: &str) -> Value {
    json!({
        "message_id": format!("m-{n}-{name}-{time}"), "source": "web", "type": "track", "event": name,
        "user_id": format!("u{n}"), "identifiers": "[]", "timestamp": time, "received_at": time,
        "properties": "{}", "node": format!("user_id:u{n}"), "log_partition": 0, "log_offset": 0,
    })
}
