//! Reading one partition: a task moves what the consumer fetches into a bounded
//! buffer, readers take it from there. To read elsewhere, the partition is
//! assigned anew at that offset; no group, no committed offsets.

use super::context::{Context, error};
use super::{KafkaOptions, signed};
use crate::{Error, Frame, Result};
use bytes::Bytes;
use futures::FutureExt as _;
use rdkafka::consumer::stream_consumer::StreamPartitionQueue;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Most messages that are moved at once.
const MOVED_MAX: usize = 1000;
/// What the caller tries to do.
const READ: &str = "read from the topic";

/// Why a read failed.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The topic does not hold the offset: it is before its beginning or after its end.
    Outside,
    /// The consumer failed.
    Consumer(KafkaError),
    /// Nothing came in time, not even the word that there is nothing.
    Silence(Duration),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Outside => Self::Unreachable { action: READ, source: "the topic does not hold the offset".into() },
            Failure::Consumer(failure) => error(READ)(failure),
            Failure::Silence(waited) => {
                Self::Unreachable { action: READ, source: format!("no answer for {} s", waited.as_secs()).into() }
            }
        }
    }
}

/// One partition as it is read.
pub(super) struct Reader {
    topic: String,
    partition: u32,
    bytes_max: usize,
    timeout: Duration,
    buffer: Mutex<Buffer>,
    /// Held while a read goes on, so that nobody moves the buffer elsewhere before it has its frames.
    turn: tokio::sync::Mutex<()>,
    /// Tells readers that the buffer changed.
    news: Notify,
    /// Tells the task that there is room, or another place to read.
    orders: Notify,
    /// The end of what this process appended and was acknowledged.
    acknowledged: AtomicU64,
}

/// What was fetched and not yet read.
#[derive(Default)]
struct Buffer {
    /// Where to read from now on; taken by the task.
    restart: Option<u64>,
    /// Every frame at or above this offset is in `frames` or still to come. None before the first read.
    next: Option<u64>,
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The consumer has seen the end behind `frames`.
    at_end: bool,
    /// What stopped the consumer behind `frames`.
    failure: Option<Failure>,
}

/// What a look into the buffer gives.
enum Look {
    Frames(Vec<Frame>),
    Failed(Failure),
    AtEnd,
    /// Still to come.
    Pending,
}

/// What the task is to do.
enum Order {
    Restart(u64),
    Receive,
    Rest,
}

impl Reader {
    pub(super) fn new(options: &KafkaOptions, partition: u32) -> Self {
        Self {
            topic: options.topic.clone(),
            partition,
            bytes_max: options.buffer_bytes_max(),
            timeout: options.read_timeout,
            buffer: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            news: Notify::new(),
            orders: Notify::new(),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// Notes that the frame at `offset` is durable: no read may miss it.
    pub(super) fn acknowledge(&self, offset: u64) {
        self.acknowledged.fetch_max(offset + 1, Ordering::AcqRel);
    }

    /// Returns frames at or above `from`: what is buffered, up to about
    /// `bytes_max` bytes; nothing if `end`, the partition's, is reached. The
    /// consumer tells the end itself, but only after an idle fetch: who has
    /// just read the last frame asks the broker, which is quicker.
    pub(super) async fn read(
        &self,
        from: u64,
        bytes_max: usize,
        end: impl Future<Output = Result<u64>>,
    ) -> Result<Vec<Frame>, Failure> {
        let _turn = self.turn.lock().await;
        let deadline = Instant::now() + self.timeout;
        let mut end = Some(end);
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            match self.look(from, bytes_max) {
                Look::Frames(frames) => return Ok(frames),
                Look::Failed(failure) => return Err(failure),
                Look::AtEnd if self.has_read_own(from) => return Ok(Vec::new()),
                Look::Pending if self.has_read_own(from) => {
                    if let Some(end) = end.take()
                        && end.await.is_ok_and(|end| end == from)
                    {
                        return Ok(Vec::new());
                    }
                }
                Look::AtEnd | Look::Pending => {}
            }
            tokio::time::timeout_at(deadline, news).await.map_err(|_| Failure::Silence(self.timeout))?;
        }
    }

    /// Returns when a read from `from` would return frames or fail.
    pub(super) async fn wait(&self, from: u64) {
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            let turn = self.turn.lock().await;
            if self.is_ready(from) {
                return;
            }
            drop(turn);
            news.await;
        }
    }

