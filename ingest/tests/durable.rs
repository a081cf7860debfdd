//! The gateway over the embedded log: what was answered 200 is in its files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::body::Body;
use common::{BASIC, batch, track};
use http::Request;
use prometheus::Registry;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt as _;
use tributary_ingest::Metrics;
use tributary_ingest::gateway::{GatewayState, HttpSource, Limits, service};
use tributary_log::{EmbeddedLog, EmbeddedOptions, Log};
use tributary_protocol::LogValue;

const READ_BYTES: usize = 1 << 20;

fn open(folder: &Path) -> Arc<dyn Log> {
    let options = EmbeddedOptions { partitions: 4, disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
    Arc::new(Arc::new(EmbeddedLog::open(folder, options).unwrap()))
}

/// The message ids of every frame; the key of each frame is its record's.
async fn message_ids(log: &Arc<dyn Log>) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let ends = log.durable_ends().await.unwrap();
    for (partition, end) in (0..).zip(ends) {
        let mut from = 0;
        while from < end {
            for frame in log.read(partition, from, READ_BYTES).await.unwrap() {
                let LogValue::Record(record) = LogValue::decode(&frame.value).unwrap() else { panic!("{frame:?}") };
                assert_eq!(frame.key, record.partition_key().as_bytes());
                assert!(ids.insert(record.message_id), "stored twice");
                from = frame.offset + 1;
            }
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let source = HttpSource { name: "web".to_owned(), write_key: "wk".to_owned() };
    let metrics = Metrics::new(&Registry::new()).unwrap();
    let state = GatewayState::new(Arc::clone(&log), vec![source], Limits::default(), false, metrics, Vec::new());
    let app = service(state.clone());

    let mut requests = tokio::task::JoinSet::new();
    for request in 0..20 {
        let id = |event: usize| track(&format!(r#","anonymousId":"a{event}","messageId":"{request}-{event}""#));
        let body = batch((0..100).map(id));
        let request = Request::post("/v1/batch").header("authorization", BASIC).body(Body::from(body)).unwrap();
        requests.spawn(app.clone().oneshot(request));
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    let expected: BTreeSet<String> =
        (0..20).flat_map(|request| (0..100).map(move |event| format!("{request}-{event}"))).collect();
    assert_eq!(message_ids(&log).await, expected);

    state.drain().await;
    drop((app, state));
    log.close().await.unwrap();
    drop(log);
    assert_eq!(message_ids(&open(folder.path())).await, expected, "after opening it again");
}
