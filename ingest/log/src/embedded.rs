//! The embedded log: segment files in a folder, one writer thread.

use crate::block::{ENTRY_BYTES_MAX, HEADER_BYTES, Payload};
use crate::queue::QueueLimit;
use crate::segment::{self, Scan};
use crate::writer::{Request, Tail, Writer, create_segment, sync_folder};
use crate::{Entry, Error, Frame, Health, Log, Position, Result, partition_of};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// Version of `log.json` and of the segments.
const FORMAT: u32 = 2;
/// Bytes of entries in one block, about: what is compressed and read as one.
const BLOCK_BYTES: usize = 256 << 10;

/// Settings of the embedded log.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Partitions of a new log.
    pub partitions: u32,
    /// A segment is closed at this size.
    pub segment_bytes: u64,
    /// Released segments are kept while the released ones after them are fewer bytes than this.
    pub retain_bytes: u64,
    /// Released segments are kept this long.
    pub retain: Duration,
    /// Bytes of the disk that must stay free.
    pub disk_reserve_bytes: u64,
    /// Bytes that may wait to be made durable, and of one commit at most.
    pub queue_bytes_max: usize,
    /// Least time between two commits.
    pub commit_floor: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            partitions: 4,
            segment_bytes: 128 << 20,
            retain_bytes: 1 << 30,
            retain: Duration::from_hours(24),
            disk_reserve_bytes: 256 << 20,
            queue_bytes_max: 64 << 20,
            commit_floor: Duration::from_millis(1),
        }
    }
}

/// Bytes of a segment that are no frame and stand between frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// The bytes.
    pub bytes: Range<u64>,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    format: u32,
    id: Uuid,
    partitions: u32,
}

/// What readers see of one partition.
#[derive(Default)]
struct Partition {
    /// Segments by first offset, with their indexes.
    segments: BTreeMap<u64, Segment>,
    end: u64,
}

#[derive(Default)]
struct Segment {
    /// Bytes that are durable.
    bytes: u64,
    index: Vec<(u64, u64)>,
}

/// What writer and readers share.
pub(crate) struct Shared {
    partitions: Mutex<Vec<Partition>>,
    ends: watch::Sender<Vec<u64>>,
    health: Mutex<Health>,
    damage: Mutex<Vec<Damage>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn end(&self, index: usize) -> u64 {
        lock(&self.partitions)[index].end
    }

    pub(crate) fn set_end(&self, index: usize, end: u64) {
        lock(&self.partitions)[index].end = end;
        self.ends.send_modify(|ends| ends[index] = end);
    }

    pub(crate) fn add_segment(&self, index: usize, first: u64) {
        let segment = Segment { bytes: HEADER_BYTES as u64, index: Vec::new() };
        lock(&self.partitions)[index].segments.insert(first, segment);
    }

    /// Shows readers what a commit made durable.
    pub(crate) fn publish(&self, tails: &[Tail], buffers: &[Vec<u8>], marks: &[(usize, u64, usize)]) {
        let mut partitions = lock(&self.partitions);
        for &(index, offset, at) in marks {
            let tail = &tails[index];
            let start = tail.bytes - buffers[index].len() as u64;
            let segment = partitions[index].segments.entry(tail.first).or_default();
            let place = start + at as u64;
            if segment.index.last().is_none_or(|(_, byte)| place - byte >= 64 << 10) {
                segment.index.push((offset, place));
            }
        }
        for (index, tail) in tails.iter().enumerate() {
            partitions[index].segments.entry(tail.first).or_default().bytes = tail.bytes;
            partitions[index].end = tail.next;
        }
        drop(partitions);
        self.ends.send_modify(|ends| ends.iter_mut().zip(tails).for_each(|(end, tail)| *end = tail.next));
    }

    pub(crate) fn stall(&self, reason: String) {
        tracing::error!(reason, "log stalled");
        *lock(&self.health) = Health::Stalled { reason };
    }

    pub(crate) fn check_stalled(&self) -> Result<()> {
        match &*lock(&self.health) {
            Health::Stalled { reason } => Err(Error::Stalled { reason: reason.clone() }),
            _ => Ok(()),
        }
    }

    /// Refuses to write into the disk's reserve; health follows.
    pub(crate) fn check_space(&self, root: &Path, needed: u64, reserve_bytes: u64) -> Result<()> {
        let free_bytes = rustix::fs::statvfs(root).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        let full = free_bytes < reserve_bytes.saturating_add(needed);
        let mut health = lock(&self.health);
        if !matches!(*health, Health::Stalled { .. }) {
            *health = if full { Health::Full { free_bytes, reserve_bytes } } else { Health::Ok };
        }
        drop(health);
        if full { Err(Error::Full { free_bytes, reserve_bytes }) } else { Ok(()) }
    }
}

