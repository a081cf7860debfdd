//! The worker: reads the log, hands each batch to the state, and what the
//! state counted to the tables. One atomic commit per batch.
//!
//! ```text
//! fetch (read, decode) --> apply (state) --> accept (tables) --> position
//! ```
//!
//! The three steps of three batches in a row overlap.

use crate::blocked::Blocked;
use crate::metrics::WorkerMetrics;
use anyhow::Context as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tributary_log::{ErrorKind, Frame, Log};
use tributary_profile_store::Tables;
use tributary_protocol::{FailedEvent, LogValue, Timestamp};
use tributary_state::{Applied, Mode, State};

/// Most bytes of the log in one batch.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Least time between two reads of a partition: every batch costs a sync of
/// the disk that acknowledgements wait for too.
const READ_EVERY: Duration = Duration::from_millis(100);
/// A batch of so many bytes is followed by the next at once: there is a backlog.
const BACKLOG_BYTES: usize = BATCH_BYTES_MAX / 4;
/// Pause after a read that failed for want of an answer; each in a row doubles it.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What keeps the worker from going on, for `/health`.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Says what it is, if there is any.
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Moves batches from the log through the state into the tables.
pub struct Worker {
    log: Arc<dyn Log>,
    state: State,
    tables: Arc<Tables>,
    decoder: Decoder,
    metrics: WorkerMetrics,
    trouble: Trouble,
    partitions: Vec<Partition>,
    /// The partition that is read first the next time.
    turn: usize,
    /// Offsets up to which the tables have taken what counted.
    done: watch::Sender<Vec<u64>>,
}

/// How far a partition is read.
struct Partition {
    next: u64,
    /// When it is read next at the earliest.
    due: Instant,
    /// While reads fail: the pause after the next failure.
    pause: Option<Duration>,
}

impl Partition {
    /// Notes that a batch of so many bytes was read, up to `next`.
    fn read(&mut self, next: u64, bytes: usize) {
        self.next = next;
        self.due = Instant::now() + if bytes < BACKLOG_BYTES { READ_EVERY } else { Duration::ZERO };
    }
}

/// A batch that was read.
struct Batch {
    partition: usize,
    next: u64,
    values: Vec<(u64, LogValue)>,
}

/// A batch that the state applied.
struct Done {
    partition: usize,
    next: u64,
    applied: Applied,
}