    /// Whether nothing that this process appended is at or above `from`.
    fn has_read_own(&self, from: u64) -> bool {
        from >= self.acknowledged.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, from: u64, bytes_max: usize) -> Look {
        let mut buffer = self.lock();
        if !buffer.covers(from) {
            buffer.begin(from);
            self.orders.notify_one();
            return Look::Pending;
        }
        buffer.skip_below(from);
        if !buffer.frames.is_empty() {
            let frames = buffer.take(bytes_max);
            self.orders.notify_one();
            return Look::Frames(frames);
        }
        if let Some(failure) = buffer.failure.take() {
            buffer.next = None;
            return Look::Failed(failure);
        }
        if buffer.at_end { Look::AtEnd } else { Look::Pending }
    }

    fn is_ready(&self, from: u64) -> bool {
        let mut buffer = self.lock();
        if !buffer.covers(from) {
            buffer.begin(from);
            self.orders.notify_one();
            return false;
        }
        buffer.failure.is_some() || buffer.frames.back().is_some_and(|frame| frame.offset >= from)
    }

    /// Moves messages from the consumer to the buffer, for ever.
    pub(super) async fn pump(
        self: Arc<Self>,
        consumer: Arc<StreamConsumer<Context>>,
        queue: StreamPartitionQueue<Context>,
    ) {
        loop {
            match self.order() {
                Order::Restart(from) => {
                    if let Err(error) = self.assign(&consumer, from) {
                        self.lock().failure = Some(Failure::Consumer(error));
                        self.news.notify_waiters();
                    }
                }
                Order::Receive => tokio::select! {
                    biased;
                    () = self.orders.notified() => {}
                    message = queue.recv() => {
                        let mut moved = vec![message];
                        while let Some(message) = (moved.len() < MOVED_MAX).then(|| queue.recv().now_or_never()).flatten() {
                            moved.push(message);
                        }
                        self.accept(moved);
                    }
                },
                Order::Rest => self.orders.notified().await,
            }
        }
    }

    fn order(&self) -> Order {
        let mut buffer = self.lock();
        match buffer.restart.take() {
            Some(from) => Order::Restart(from),
            None if buffer.next.is_some() && buffer.bytes < self.bytes_max => Order::Receive,
            None => Order::Rest,
        }
    }

    /// Starts the consumer at `from`; what it had fetched before is dropped by it.
    fn assign(&self, consumer: &StreamConsumer<Context>, from: u64) -> KafkaResult<()> {
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition(&self.topic, signed(self.partition));
        // Fails the first time, when it is not assigned yet; then there is nothing to take away.
        let _ = consumer.incremental_unassign(&assignment);
        let from = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        assignment.set_partition_offset(&self.topic, signed(self.partition), from)?;
        consumer.incremental_assign(&assignment)
    }

    fn accept(&self, messages: Vec<KafkaResult<BorrowedMessage<'_>>>) {
        let mut buffer = self.lock();
        if buffer.restart.is_some() {
            return;
        }
        for message in messages {
            match message {
                Ok(message) => buffer.push(frame(&message)),
                Err(KafkaError::PartitionEOF(_)) => buffer.at_end = true,
                Err(error) => buffer.fail(self.partition, error),
            }
        }
        drop(buffer);
        self.news.notify_waiters();
    }
}

impl Buffer {
    /// The offset after the last fetched frame.
    fn end(&self) -> Option<u64> {
        self.frames.back().map(|frame| frame.offset + 1).or(self.next)
    }

