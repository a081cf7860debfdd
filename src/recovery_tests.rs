//! A state that was deleted, lost its last batches, or was only half made
//! again comes back the same; a worker outlives a log that does not answer.

use super::*;
use crate::admin::flush_within;
use crate::blocked::Blocked;
use crate::metrics::WorkerMetrics;
use crate::runtimes::Fronts;
use crate::stages::Stages;
use crate::worker::Worker;
use serde_json::json;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tributary_config::{Config, IdentityMode};
use tributary_ingest::normalise::{BatchDefaults, Normaliser};
use tributary_ingest::{Frames, Limits};
use tributary_log::{Entry, Error, Frame, Health, Position};
use tributary_profile_store::query::{Format, QueryEngine, QueryLimits, StateIds, write_result};
use tributary_protocol::Timestamp;
use tributary_state::{FjallStore, Store as _};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);
const EXPORTED: [&str; 4] = ["events", "failed_events", "identities", "profiles"];

/// Everything on the runtime of the test.
fn here() -> Fronts {
    Fronts { ingest: Handle::current(), admin: Handle::current() }
}

fn settings(data_dir: &Path) -> Settings {
    settings_in(IdentityMode::Deterministic, data_dir)
}

fn settings_in(mode: IdentityMode, data_dir: &Path) -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config::default();
    config.identity.mode = mode;
    Settings { config, data_dir: data_dir.to_owned(), listen: any, admin: any }
}

/// An event as the gateway writes it into the log.
fn normalised(text: &str, received_at: Timestamp) -> LogValue {
    let batch = BatchDefaults::default();
    let mut frames = Frames::with_capacity(1, text.len());
    let mut normaliser = Normaliser::new("web", Limits::default(), &batch, received_at);
    assert!(normaliser.encode(text, None, &mut frames).is_ok());
    LogValue::decode(&frames.into_entries()[0].value).unwrap()
}

/// Records of a few people, every third one a failed event or a repeat.
fn values(numbers: std::ops::Range<u32>) -> Vec<LogValue> {
    let value = |n: u32| {
        let id = if n % 6 == 5 { n - 1 } else { n };
        let event = json!({
            "type": "identify", "userId": format!("u{}", n % 7), "anonymousId": format!("a{}", n % 11),
            "messageId": format!("m{id}"), "traits": { "n": n, "email": format!("p{}@x.co", n % 7) },
            "timestamp": "2026-01-01T00:00:00Z",
        });
        let received_at = Timestamp(1_800_000_000_000_000 + i64::from(n));
        if n % 6 == 2 {
            return LogValue::Failed(tributary_protocol::FailedEvent {
                source: "web".to_owned(),
                reason: "invalid".to_owned(),
                message: "wrong".to_owned(),
                payload: n.to_string().into_bytes(),
                received_at,
            });
        }
        normalised(&event.to_string(), received_at)
    };
    numbers.map(value).collect()
}

fn entry(value: &LogValue) -> Entry {
    Entry { key: value.dedup_key().0.to_be_bytes().to_vec().into(), value: value.encode().into() }
}

/// Runs worker and tables on the folder, appends `added`, flushes and stops;
/// returns the sorted rows of every table.
async fn session(data_dir: &Path, added: &[LogValue]) -> Vec<String> {
    let log = settings(data_dir).open_log(data_dir, &Handle::current()).await.unwrap();
    session_on(log, data_dir, added).await
}

/// As [`session`], in a mode of identity.
async fn session_in(mode: IdentityMode, data_dir: &Path, added: &[LogValue]) -> Vec<String> {
    let settings = settings_in(mode, data_dir);
    let log = settings.open_log(data_dir, &Handle::current()).await.unwrap();
    session_with(settings, log, data_dir, added).await
}

async fn session_on(log: Arc<dyn Log>, data_dir: &Path, added: &[LogValue]) -> Vec<String> {
    session_with(settings(data_dir), log, data_dir, added).await
}

async fn session_with(settings: Settings, log: Arc<dyn Log>, data_dir: &Path, added: &[LogValue]) -> Vec<String> {
    let folder = DataDir::open(data_dir).unwrap();
    let stores = open(&settings, &folder, &*log).await.unwrap();
    let mut stages = Stages::new(Arc::clone(&log), Arc::clone(&stores.tables), here());
    stages.write_tables();
    let decoder = Decoder { blocked: Arc::new(Blocked::default()) };
    refill(&*log, &stores, &decoder).await.unwrap();
    let metrics = WorkerMetrics::new(&stores.registry).unwrap();
    let (state, tables) = (stores.state.clone(), Arc::clone(&stores.tables));
    let worker = Worker::new(Arc::clone(&log), state.clone(), tables, decoder, metrics).unwrap();
    let positions = worker.positions();
    stages.work(worker, state, None);
    log.append(added.iter().map(entry).collect()).await.unwrap();
    flush_within(&*log, positions, &stores.tables, PATIENCE).await.unwrap();
    let rows = export(&stores).await;
    stages.stop(Ok(())).await.unwrap();
    rows
}

