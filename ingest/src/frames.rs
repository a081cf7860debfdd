//! The frames of one request, encoded one behind the other into one buffer.

use crate::draft::Draft;
use bytes::Bytes;
use std::collections::BTreeMap;
use tributary_log::Entry;
use tributary_protocol::{FailedEvent, LogValue};

/// Bytes that a frame has beside the event's own text, about.
const FRAME_BYTES: usize = 320;

#[derive(Clone, Copy, Debug)]
struct Span {
    begin: usize,
    value: usize,
    end: usize,
}

/// Encoded frames; they share one allocation.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    spans: Vec<Span>,
    failed: BTreeMap<String, u64>,
}

impl Frames {
    /// Makes room for `count` events of `bytes` bytes in all.
    #[must_use]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        let buffer = Vec::with_capacity(bytes + count.saturating_mul(FRAME_BYTES));
        Self { buffer, spans: Vec::with_capacity(count), failed: BTreeMap::new() }
    }

    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes the numbers of failed events, by reason.
    pub(crate) fn take_failed(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.failed)
    }

    /// Adds a value. A record goes where its client's records go; failed events have no order.
    pub fn push(&mut self, value: &LogValue) {
        let begin = self.buffer.len();
        match value {
            LogValue::Record(record) => self.buffer.extend_from_slice(record.partition_key().as_bytes()),
            LogValue::Failed(failed) => {
                *self.failed.entry(failed.reason.clone()).or_default() += 1;
                self.buffer.extend_from_slice(&value.dedup_key().0.to_be_bytes());
            }
        }
        let value_begin = self.buffer.len();
        self.buffer.extend_from_slice(&value.encode());
        self.end(begin, value_begin);
    }

    /// Adds a failed event.
    pub(crate) fn push_failed(&mut self, failed: FailedEvent) {
        self.push(&LogValue::Failed(failed));
    }

    /// Adds a record, written straight into the buffer.
    pub(crate) fn push_draft(&mut self, draft: &Draft<'_>) {
        let begin = self.buffer.len();
        draft.write_key(&mut self.buffer);
        let value = self.buffer.len();
        draft.write(&mut self.buffer);
        self.end(begin, value);
    }

    fn end(&mut self, begin: usize, value: usize) {
        self.spans.push(Span { begin, value, end: self.buffer.len() });
    }

    /// Returns what the log takes, in order.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        let bytes = Bytes::from(self.buffer);
        let entry =
            |Span { begin, value, end }| Entry { key: bytes.slice(begin..value), value: bytes.slice(value..end) };
        self.spans.into_iter().map(entry).collect()
    }
}
