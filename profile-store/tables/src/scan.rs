//! Reads the committed rows of `events` and `failed_events` as the log had
//! them: by partition, in the order of their offsets.
//!
//! Files are sorted within each commit, and compaction puts commits one after
//! another; so a file holds runs of ascending offsets. The runs are found by
//! reading the two columns of the position, and then read in order.

use crate::delta::StoredFile;
use crate::file::FileReader;
use crate::rows::columns::Columns;
use crate::rows::events::rows_to_events;
use crate::rows::failed;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tributary_protocol::LogValue;

/// Rows handed over at once, and how many such are under way.
const ROWS: usize = 2_000;
const CHUNKS: usize = 4;

/// A value and its position.
type Positioned = (u32, u64, LogValue);
type Decode = fn(&RecordBatch) -> Result<Vec<Positioned>, String>;

/// The files of a table.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) stored: Vec<StoredFile>,
}

/// Streams the rows of both tables.
pub(crate) fn scan(events: Files, failed: Files) -> BoxStream<'static, Result<Positioned>> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = send(&events, &failed, &sender) {
            // Without a receiver nobody wants to know.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    chunks.map_ok(|rows: Vec<Positioned>| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
}

fn send(events: &Files, failed: &Files, sender: &mpsc::Sender<Result<Vec<Positioned>>>) -> Result<()> {
    let mut events = Rows::new(events, decode_events)?;
    let mut failed = Rows::new(failed, decode_failed)?;
    let mut chunk = Vec::with_capacity(ROWS);
    loop {
        let take_failed = match (events.peek()?, failed.peek()?) {
            (None, None) => break,
            (Some(event), Some(failed)) => failed < event,
            (event, _) => event.is_none(),
        };
        chunk.extend(if take_failed { failed.next() } else { events.next() });
        if chunk.len() == ROWS && sender.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
            return Ok(());
        }
    }
    // Without a receiver nobody wants them.
    let _ = sender.blocking_send(Ok(chunk));
    Ok(())
}

fn decode_events(batch: &RecordBatch) -> Result<Vec<Positioned>, String> {
    let record = |(partition, offset, record)| (partition, offset, LogValue::Record(Box::new(record)));
    Ok(rows_to_events(batch)?.into_iter().map(record).collect())
}

fn decode_failed(batch: &RecordBatch) -> Result<Vec<Positioned>, String> {
    let value = |(partition, offset, failed)| (partition, offset, LogValue::Failed(failed));
    Ok(failed::from_rows(batch)?.into_iter().map(value).collect())
}

/// Consecutive rows of a file with ascending offsets of one partition.
#[derive(Debug, PartialEq)]
struct Run {
    partition: u32,
    first: u64,
    file: usize,
    from: usize,
    rows: usize,
}

/// The rows of one table in order.
struct Rows {
    paths: Vec<PathBuf>,
    runs: VecDeque<Run>,
    decode: Decode,
    reader: Option<FileReader>,
    ready: VecDeque<Positioned>,
}

impl Rows {
    fn new(files: &Files, decode: Decode) -> Result<Self> {
        let paths: Vec<PathBuf> = files.stored.iter().map(|file| files.folder.join(&file.name)).collect();
        let mut runs = Vec::new();
        for (at, (path, file)) in paths.iter().zip(&files.stored).enumerate() {
            find_runs(path, file, at, &mut runs)?;
        }
        runs.sort_by_key(|run| (run.partition, run.first));
        Ok(Self { paths, runs: runs.into(), decode, reader: None, ready: VecDeque::new() })
    }

    /// The position of the next row.
    fn peek(&mut self) -> Result<Option<(u32, u64)>> {
        while self.ready.is_empty() {
            if self.reader.is_none() && !self.open()? {
                return Ok(None);
            }
            let Some(reader) = &mut self.reader else { break };
            match reader.next() {
                Some(batch) => {
                    let path = reader.path().to_owned();
                    let rows = (self.decode)(&batch?).map_err(|reason| Error::damaged(&path, reason))?;
                    self.ready.extend(rows);
                }
                None => self.reader = None,
            }
        }
        Ok(self.ready.front().map(|(partition, offset, _)| (*partition, *offset)))
    }

    fn next(&mut self) -> Option<Positioned> {
        self.ready.pop_front()
    }

    /// Opens the file of the next runs, as many as follow each other in it.
    fn open(&mut self) -> Result<bool> {
        let Some(first) = self.runs.front() else { return Ok(false) };
        let file = first.file;
        let mut at = 0;
        let mut selectors = Vec::new();
        while let Some(run) = self.runs.pop_front_if(|run| run.file == file && run.from >= at) {
            selectors.push(RowSelector::skip(run.from - at));
            selectors.push(RowSelector::select(run.rows));
            at = run.from + run.rows;
        }
        self.reader = Some(FileReader::open(&self.paths[file], None, Some(RowSelection::from(selectors)))?);
        Ok(true)
    }
}

fn find_runs(path: &Path, file: &StoredFile, at: usize, runs: &mut Vec<Run>) -> Result<()> {
    let mut row = 0;
    let mut previous: Option<(u32, u64)> = None;
    for batch in FileReader::open(path, Some(&["log_partition", "log_offset"]), None)? {
        let batch = batch?;
        let positions = Columns(&batch).positions().map_err(|reason| Error::damaged(path, reason))?;
        for in_batch in 0..batch.num_rows() {
            let (partition, offset) = positions.get(in_batch).map_err(|reason| Error::damaged(path, reason))?;
            if file.dead.contains(row as u64) {
                previous = None;
            } else {
                match runs.last_mut() {
                    Some(run) if previous.is_some_and(|(p, o)| p == partition && o < offset) => run.rows += 1,
                    _ => runs.push(Run { partition, first: offset, file: at, from: row, rows: 1 }),
                }
                previous = Some((partition, offset));
            }
            row += 1;
        }
    }
    Ok(())
}
