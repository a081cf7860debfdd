//! Names and help texts of the metrics of the worker, the pull sources and
//! the positions. With those of the gateway they let the books be balanced:
//! accepted = counted + failed + duplicates + suppressed + what is in flight.

use prometheus::{Counter, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use tributary_protocol::LogValue;
use tributary_state::{Applied, Matching};

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone())).map(|()| counters)
}

/// What the worker counts.
#[derive(Clone)]
pub struct WorkerMetrics {
    counted: IntCounter,
    failed: IntCounter,
    duplicates: IntCounter,
    suppressed: IntCounter,
    matching: Counter,
    /// Reads of the log that failed and are tried again.
    pub read_errors: IntCounter,
}

impl WorkerMetrics {
    /// Registers the worker's metrics.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "log records applied, by outcome: counted (a row of events), failed (a row of failed_events), \
                    duplicate or suppressed";
        let records = counters(registry, "tributary_worker_records_total", help, &["outcome"])?;
        let read_errors = IntCounter::new("tributary_worker_read_errors_total", "failed reads of the log")?;
        registry.register(Box::new(read_errors.clone()))?;
        let matching =
            Counter::new("tributary_resolve_matching_seconds_total", "time the worker spent matching records")?;
        registry.register(Box::new(matching.clone()))?;
        let of = |outcome: &str| records.with_label_values(&[outcome]);
        let (duplicates, suppressed) = (of("duplicate"), of("suppressed"));
        Ok(Self { counted: of("counted"), failed: of("failed"), duplicates, suppressed, matching, read_errors })
    }

    /// Counts what a batch did.
    pub fn observe(&self, applied: &Applied) {
        let failed = applied.counted.iter().filter(|counted| matches!(counted.value, LogValue::Failed(_))).count();
        self.counted.inc_by((applied.counted.len() - failed) as u64);
        self.failed.inc_by(failed as u64);
        self.duplicates.inc_by(applied.duplicates);
        self.suppressed.inc_by(applied.suppressed);
        self.matching.inc_by(applied.matching.as_secs_f64());
    }
}

/// What the pull sources count.
#[derive(Clone)]
pub struct PullMetrics {
    accepted: IntCounterVec,
    failed: IntCounterVec,
    /// Reads of a source that failed and are tried again.
    pub errors: IntCounterVec,
}

impl PullMetrics {
    /// Registers the metrics of the pull sources with these names, which show from the start.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new<'a>(registry: &Registry, sources: impl Iterator<Item = &'a str>) -> prometheus::Result<Self> {
        let accepted = "records of pull sources made durable in the log, failed ones included";
        let failed = "records of pull sources made durable as failed events";
        let errors = "reads of a pull source that failed and are tried again";
        let metrics = Self {
            accepted: counters(registry, "tributary_pull_records_accepted_total", accepted, &["source"])?,
            failed: counters(registry, "tributary_pull_records_failed_total", failed, &["source", "reason"])?,
            errors: counters(registry, "tributary_pull_errors_total", errors, &["source"])?,
        };
        for source in sources {
            metrics.accepted.with_label_values(&[source]);
            metrics.errors.with_label_values(&[source]);
        }
        Ok(metrics)
    }

    /// Counts records that are durable now.
    pub fn observe(&self, source: &str, records: &[LogValue]) {
        let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
        for value in records {
            if let LogValue::Failed(event) = value {
                *failed.entry(&event.reason).or_default() += 1;
            }
        }
        self.accepted.with_label_values(&[source]).inc_by(records.len() as u64);
        for (reason, count) in failed {
            self.failed.with_label_values(&[source, reason]).inc_by(count);
        }
    }
}

/// Offsets by partition, set when they are asked for.
#[derive(Clone)]
pub struct PositionMetrics {
    ends: IntGaugeVec,
    applied: IntGaugeVec,
    recorded: IntGaugeVec,
}

impl PositionMetrics {
    /// Registers the gauges.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauges = |name: &str, help: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &["partition"])?;
            registry.register(Box::new(gauges.clone())).map(|()| gauges)
        };
        Ok(Self {
            ends: gauges("tributary_log_end_offset", "offset after the last durable record of a partition")?,
            applied: gauges("tributary_worker_position_offset", "next offset that the worker applies")?,
            recorded: gauges("tributary_tables_position_offset", "next offset that the slowest table needs")?,
        })
    }

    /// Sets the gauges.
    pub fn observe(&self, ends: &[u64], applied: &[u64], recorded: &[u64]) {
        for (gauges, offsets) in [(&self.ends, ends), (&self.applied, applied), (&self.recorded, recorded)] {
            for (partition, offset) in offsets.iter().enumerate() {
                let gauge = gauges.with_label_values(&[&partition.to_string()]);
                gauge.set(i64::try_from(*offset).unwrap_or(i64::MAX));
            }
        }
    }
}

/// What the matching model holds, set when it is asked for.
#[derive(Clone)]
pub struct MatchingMetrics {
    items: IntGauge,
    trained_on: IntGauge,
    out_of_range: IntGauge,
    bytes: IntGauge,
    review: IntGauge,
}

impl MatchingMetrics {
    /// Registers the gauges.
    ///
    /// # Errors
    /// If a metric of that name exists.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        Ok(Self {
            items: gauge("tributary_resolve_items", "live items that are matched")?,
            trained_on: gauge("tributary_resolve_model_records", "records that the matching model was trained on")?,
            out_of_range: gauge(
                "tributary_resolve_model_out_of_range",
                "1 if live items are not between a quarter and four times what the model was trained on",
            )?,
            bytes: gauge("tributary_resolve_resident_bytes", "estimated bytes that matching holds in memory")?,
            review: gauge("tributary_resolve_review_pairs", "pairs that were held back for review")?,
        })
    }

    /// Sets the gauges.
    pub fn observe(&self, matching: &Matching) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (items, trained_on) = (matching.stats.items as u64, matching.trained_on);
        self.items.set(number(matching.stats.items));
        self.trained_on.set(i64::try_from(trained_on).unwrap_or(i64::MAX));
        self.out_of_range.set(i64::from(items * 4 < trained_on || items > trained_on * 4));
        self.bytes.set(number(matching.stats.bytes));
        self.review.set(number(matching.review));
    }
}