/// The default log: durable, in a folder of this machine.
pub struct EmbeddedLog {
    id: Uuid,
    root: PathBuf,
    options: EmbeddedOptions,
    shared: Arc<Shared>,
    queue: QueueLimit,
    requests: Mutex<Option<Sender<Request>>>,
    ends: watch::Receiver<Vec<u64>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl EmbeddedLog {
    /// Opens or creates the log in `root`. A torn tail is cut; damage before
    /// whole frames is reported, see [`EmbeddedLog::quarantined`].
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be used, [`Error::Corrupt`] if it is no log of ours.
    pub fn open(root: &Path, options: EmbeddedOptions) -> Result<Self> {
        let identity = identity(root, options.partitions)?;
        let (ends, receiver) = watch::channel(Vec::new());
        let damage = Mutex::new(Vec::new());
        let shared = Shared { partitions: Mutex::default(), ends, health: Mutex::new(Health::Ok), damage };
        let mut tails = Vec::new();
        for partition in 0..identity.partitions {
            let (tail, opened) = open_partition(root, partition, &shared.damage)?;
            tails.push(tail);
            lock(&shared.partitions).push(opened);
        }
        shared.ends.send_modify(|ends| *ends = tails.iter().map(|tail| tail.next).collect());
        let shared = Arc::new(shared);
        let (sender, requests) = channel();
        let writer = Writer { tails, shared: Arc::clone(&shared), options: options.clone(), root: root.to_owned() };
        let spawned = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run(&requests));
        let thread =
            spawned.map_err(|source| Error::Io { action: "start the writer of", path: root.to_owned(), source })?;
        Ok(Self {
            id: identity.id,
            root: root.to_owned(),
            queue: QueueLimit::new(options.queue_bytes_max),
            options,
            shared,
            requests: Mutex::new(Some(sender)),
            ends: receiver,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The damage found so far between whole frames.
    pub fn quarantined(&self) -> Vec<Damage> {
        lock(&self.shared.damage).clone()
    }

    fn request(&self, request: Request) -> Result<()> {
        let closed = || Error::Stalled { reason: "the log is closed".to_owned() };
        lock(&self.requests).as_ref().ok_or_else(closed)?.send(request).map_err(|_| closed())
    }

    fn folder(&self, partition: u32) -> PathBuf {
        self.root.join(partition.to_string())
    }

    /// The segment that holds `from` or the next frame after it: its first
    /// offset, where to read from, and its durable end.
    fn place(&self, partition: u32, from: u64) -> Option<(u64, u64, u64)> {
        let partitions = lock(&self.shared.partitions);
        let held = &partitions[partition as usize];
        let first = held.segments.range(..=from).next_back().map_or(from, |(first, _)| *first);
        let (&first, segment) = held.segments.range(first..).find(|(_, segment)| segment.bytes > 0)?;
        let at = segment.index.partition_point(|(offset, _)| *offset <= from);
        let start = at.checked_sub(1).map_or(HEADER_BYTES as u64, |at| segment.index[at].1);
        Some((first, start, segment.bytes))
    }

    fn segment_after(&self, partition: u32, first: u64) -> Option<u64> {
        lock(&self.shared.partitions)[partition as usize].segments.range(first + 1..).next().map(|(first, _)| *first)
    }

    fn read_blocking(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let mut from = from;
        let mut bytes = 0;
        while from < self.shared.end(partition as usize) {
            let Some((first, start, limit)) = self.place(partition, from) else { break };
            let file = segment::path(&self.folder(partition), first);
            let scan = segment::scan(&file, partition, start, limit, |block| {
                for frame in block.into_iter().skip_while(|frame| frame.offset < from) {
                    if bytes >= bytes_max && !frames.is_empty() {
                        return false;
                    }
                    bytes += frame.key.len() + frame.value.len();
                    frames.push(frame);
                }
                bytes < bytes_max
            })?;
            self.remember(&scan, &file, partition, first);
            if !frames.is_empty() {
                break;
            }
            let Some(next) = self.segment_after(partition, first) else { break };
            from = next;
        }
        Ok(frames)
    }

    /// Keeps what a scan learned: the index of an old segment, and damage.
    fn remember(&self, scan: &Scan, file: &Path, partition: u32, first: u64) {
        let mut partitions = lock(&self.shared.partitions);
        if let Some(segment) = partitions[partition as usize].segments.get_mut(&first) {
            let known = segment.index.last().map_or(0, |(_, byte)| *byte);
            segment.index.extend(scan.index.iter().filter(|(_, byte)| *byte >= known + (64 << 10) || known == 0));
        }
        drop(partitions);
        report(scan, file, &self.shared.damage);
    }
}

/// Reads or makes `log.json`.
fn identity(root: &Path, partitions: u32) -> Result<Identity> {
    let path = root.join("log.json");
    let io = |action| move |source| Error::Io { action, path: root.join("log.json"), source };
    if path.exists() {
        let corrupt = |reason: String| Error::Corrupt { path: path.clone(), reason };
        let identity: Identity = serde_json::from_slice(&fs::read(&path).map_err(io("read"))?)
            .map_err(|error| corrupt(error.to_string()))?;
        if identity.format != FORMAT {
            return Err(corrupt(format!("format {} is not supported: upgrade the program", identity.format)));
        }
        return Ok(identity);
    }
    fs::create_dir_all(root).map_err(io("create"))?;
    let identity = Identity { format: FORMAT, id: Uuid::new_v4(), partitions: partitions.max(1) };
    for partition in 0..identity.partitions {
        fs::create_dir_all(root.join(partition.to_string())).map_err(io("create"))?;
    }
    let partial = root.join("log.json.new");
    let text = serde_json::to_vec_pretty(&identity).unwrap_or_default();
    let mut file = File::create(&partial).map_err(io("create"))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io("write"))?;
    fs::rename(&partial, &path).map_err(io("rename"))?;
    sync_folder(root)?;
    Ok(identity)
}

fn report(scan: &Scan, file: &Path, damage: &Mutex<Vec<Damage>>) {
    let mut known = lock(damage);
    for found in scan.reports(file) {
        if !known.contains(&found) {
            tracing::error!(path = %found.path.display(), from = found.bytes.start, to = found.bytes.end, "damage in the middle of the log: frames there are lost, restore the file from a copy");
            known.push(found);
        }
    }
}

/// Opens a partition's last segment, cuts its torn tail, and lists the others.
fn open_partition(root: &Path, partition: u32, damage: &Mutex<Vec<Damage>>) -> Result<(Tail, Partition)> {
    let folder = root.join(partition.to_string());
    let io = |source| Error::Io { action: "read", path: folder.clone(), source };
    let mut opened = Partition::default();
    for entry in fs::read_dir(&folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(first) = name.strip_suffix(".seg").and_then(|stem| stem.parse::<u64>().ok()) {
            let bytes = entry.metadata().map_err(io)?.len();
            opened.segments.insert(first, Segment { bytes, index: Vec::new() });
        }
    }
    // A kill while a segment was made leaves it shorter than its header.
    while let Some((&first, segment)) = opened.segments.last_key_value() {
        if segment.bytes >= HEADER_BYTES as u64 {
            break;
        }
        fs::remove_file(segment::path(&folder, first)).map_err(io)?;
        opened.segments.remove(&first);
    }
    let Some((&first, segment)) = opened.segments.last_key_value() else {
        opened.segments.insert(0, Segment { bytes: HEADER_BYTES as u64, index: Vec::new() });
        return Ok((create_segment(&folder, partition, 0)?, opened));
    };
    let path = segment::path(&folder, first);
    let scan = segment::scan(&path, partition, 0, segment.bytes, |_| true)?;
    report(&scan, &path, damage);
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
    if segment.bytes > scan.end {
        let torn = bytes_written(&file, scan.end).map_err(io)?;
        if torn > 0 {
            tracing::warn!(path = %path.display(), bytes = torn, "cut the torn tail of the log");
        }
        file.set_len(scan.end).and_then(|()| file.sync_all()).map_err(io)?;
    }
    let next = scan.next.unwrap_or(first).max(first);
    opened.end = next;
    opened.segments.insert(first, Segment { bytes: scan.end, index: scan.index });
    Ok((Tail { folder, file, path, first, bytes: scan.end, length: scan.end, next }, opened))
}

/// Bytes from `end` on that are more than room for blocks to come.
fn bytes_written(mut file: &File, end: u64) -> std::io::Result<usize> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.read_to_end(&mut rest)?;
    Ok(rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1))
}

