//! What a source behind a signed webhook must offer to the gateway.

use tributary_protocol::{LogValue, Timestamp};

/// A source whose system posts to a path of its own and signs what it posts.
pub trait WebhookSource: Send + Sync {
    /// Path on the ingest port, e.g. `/webhooks/surveys`.
    fn path(&self) -> &str;

    /// Name of the source.
    fn source(&self) -> &str;

    /// Verifies the signature over `body`, byte for byte, and maps it.
    /// An item that cannot be mapped becomes a failed event.
    ///
    /// # Errors
    /// [`Rejection`] if the request is forged, replayed or unreadable: nothing of it is stored.
    fn accept(
        &self,
        headers: &http::HeaderMap,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<LogValue>, Rejection>;
}

/// Why a webhook's request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// HTTP status, 4xx or 5xx.
    pub status: u16,
    /// From a small closed set: it labels a metric.
    pub code: &'static str,
    /// What was wrong, for a person; no part of the body.
    pub message: String,
}