impl Worker {
    /// Makes a worker that goes on where `state` stands.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn new(
        log: Arc<dyn Log>,
        state: State,
        tables: Arc<Tables>,
        decoder: Decoder,
        metrics: WorkerMetrics,
    ) -> anyhow::Result<Self> {
        let positions = (0..log.partitions()).map(|partition| state.position(partition));
        let positions = positions.collect::<Result<Vec<u64>, _>>()?;
        let partitions = positions.iter().map(|&next| Partition { next, due: Instant::now(), pause: None }).collect();
        let (done, _) = watch::channel(positions);
        let trouble = Trouble::default();
        Ok(Self { log, state, tables, decoder, metrics, trouble, partitions, turn: 0, done })
    }

    /// Tells how far the worker is.
    pub fn positions(&self) -> watch::Receiver<Vec<u64>> {
        self.done.subscribe()
    }

    /// Tells what keeps it from going on.
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// Runs until `shutdown`; the batches under way are finished first.
    ///
    /// # Errors
    /// If the state or the tables fail, or the log for good: the process must end and start again.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (mut fetched, mut applied) = (None, None);
        loop {
            let stopping = shutdown.is_cancelled();
            let accepting = accept(Arc::clone(&self.tables), applied.take());
            let applying = apply(self.state.clone(), fetched.take());
            let fetching = async { if stopping { Ok(None) } else { self.fetch().await } };
            let (accepted, done, next) = tokio::join!(accepting, applying, fetching);
            if let Some((partition, next)) = accepted? {
                self.done.send_modify(|positions| positions[partition] = next);
            }
            (applied, fetched) = (done?, next?);
            if let Some(Done { applied, .. }) = &applied {
                self.metrics.observe(applied);
            }
            if fetched.is_none() && applied.is_none() {
                if stopping {
                    return Ok(());
                }
                self.idle(&shutdown).await;
            }
        }
    }

    /// Reads and decodes the next batch of the next partition that has one.
    async fn fetch(&mut self) -> anyhow::Result<Option<Batch>> {
        for _ in 0..self.partitions.len() {
            let at = self.turn;
            self.turn = (at + 1) % self.partitions.len();
            if self.partitions[at].due > Instant::now() {
                continue;
            }
            let partition = u32::try_from(at)?;
            match self.log.read(partition, self.partitions[at].next, BATCH_BYTES_MAX).await {
                Err(error) if error.kind() == ErrorKind::Transient => self.put_off(at, &error),
                Err(error) => return Err(error).context("read the log"),
                Ok(frames) => {
                    self.recovered(at);
                    let Some(last) = frames.last() else { continue };
                    let next = last.offset + 1;
                    self.partitions[at].read(next, frames.iter().map(|frame| frame.value.len()).sum());
                    let decoder = self.decoder.clone();
                    let decode = move || decoder.decode(partition, &frames);
                    let values = tokio::task::spawn_blocking(decode).await.context("decode a batch")?;
                    return Ok(Some(Batch { partition: at, next, values }));
                }
            }
        }
        Ok(None)
    }

    /// A read failed that may succeed later.
    fn put_off(&mut self, at: usize, error: &tributary_log::Error) {
        let partition = &mut self.partitions[at];
        let pause = partition.pause.unwrap_or(PAUSE);
        (partition.due, partition.pause) = (Instant::now() + pause, Some((pause * 2).min(PAUSE_MAX)));
        self.metrics.read_errors.inc();
        if self.trouble.get().is_none() {
            tracing::warn!(partition = at, %error, "reading the log failed, it is tried again");
        }
        self.trouble.set(Some(format!("the worker cannot read partition {at} of the log: {error}")));
    }

    fn recovered(&mut self, at: usize) {
        let was_in_trouble = self.partitions[at].pause.take().is_some();
        if was_in_trouble && self.partitions.iter().all(|partition| partition.pause.is_none()) {
            tracing::info!("the log is read again");
            self.trouble.set(None);
        }
    }

    /// Returns when some partition has a frame that is not read, when a failed
    /// read is to be tried again, or at shutdown.
    async fn idle(&self, shutdown: &CancellationToken) {
        let waits = (0..).zip(&self.partitions).map(|(number, partition)| async move {
            tokio::time::sleep_until(partition.due).await;
            if partition.pause.is_none() {
                self.log.wait(number, partition.next).await;
            }
        });
        tokio::select! {
            _ = futures::future::select_all(waits.map(Box::pin)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Has the state apply a batch.
async fn apply(state: State, batch: Option<Batch>) -> anyhow::Result<Option<Done>> {
    let Some(Batch { partition, next, values }) = batch else { return Ok(None) };
    let number = u32::try_from(partition)?;
    let apply = move || state.apply(number, next, values, Mode::Live);
    let applied = tokio::task::spawn_blocking(apply).await.context("apply a batch")?;
    let applied = applied.context("write the state: the process must start again")?;
    Ok(Some(Done { partition, next, applied }))
}

/// Has the tables take what counted; returns how far they are.
async fn accept(tables: Arc<Tables>, done: Option<Done>) -> anyhow::Result<Option<(usize, u64)>> {
    let Some(Done { partition, next, applied }) = done else { return Ok(None) };
    tables.accept(u32::try_from(partition)?, next, applied).await.context("hand rows to the tables")?;
    Ok(Some((partition, next)))
}

/// Makes values of the log's bytes.
#[derive(Clone)]
pub struct Decoder {
    /// Identifiers that are taken off.
    pub blocked: Arc<Blocked>,
}

impl Decoder {
    /// Decodes a batch. Bytes that no version of ours wrote become a failed event.
    pub fn decode(&self, partition: u32, frames: &[Frame]) -> Vec<(u64, LogValue)> {
        frames.iter().map(|frame| (frame.offset, self.value(partition, frame))).collect()
    }

    fn value(&self, partition: u32, frame: &Frame) -> LogValue {
        match LogValue::decode(&frame.value) {
            Ok(mut value) => {
                self.blocked.strip(&mut value);
                value
            }
            Err(error) => {
                tracing::error!(partition, offset = frame.offset, %error, "unreadable log value kept as a failed event");
                LogValue::Failed(FailedEvent {
                    source: "log".to_owned(),
                    reason: "unreadable_log_value".to_owned(),
                    message: error.to_string(),
                    payload: frame.value.to_vec(),
                    received_at: Timestamp(0),
                })
            }
        }
    }
}
