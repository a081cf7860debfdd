//! What a connection is doing, seen from the client's side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between two requests.
    Idle,
    /// The head of a request is on its way.
    Head,
    /// A request is being read, handled or answered.
    Request,
}

/// A connection's phase, shared by its parts.
#[derive(Clone, Debug)]
pub(crate) struct SharedPhase(Arc<AtomicU8>);

impl SharedPhase {
    pub(crate) fn new(phase: Phase) -> Self {
        Self(Arc::new(AtomicU8::new(phase as u8)))
    }

    pub(crate) fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Request,
        }
    }

    pub(crate) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }
}
