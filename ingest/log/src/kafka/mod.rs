//! The log in a topic of Apache Kafka (2.8 or later).
//!
//! # The topic, for other consumers
//!
//! One record a frame. *Key*: the entry's key (the partition key as text; 16
//! bytes for a failed event). *Value*: the entry's value, the JSON of a log
//! value. *Partition*: XXH3-64 of the key modulo the partition count
//! ([`partition_of`]), the same as in the embedded log. No headers; the
//! timestamp is the time of the append. Read with any consumer, in a group of
//! your own; write nothing: foreign records become failed events, and a foreign
//! transaction's marker at the very end of a partition lets a flush wait for
//! the next frame. Offsets have gaps (markers, compaction); readers cope.
//!
//! A topic that is not there is made with `cleanup.policy=delete`, no unclean
//! leader election, and a retention of seven days: the log is a buffer, and the
//! retention, which must exceed the longest time that the worker may be down,
//! is what bounds it. [`Log::release`] therefore does nothing here: others may
//! read the topic too, and Kafka deletes by age. What retention deleted unread
//! is an error when it is read ([`Error::Lost`]), never skipped in silence.
//!
//! # What makes it durable
//!
//! The producer is idempotent with `acks=all`: an append returns when all
//! in-sync replicas have it, in order, without doubles from its own retries. It
//! survives what the replicas survive: brokers do not sync to disk before they
//! answer, so one replica outlives its process, not its machine. Use three, and
//! `min.insync.replicas=2`. `enable.gapless.guarantee` stays off: a failed
//! append is answered as failed and sent again by the client, so a gap is right,
//! and stopping for good is not. Kafka transactions are not used.
//!
//! # Which log it is
//!
//! The log id is the topic id, the random UUID that the controller gives a
//! topic when it is made (KIP-516). It changes exactly when the offsets start
//! anew, needs no record that retention or compaction could take, and two
//! servers that start at once cannot disagree about it. A topic made again
//! under the old name is therefore another log, whatever its offsets.

mod context;
mod monitor;
mod options;
mod reader;
mod topic;
mod topic_id;
mod writer;

pub use options::KafkaOptions;

use crate::{Entry, Error, ErrorKind, Frame, Health, Log, Position, Result, partition_of};
use context::{Context, error};
use monitor::Monitor;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use reader::{Failure, Reader};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;
use writer::Writer;

/// What is tried when the ends are asked for.
const ASK_ENDS: &str = "ask for the ends of the topic";
/// Longest wait for an answer about offsets.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before they are asked for again.
const OFFSETS_RETRY: Duration = Duration::from_millis(50);

/// A [`Log`] in Apache Kafka.
pub struct KafkaLog {
    id: Uuid,
    options: KafkaOptions,
    consumer: Arc<StreamConsumer<Context>>,
    readers: Vec<Arc<Reader>>,
    writer: Writer,
    health: Arc<Monitor>,
    tasks: Mutex<JoinSet<()>>,
}

impl KafkaLog {
    /// Connects to the brokers, makes the topic if it is not there, and starts
    /// to watch the brokers' health.
    ///
    /// # Errors
    /// [`Error::Property`] for a setting that is wrong, [`Error::Topic`] for a
    /// topic that cannot serve, [`Error::Unreachable`] if no broker answers
    /// within [`KafkaOptions::connect_timeout`], [`Error::Refused`] without permission.
    pub async fn connect(options: KafkaOptions) -> Result<Self> {
        let consumer: StreamConsumer<Context> =
            options.consumer_config()?.create_with_context(Context).map_err(error("start the consumer"))?;
        let consumer = Arc::new(consumer);
        let topic = topic::ensure(&options, &consumer).await?;
        let writer = Writer::new(&options)?;
        let health = Arc::new(Monitor::new(&options, topic.insync_min));
        let mut tasks = JoinSet::new();
        let mut readers = Vec::new();
        for partition in 0..options.partitions {
            let reader = Arc::new(Reader::new(&options, partition));
            let queue = consumer.split_partition_queue(&options.topic, signed(partition));
            let queue = queue.ok_or(Error::NoPartition { partition })?;
            tasks.spawn(Arc::clone(&reader).pump(Arc::clone(&consumer), queue));
            readers.push(reader);
        }
        tasks.spawn(context::serve(Arc::clone(&consumer)));
        tasks.spawn(Arc::clone(&health).run(Arc::clone(&consumer)));
        tracing::info!(topic = options.topic, log_id = %topic.id, partitions = options.partitions, "connected to Kafka");
        Ok(Self { id: topic.id, options, consumer, readers, writer, health, tasks: Mutex::new(tasks) })
    }

    fn reader(&self, partition: u32) -> Result<&Arc<Reader>> {
        self.readers.get(partition as usize).ok_or(Error::NoPartition { partition })
    }

