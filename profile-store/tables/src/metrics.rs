//! Names and help texts of this crate's metrics.

use crate::TableName;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// From the milliseconds of a commit on an idle disk to the tens of seconds of
/// one that waits behind a large rewrite.
const COMMIT_SECONDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The metrics of all tables.
#[derive(Clone)]
pub(crate) struct Metrics {
    rows: IntCounterVec,
    commit_seconds: HistogramVec,
    errors: IntCounterVec,
    rewritten: IntCounterVec,
    cleaned: IntCounterVec,
    tail_bytes: IntGaugeVec,
    files: IntGaugeVec,
    vectors: IntGaugeVec,
    pub(crate) traits_without_column: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["table"])?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["table"])?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let help = "time of one commit to a table, its files included";
        let options = HistogramOpts::new("tributary_tables_commit_duration_seconds", help);
        let commit_seconds = HistogramVec::new(options.buckets(COMMIT_SECONDS.to_vec()), &["table"])?;
        registry.register(Box::new(commit_seconds.clone()))?;
        let help = "traits that have no column of their own in the table profiles";
        let traits_without_column = IntGauge::new("tributary_tables_traits_without_column", help)?;
        registry.register(Box::new(traits_without_column.clone()))?;
        Ok(Self {
            rows: counter("tributary_tables_rows_committed_total", "rows written to a table")?,
            commit_seconds,
            errors: counter("tributary_tables_errors_total", "commits and rewrites that failed and are tried again")?,
            rewritten: counter("tributary_tables_files_rewritten_total", "files merged or rewritten by compaction")?,
            cleaned: counter("tributary_tables_files_removed_total", "files removed that no version needs")?,
            tail_bytes: gauge("tributary_tables_tail_bytes", "rows accepted and not yet committed, in memory")?,
            files: gauge("tributary_tables_files", "data files of the newest version of a table")?,
            vectors: gauge("tributary_tables_vector_files", "data files with a deletion vector")?,
            traits_without_column,
        })
    }

    /// The metrics of one table.
    pub(crate) fn of(&self, table: TableName) -> TableMetrics {
        let label = &[table.as_str()];
        TableMetrics {
            rows: self.rows.with_label_values(label),
            commit_seconds: self.commit_seconds.with_label_values(label),
            errors: self.errors.with_label_values(label),
            rewritten: self.rewritten.with_label_values(label),
            cleaned: self.cleaned.with_label_values(label),
            tail_bytes: self.tail_bytes.with_label_values(label),
            files: self.files.with_label_values(label),
            vectors: self.vectors.with_label_values(label),
        }
    }
}

/// The metrics of one table.
pub(crate) struct TableMetrics {
    pub(crate) rows: IntCounter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) errors: IntCounter,
    pub(crate) rewritten: IntCounter,
    pub(crate) cleaned: IntCounter,
    pub(crate) tail_bytes: IntGauge,
    pub(crate) files: IntGauge,
    pub(crate) vectors: IntGauge,
}