    /// Whether the frames from `from` on are here or come by themselves.
    fn covers(&self, from: u64) -> bool {
        self.next.is_some_and(|next| next <= from) && self.end().is_some_and(|end| from <= end)
    }

    fn begin(&mut self, from: u64) {
        *self = Self { restart: Some(from), next: Some(from), ..Self::default() };
    }

    fn skip_below(&mut self, from: u64) {
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.offset < from) {
            self.bytes -= size(&frame);
        }
        self.next = Some(from);
    }

    fn take(&mut self, bytes_max: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        while let Some(frame) = self.frames.pop_front_if(|_| bytes < bytes_max.max(1)) {
            bytes += size(&frame);
            self.next = Some(frame.offset + 1);
            frames.push(frame);
        }
        self.bytes -= bytes;
        frames
    }

    fn push(&mut self, frame: Frame) {
        // Only what comes next: order is kept whatever the consumer does.
        if self.end().is_some_and(|end| frame.offset < end) {
            return;
        }
        self.bytes += size(&frame);
        self.at_end = false;
        self.frames.push_back(frame);
    }

    /// Keeps what stops the consumer; the rest it tries again by itself.
    fn fail(&mut self, partition: u32, error: KafkaError) {
        use RDKafkaErrorCode::{
            AllBrokersDown, AutoOffsetReset, BrokerTransportFailure, LeaderNotAvailable, NotLeaderForPartition,
            OffsetOutOfRange, OperationTimedOut, RequestTimedOut, Resolve,
        };
        match error.rdkafka_error_code() {
            Some(AutoOffsetReset | OffsetOutOfRange) => self.failure = Some(Failure::Outside),
            Some(
                AllBrokersDown
                | BrokerTransportFailure
                | LeaderNotAvailable
                | NotLeaderForPartition
                | OperationTimedOut
                | RequestTimedOut
                | Resolve,
            ) => tracing::debug!(partition, %error, "the consumer tries again"),
            _ => self.failure = Some(Failure::Consumer(error)),
        }
    }
}

/// What a frame takes in the buffer.
fn size(frame: &Frame) -> usize {
    frame.key.len() + frame.value.len() + size_of::<Frame>()
}

/// A record as a frame. One without key or value is foreign: empty, it becomes a failed event.
fn frame(message: &BorrowedMessage<'_>) -> Frame {
    let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice).unwrap_or_default();
    let offset = u64::try_from(message.offset()).unwrap_or_default();
    Frame { offset, key: copy(message.key()), value: copy(message.payload()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(offsets: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Frame> {
        let value = Bytes::from_static(b"0123456789");
        offsets.into_iter().map(move |offset| Frame { offset, key: Bytes::new(), value: value.clone() })
    }

    fn begun(from: u64, offsets: impl IntoIterator<Item = u64>) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.begin(from);
        frames(offsets).for_each(|frame| buffer.push(frame));
        buffer
    }

    #[test]
    fn a_buffer_covers_what_it_holds_and_what_comes_next() {
        assert!(!Buffer::default().covers(0));
        let buffer = begun(5, [5, 6, 9]);
        for (from, expected) in [(4, false), (5, true), (8, true), (10, true), (11, false)] {
            assert_eq!(buffer.covers(from), expected, "{from}");
        }
    }

    #[test]
    fn frames_leave_in_order_and_once_and_bytes_add_up() {
        let mut buffer = begun(5, [5, 5, 6, 4, 9, 10]);
        buffer.skip_below(6);
        let taken: Vec<u64> = buffer.take(1).iter().map(|frame| frame.offset).collect();
        assert_eq!(taken, [6]);
        assert_eq!(buffer.next, Some(7));
        let taken: Vec<u64> = buffer.take(usize::MAX).iter().map(|frame| frame.offset).collect();
        assert_eq!(taken, [9, 10]);
        assert_eq!((buffer.bytes, buffer.next), (0, Some(11)));
    }
}