    /// Asks the partitions' leaders for one end of each. Of the high end, what
    /// is visible to readers counts: open transactions of others are not. A
    /// leader that has just changed, or a topic that was just made, is asked again.
    async fn offsets(&self, partitions: Range<u32>, end: Offset) -> Result<Vec<u64>> {
        let deadline = Instant::now() + OFFSETS_TIMEOUT;
        loop {
            match self.offsets_now(partitions.clone(), end).await {
                Err(error) if error.kind() == ErrorKind::Transient && Instant::now() < deadline => {
                    tokio::time::sleep(OFFSETS_RETRY).await;
                }
                answer => return answer,
            }
        }
    }

    async fn offsets_now(&self, partitions: Range<u32>, end: Offset) -> Result<Vec<u64>> {
        let (consumer, topic) = (Arc::clone(&self.consumer), self.options.topic.clone());
        blocking(ASK_ENDS, move || {
            let failed = error(ASK_ENDS);
            let mut asked = TopicPartitionList::new();
            for partition in partitions.clone() {
                asked.add_partition_offset(&topic, signed(partition), end).map_err(&failed)?;
            }
            let answered = consumer.offsets_for_times(asked, OFFSETS_TIMEOUT).map_err(&failed)?;
            let offset = |partition| {
                let element = answered.find_partition(&topic, signed(partition));
                let offset = element.filter(|element| element.error().is_ok()).map(|element| element.offset());
                match offset {
                    Some(Offset::Offset(offset)) => u64::try_from(offset).ok(),
                    _ => None,
                }
            };
            let missing = || failed(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset));
            partitions.map(|partition| offset(partition).ok_or_else(missing)).collect()
        })
        .await
    }

    async fn offset(&self, partition: u32, end: Offset) -> Result<u64> {
        let offsets = self.offsets(partition..partition + 1, end).await?;
        offsets.first().copied().ok_or(Error::NoPartition { partition })
    }

    /// What to do about an offset that the topic does not hold: where to read
    /// on, or why not. Retention is no loss to who has read nothing yet.
    async fn outside(&self, partition: u32, from: u64) -> Result<u64> {
        let first = self.offset(partition, Offset::Beginning).await?;
        let end = self.offset(partition, Offset::End).await?;
        if from > end {
            return Err(Error::Behind { partition, end, offset: from });
        }
        if from >= first {
            tracing::error!(partition, from, "the partition was truncated and has grown again: frames were replaced");
            return Ok(from);
        }
        if from > 0 && !self.options.skips_lost() {
            return Err(Error::Lost { partition, from, first });
        }
        tracing::error!(partition, from, first, "frames deleted by the topic's retention were not read: going on");
        Ok(first)
    }
}

#[async_trait::async_trait]
impl Log for KafkaLog {
    fn id(&self) -> Uuid {
        self.id
    }

    fn partitions(&self) -> u32 {
        self.options.partitions
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>> {
        let place = |entry: &Entry| partition_of(&entry.key, self.options.partitions);
        let partitions = entries.iter().map(place).collect();
        let positions = self.writer.append(&entries, partitions).await?;
        for position in &positions {
            self.reader(position.partition)?.acknowledge(position.offset);
        }
        Ok(positions)
    }

    async fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<Frame>> {
        let reader = self.reader(partition)?;
        let end = || self.offset(partition, Offset::End);
        match reader.read(from, bytes_max, end()).await {
            Ok(frames) => Ok(frames),
            Err(Failure::Outside) => {
                let next = self.outside(partition, from).await?;
                reader.read(next, bytes_max, end()).await.map_err(Error::from)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn wait(&self, partition: u32, from: u64) {
        match self.reader(partition) {
            Ok(reader) => reader.wait(from).await,
            Err(_) => std::future::pending().await,
        }
    }

    async fn durable_ends(&self) -> Result<Vec<u64>> {
        self.offsets(0..self.options.partitions, Offset::End).await
    }

    async fn release(&self, partition: u32, _up_to: u64) -> Result<()> {
        self.reader(partition).map(drop)
    }

    async fn continue_above(&self, partition: u32, offset: u64) -> Result<()> {
        self.reader(partition)?;
        let end = self.offset(partition, Offset::End).await?;
        if end < offset { Err(Error::Behind { partition, end, offset }) } else { Ok(()) }
    }

    fn health(&self) -> Health {
        self.health.health()
    }

    async fn close(&self) -> Result<()> {
        self.writer.close().await?;
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        Ok(())
    }
}

/// Kafka's number of a partition, which [`KafkaOptions`] limits.
fn signed(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Runs a call that waits for brokers where it blocks nobody.
async fn blocking<T: Send + 'static>(
    action: &'static str,
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let called = tokio::task::spawn_blocking(call).await;
    called.map_err(|source| Error::Unreachable { action, source: source.into() })?
}