/// Which entries of an append go into which block, in the order of each partition.
struct Plan {
    /// Partition and places in the append of each block's entries.
    blocks: Vec<(u32, Vec<usize>)>,
    count: usize,
}

impl Plan {
    fn new(entries: &[Entry], partitions: u32) -> Self {
        let mut blocks: Vec<(u32, Vec<usize>)> = Vec::new();
        // The open block of each partition, and its bytes.
        let mut open: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let partition = partition_of(&entry.key, partitions);
            let held = open.get(&partition).filter(|(_, bytes)| bytes + entry.bytes() <= BLOCK_BYTES);
            let (block, bytes) = held.copied().unwrap_or_else(|| {
                blocks.push((partition, Vec::new()));
                (blocks.len() - 1, 0)
            });
            blocks[block].1.push(at);
            open.insert(partition, (block, bytes + entry.bytes()));
        }
        Self { blocks, count: entries.len() }
    }

    /// The position of each entry, given the first offset of each block.
    fn positions(&self, firsts: &[u64]) -> Vec<Position> {
        let mut positions = vec![Position { partition: 0, offset: 0 }; self.count];
        for ((partition, members), &first) in self.blocks.iter().zip(firsts) {
            for (offset, &at) in (first..).zip(members) {
                positions[at] = Position { partition: *partition, offset };
            }
        }
        positions
    }
}

