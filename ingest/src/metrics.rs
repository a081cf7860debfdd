//! What the gateway counts.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

/// Bounds of the append histogram, in seconds: from a fast disk to a stalled one.
const APPEND_BUCKETS: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The gateway's metrics. `received = accepted + failed` for every source.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) received: IntCounterVec,
    pub(crate) accepted: IntCounterVec,
    pub(crate) failed: IntCounterVec,
    pub(crate) rejected: IntCounterVec,
    pub(crate) append: Histogram,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let append = HistogramOpts::new("tributary_ingest_append_duration_seconds", "time until a request was durable");
        let metrics = Self {
            received: counter(
                "tributary_ingest_records_received_total",
                "events made durable, good or bad",
                &["source"],
            )?,
            accepted: counter("tributary_ingest_records_accepted_total", "events accepted", &["source"])?,
            failed: counter("tributary_ingest_records_failed_total", "events kept as failed", &["source", "reason"])?,
            rejected: counter(
                "tributary_ingest_requests_rejected_total",
                "requests of which nothing was stored",
                &["reason"],
            )?,
            append: Histogram::with_opts(append.buckets(APPEND_BUCKETS.to_vec()))?,
        };
        for counter in [&metrics.received, &metrics.accepted, &metrics.failed, &metrics.rejected] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(metrics.append.clone()))?;
        Ok(metrics)
    }
}
