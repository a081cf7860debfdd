//! A gateway over a log in memory, and what its tests ask of it.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use prometheus::Registry;
use prometheus::proto::MetricFamily;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use tributary_ingest::gateway::{GatewayState, HttpSource, Limits, service};
use tributary_ingest::{Metrics, WebhookSource};
use tributary_log::{Entry, Error, Frame, Health, Log, Position, Result};
use tributary_protocol::{FailedEvent, LogValue, Record};
use uuid::Uuid;

/// `wk:` in base64.
pub const BASIC: &str = "Basic d2s6";

/// How the log takes appends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    #[default]
    Takes,
    /// When the test opens its gate.
    Waits,
    Full,
    Busy,
    Stalled,
}

pub struct MemoryLog {
    mode: Mode,
    gate: Semaphore,
    entries: Mutex<Vec<Entry>>,
}

impl MemoryLog {
    fn new(mode: Mode) -> Self {
        let permits = if mode == Mode::Waits { 0 } else { Semaphore::MAX_PERMITS };
        Self { mode, gate: Semaphore::new(permits), entries: Mutex::default() }
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(1000);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn id(&self) -> Uuid {
        Uuid::nil()
    }

    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>> {
        match self.mode {
            Mode::Full => return Err(Error::Full { free_bytes: 1, reserve_bytes: 2 }),
            Mode::Busy => return Err(Error::Busy { bytes_max: 1 }),
            Mode::Stalled => return Err(Error::Stalled { reason: "test".to_owned() }),
            Mode::Takes | Mode::Waits => {}
        }
        let _open = self.gate.acquire().await.unwrap();
        let mut all = self.entries.lock().unwrap();
        let first = all.len() as u64;
        let count = entries.len() as u64;
        all.extend(entries);
        Ok((first..first + count).map(|offset| Position { partition: 0, offset }).collect())
    }

    async fn read(&self, _: u32, _: u64, _: usize) -> Result<Vec<Frame>> {
        Ok(Vec::new())
    }

    async fn wait(&self, _: u32, _: u64) {}

    async fn durable_ends(&self) -> Result<Vec<u64>> {
        Ok(vec![self.entries().len() as u64])
    }

    async fn release(&self, _: u32, _: u64) -> Result<()> {
        Ok(())
    }

    async fn continue_above(&self, _: u32, _: u64) -> Result<()> {
        Ok(())
    }

    fn health(&self) -> Health {
        match self.mode {
            Mode::Full => Health::Full { free_bytes: 1, reserve_bytes: 2 },
            Mode::Stalled => Health::Stalled { reason: "test".to_owned() },
            _ => Health::Ok,
        }
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Default)]
pub struct Options {
    pub mode: Mode,
    pub limits: Limits,
    pub segment_strict: bool,
    pub webhooks: Vec<Arc<dyn WebhookSource>>,
}

/// A gateway with one source, `web`, of the keys `wk` and `WK_TEST`.
pub struct Gateway {
    pub log: Arc<MemoryLog>,
    pub state: GatewayState,
    registry: Registry,
}

impl Gateway {
    pub fn new(options: Options) -> Self {
        let registry = Registry::new();
        let log = Arc::new(MemoryLog::new(options.mode));
        let source = |write_key: &str| HttpSource { name: "web".to_owned(), write_key: write_key.to_owned() };
        let state = GatewayState::new(
            Arc::clone(&log) as Arc<dyn Log>,
            ["wk", "WK_TEST", "keyid"].map(source).into(),
            options.limits,
            options.segment_strict,
            Metrics::new(&registry).unwrap(),
            options.webhooks,
        );
        Self { log, state, registry }
    }

    /// Sends a request with a good key.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(path).header("authorization", BASIC).body(body.into()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(service(self.state.clone()).oneshot(request).await.unwrap()).await
    }

    pub fn values(&self) -> Vec<LogValue> {
        self.log.entries().iter().map(|entry| LogValue::decode(&entry.value).unwrap()).collect()
    }

    pub fn records(&self) -> Vec<Record> {
        let of = |value| if let LogValue::Record(record) = value { Some(*record) } else { None };
        self.values().into_iter().filter_map(of).collect()
    }

    pub fn failed(&self) -> Vec<FailedEvent> {
        let of = |value| if let LogValue::Failed(failed) = value { Some(failed) } else { None };
        self.values().into_iter().filter_map(of).collect()
    }

    /// The sum of a counter over its labels, `tributary_ingest_` and `_total` left out.
    pub fn total(&self, name: &str) -> u64 {
        let name = format!("tributary_ingest_{name}_total");
        let families = self.registry.gather();
        let metrics = families.iter().filter(|family| family.name() == name).flat_map(MetricFamily::get_metric);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters of a few events")]
        metrics.map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    /// Holds the counters against each other and against the log.
    pub fn assert_balanced(&self) {
        let [received, accepted, failed, discarded] =
            ["received", "accepted", "failed", "discarded"].map(|name| self.total(&format!("records_{name}")));
        assert_eq!(received, accepted + discarded, "received = accepted + discarded");
        assert_eq!(accepted, self.log.entries().len() as u64, "accepted = frames of the log");
        assert_eq!(failed, self.failed().len() as u64, "failed = failed frames of the log");
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    async fn of(response: axum::response::Response) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn assert_success(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json()["success"], true, "{self:?}");
    }

    /// Asserts an error with both members that clients look for.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self:?}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("access-control-allow-origin"), "*");
    }
}

pub fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A tracked event without a time, with `more` members.
pub fn track(more: &str) -> String {
    format!(r#"{{"type":"track","event":"E","userId":"u"{more}}}"#)
}

/// `{"batch":[...]}` of `events`.
pub fn batch<T: AsRef<str>>(events: impl IntoIterator<Item = T>) -> String {
    let events: Vec<String> = events.into_iter().map(|event| event.as_ref().to_owned()).collect();
    format!(r#"{{"batch":[{}]}}"#, events.join(","))
}
