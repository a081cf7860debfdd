//! What every log keeps to.

use crate::homes::{Home, PARTITIONS};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tributary_log::{Entry, Error, ErrorKind, Frame, Log, Position, partition_of};

pub fn entry(key: &str, value: impl Into<Vec<u8>>) -> Entry {
    Entry { key: Bytes::copy_from_slice(key.as_bytes()), value: Bytes::from(value.into()) }
}

fn numbered(key: &str, numbers: std::ops::Range<usize>) -> Vec<Entry> {
    numbers.map(|n| entry(key, n.to_string())).collect()
}

/// Everything from `from` on.
pub async fn read_all(log: &Arc<dyn Log>, partition: u32, from: u64) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    loop {
        let next = frames.last().map_or(from, |frame| frame.offset + 1);
        let more = log.read(partition, next, 1 << 20).await.unwrap();
        if more.is_empty() {
            return frames;
        }
        frames.extend(more);
    }
}

pub fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8(frame.value.to_vec()).unwrap()).collect()
}

fn assert_ascending(positions: &[Position]) {
    assert!(positions.windows(2).all(|pair| pair[0].partition == pair[1].partition && pair[0].offset < pair[1].offset));
}

pub async fn positions_follow_the_order_of_the_batch(home: &dyn Home) {
    let log = home.open().await;
    let first = log.append(numbered("a", 0..50)).await.unwrap();
    let second = log.append(numbered("a", 50..100)).await.unwrap();
    let positions = [first, second].concat();
    assert_ascending(&positions);
    let frames = read_all(&log, positions[0].partition, 0).await;
    let expected: Vec<(u64, String)> = positions.iter().zip(0..).map(|(at, n)| (at.offset, n.to_string())).collect();
    let found: Vec<(u64, String)> = frames.iter().map(|frame| frame.offset).zip(texts(&frames)).collect();
    assert_eq!(found, expected);
    assert!(frames.iter().all(|frame| frame.key == "a"));
    let ends = log.durable_ends().await.unwrap();
    assert_eq!(ends[positions[0].partition as usize], positions[99].offset + 1);
}

pub async fn concurrent_appends_land_once_and_in_their_order(home: &dyn Home) {
    let log = home.open().await;
    let send = |client: usize| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for batch in 0..5 {
                let numbers = batch * 4..batch * 4 + 4;
                let entries = numbers.map(|n| entry(&format!("client {client}"), format!("{client}:{n}"))).collect();
                assert_ascending(&log.append(entries).await.unwrap());
            }
        })
    };
    for task in (0..40).map(send).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut of_client: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        for text in texts(&read_all(&log, partition, 0).await) {
            let (client, number) = text.split_once(':').unwrap();
            of_client.entry(client.to_owned()).or_default().push(number.parse().unwrap());
        }
    }
    assert_eq!(of_client.len(), 40);
    assert!(of_client.values().all(|numbers| *numbers == (0..20).collect::<Vec<_>>()));
}

pub async fn reads_begin_at_any_offset(home: &dyn Home) {
    let log = home.open().await;
    let positions = log.append(numbered("a", 0..100)).await.unwrap();
    let partition = positions[0].partition;
    for at in [0, 1, 50, 99, 98, 2, 3, 4, 60, 0] {
        let frames = read_all(&log, partition, positions[at].offset).await;
        assert_eq!(texts(&frames), (at..100).map(|n| n.to_string()).collect::<Vec<_>>(), "from {at}");
    }
}

pub async fn a_small_read_returns_a_frame_and_a_large_one_more(home: &dyn Home) {
    let log = home.open().await;
    let positions = log.append((0..30).map(|_| entry("a", vec![b'x'; 1000])).collect()).await.unwrap();
    let (partition, first) = (positions[0].partition, positions[0].offset);
    for bytes_max in [0, 1, 1000] {
        assert_eq!(log.read(partition, first, bytes_max).await.unwrap().len(), 1, "{bytes_max}");
    }
    let some = log.read(partition, first, 10_000).await.unwrap().len();
    assert!((1..=11).contains(&some), "{some}");
}

