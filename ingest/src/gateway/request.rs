//! A request before its events are looked at: its bytes, its text, its source.

use super::GatewayState;
use super::answer::Refusal;
use super::append::append;
use super::intake::Intake;
use super::source::Source;
use crate::body::{self, BodyError, InflateError};
use crate::normalise::Failure;
use crate::write_key;
use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde_json::Value;
use std::sync::Arc;
use tributary_protocol::Timestamp;

const BOM: &str = "\u{feff}";

/// A request whose text can be had.
pub(super) struct Opened {
    bytes: Bytes,
    /// The source, if the head gives a write key.
    pub(super) source: Option<Arc<Source>>,
    pub(super) received_at: Timestamp,
}

impl Opened {
    pub(super) fn text(&self) -> &str {
        // Checked when it was opened.
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.strip_prefix(BOM).unwrap_or(text).trim_ascii()
    }
}

/// Reads and inflates a request's body, and looks up the write key of its head.
/// A body within the limits that has no text is stored as one failed event.
///
/// # Errors
/// What to answer instead.
pub(super) async fn open(state: &GatewayState, head: &Parts, body: Body) -> Result<Opened, Refusal> {
    let most = state.0.limits.request_bytes_max;
    let raw = body::read(body, body::compressed_bytes_max(most)).await?;
    let received_at = Timestamp::now();
    let key = write_key::of_head(&head.headers, head.uri.query().unwrap_or_default());
    let source = key.map(|key| source_of(state, Some(&key))).transpose()?;
    let (bytes, message) = match body::inflate(&head.headers, raw.clone(), most).await {
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok() => return Ok(Opened { bytes, source, received_at }),
        Ok(bytes) => (bytes, "the body is no UTF-8"),
        Err(InflateError::Corrupt) => (raw, "the body is no whole gzip stream"),
        Err(InflateError::TooLarge) => return Err(BodyError::TooLarge.into()),
        Err(InflateError::Unsupported) => (raw, "the body is compressed, and not with gzip"),
    };
    let failure = Failure::new("malformed", message);
    match source {
        None => Err(failure.into_refusal()),
        Some(source) => Err(store_whole(state, &source, failure, &bytes, received_at).await?),
    }
}

/// Stores a request that cannot be read as one failed event, and returns what to answer.
///
/// # Errors
/// It could not be stored.
pub(super) async fn store_whole(
    state: &GatewayState,
    source: &Arc<Source>,
    failure: Failure,
    payload: &[u8],
    received_at: Timestamp,
) -> Result<Refusal, Refusal> {
    let refusal = failure.clone().into_refusal();
    let mut intake = Intake::new(&source.name, received_at, 1, payload.len());
    intake.fail(0, failure, payload);
    let frames = intake.frames;
    append(state, source, frames).await?;
    Ok(refusal)
}

/// Finds the source of a write key.
///
/// # Errors
/// The refusal of a missing or unknown key.
pub(super) fn source_of(state: &GatewayState, key: Option<&str>) -> Result<Arc<Source>, Refusal> {
    key.and_then(|key| state.0.keys.source(key)).cloned().ok_or_else(Refusal::bad_key)
}

/// The header in which one client says when it sent a request.
pub(super) fn sent_at_header(head: &Parts) -> Option<Value> {
    let text = head.headers.get("sentat")?.to_str().ok()?;
    Some(Value::String(text.to_owned()))
}

impl Failure {
    pub(super) fn into_refusal(self) -> Refusal {
        Refusal::bad_event(self.code, self.message)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => {
                Self::bad_request("too_large", "the request is larger than allowed; nothing of it is stored")
            }
            BodyError::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body came too slowly"),
            BodyError::Broken => Self::bad_request("body_broken", "the body broke off"),
        }
    }
}
