//! A warning that many requests would repeat, said once in a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two warnings.
const PAUSE: Duration = Duration::from_secs(10);

/// Knows when a warning is due again.
#[derive(Debug)]
pub(crate) struct Complaint {
    begun: Instant,
    /// Milliseconds since `begun`.
    next: AtomicU64,
}

impl Complaint {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), next: AtomicU64::new(0) }
    }

    /// Says whether to warn now; to one caller only.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_after(self.begun.elapsed())
    }

    fn is_due_after(&self, elapsed: Duration) -> bool {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        let later = millis(elapsed + PAUSE);
        millis(elapsed) >= next && self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_while() {
        let complaint = Complaint::new();
        let due = [0, 1, 9_999, 10_000, 10_001, 25_000, 34_999, 35_000]
            .map(|millis| complaint.is_due_after(Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, false, true, false, true]);
    }
}
