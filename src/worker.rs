//! The worker: reads the log, hands each batch to the state.
//! state counted to the tables. One atomic commit per batch.

use prometheus::{IntCounterVec, Opts, Registry};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tributary_log::{Frame, Log};
use tributary_protocol::{FailedEvent, LogValue, Timestamp};
use tributary_state::{Applied, Mode, State};

/// Most bytes of the log in one batch.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// What the worker counts.
#[derive(Clone)]
pub struct Metrics {
    records: IntCounterVec,
}

impl Metrics {
    /// Registers the worker's metrics.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "log records applied, by outcome: counted, failed, duplicate or suppressed";
        let records = IntCounterVec::new(Opts::new("tributary_worker_records_total", help), &["outcome"])?;
        registry.register(Box::new(records.clone()))?;
        Ok(Self { records })
    }

    fn observe(&self, applied: &Applied) {
        let failed =
            applied.counted.iter().filter(|counted| matches!(counted.value, LogValue::Failed(_))).count() as u64;
        let counted = applied.counted.len() as u64 - failed;
        for (outcome, count) in [
            ("counted", counted),
            ("failed", failed),
            ("duplicate", applied.duplicates),
            ("suppressed", applied.suppressed),
        ] {
            self.records.with_label_values(&[outcome]).inc_by(count);
        }
    }
}

/// Moves batches from the log through the state into the tables.
pub struct Worker {
    /// Where records come from.
    pub log: Arc<dyn Log>,
    /// Where they are resolved and folded.
    pub state: State,
    /// What is counted.
    pub metrics: Metrics,
}

impl Worker {
    /// Runs until `shutdown`; the batch under way is finished first.
    ///
    /// # Errors
    /// If the log or the state fails: the process must end and start again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        while !shutdown.is_cancelled() {
            let mut idle = true;
            for partition in 0..self.log.partitions() {
                idle &= !self.step(partition).await?;
            }
            if idle {
                tokio::select! {
                    () = self.news() => {}
                    () = shutdown.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    /// Applies one batch of a partition; says whether there was one.
    async fn step(&self, partition: u32) -> anyhow::Result<bool> {
        let from = self.state.position(partition)?;
        let frames = self.log.read(partition, from, BATCH_BYTES_MAX).await?;
        let Some(last) = frames.last() else { return Ok(false) };
        let next = last.offset + 1;
        let state = self.state.clone();
        let apply = move || state.apply(partition, next, decode(partition, &frames), Mode::Live);
        let applied = tokio::task::spawn_blocking(apply).await??;
        self.metrics.observe(&applied);
        Ok(true)
    }

    /// Returns when some partition has a frame that is not applied.
    async fn news(&self) {
        let waits = (0..self.log.partitions()).map(|partition| {
            let from = self.state.position(partition).unwrap_or(0);
            Box::pin(async move { self.log.wait(partition, from).await })
        });
        futures::future::select_all(waits).await;
    }
}

/// Decodes a batch. Bytes that no version of ours wrote become a failed event.
pub fn decode(partition: u32, frames: &[Frame]) -> Vec<(u64, LogValue)> {
    let value = |frame: &Frame| match LogValue::decode(&frame.value) {
        Ok(value) => value,
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
    };
    frames.iter().map(|frame| (frame.offset, value(frame))).collect()
}
