//! Appending: every entry is a record of an idempotent producer.

use super::context::{Context, error};
use super::{KafkaOptions, blocking, signed};
use crate::queue::QueueLimit;
use crate::{Entry, Error, Position, Result};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the caller tries to do.
const APPEND: &str = "append to the topic";

/// The producer, made anew when it fails for good.
pub(super) struct Writer {
    config: ClientConfig,
    topic: String,
    entry_bytes_max: usize,
    flush_timeout: Duration,
    queue: QueueLimit,
    /// None once closed.
    producer: Mutex<Option<FutureProducer<Context>>>,
}

impl Writer {
    pub(super) fn new(options: &KafkaOptions) -> Result<Self> {
        let config = options.producer_config()?;
        let producer = config.create_with_context(Context).map_err(error("start the producer"))?;
        Ok(Self {
            config,
            topic: options.topic.clone(),
            entry_bytes_max: options.entry_bytes_max,
            flush_timeout: options.delivery_timeout,
            queue: QueueLimit::new(options.queue_bytes_max),
            producer: Mutex::new(Some(producer)),
        })
    }

    /// Appends each entry to its partition; returns when all are acknowledged.
    pub(super) async fn append(&self, entries: &[Entry], partitions: Vec<u32>) -> Result<Vec<Position>> {
        let bytes_max = self.entry_bytes_max;
        if let Some(bytes) = entries.iter().map(Entry::bytes).find(|&bytes| bytes > bytes_max) {
            return Err(Error::TooLarge { bytes, bytes_max });
        }
        let producer = self.producer()?;
        let _room = self.queue.enter(entries).await?;
        let mut sent = Vec::with_capacity(entries.len());
        let mut failure = None;
        for (entry, partition) in entries.iter().zip(partitions) {
            match self.send(&producer, entry, partition) {
                Ok(delivery) => sent.push((partition, delivery)),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let mut positions = Vec::with_capacity(sent.len());
        for (partition, delivery) in sent {
            // All are waited for: what comes after a failed one is not sent anew while it may still arrive.
            match delivered(delivery.await, partition) {
                Ok(position) => positions.push(position),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            None => Ok(positions),
            Some(failure) => Err(self.failed(&producer, failure)),
        }
    }

    fn send(
        &self,
        producer: &FutureProducer<Context>,
        entry: &Entry,
        partition: u32,
    ) -> Result<DeliveryFuture, KafkaError> {
        let record =
            FutureRecord::to(&self.topic).partition(signed(partition)).key(&entry.key[..]).payload(&entry.value[..]);
        producer.send_result(record).map_err(|(error, _)| error)
    }

    fn producer(&self) -> Result<FutureProducer<Context>> {
        let closed = || Error::Stalled { reason: "the log is closed".to_owned() };
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)
    }

    /// Makes the crate's error. A producer that lost track of its sequence
    /// takes nothing more: the next append has a new one, and what the old one
    /// may have written is sent again by the clients and counted once.
    fn failed(&self, producer: &FutureProducer<Context>, failure: KafkaError) -> Error {
        if let Some((code, reason)) = producer.client().fatal_error() {
            tracing::error!(%code, reason, "the producer failed for good: starting a new one");
            self.replace(producer);
        }
        match failure.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::Topic {
                topic: self.topic.clone(),
                reason: "a record is larger than it takes: raise its max.message.bytes".to_owned(),
            },
            _ => error(APPEND)(failure),
        }
    }

    fn replace(&self, failed: &FutureProducer<Context>) {
        let mut current = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        // Another append that failed with it may have been here.
        if current.as_ref().is_none_or(|current| current.client().native_ptr() != failed.client().native_ptr()) {
            return;
        }
        match self.config.create_with_context(Context) {
            Ok(producer) => *current = Some(producer),
            Err(failure) => tracing::error!(error = %failure, "start a new producer"),
        }
    }

    /// Waits for what was appended and takes no more.
    pub(super) async fn close(&self) -> Result<()> {
        let producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(producer) = producer else { return Ok(()) };
        let timeout = self.flush_timeout;
        blocking("wait for the last appends", move || {
            producer.flush(timeout).map_err(error("wait for the last appends"))
        })
        .await
    }
}

/// The outcome of one record, as librdkafka reports it.
type Delivered = <DeliveryFuture as Future>::Output;

fn delivered(outcome: Delivered, partition: u32) -> Result<Position, KafkaError> {
    let delivery = outcome.map_err(|_| KafkaError::Canceled)?.map_err(|(error, _)| error)?;
    // A retry that found the record written already may not learn its offset.
    let offset = u64::try_from(delivery.offset).map_err(|_| KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))?;
    Ok(Position { partition, offset })
}