#[async_trait::async_trait]
impl Log for Arc<EmbeddedLog> {
    fn id(&self) -> Uuid {
        self.id
    }

    fn partitions(&self) -> u32 {
        u32::try_from(self.ends.borrow().len()).unwrap_or(u32::MAX)
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>> {
        if let Some(bytes) = entries.iter().map(Entry::bytes).find(|&bytes| bytes > ENTRY_BYTES_MAX) {
            return Err(Error::TooLarge { bytes, bytes_max: ENTRY_BYTES_MAX });
        }
        let _room = self.queue.enter(&entries).await?;
        let plan = Plan::new(&entries, self.partitions());
        let mut blocks = Vec::with_capacity(plan.blocks.len());
        for (partition, members) in &plan.blocks {
            blocks.push((*partition, Payload::new(members.iter().map(|&at| &entries[at]))));
            if plan.blocks.len() > 1 {
                tokio::task::yield_now().await;
            }
        }
        drop(entries);
        let (answer, answered) = oneshot::channel();
        self.request(Request::Append(blocks, answer))?;
        let firsts = answered.await.map_err(|_| Error::Stalled { reason: "the writer ended".to_owned() })??;
        Ok(plan.positions(&firsts))
    }

    async fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>> {
        if partition >= self.partitions() {
            return Err(Error::NoPartition { partition });
        }
        if self.ends.borrow()[partition as usize] <= from {
            return Ok(Vec::new());
        }
        let log = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || log.read_blocking(partition, from, bytes_max));
        read.await.map_err(|error| Error::Stalled { reason: error.to_string() })?
    }

    async fn wait(&self, partition: u32, from: u64) {
        let mut ends = self.ends.clone();
        let news = |ends: &Vec<u64>| ends.get(partition as usize).is_some_and(|&end| end > from);
        if ends.wait_for(news).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn durable_ends(&self) -> Result<Vec<u64>> {
        Ok(self.ends.borrow().clone())
    }

    async fn release(&self, partition: u32, up_to: u64) -> Result<()> {
        let log = Arc::clone(self);
        let release = tokio::task::spawn_blocking(move || log.release_blocking(partition, up_to));
        release.await.map_err(|error| Error::Stalled { reason: error.to_string() })?
    }

    async fn continue_above(&self, partition: u32, offset: u64) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.request(Request::ContinueAbove(partition, offset, answer))?;
        answered.await.map_err(|_| Error::Stalled { reason: "the writer ended".to_owned() })?
    }

    fn health(&self) -> Health {
        let full = matches!(*lock(&self.shared.health), Health::Full { .. });
        if full {
            // Space may have come back: look again. The outcome is kept as the health.
            let _ = self.shared.check_space(&self.root, 0, self.options.disk_reserve_bytes);
        }
        lock(&self.shared.health).clone()
    }

    async fn close(&self) -> Result<()> {
        drop(lock(&self.requests).take());
        let thread = lock(&self.thread).take();
        let joined = tokio::task::spawn_blocking(move || thread.map(std::thread::JoinHandle::join)).await;
        joined.map(drop).map_err(|error| Error::Stalled { reason: error.to_string() })
    }
}

impl EmbeddedLog {
    /// Deletes whole segments below `up_to` that are old and far enough behind.
    fn release_blocking(&self, partition: u32, up_to: u64) -> Result<()> {
        let folder = self.folder(partition);
        loop {
            let partitions = lock(&self.shared.partitions);
            let Some(held) = partitions.get(partition as usize) else { return Err(Error::NoPartition { partition }) };
            let mut oldest = held.segments.iter();
            let (Some((&first, _)), Some((&next, _))) = (oldest.next(), oldest.next()) else { return Ok(()) };
            if next > up_to {
                return Ok(());
            }
            let behind: u64 = held.segments.range(next..up_to).map(|(_, segment)| segment.bytes).sum();
            drop(partitions);
            let path = segment::path(&folder, first);
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            if behind < self.options.retain_bytes || age < self.options.retain {
                return Ok(());
            }
            fs::remove_file(&path).map_err(|source| Error::Io { action: "delete", path, source })?;
            lock(&self.shared.partitions)[partition as usize].segments.remove(&first);
        }
    }
}
