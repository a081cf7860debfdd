//! Names, help texts and buckets of this crate's metrics. Counted per request, not per record.

use crate::{Error, Result};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// Seconds; from a fast disk's sync to a stalled one.
const APPEND_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What the gateway counts. Per source: received = accepted + discarded + under way.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Events of requests that were read and carried a good key.
    pub(crate) received: IntCounterVec,
    /// Frames made durable, good or bad.
    pub(crate) accepted: IntCounterVec,
    /// Frames made durable as failed events, by reason.
    pub(crate) failed: IntCounterVec,
    /// Events of which nothing is stored, by reason: the log did not take them
    /// (the client was told to send again), or they were too many.
    pub(crate) discarded: IntCounterVec,
    /// Requests refused, by code; nothing of them was stored unless their events failed.
    pub(crate) requests_rejected: IntCounterVec,
    /// Seconds until an append was durable.
    pub(crate) append_seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// [`Error::Metrics`] if one of them is registered already.
    pub fn new(registry: &Registry) -> Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels).map_err(Error::Metrics)?;
            registry.register(Box::new(counter.clone())).map_err(Error::Metrics)?;
            Ok::<_, Error>(counter)
        };
        let append = HistogramOpts::new(
            "tributary_ingest_append_duration_seconds",
            "time until the events of a request are durable",
        );
        let append_seconds = Histogram::with_opts(append.buckets(APPEND_BUCKETS.to_vec())).map_err(Error::Metrics)?;
        registry.register(Box::new(append_seconds.clone())).map_err(Error::Metrics)?;
        Ok(Self {
            received: counter(
                "tributary_ingest_records_received_total",
                "events read from requests with a good write key or signature",
                &["source"],
            )?,
            accepted: counter(
                "tributary_ingest_records_accepted_total",
                "events made durable in the log, failed ones included",
                &["source"],
            )?,
            failed: counter(
                "tributary_ingest_records_failed_total",
                "events made durable as failed events",
                &["source", "reason"],
            )?,
            discarded: counter(
                "tributary_ingest_records_discarded_total",
                "events of which nothing is stored: the log did not take them, or too many at once",
                &["source", "reason"],
            )?,
            requests_rejected: counter(
                "tributary_ingest_requests_rejected_total",
                "requests not answered with success",
                &["reason"],
            )?,
            append_seconds,
        })
    }

    /// Returns the counters of one source, which show from now on.
    pub(crate) fn source(&self, name: &str) -> SourceMetrics {
        SourceMetrics {
            received: self.received.with_label_values(&[name]),
            accepted: self.accepted.with_label_values(&[name]),
        }
    }
}

/// The counters that every request of a source moves.
#[derive(Clone, Debug)]
pub(crate) struct SourceMetrics {
    pub(crate) received: IntCounter,
    pub(crate) accepted: IntCounter,
}
