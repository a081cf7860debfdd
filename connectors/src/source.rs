//! The pull side's trait, and what a push side answers when it refuses.

use crate::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tributary_protocol::{LogValue, Timestamp};

/// A saved position of one stream, of a form that only its source knows.
/// Made durable by the caller together with, or after, the records it covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// One table or topic of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// Its name, `[a-z0-9_-]+`.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Records, and the cursor behind the last of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// In the order of the source; failed rows among them.
    pub records: Vec<LogValue>,
    /// Where to go on once the records are durable.
    pub cursor: Cursor,
    /// Whether there was more to read when this batch was read.
    pub more: bool,
}

/// A system that is read by asking it. Reading again from an older cursor
/// gives the same records with the same message ids, so nothing counts twice.
#[async_trait]
pub trait Source: Send + Sync {
    /// Name of the source.
    fn name(&self) -> &str;

    /// Checks that it can be reached and that the mapping fits.
    ///
    /// # Errors
    /// What a person must correct.
    async fn check(&self) -> Result<()>;

    /// Lists its streams.
    ///
    /// # Errors
    /// If it cannot be reached.
    async fn discover(&self) -> Result<Vec<Stream>>;

    /// Reads the next batch of `stream` behind `cursor` (none: from the start), received at
    /// `received_at`. A batch without records and with `more` unset means there is nothing new.
    ///
    /// # Errors
    /// If it cannot be reached or read; a bad record is no error but a failed event.
    async fn read(&self, stream: &str, cursor: Option<Cursor>, received_at: Timestamp) -> Result<Batch>;
}

/// Why a webhook's request is refused: nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// HTTP status: 400 or 401.
    pub status: u16,
    /// From a small closed set: `missing_signature`, `bad_signature`, `stale_timestamp`, `malformed`.
    pub code: &'static str,
    /// What was wrong, for a person; no part of the body.
    pub message: String,
}

impl Rejection {
    pub(crate) fn unauthorised(code: &'static str, message: &str) -> Self {
        Self { status: 401, code, message: message.to_owned() }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { status: 400, code: "malformed", message: message.into() }
    }
}

/// Refuses a signature whose time (seconds, as text) is not within `tolerance_seconds` of `received_at`.
pub(crate) fn check_age(seconds: &str, tolerance_seconds: u64, received_at: Timestamp) -> Result<i64, Rejection> {
    let signed: i64 = seconds.trim().parse().map_err(|_| Rejection::malformed("the timestamp is no integer"))?;
    let age = received_at.0.div_euclid(1_000_000).abs_diff(signed);
    if age > tolerance_seconds {
        let message = "the signature's time is too far from now: replayed, or a wrong clock";
        return Err(Rejection::unauthorised("stale_timestamp", message));
    }
    Ok(signed)
}