pub async fn readers_at_different_places_see_the_same(home: &dyn Home) {
    let log = home.open().await;
    let positions = log.append(numbered("a", 0..300)).await.unwrap();
    let read = |at: usize| {
        let (log, position) = (Arc::clone(&log), positions[at]);
        tokio::spawn(async move { (at, read_all(&log, position.partition, position.offset).await) })
    };
    for task in [0, 100, 200, 299].map(read) {
        let (at, frames) = task.await.unwrap();
        assert_eq!(texts(&frames), (at..300).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

pub async fn the_end_reads_as_nothing(home: &dyn Home) {
    let log = home.open().await;
    assert_eq!(log.durable_ends().await.unwrap(), [0; PARTITIONS as usize]);
    for partition in 0..PARTITIONS {
        assert!(log.read(partition, 0, 100).await.unwrap().is_empty());
    }
    for _ in 0..20 {
        // What was acknowledged is seen by the very next read.
        let position = log.append(numbered("a", 0..1)).await.unwrap()[0];
        assert_eq!(log.read(position.partition, position.offset, 100).await.unwrap().len(), 1);
        assert!(log.read(position.partition, position.offset + 1, 100).await.unwrap().is_empty());
    }
}

pub async fn waiting_ends_with_news(home: &dyn Home) {
    let log = home.open().await;
    let partition = partition_of(b"a", PARTITIONS);
    for round in 0..3 {
        let end = log.durable_ends().await.unwrap()[partition as usize];
        let wait = |from| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.wait(partition, from).await })
        };
        let waits = [wait(end), wait(end)];
        tokio::task::yield_now().await;
        log.append(vec![entry("a", round.to_string())]).await.unwrap();
        for wait in waits {
            wait.await.unwrap();
        }
        log.wait(partition, 0).await;
        assert_eq!(texts(&log.read(partition, end, 100).await.unwrap()), [round.to_string()]);
    }
}

pub async fn an_abandoned_wait_takes_nothing_along(home: &dyn Home) {
    let log = home.open().await;
    let partition = partition_of(b"a", PARTITIONS);
    for n in 0..20 {
        let from = log.durable_ends().await.unwrap()[partition as usize];
        let appended = tokio::select! {
            () = log.wait(partition, from) => None,
            appended = log.append(numbered("a", n..n + 1)) => Some(appended.unwrap()[0].offset),
        };
        // Whoever was first: the frame is there for the next reader.
        log.wait(partition, from).await;
        let frames = log.read(partition, from, 1).await.unwrap();
        assert!(appended.is_none_or(|offset| offset == frames[0].offset));
        assert_eq!(texts(&frames), [n.to_string()]);
    }
}

pub async fn a_batch_larger_than_a_request_lands_whole(home: &dyn Home) {
    let log = home.open().await;
    // Each below the largest record that brokers take by default, together far above.
    let values: Vec<Vec<u8>> = (0..16_u8).map(|n| noise(n, 700_000)).collect();
    let large = noise(99, 3_000_000);
    let entries = values.iter().chain([&large]).map(|value| entry("a", value.clone())).collect();
    let positions = log.append(entries).await.unwrap();
    let frames = read_all(&log, positions[0].partition, 0).await;
    assert!(frames.iter().map(|frame| frame.value.to_vec()).eq(values.into_iter().chain([large])));
}

/// Bytes that no compression makes smaller.
fn noise(seed: u8, count: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(count).collect()
}

