//! Whether the brokers take appends, asked of them every two seconds: they are
//! reached, every partition has a leader, and enough replicas are in sync.

use super::KafkaOptions;
use super::context::Context;
use crate::Health;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Questions in a row without an answer that count: one may have met a frozen broker of several.
const SILENT_MAX: u32 = 2;

/// Keeps the health up to date.
pub(super) struct Monitor {
    topic: String,
    insync_min: Option<usize>,
    health: Mutex<Health>,
}

impl Monitor {
    pub(super) fn new(options: &KafkaOptions, insync_min: Option<usize>) -> Self {
        Self { topic: options.topic.clone(), insync_min, health: Mutex::new(Health::Ok) }
    }

    /// The health as last seen.
    pub(super) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for ever.
    pub(super) async fn run(self: Arc<Self>, consumer: Arc<StreamConsumer<Context>>) {
        let mut silent = 0;
        loop {
            let (monitor, asked) = (Arc::clone(&self), Arc::clone(&consumer));
            match tokio::task::spawn_blocking(move || monitor.ask(&asked)).await {
                Ok(Ok(None)) => {
                    silent = 0;
                    self.set(Health::Ok);
                }
                Ok(Ok(Some(reason))) => {
                    silent = 0;
                    self.set(Health::Stalled { reason });
                }
                Ok(Err(error)) => {
                    silent += 1;
                    if silent >= SILENT_MAX {
                        self.set(Health::Stalled { reason: format!("no broker answers: {error}") });
                    }
                }
                // The runtime is going down.
                Err(_) => return,
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What stands in the way of appends, if anything does.
    fn ask(&self, consumer: &StreamConsumer<Context>) -> rdkafka::error::KafkaResult<Option<String>> {
        let metadata = consumer.fetch_metadata(Some(&self.topic), ANSWER_TIMEOUT)?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == self.topic) else {
            return Ok(Some(format!("topic `{}` is gone", self.topic)));
        };
        if topic.partitions().is_empty() {
            return Ok(Some(format!("topic `{}` has no partitions", self.topic)));
        }
        let trouble = topic.partitions().iter().find_map(|partition| {
            let (id, insync) = (partition.id(), partition.isr().len());
            match self.insync_min {
                _ if partition.leader() < 0 => Some(format!("partition {id} has no leader")),
                Some(least) if insync < least => {
                    Some(format!("partition {id} has {insync} in-sync replicas of {least}"))
                }
                _ => None,
            }
        });
        Ok(trouble)
    }

    fn set(&self, health: Health) {
        let mut current = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == health {
            return;
        }
        if let Health::Stalled { reason } = &health {
            tracing::error!(topic = self.topic, reason, "log stalled");
        } else {
            tracing::info!(topic = self.topic, "log recovered");
        }
        *current = health;
    }
}
