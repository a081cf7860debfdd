//! A source as the gateway knows it: its name and its counters.

use crate::Metrics;
use crate::metrics::SourceMetrics;
use std::sync::Arc;

/// A source of clients that post events.
#[derive(Clone)]
pub struct HttpSource {
    /// Its name.
    pub name: String,
    /// Key that its clients send.
    pub write_key: String,
}

/// Shows the name only: the key is a secret.
impl std::fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whose events a request carries.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) metrics: SourceMetrics,
}

impl Source {
    pub(crate) fn new(name: &str, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), metrics: metrics.source(name) })
    }
}