pub async fn an_empty_batch_is_nothing(home: &dyn Home) {
    let log = home.open().await;
    assert!(log.append(Vec::new()).await.unwrap().is_empty());
    assert_eq!(log.durable_ends().await.unwrap(), [0; PARTITIONS as usize]);
    let position = log.append(vec![entry("", "")]).await.unwrap()[0];
    let frames = log.read(position.partition, 0, 1).await.unwrap();
    assert!(frames.len() == 1 && frames[0].key.is_empty() && frames[0].value.is_empty());
}

pub async fn an_entry_that_is_too_large_is_refused_and_the_next_is_taken(home: &dyn Home) {
    let log = home.open().await;
    let refused = log.append(vec![entry("a", "before"), entry("a", vec![0; 257 << 20])]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }) && refused.kind() == ErrorKind::Data);
    let position = log.append(vec![entry("a", "next")]).await.unwrap()[0];
    assert_eq!(texts(&read_all(&log, position.partition, 0).await), ["next"]);
}

pub async fn reopening_continues_where_it_was(home: &dyn Home) {
    let log = home.open().await;
    let before = log.append(numbered("a", 0..10)).await.unwrap();
    let (id, ends) = (log.id(), log.durable_ends().await.unwrap());
    log.close().await.unwrap();
    drop(log);
    let log = home.open().await;
    assert_eq!((log.id(), log.partitions()), (id, PARTITIONS));
    assert_eq!(log.durable_ends().await.unwrap(), ends);
    let after = log.append(numbered("a", 10..20)).await.unwrap();
    assert_ascending(&[before, after.clone()].concat());
    let frames = read_all(&log, after[0].partition, 0).await;
    assert_eq!(texts(&frames), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

pub async fn equal_keys_share_the_partition_that_is_documented(home: &dyn Home) {
    let log = home.open().await;
    let entries: Vec<Entry> = (0..200).map(|n| entry(&format!("key {}", n % 50), "x")).collect();
    let expected: Vec<u32> = entries.iter().map(|entry| partition_of(&entry.key, PARTITIONS)).collect();
    let positions = log.append(entries).await.unwrap();
    let found: Vec<u32> = positions.iter().map(|position| position.partition).collect();
    assert_eq!(found, expected);
    assert_eq!(found.into_iter().collect::<BTreeSet<u32>>().len(), PARTITIONS as usize, "keys spread");
    // Pinned: another hash would part a client's events of before and after.
    assert_eq!(["", "a", "user_id:42"].map(|key| partition_of(key.as_bytes(), 4)), [2, 3, 1]);
}

pub async fn a_closed_log_has_everything_and_takes_no_more(home: &dyn Home) {
    let log = home.open().await;
    let appending: Vec<_> = (0..20)
        .map(|n| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(numbered("a", n..n + 1)).await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    log.close().await.unwrap();
    log.close().await.unwrap();
    assert!(matches!(log.append(numbered("a", 0..1)).await, Err(Error::Stalled { .. })));
    let mut accepted = 0;
    for task in appending {
        accepted += usize::from(tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap());
    }
    let log = home.open().await;
    assert_eq!(read_all(&log, partition_of(b"a", PARTITIONS), 0).await.len(), accepted);
}

pub async fn a_partition_that_is_not_there_is_an_error(home: &dyn Home) {
    let log = home.open().await;
    let missing = |error| matches!(error, Error::NoPartition { partition: PARTITIONS });
    assert!(missing(log.read(PARTITIONS, 0, 1).await.unwrap_err()));
    assert!(missing(log.continue_above(PARTITIONS, 0).await.unwrap_err()));
    assert!(missing(log.release(PARTITIONS, 0).await.unwrap_err()));
}

pub async fn it_continues_above_what_it_holds(home: &dyn Home) {
    let log = home.open().await;
    let positions = log.append(numbered("a", 0..10)).await.unwrap();
    let last = positions[9];
    for offset in [0, last.offset, last.offset + 1] {
        log.continue_above(last.partition, offset).await.unwrap();
    }
    assert!(log.append(numbered("a", 10..11)).await.unwrap()[0].offset > last.offset);
}
