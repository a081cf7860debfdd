//! `events` and `failed_events`: each row once, in every view, across restarts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use futures::TryStreamExt as _;
use serde_json::json;
use std::time::Duration;
use support::{Bench, MINUTE, busy, eventually, failed, open, quiet, rows, texts, track};
use tributary_protocol::LogValue;
use tributary_state::{Applied, Counted, Options, State};
use tributary_tables::{Error, TableName, TableSettings, Tables};

fn tracks(from: u64, count: u64) -> Vec<LogValue> {
    (from..from + count).map(|n| track(&format!("m{n:05}"), "ada")).collect()
}

fn ids(from: u64, count: u64) -> Vec<String> {
    (from..from + count).map(|n| format!("m{n:05}")).collect()
}

fn message_ids(bench: &Bench) -> Vec<String> {
    let mut ids = texts(&bench.rows("events"), "message_id");
    ids.sort();
    ids
}

#[tokio::test]
async fn rows_show_at_once_and_once() {
    let mut bench = Bench::new(quiet()).await;
    bench.take(0, tracks(0, 5)).await;
    assert_eq!(message_ids(&bench), ids(0, 5));
    assert_eq!(bench.files("events"), 0);
    bench.flush().await;
    assert_eq!(message_ids(&bench), ids(0, 5));
    assert_eq!(bench.files("events"), 1);
    bench.take(0, tracks(5, 3)).await;
    assert_eq!(message_ids(&bench), ids(0, 8));
    assert_eq!(bench.tables.events_recorded(), [5]);
    bench.reopen_without_log().await;
    assert_eq!(message_ids(&bench), ids(0, 5), "what was in memory only is gone");
    bench.reopen().await;
    assert_eq!(message_ids(&bench), ids(0, 8), "and comes again from the log");
}

#[tokio::test]
async fn what_was_recorded_is_never_written_again() {
    let mut bench = Bench::new(quiet()).await;
    let counted = |offset: u64| Counted { offset, value: track(&format!("m{offset:05}"), "ada") };
    let applied =
        |offsets: std::ops::Range<u64>| Applied { counted: offsets.map(counted).collect(), ..Applied::default() };
    bench.tables.accept(0, 4, applied(0..4)).await.unwrap();
    bench.tables.accept(0, 4, applied(0..4)).await.unwrap();
    bench.tables.accept(0, 6, applied(2..6)).await.unwrap();
    assert_eq!(message_ids(&bench), ids(0, 6));
    bench.state.set_position(0, 6).unwrap();
    bench.tables.flush(&[6], MINUTE).await.unwrap();
    bench.reopen_without_log().await;
    bench.tables.accept(0, 8, applied(3..8)).await.unwrap();
    assert_eq!(message_ids(&bench), ids(0, 8));
    bench.state.set_position(0, 8).unwrap();
    bench.tables.flush(&[8], MINUTE).await.unwrap();
    assert_eq!(message_ids(&bench), ids(0, 8));
}

#[tokio::test]
async fn a_batch_without_rows_is_recorded_too() {
    let bench = Bench::new(quiet()).await;
    bench.take(0, tracks(0, 2)).await;
    bench.take(0, tracks(0, 2)).await;
    bench.flush().await;
    assert_eq!(bench.tables.recorded(), [4]);
    assert_eq!(message_ids(&bench), ids(0, 2));
}

