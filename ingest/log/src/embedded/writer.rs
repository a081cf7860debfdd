//! The writer thread: takes everything that is queued, writes it, makes it
//! durable with one `fdatasync` a partition, then answers.

use super::block::{self, Payload};
use super::options::EmbeddedOptions;
use super::segment;
use super::shared::Shared;
use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// What the writer is asked to do.
pub(super) enum Request {
    /// Append the blocks, and answer with the first offset of each when they are durable.
    Append(Vec<(u32, Payload)>, oneshot::Sender<Result<Vec<u64>>>),
    /// Make the next offset of a partition at least this one.
    ContinueAbove(u32, u64, oneshot::Sender<Result<()>>),
}

/// Most bytes that a segment is lengthened by ahead of its blocks.
const ROOM_BYTES_MAX: usize = 2 << 20;
/// Zeros to lengthen it with.
static ZEROS: [u8; ROOM_BYTES_MAX] = [0; ROOM_BYTES_MAX];

/// The open segment of one partition.
pub(super) struct Tail {
    pub(super) folder: PathBuf,
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// First offset of the segment.
    pub(super) first: u64,
    /// Bytes that are durable.
    pub(super) bytes: u64,
    /// Bytes of the file: zeros stand behind the durable ones.
    pub(super) length: u64,
    pub(super) next: u64,
}

impl Tail {
    /// Writes `bytes` behind what is durable. Where they do not fit into the
    /// zeros there, it writes zeros for later ones too: a sync after a write
    /// over what a file has costs the disk one flush; after a write that
    /// lengthens it, a turn of the file system's journal as well.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all_at(bytes, self.bytes)?;
        let end = self.bytes + bytes.len() as u64;
        if end > self.length {
            // As much again, so that a small log stays small.
            let room = usize::try_from(end).map_or(ROOM_BYTES_MAX, |end| end.min(ROOM_BYTES_MAX));
            self.file.write_all_at(&ZEROS[..room], end)?;
            self.length = end + room as u64;
        }
        Ok(())
    }

    /// Cuts the file back to what is durable.
    fn cut(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.bytes)?;
        self.length = self.bytes;
        Ok(())
    }
}

pub(super) struct Writer {
    pub(super) tails: Vec<Tail>,
    pub(super) shared: Arc<Shared>,
    pub(super) options: EmbeddedOptions,
    pub(super) root: PathBuf,
}

struct Pending {
    answer: oneshot::Sender<Result<Vec<u64>>>,
    firsts: Vec<u64>,
}

