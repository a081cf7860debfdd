//! Records to write, and rows as the tables hold them.
#![allow(dead_code, reason = "each test file uses some of it")]

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tributary_protocol::{FailedEvent, Identifier, LogValue, Object, Record, RecordKind, Timestamp, Timestamps};
use tributary_state::{Applied, Counted, IdentityRow, Mode, ObjectRow, Options, ProfileRow, State, Table};
use tributary_tables::{ReadView, TableSettings, TableView, Tables};
use uuid::Uuid;

pub const LOG: Uuid = Uuid::from_u128(0x10);
pub const MINUTE: Duration = Duration::from_mins(1);

/// A table folder under test, with its state and log position.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub state: State,
    pub tables: Arc<Tables>,
    pub settings: TableSettings,
    pub partitions: u32,
    log: Mutex<Vec<Vec<LogValue>>>,
}

/// Settings under which only a flush commits.
pub fn quiet() -> TableSettings {
    TableSettings { append_interval: 60 * MINUTE, replace_interval: 60 * MINUTE, ..TableSettings::default() }
}

/// Settings under which files are merged, rewritten and cleaned all the time.
pub fn busy() -> TableSettings {
    TableSettings {
        small_files: 4,
        checkpoint_every: 3,
        log_retention: Duration::ZERO,
        file_grace: Duration::ZERO,
        ..quiet()
    }
}

pub async fn open(folder: &Path, state: &State, partitions: u32, settings: &TableSettings) -> Arc<Tables> {
    try_open(folder, state, partitions, settings).await.unwrap()
}

pub async fn try_open(
    folder: &Path,
    state: &State,
    partitions: u32,
    settings: &TableSettings,
) -> tributary_tables::Result<Arc<Tables>> {
    let registry = prometheus::Registry::new();
    Tables::open(&folder.join("tables"), state.clone(), LOG, partitions, settings.clone(), &registry).await
}

impl Bench {
    pub async fn new(settings: TableSettings) -> Self {
        Self::with(State::in_memory(Options::default()), 1, settings).await
    }

    pub async fn with(state: State, partitions: u32, settings: TableSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = open(folder.path(), &state, partitions, &settings).await;
        let log = Mutex::new(vec![Vec::new(); partitions as usize]);
        Self { folder, state, tables, settings, partitions, log }
    }

    /// What the worker does with a batch; returns the changes of the partition it made.
    pub async fn take(&self, partition: u32, values: Vec<LogValue>) -> usize {
        let from = self.state.position(partition).unwrap();
        self.log.lock().unwrap()[partition as usize].extend(values.iter().cloned());
        let values: Vec<(u64, LogValue)> = (from..).zip(values).collect();
        let next = from + values.len() as u64;
        let applied = self.state.apply(partition, next, values, Mode::Live).unwrap();
        let changes = applied.changes.len();
        self.tables.accept(partition, next, applied).await.unwrap();
        changes
    }

    pub async fn flush(&self) {
        let ends: Vec<u64> = (0..self.partitions).map(|partition| self.state.position(partition).unwrap()).collect();
        self.tables.flush(&ends, MINUTE).await.unwrap();
        assert_eq!(self.tables.recorded(), ends);
    }

    /// Opens the same folder and state again, as after a kill, and reads the log again.
    pub async fn reopen(&mut self) {
        self.reopen_without_log().await;
        for (partition, from) in (0..).zip(self.tables.events_recorded()) {
            let next = self.state.position(partition).unwrap();
            let log = self.log.lock().unwrap()[partition as usize].clone();
            let values = (0..).zip(log).skip_while(|(offset, _)| *offset < from);
            let is_first = |(offset, value): &(u64, LogValue)| {
                self.state.counted_at(value.dedup_key()).unwrap() == Some((partition, *offset))
            };
            let counted = values.filter(is_first).map(|(offset, value)| Counted { offset, value }).collect();
            self.tables.accept(partition, next, Applied { counted, ..Applied::default() }).await.unwrap();
        }
    }

    pub async fn reopen_without_log(&mut self) {
        self.tables = open(self.folder.path(), &self.state, self.partitions, &self.settings).await;
    }

    pub fn rows(&self, table: &str) -> Vec<Value> {
        rows(&self.tables.read_view(), table)
    }

    pub fn files(&self, table: &str) -> usize {
        self.tables.read_view().tables[table].files.len()
    }
}

/// The live rows of a table as JSON, sorted.
pub fn rows(view: &ReadView, table: &str) -> Vec<Value> {
    let view = &view.tables[table];
    let mut batches = file_rows(view);
    batches.extend(view.tail.iter().cloned());
    for batch in &view.tail {
        assert_eq!(batch.schema(), view.schema, "a row of the tail is laid out as the table");
    }
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(ToString::to_string);
    rows
}

fn file_rows(view: &TableView) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for file in &view.files {
        assert_eq!(std::fs::metadata(&file.path).unwrap().len(), file.size);
        let handle = std::fs::File::open(&file.path).unwrap();
        let mut row = 0;
        for batch in ParquetRecordBatchReaderBuilder::try_new(handle).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let is_live = |row: u64| !file.dead.as_ref().is_some_and(|dead| dead.contains(row));
            let keep: BooleanArray = (row..).take(batch.num_rows()).map(|row| Some(is_live(row))).collect();
            row += batch.num_rows() as u64;
            batches.push(filter_record_batch(&batch, &keep).unwrap());
        }
        assert_eq!(row, file.rows);
    }
    batches
}

