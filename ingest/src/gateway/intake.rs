//! The events of one request, on their way to frames.

use super::answer::EventError;
use crate::Frames;
use crate::normalise::{Failure, Normaliser};
use tributary_protocol::{FailedEvent, RecordKind, Timestamp};

/// Collects frames and errors.
pub(crate) struct Intake<'a> {
    source: &'a str,
    received_at: Timestamp,
    pub(crate) frames: Frames,
    pub(crate) errors: Vec<EventError>,
}

impl<'a> Intake<'a> {
    /// Makes room for `count` events of `bytes` bytes in all.
    pub(crate) fn new(source: &'a str, received_at: Timestamp, count: usize, bytes: usize) -> Self {
        Self { source, received_at, frames: Frames::with_capacity(count, bytes), errors: Vec::new() }
    }

    /// Takes an event; one that fails with its bytes.
    pub(crate) fn push<'e>(
        &mut self,
        normaliser: &mut Normaliser<'e>,
        index: usize,
        text: &'e str,
        kind: Option<RecordKind>,
    ) {
        if let Err(failure) = normaliser.encode(text, kind, &mut self.frames) {
            self.fail(index, failure, text.as_bytes());
        }
    }

    /// Takes what could not be understood, with its bytes.
    pub(crate) fn fail(&mut self, index: usize, failure: Failure, payload: &[u8]) {
        let Failure { code, message } = failure;
        self.frames.push_failed(FailedEvent {
            source: self.source.to_owned(),
            reason: code.to_owned(),
            message: message.clone().into_owned(),
            payload: payload.to_vec(),
            received_at: self.received_at,
        });
        self.errors.push(EventError { index, code, message });
    }
}
