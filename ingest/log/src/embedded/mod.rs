//! The embedded log: segment files in a folder, one writer thread.

pub mod block;
mod opening;
mod options;
mod plan;
mod segment;
mod shared;
mod writer;

pub use options::EmbeddedOptions;
pub use shared::Damage;

use crate::queue::QueueLimit;
use crate::{Entry, Error, Frame, Health, Log, Position, Result};
use block::{ENTRY_BYTES_MAX, Payload};
use opening::{identity, open_partitions};
use plan::Plan;
use shared::{Shared, lock};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;
use writer::{Request, Writer};

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
        let (shared, tails) = open_partitions(root, identity.partitions)?;
        let shared = Arc::new(shared);
        let ends = shared.ends();
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
            ends,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The damage found so far between whole frames.
    pub fn quarantined(&self) -> Vec<Damage> {
        self.shared.damage()
    }

    fn request(&self, request: Request) -> Result<()> {
        let closed = || Error::Stalled { reason: "the log is closed".to_owned() };
        lock(&self.requests).as_ref().ok_or_else(closed)?.send(request).map_err(|_| closed())
    }

    fn folder(&self, partition: u32) -> PathBuf {
        self.root.join(partition.to_string())
    }

    fn read_blocking(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        let mut from = from;
        let mut bytes = 0;
        while from < self.shared.end(partition as usize) {
            let Some((first, start, limit)) = self.shared.place(partition, from) else { break };
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
            self.shared.remember(&scan, &file, partition, first);
            if !frames.is_empty() {
                break;
            }
            let Some(next) = self.shared.segment_after(partition, first) else { break };
            from = next;
        }
        Ok(frames)
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
        if matches!(self.shared.health(), Health::Full { .. }) {
            // Space may have come back: look again. The outcome is kept as the health.
            let _ = self.shared.check_space(&self.root, 0, self.options.disk_reserve_bytes);
        }
        self.shared.health()
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
        while let Some((first, behind)) = self.shared.released(partition, up_to)? {
            let path = segment::path(&folder, first);
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            if behind < self.options.retain_bytes || age < self.options.retain {
                break;
            }
            fs::remove_file(&path).map_err(|source| Error::Io { action: "delete", path, source })?;
            self.shared.forget(partition, first);
        }
        Ok(())
    }
}