pub fn texts(rows: &[Value], column: &str) -> Vec<String> {
    rows.iter().map(|row| row[column].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits for what a writer does by itself.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < MINUTE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn identifier(kind: &str, value: &str) -> Identifier {
    Identifier::new(kind, value).unwrap()
}

/// A record of a person known by these identifiers.
pub fn record(message_id: &str, kind: RecordKind, identifiers: &[(&str, &str)], traits: &Value) -> Record {
    let mut identifiers: Vec<Identifier> = identifiers.iter().map(|(kind, value)| identifier(kind, value)).collect();
    identifiers.sort();
    let number: i64 = message_id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    let stamp = Timestamp((1_700_000_000 + number) * 1_000_000);
    let timestamps = Timestamps {
        timestamp: stamp,
        original_timestamp: Some(stamp),
        sent_at: None,
        received_at: Timestamp(stamp.0 + 7),
    };
    let bare = Record::new("web", message_id.to_owned(), kind, timestamps, identifiers);
    Record { traits: traits.as_object().cloned().unwrap_or_default(), ..bare }
}

pub fn identify(message_id: &str, identifiers: &[(&str, &str)], traits: &Value) -> LogValue {
    LogValue::Record(Box::new(record(message_id, RecordKind::Identify, identifiers, traits)))
}

pub fn track(message_id: &str, user: &str) -> LogValue {
    LogValue::Record(Box::new(record(message_id, RecordKind::Track, &[("user_id", user)], &Value::Null)))
}

pub fn object(message_id: &str, id: &str, fields: &Value) -> LogValue {
    let mut record = record(message_id, RecordKind::Object, &[], &Value::Null);
    let fields = fields.as_object().cloned().unwrap_or_default();
    record.object =
        Some(Object { kind: "deals".to_owned(), id: id.to_owned(), fields, associations: Vec::new(), deleted: false });
    LogValue::Record(Box::new(record))
}

pub fn failed(payload: &str) -> LogValue {
    LogValue::Failed(FailedEvent {
        source: "web".to_owned(),
        reason: "malformed".to_owned(),
        message: "no JSON".to_owned(),
        payload: payload.as_bytes().to_vec(),
        received_at: Timestamp(1_700_000_000_000_000),
    })
}

/// What the state would have the replaced tables hold, told by a second state
/// whose rows were never marked clean.
pub struct Oracle(State);

impl Oracle {
    pub fn new() -> Self {
        Self(State::in_memory(Options::default()))
    }

    pub fn take(&self, partition: u32, values: Vec<LogValue>) {
        let from = self.0.position(partition).unwrap();
        let values: Vec<(u64, LogValue)> = (from..).zip(values).collect();
        let next = from + values.len() as u64;
        self.0.apply(partition, next, values, Mode::Live).unwrap();
    }

    fn keys(&self, table: Table) -> impl Iterator<Item = u128> {
        self.0.dirty(table).into_iter().map(|(key, _)| key)
    }

    pub fn profiles(&self) -> Vec<ProfileRow> {
        self.keys(Table::Profiles).filter_map(|key| self.0.profile_row(key).unwrap()).collect()
    }

    pub fn identities(&self) -> Vec<IdentityRow> {
        self.keys(Table::Identities).filter_map(|key| self.0.identity_row(key).unwrap()).collect()
    }

    pub fn objects(&self) -> Vec<ObjectRow> {
        self.keys(Table::Objects).filter_map(|key| self.0.object_row(key).unwrap()).collect()
    }
}

/// Holds the replaced tables of a view to the oracle.
pub fn check(oracle: &Oracle, view: &ReadView) {
    let mut expected: Vec<[String; 3]> = oracle.profiles().iter().map(profile_text).collect();
    expected.sort();
    let shown = rows(view, "profiles");
    let mut shown: Vec<[String; 3]> = shown
        .iter()
        .map(|row| ["profile_id", "identifiers", "traits"].map(|name| row[name].as_str().unwrap().to_owned()))
        .collect();
    shown.sort();
    assert_eq!(shown, expected);

    let mut expected: Vec<String> =
        oracle.identities().iter().map(|row| format!("{} {}", row.node, row.profile_id)).collect();
    expected.sort();
    let shown = rows(view, "identities");
    let mut shown: Vec<String> = shown
        .iter()
        .map(|row| format!("{} {}", row["node"].as_str().unwrap(), row["profile_id"].as_str().unwrap()))
        .collect();
    shown.sort();
    assert_eq!(shown, expected);

    let mut expected: Vec<String> =
        oracle.objects().iter().map(|row| format!("{} {}", row.id, Value::Object(row.fields.clone()))).collect();
    expected.sort();
    let shown = rows(view, "objects");
    let mut shown: Vec<String> = shown
        .iter()
        .map(|row| format!("{} {}", row["id"].as_str().unwrap(), row["fields"].as_str().unwrap()))
        .collect();
    shown.sort();
    assert_eq!(shown, expected);
}

fn profile_text(row: &ProfileRow) -> [String; 3] {
    let identifiers = serde_json::to_value(&row.identifiers).unwrap().to_string();
    [row.profile_id.to_string(), identifiers, Value::Object(row.traits.clone()).to_string()]
}