#[tokio::test]
async fn columns_hold_what_the_record_says() {
    let bench = Bench::new(quiet()).await;
    let mut event = track("m00001", "ada");
    if let LogValue::Record(record) = &mut event {
        record.event = Some("Order Completed".to_owned());
        record.properties = json!({ "b": 1, "a": { "z": null, "y": [1.5] } }).as_object().unwrap().into();
    }
    bench.take(0, vec![event, failed("{")]).await;
    bench.flush().await;
    let row = &bench.rows("events")[0];
    assert_eq!(row["event"], "Order Completed");
    assert_eq!(row["properties"], r#"{"a":{"y":[1.5],"z":null},"b":1}"#);
    assert_eq!(row["identifiers"], r#"[{"kind":"user_id","value":"ada"}]"#);
    assert_eq!(row["node"], "user_id:ada");
    assert_eq!(row["timestamp"], "2023-11-14T22:13:21Z");
    assert_eq!((&row["log_partition"], &row["log_offset"]), (&json!(0), &json!(0)));
    let failed = &bench.rows("failed_events")[0];
    assert_eq!(failed["payload"], "7b", "the bytes, in hexadecimal");
    assert_eq!(failed["log_offset"], 1);
}

#[tokio::test]
async fn a_flush_names_who_lags() {
    let bench = Bench::new(quiet()).await;
    bench.take(0, tracks(0, 2)).await;
    let error = bench.tables.flush(&[3], Duration::from_millis(50)).await.unwrap_err();
    assert!(
        matches!(error, Error::Lagging { table: TableName::Events, partition: 0, recorded: 0, end: 3 }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the table events lags: partition 0 is at 0 of 3");
}

#[tokio::test]
async fn a_full_memory_makes_the_worker_wait() {
    let settings = TableSettings { tail_bytes_max: 100_000, ..quiet() };
    let bench = Bench::new(settings).await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let writers = bench.tables.spawn(shutdown.clone());
    for batch in 0..40 {
        bench.take(0, tracks(batch * 100, 100)).await;
        let tail: usize =
            bench.tables.read_view().tables["events"].tail.iter().map(arrow::array::RecordBatch::num_rows).sum();
        assert!(tail < 1_000, "{tail} rows in memory");
    }
    bench.flush().await;
    assert_eq!(message_ids(&bench), ids(0, 4_000));
    shutdown.cancel();
    writers.await.unwrap();
}

#[tokio::test]
async fn without_writers_a_full_memory_is_committed_by_who_fills_it() {
    let bench = Bench::new(TableSettings { tail_bytes_max: 1, ..quiet() }).await;
    bench.take(0, tracks(0, 10)).await;
    bench.take(0, tracks(10, 10)).await;
    assert_eq!(bench.tables.events_recorded(), [10]);
    assert_eq!(message_ids(&bench), ids(0, 20));
}

#[tokio::test]
async fn writers_commit_by_themselves() {
    let settings = TableSettings { append_rows: 10, ..quiet() };
    let bench = Bench::new(settings).await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let writers = bench.tables.spawn(shutdown.clone());
    bench.take(0, tracks(0, 12)).await;
    eventually("the rows are committed", || bench.tables.events_recorded() == [12] || bench.files("events") == 1).await;
    assert_eq!(message_ids(&bench), ids(0, 12));
    shutdown.cancel();
    writers.await.unwrap();
    assert_eq!(bench.tables.health(), None);
}

/// Rows of several partitions, batches and files, compaction between them.
async fn several_partitions() -> Bench {
    let bench = Bench::with(State::in_memory(Options::default()), 3, busy()).await;
    for round in 0..12_u64 {
        for partition in 0..3_u32 {
            let from = 10_000 * u64::from(partition) + round * 7;
            let mut batch = tracks(from, 6);
            batch.push(failed(&format!("{partition} {round}")));
            bench.take(partition, batch).await;
        }
        if round % 2 == 1 {
            bench.flush().await;
        }
    }
    bench
}

#[tokio::test]
async fn the_log_can_be_read_from_the_tables() {
    let bench = several_partitions().await;
    let read: Vec<(u32, u64, LogValue)> = bench.tables.scan_events().try_collect().await.unwrap();
    let positions: Vec<(u32, u64)> = read.iter().map(|(partition, offset, _)| (*partition, *offset)).collect();
    let expected: Vec<(u32, u64)> =
        (0..3).flat_map(|partition| (0..84).map(move |offset| (partition, offset))).collect();
    assert_eq!(positions, expected);
    for (partition, offset, value) in read {
        match (value, offset % 7) {
            (LogValue::Failed(event), 6) => {
                assert_eq!(event.payload, format!("{partition} {}", offset / 7).into_bytes());
            }
            (LogValue::Record(record), _) => {
                let number = 10_000 * u64::from(partition) + offset;
                assert_eq!(record.message_id, format!("m{number:05}"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reader_without_a_server_sees_what_is_committed() {
    let bench = several_partitions().await;
    bench.take(0, tracks(90_000, 1)).await;
    let (view, recorded) = Tables::committed(&bench.folder.path().join("tables")).unwrap();
    assert_eq!(recorded, [84, 84, 84]);
    assert_eq!(rows(&view, "events").len(), 216);
    assert_eq!(rows(&view, "failed_events").len(), 36);
    assert_eq!(bench.rows("events").len(), 217);
}

#[tokio::test]
async fn another_log_is_refused() {
    let bench = Bench::new(quiet()).await;
    let dir = bench.folder.path().join("tables");
    let registry = prometheus::Registry::new();
    let state = State::in_memory(Options::default());
    let other = Tables::open(&dir, state, uuid::Uuid::from_u128(0x20), 1, quiet(), &registry).await;
    assert!(matches!(other.err(), Some(Error::OtherLog { table: TableName::Events })));
}

#[tokio::test]
async fn two_writers_never_both_commit_a_version() {
    let bench = Bench::new(quiet()).await;
    let other = open(bench.folder.path(), &bench.state, 1, &quiet()).await;
    bench.take(0, tracks(0, 3)).await;
    bench.flush().await;
    let counted = vec![Counted { offset: 0, value: track("m00000", "ada") }];
    other.accept(0, 1, Applied { counted, ..Applied::default() }).await.unwrap();
    let error = other.flush(&[1], MINUTE).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { table: TableName::Events, .. }), "{error:?}");
    assert_eq!(rows(&other.read_view(), "events").len(), 3, "the newest version was read after it");
}
