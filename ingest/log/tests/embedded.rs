//! The embedded log: durability, order, torn tails and damage.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tributary_log::{EmbeddedLog, EmbeddedOptions, Entry, Error, Frame, Health, Log};

fn options() -> EmbeddedOptions {
    EmbeddedOptions { partitions: 1, disk_reserve_bytes: 0, ..EmbeddedOptions::default() }
}

fn open(dir: &Path, options: EmbeddedOptions) -> Arc<EmbeddedLog> {
    Arc::new(EmbeddedLog::open(dir, options).unwrap())
}

fn entry(value: &str) -> Entry {
    Entry { key: Bytes::from_static(b"key"), value: Bytes::copy_from_slice(value.as_bytes()) }
}

async fn all(log: &Arc<EmbeddedLog>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    loop {
        let from = frames.last().map_or(0, |frame| frame.offset + 1);
        let more = log.read(0, from, 100).await.unwrap();
        if more.is_empty() {
            return frames;
        }
        frames.extend(more);
    }
}

fn values(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8(frame.value.to_vec()).unwrap()).collect()
}

fn last_segment(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir.join("0")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap()
}

async fn filled(dir: &Path, count: usize) {
    let log = open(dir, options());
    for n in 0..count {
        log.append(vec![entry(&format!("value {n}"))]).await.unwrap();
    }
    log.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_come_back_in_order_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let small = EmbeddedOptions { segment_bytes: 500, ..options() };
    let log = open(dir.path(), small.clone());
    let id = log.id();
    for batch in 0..20 {
        let entries = (0..5).map(|n| entry(&format!("{}", batch * 5 + n))).collect();
        let positions = log.append(entries).await.unwrap();
        assert_eq!(positions[4].offset, batch * 5 + 4);
    }
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(values(&all(&log).await), expected);
    log.close().await.unwrap();
    assert!(matches!(log.append(vec![entry("x")]).await, Err(Error::Stalled { .. })));
    let log = open(dir.path(), small);
    assert_eq!(log.id(), id);
    assert_eq!(values(&all(&log).await), expected);
    assert_eq!(log.durable_ends().await.unwrap(), [100]);
    assert_eq!(log.read(0, 37, 1).await.unwrap()[0].offset, 37);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_append_is_compressed_and_read_from_any_offset_by_any_number_of_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), options());
    let text = |n: usize| format!("{n} ").repeat(200);
    let positions = log.append((0..2000).map(|n| entry(&text(n))).collect()).await.unwrap();
    assert!(positions.iter().map(|position| position.offset).eq(0..2000));
    let raw: usize = (0..2000).map(|n| text(n).len()).sum();
    let stored = usize::try_from(std::fs::metadata(last_segment(dir.path())).unwrap().len()).unwrap();
    assert!(stored * 5 < raw, "{stored} bytes of {raw}");
    for from in [0, 1, 699, 700, 1999] {
        for (bytes_max, least) in [(1, 1), (5000, 5), (1 << 20, 100)] {
            let frames = log.read(0, from, bytes_max).await.unwrap();
            let expected: Vec<String> = (0..frames.len()).map(|n| text(usize::try_from(from).unwrap() + n)).collect();
            assert_eq!(values(&frames), expected, "{bytes_max} bytes from {from}");
            assert!(frames.len() >= least.min(2000 - usize::try_from(from).unwrap()), "{bytes_max} bytes from {from}");
            assert!(frames.len() <= bytes_max / text(0).len() + 1, "{bytes_max} bytes from {from}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_keys_share_a_partition_and_concurrent_appends_all_land() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), EmbeddedOptions { partitions: 4, ..options() });
    let append = |n: u32| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let key = Bytes::from(format!("key {}", n % 10));
            (n % 10, log.append(vec![Entry { key, value: Bytes::from(n.to_string()) }]).await.unwrap()[0].partition)
        })
    };
    let mut partitions = std::collections::BTreeMap::new();
    for task in (0..500).map(append).collect::<Vec<_>>() {
        let (key, partition) = task.await.unwrap();
        assert_eq!(*partitions.entry(key).or_insert(partition), partition);
    }
    assert_eq!(log.durable_ends().await.unwrap().iter().sum::<u64>(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_wherever_it_tears() {
    let origin = tempfile::tempdir().unwrap();
    filled(origin.path(), 3).await;
    let bytes = std::fs::read(last_segment(origin.path())).unwrap();
    let block = (bytes.len() - 24) / 3;
    for length in 24..bytes.len() {
        std::fs::write(last_segment(origin.path()), &bytes[..length]).unwrap();
        let log = open(origin.path(), options());
        let whole = (length - 24) / block;
        assert_eq!(all(&log).await.len(), whole, "cut at {length}");
        assert!(log.quarantined().is_empty());
        let position = log.append(vec![entry("after")]).await.unwrap()[0];
        assert_eq!(position.offset, whole as u64);
        assert_eq!(values(&all(&log).await).last().unwrap(), "after");
        log.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_room_for_more_that_is_no_damage() {
    let (origin, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open(origin.path(), options());
    let file = last_segment(origin.path());
    let length = || std::fs::metadata(&file).unwrap().len();
    log.append(vec![entry(&"one".repeat(500))]).await.unwrap();
    let with_room = length();
    log.append(vec![entry("two")]).await.unwrap();
    assert_eq!(length(), with_room, "the second lies within the room of the first");
    std::fs::create_dir(killed.path().join("0")).unwrap();
    std::fs::copy(origin.path().join("log.json"), killed.path().join("log.json")).unwrap();
    std::fs::copy(&file, killed.path().join("0").join(file.file_name().unwrap())).unwrap();
    log.close().await.unwrap();
    assert!(length() < with_room, "closed, it has no room");
    let log = open(killed.path(), options());
    log.append(vec![entry("three")]).await.unwrap();
    assert_eq!(values(&all(&log).await), ["one".repeat(500).as_str(), "two", "three"]);
    log.close().await.unwrap();
    assert_eq!(values(&all(&open(killed.path(), options())).await).len(), 3);
    assert!(log.quarantined().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_loses_its_block_only_and_is_reported() {
    let origin = tempfile::tempdir().unwrap();
    filled(origin.path(), 5).await;
    let file = last_segment(origin.path());
    let bytes = std::fs::read(&file).unwrap();
    let block = (bytes.len() - 24) / 5;
    for at in 24..24 + 4 * block {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&file, &damaged).unwrap();
        let log = open(origin.path(), options());
        let expected: Vec<u64> = (0..5).filter(|&n| n != ((at - 24) / block) as u64).collect();
        let offsets: Vec<u64> = all(&log).await.iter().map(|frame| frame.offset).collect();
        assert_eq!(offsets, expected, "byte {at}");
        assert_eq!(log.quarantined().len(), 1, "byte {at}");
        log.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_header_loses_no_frame_and_is_reported() {
    let origin = tempfile::tempdir().unwrap();
    filled(origin.path(), 3).await;
    let file = last_segment(origin.path());
    let bytes = std::fs::read(&file).unwrap();
    for at in 0..24 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&file, &damaged).unwrap();
        let log = open(origin.path(), options());
        assert_eq!(values(&all(&log).await), ["value 0", "value 1", "value 2"], "byte {at}");
        assert_eq!(log.quarantined().len(), 1, "byte {at}");
        log.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_another_version_or_partition_is_refused() {
    let origin = tempfile::tempdir().unwrap();
    filled(origin.path(), 1).await;
    let file = last_segment(origin.path());
    let bytes = std::fs::read(&file).unwrap();
    let mut newer = bytes.clone();
    newer[7] = b'9';
    let elsewhere = [&tributary_log::block::header(7, 0)[..], &bytes[24..]].concat();
    for foreign in [newer, elsewhere] {
        std::fs::write(&file, &foreign).unwrap();
        assert!(matches!(EmbeddedLog::open(origin.path(), options()), Err(Error::Corrupt { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), foreign, "it is left alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_new_segment_takes_nothing_of_the_commit_along() {
    let dir = tempfile::tempdir().unwrap();
    let small = EmbeddedOptions { segment_bytes: 100, partitions: 2, ..options() };
    let log = open(dir.path(), small);
    let key = |partition| {
        (0..=u8::MAX)
            .map(|n| Bytes::from(vec![n]))
            .find(|key| tributary_log::partition_of(key, 2) == partition)
            .unwrap()
    };
    let entry = |partition, text: &str| Entry { key: key(partition), value: Bytes::from(text.repeat(50)) };
    log.append(vec![entry(1, "first")]).await.unwrap();
    // The next segment of partition 1 cannot be made: a folder has its name.
    let obstacle = dir.path().join("1").join(format!("{:020}.seg", 1));
    std::fs::create_dir(&obstacle).unwrap();
    assert!(matches!(log.append(vec![entry(0, "lost"), entry(1, "lost")]).await, Err(Error::Io { .. })));
    assert!(log.read(0, 0, 1).await.unwrap().is_empty());
    std::fs::remove_dir(&obstacle).unwrap();
    log.append(vec![entry(0, "kept"), entry(1, "kept")]).await.unwrap();
    for (partition, expected) in [(0, vec!["kept".repeat(50)]), (1, vec!["first".repeat(50), "kept".repeat(50)])] {
        let mut read = Vec::new();
        while let Some(frame) =
            log.read(partition, read.last().map_or(0, |frame: &Frame| frame.offset + 1), 1).await.unwrap().pop()
        {
            read.push(frame);
        }
        assert_eq!(values(&read), expected);
    }
    assert!(log.quarantined().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn released_segments_stay_while_they_are_within_the_bytes_to_keep() {
    let dir = tempfile::tempdir().unwrap();
    let short = EmbeddedOptions { segment_bytes: 100, retain_bytes: 400, retain: Duration::ZERO, ..options() };
    let log = open(dir.path(), short);
    for n in 0..20 {
        log.append(vec![entry(&format!("a value of some length, number {n:02}"))]).await.unwrap();
    }
    log.release(0, 4).await.unwrap();
    assert_eq!(all(&log).await[0].offset, 0, "what is not released does not count as kept behind it");
    log.release(0, 20).await.unwrap();
    let first = all(&log).await[0].offset;
    assert!((10..19).contains(&first), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), EmbeddedOptions { disk_reserve_bytes: u64::MAX, ..options() });
    assert!(matches!(log.append(vec![entry("x")]).await, Err(Error::Full { .. })));
    assert!(matches!(log.health(), Health::Full { .. }));
    assert!(all(&log).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_continue_above_and_old_segments_are_released() {
    let dir = tempfile::tempdir().unwrap();
    let short = EmbeddedOptions { segment_bytes: 100, retain_bytes: 0, retain: Duration::ZERO, ..options() };
    let log = open(dir.path(), short.clone());
    for n in 0..10 {
        log.append(vec![entry(&format!("value number {n}"))]).await.unwrap();
    }
    log.release(0, 5).await.unwrap();
    let first = all(&log).await[0].offset;
    assert!((1..=5).contains(&first), "{first}");
    log.continue_above(0, 1000).await.unwrap();
    log.close().await.unwrap();
    let log = open(dir.path(), short);
    assert_eq!(log.durable_ends().await.unwrap(), [1000]);
    assert_eq!(log.append(vec![entry("x")]).await.unwrap()[0].offset, 1000);
    assert_eq!(log.read(0, 500, 1).await.unwrap()[0].offset, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_with_news() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), options());
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.wait(0, 0).await })
    };
    log.append(vec![entry("x")]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
}