async fn export(stores: &Stores) -> Vec<String> {
    let tables = Arc::clone(&stores.tables);
    let ids = Arc::new(StateIds::new(stores.state.clone(), vec!["web".to_owned()]));
    let limits = QueryLimits { threads: 1, ..QueryLimits::default() };
    let engine = QueryEngine::new(Arc::new(move || tables.read_view()), ids, limits).unwrap();
    let mut rows = Vec::new();
    for table in EXPORTED {
        let mut text = Vec::new();
        let result = engine.sql(&format!("SELECT * FROM {table}"), None).await.unwrap();
        write_result(&result, Format::Csv, &mut text).unwrap();
        rows.extend(String::from_utf8(text).unwrap().lines().map(|row| format!("{table}: {row}")));
    }
    rows.sort();
    rows
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_gone_comes_back_the_same() {
    for mode in [IdentityMode::Deterministic, IdentityMode::Observe, IdentityMode::Probabilistic] {
        let dir = tempfile::tempdir().unwrap();
        let rows = session_in(mode, dir.path(), &values(0..200)).await;
        assert_eq!(profiles(&rows), 7, "{mode:?}");
        std::fs::remove_dir_all(dir.path().join("state")).unwrap();
        assert_eq!(session_in(mode, dir.path(), &[]).await, rows, "{mode:?}");
        // What came before counts as a repeat, also for failed events.
        assert_eq!(session_in(mode, dir.path(), &values(0..200)).await, rows, "{mode:?}");
    }
}

fn profiles(rows: &[String]) -> usize {
    rows.iter().filter(|row| row.starts_with("profiles: ")).count() - 1
}

/// Two visits of one person and one of a namesake, without a common identifier.
fn visits() -> Vec<LogValue> {
    let visit = |number: i64, anonymous: &str, birthday: &str, phone: &str, street: &str| {
        let event = json!({
            "type": "identify", "anonymousId": anonymous, "messageId": format!("v{number}"),
            "timestamp": "2026-01-01T00:00:00Z",
            "traits": {
                "firstName": "Leonora", "lastName": "Featherstone", "birthday": birthday, "phone": phone,
                "address": { "street": street, "city": "Hereford", "postalCode": "HR1 2BB" },
            },
        });
        normalised(&event.to_string(), Timestamp(1_800_000_000_000_000 + number))
    };
    vec![
        visit(0, "v-a", "1971-03-04", "+441432264123", "14 Castle Street"),
        visit(1, "v-b", "1971-03-04", "+441432264123", "14 Castle St"),
        visit(2, "v-c", "1998-11-27", "+441432777888", "3 Mill Lane"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_mode_makes_the_state_again() {
    let identities = |rows: Vec<String>| -> Vec<String> {
        rows.into_iter().filter(|row| row.starts_with("identities: ") && !row.contains("profile_id")).collect()
    };
    let profiles = |rows: &[String]| rows.iter().filter_map(|row| row.rsplit(',').next()).collect::<HashSet<_>>().len();
    let dir = tempfile::tempdir().unwrap();
    let apart = identities(session_in(IdentityMode::Deterministic, dir.path(), &visits()).await);
    assert_eq!(profiles(&apart), 3);
    let together = identities(session_in(IdentityMode::Probabilistic, dir.path(), &[]).await);
    assert_eq!(profiles(&together), 2, "{together:#?}");
    let other = tempfile::tempdir().unwrap();
    let afresh = session_in(IdentityMode::Probabilistic, other.path(), &visits()).await;
    assert_eq!(identities(afresh), together);
    assert_eq!(identities(session_in(IdentityMode::Deterministic, dir.path(), &[]).await), apart);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_lost_its_last_batches_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), &values(0..100)).await;
    let kept = tempfile::tempdir().unwrap();
    copy(&dir.path().join("state"), kept.path());
    let rows = session(dir.path(), &values(100..200)).await;
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    copy(kept.path(), &dir.path().join("state"));
    assert_eq!(session(dir.path(), &[]).await, rows);
    assert!(!dir.path().join("state.lost").exists());
}

/// Makes a state look as an older version left it: rules of that version, and
/// values that this one does not read.
fn age(state: &Path) {
    let (store, _) = FjallStore::open(state).unwrap();
    let rules = String::from_utf8(store.get(b"R").unwrap().unwrap()).unwrap();
    let (_, of_configuration) = rules.split_once(' ').unwrap();
    let mut writes = vec![(b"R".to_vec(), Some(format!("2 {of_configuration}").into_bytes()))];
    let nodes = store.scan(b"N").unwrap().into_iter();
    writes.extend(nodes.map(|(key, _)| (key, Some(b"\x01{\"kind\":\"user_id\"}".to_vec()))));
    assert!(writes.len() > 1);
    store.apply(writes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_of_an_older_version_is_made_again() {
    for mode in [IdentityMode::Deterministic, IdentityMode::Probabilistic] {
        let dir = tempfile::tempdir().unwrap();
        let rows = session_in(mode, dir.path(), &values(0..100)).await;
        age(&dir.path().join("state"));
        assert_eq!(session_in(mode, dir.path(), &[]).await, rows, "{mode:?}");
        assert!(!dir.path().join("state.lost").exists());
        age(&dir.path().join("state"));
        let other = tempfile::tempdir().unwrap();
        let in_one_go = session_in(mode, other.path(), &values(0..200)).await;
        assert_eq!(session_in(mode, dir.path(), &values(100..200)).await, in_one_go, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_half_made_again_does_not_look_whole() {
    let dir = tempfile::tempdir().unwrap();
    let rows = session(dir.path(), &values(0..200)).await;
    for applied in [0, 1, 60] {
        std::fs::remove_dir_all(dir.path().join("state")).unwrap();
        let settings = settings(dir.path());
        let log = settings.open_log(dir.path(), &Handle::current()).await.unwrap();
        let folder = DataDir::open(dir.path()).unwrap();
        let stores = open_once(&settings, &folder, &*log).await.unwrap();
        let found: Vec<_> = stores.tables.scan_events().try_collect().await.unwrap();
        for (partition, offset, value) in found.into_iter().take(applied) {
            apply(&stores.state, partition, vec![(offset, value)]).await.unwrap();
        }
        log.close().await.unwrap();
        drop((stores, folder, log));
        assert_eq!(session(dir.path(), &[]).await, rows, "after {applied} rows");
    }
}

/// A log that does not answer the first reads.
struct Silent {
    log: Arc<dyn Log>,
    silences: AtomicU32,
}

#[async_trait::async_trait]
impl Log for Silent {
    fn id(&self) -> Uuid {
        self.log.id()
    }

    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, entries: Vec<Entry>) -> tributary_log::Result<Vec<Position>> {
        self.log.append(entries).await
    }

    async fn read(&self, partition: u32, from: u64, bytes_max: usize) -> tributary_log::Result<Vec<Frame>> {
        let left = self.silences.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(Error::Unreachable { action: "read", source: "silence".into() }),
            Err(_) => self.log.read(partition, from, bytes_max).await,
        }
    }

    async fn wait(&self, partition: u32, from: u64) {
        self.log.wait(partition, from).await;
    }

    async fn durable_ends(&self) -> tributary_log::Result<Vec<u64>> {
        self.log.durable_ends().await
    }

    async fn release(&self, partition: u32, up_to: u64) -> tributary_log::Result<()> {
        self.log.release(partition, up_to).await
    }

    async fn continue_above(&self, partition: u32, offset: u64) -> tributary_log::Result<()> {
        self.log.continue_above(partition, offset).await
    }

    fn health(&self) -> Health {
        self.log.health()
    }

    async fn close(&self) -> tributary_log::Result<()> {
        self.log.close().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_answer_is_asked_again() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let inner = settings(dir.path()).open_log(dir.path(), &Handle::current()).await.unwrap();
    let silent = Arc::new(Silent { log: inner, silences: AtomicU32::new(6) });
    let rows = session_on(Arc::clone(&silent) as _, dir.path(), &values(0..50)).await;
    assert_eq!(silent.silences.load(Ordering::SeqCst), 0);
    assert_eq!(rows, session(other.path(), &values(0..50)).await);
}

#[test]
fn values_of_every_outcome_are_tested() {
    let failed = |value: &&LogValue| matches!(value, LogValue::Failed(_));
    let all = values(0..60);
    assert_eq!(all.iter().filter(failed).count(), 10);
    let keys: HashSet<_> = all.iter().map(LogValue::dedup_key).collect();
    assert_eq!(keys.len(), 50, "ten are repeats");
}
