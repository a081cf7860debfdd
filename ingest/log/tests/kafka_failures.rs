//! Kafka's brokers killed, frozen and restarted under load: what was
//! acknowledged is there, in order, and the log recovers by itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "suite/cluster.rs"]
mod cluster;

use bytes::Bytes;
use cluster::Cluster;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tributary_log::{Entry, ErrorKind, Frame, Health, KafkaLog, KafkaOptions, Log as _};

const PARTITIONS: u32 = 3;
const SENDERS: usize = 4;
const BATCH: usize = 3;
/// Acknowledged batches between two failures.
const PROGRESS: usize = 100;
/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(40);

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(3));

/// Short timeouts: what takes minutes in production takes seconds here.
fn options() -> KafkaOptions {
    KafkaOptions {
        brokers: CLUSTER.bootstrap.clone(),
        topic: "failures".to_owned(),
        partitions: PARTITIONS,
        replication_factor: Some(3),
        delivery_timeout: Duration::from_secs(10),
        properties: BTreeMap::from([("socket.timeout.ms".to_owned(), "3000".to_owned())]),
        ..KafkaOptions::default()
    }
}

/// Runs a command of the starter while everything goes on.
async fn brokers(arguments: &'static [&'static str]) {
    tokio::task::spawn_blocking(move || CLUSTER.run(arguments)).await.unwrap();
}

/// What one sender did.
#[derive(Default)]
struct Ledger {
    /// Batches that were acknowledged.
    acknowledged: usize,
    /// Those of them that were sent more than once, after an error.
    repeated: Vec<usize>,
}

/// Sends numbered batches one after the other until told to stop.
async fn send(log: Arc<KafkaLog>, sender: usize, stop: Arc<AtomicBool>, progress: Arc<AtomicUsize>) -> Ledger {
    let mut ledger = Ledger::default();
    while !stop.load(Ordering::Relaxed) {
        let batch = ledger.acknowledged;
        let value = |n| Bytes::from(format!("{sender}:{}", batch * BATCH + n));
        let entries =
            || (0..BATCH).map(|n| Entry { key: Bytes::from(format!("sender {sender}")), value: value(n) }).collect();
        while let Err(error) = log.append(entries()).await {
            assert_eq!(error.kind(), ErrorKind::Transient, "{error:?}");
            ledger.repeated.push(batch);
        }
        ledger.acknowledged += 1;
        progress.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(2)).await;
    }
    ledger
}

/// Waits until `PROGRESS` more batches were acknowledged.
async fn more(progress: &AtomicUsize) {
    let goal = progress.load(Ordering::Relaxed) + PROGRESS;
    let wait = async {
        while progress.load(Ordering::Relaxed) < goal {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
}

/// Reads a partition while it is written, up to `end` when that is known.
async fn follow(log: Arc<KafkaLog>, partition: u32, end: watch::Receiver<Option<u64>>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let next = |frames: &[Frame]| frames.last().map_or(0, |frame| frame.offset + 1);
    let mut known = end.clone();
    while end.borrow().is_none_or(|end| next(&frames) < end) {
        tokio::select! {
            () = log.wait(partition, next(&frames)) => frames.extend(log.read(partition, next(&frames), 1 << 20).await.unwrap()),
            _ = known.changed() => {}
        }
    }
    frames
}

/// Holds what was read against the ledgers.
fn assert_all_there(frames: &[Frame], ledgers: &[Ledger]) {
    let mut of_sender: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for frame in frames {
        let text = String::from_utf8(frame.value.to_vec()).unwrap();
        let (sender, number) = text.split_once(':').unwrap();
        of_sender.entry(sender.parse().unwrap()).or_default().push(number.parse().unwrap());
    }
    for (sender, ledger) in ledgers.iter().enumerate() {
        let mut firsts: Vec<usize> = Vec::new();
        for &number in &of_sender[&sender] {
            match firsts.last() {
                // A frame may stand twice although it was sent once: a producer
                // that lost sight of its broker sends again. Readers count the
                // first copy of a delivery.
                Some(&last) if number <= last => {}
                _ => firsts.push(number),
            }
        }
        let expected: Vec<usize> = (0..ledger.acknowledged * BATCH).collect();
        assert_eq!(firsts, expected, "sender {sender}: all, in order");
    }
}

async fn until_health(log: &KafkaLog, is_expected: fn(&Health) -> bool) {
    let started = Instant::now();
    while !is_expected(&log.health()) {
        assert!(started.elapsed() < PATIENCE, "{:?}", log.health());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_frames_survive_frozen_and_killed_brokers_and_an_outage() {
    let log = Arc::new(KafkaLog::connect(options()).await.unwrap());
    let (ends, end): (Vec<_>, Vec<_>) = (0..PARTITIONS).map(|_| watch::channel(None)).unzip();
    let readers: Vec<_> =
        (0..).zip(end).map(|(partition, end)| tokio::spawn(follow(Arc::clone(&log), partition, end))).collect();
    let (stop, progress) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sender = |n| tokio::spawn(send(Arc::clone(&log), n, Arc::clone(&stop), Arc::clone(&progress)));
    let senders: Vec<_> = (0..SENDERS).map(sender).collect();

    more(&progress).await;
    brokers(&["pause", "2"]).await;
    more(&progress).await;
    brokers(&["resume", "2"]).await;
    until_health(&log, |health| *health == Health::Ok).await;
    brokers(&["kill", "1"]).await;
    more(&progress).await;
    brokers(&["kill", "2"]).await;
    brokers(&["kill", "3"]).await;
    until_health(&log, |health| matches!(health, Health::Stalled { .. })).await;
    brokers(&["start", "3"]).await;
    until_health(&log, |health| *health == Health::Ok).await;
    more(&progress).await;

    stop.store(true, Ordering::Relaxed);
    let mut ledgers = Vec::new();
    for sender in senders {
        ledgers.push(timeout(PATIENCE, sender).await.unwrap().unwrap());
    }
    assert!(ledgers.iter().any(|ledger| !ledger.repeated.is_empty()), "the outage was told to senders");
    for (sender, end) in ends.iter().zip(log.durable_ends().await.unwrap()) {
        sender.send_replace(Some(end));
    }
    let mut frames = Vec::new();
    for reader in readers {
        frames.extend(timeout(PATIENCE, reader).await.unwrap().unwrap());
    }
    assert_all_there(&frames, &ledgers);
    log.close().await.unwrap();
}