impl Writer {
    /// Runs until every handle of the log is gone.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let mut buffers: Vec<Vec<u8>> = self.tails.iter().map(|_| Vec::new()).collect();
        while let Ok(first) = requests.recv() {
            let started = Instant::now();
            let mut pending = Vec::new();
            let mut marks = Vec::new();
            for request in std::iter::once(first).chain(requests.try_iter()) {
                match request {
                    Request::Append(blocks, answer) => {
                        let firsts = self.lay_out(&blocks, &mut buffers, &mut marks);
                        pending.push(Pending { answer, firsts });
                    }
                    Request::ContinueAbove(partition, offset, answer) => {
                        self.commit(&mut buffers, &mut marks, &mut pending);
                        let _ = answer.send(self.continue_above(partition, offset));
                    }
                }
                if buffers.iter().map(Vec::len).sum::<usize>() >= self.options.queue_bytes_max {
                    break;
                }
            }
            self.commit(&mut buffers, &mut marks, &mut pending);
            pace(started, self.options.commit_floor);
        }
        // What stays uncut is cut when the log is opened.
        self.tails.iter_mut().for_each(|tail| drop(tail.cut()));
    }

    /// Gives each block its offsets and its place in the buffers.
    fn lay_out(
        &mut self,
        blocks: &[(u32, Payload)],
        buffers: &mut [Vec<u8>],
        marks: &mut Vec<(usize, u64, usize)>,
    ) -> Vec<u64> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        let place = |(partition, payload): &(u32, Payload)| {
            let index = *partition as usize;
            let first = self.tails[index].next;
            self.tails[index].next += payload.count();
            marks.push((index, first, buffers[index].len()));
            payload.write(&mut buffers[index], first, time);
            first
        };
        blocks.iter().map(place).collect()
    }

    /// Writes and syncs what is buffered and answers everyone.
    fn commit(&mut self, buffers: &mut [Vec<u8>], marks: &mut Vec<(usize, u64, usize)>, pending: &mut Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        let outcome = self.make_durable(buffers);
        if outcome.is_ok() {
            self.shared.publish(&self.tails, buffers, marks);
        }
        for request in pending.drain(..) {
            let answer = outcome.as_ref().map(|()| request.firsts).map_err(repeat);
            let _ = request.answer.send(answer);
        }
        buffers.iter_mut().for_each(Vec::clear);
        marks.clear();
    }

    fn make_durable(&mut self, buffers: &[Vec<u8>]) -> Result<()> {
        self.shared.check_stalled()?;
        let needed: u64 = buffers.iter().map(|buffer| buffer.len() as u64).sum();
        self.shared.check_space(&self.root, needed, self.options.disk_reserve_bytes)?;
        for (index, buffer) in buffers.iter().enumerate().filter(|(_, buffer)| !buffer.is_empty()) {
            if let Err(error) = self.make_room(index).and_then(|()| self.write(index, buffer)) {
                return Err(self.roll_back(index, error));
            }
        }
        for (tail, buffer) in self.tails.iter_mut().zip(buffers).filter(|(_, buffer)| !buffer.is_empty()) {
            if let Err(source) = tail.file.sync_data() {
                let error = Error::Io { action: "sync", path: tail.path.clone(), source };
                self.shared.stall(error.to_string());
                return Err(error);
            }
            tail.bytes += buffer.len() as u64;
        }
        Ok(())
    }

    /// Goes on in a new segment if this one is full.
    fn make_room(&mut self, index: usize) -> Result<()> {
        if self.tails[index].bytes < self.options.segment_bytes {
            return Ok(());
        }
        let first = self.shared.end(index);
        self.roll(index, first)
    }

    fn write(&mut self, index: usize, bytes: &[u8]) -> Result<()> {
        let tail = &mut self.tails[index];
        tail.write(bytes).map_err(|source| Error::Io { action: "append to", path: tail.path.clone(), source })
    }

    /// Cuts every file back to what is durable after a failed write, so that
    /// the next append continues there; offsets given away are not reused.
    fn roll_back(&mut self, failed: usize, error: Error) -> Error {
        for tail in &mut self.tails[..=failed] {
            if let Err(source) = tail.cut() {
                self.shared.stall(format!("cut {} back after a failed write: {source}", tail.path.display()));
            }
        }
        error
    }

    fn continue_above(&mut self, partition: u32, offset: u64) -> Result<()> {
        let index = partition as usize;
        let next = self.tails.get(index).ok_or(Error::NoPartition { partition })?.next;
        if next >= offset {
            return Ok(());
        }
        self.tails[index].next = offset;
        self.roll(index, offset)?;
        self.shared.set_end(index, offset);
        Ok(())
    }

    fn roll(&mut self, index: usize, first: u64) -> Result<()> {
        let tail = &mut self.tails[index];
        if tail.first == first {
            return Ok(());
        }
        let partition = u32::try_from(index).unwrap_or(0);
        let fresh = create_segment(&tail.folder, partition, first)?;
        // Zeros that stay behind its blocks are no damage.
        let _ = tail.cut();
        *tail = Tail { next: tail.next, ..fresh };
        self.shared.add_segment(index, first);
        Ok(())
    }
}

/// Creates a segment and makes it and its name durable.
pub(super) fn create_segment(folder: &Path, partition: u32, first: u64) -> Result<Tail> {
    let path = segment::path(folder, first);
    let io = |source| Error::Io { action: "create", path: path.clone(), source };
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&path).map_err(io)?;
    file.write_all(&block::header(partition, first)).map_err(io)?;
    file.sync_all().map_err(io)?;
    sync_folder(folder)?;
    let bytes = block::HEADER_BYTES as u64;
    Ok(Tail { folder: folder.to_owned(), file, path, first, bytes, length: bytes, next: first })
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let io = |source| Error::Io { action: "sync", path: folder.to_owned(), source };
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(io)
}

/// Keeps commits at least `floor` apart against a storm of tiny syncs.
fn pace(started: Instant, floor: Duration) {
    if let Some(rest) = floor.checked_sub(started.elapsed()) {
        std::thread::sleep(rest);
    }
}

/// The same error for one more caller.
fn repeat(error: &Error) -> Error {
    match error {
        Error::Full { free_bytes, reserve_bytes } => {
            Error::Full { free_bytes: *free_bytes, reserve_bytes: *reserve_bytes }
        }
        Error::Io { action, path, source } => {
            let again = || std::io::Error::new(source.kind(), source.to_string());
            let source = source.raw_os_error().map_or_else(again, std::io::Error::from_raw_os_error);
            Error::Io { action, path: path.clone(), source }
        }
        other => Error::Stalled { reason: format!("{other}") },
    }
}
