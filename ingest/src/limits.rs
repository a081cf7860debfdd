//! What one request may cost.

/// Deepest nesting that can be read back from the log.
const DEPTH_READABLE: usize = 100;

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one event; a larger one is a failed event. Default 32 KiB.
    pub event_bytes_max: usize,
    /// Most bytes of one request, inflated; of a larger one nothing is stored. Default 500 KiB.
    pub request_bytes_max: usize,
    /// Most events of one request; of a larger one nothing is stored. Default 2,500.
    pub batch_events_max: usize,
    /// Deepest nesting of one event; a deeper one is a failed event. Default 64, at most 100.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 32 * 1024, request_bytes_max: 500 * 1024, batch_events_max: 2500, depth_max: 64 }
    }
}

impl Limits {
    /// Returns the limits with a depth that can be read back.
    pub(crate) fn readable(self) -> Self {
        Self { depth_max: self.depth_max.min(DEPTH_READABLE), ..self }
    }
}
