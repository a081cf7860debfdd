//! What clients are answered.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use std::borrow::Cow;
use tributary_serve::error_response;

/// Answers 200, and nothing but 200: some clients take 202 and 204 for
/// failures and send again.
pub(crate) fn success() -> Response {
    json(r#"{"success":true}"#)
}

/// Answers 200 with a JSON text.
pub(crate) fn json(body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A bad event of a batch; the batch's other events are stored.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EventError {
    pub(crate) index: usize,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

/// Answers 200 to a batch.
pub(crate) fn batch(errors: &[EventError]) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        success: bool,
        errors: &'a [EventError],
    }
    if errors.is_empty() {
        return json(r#"{"success":true,"errors":[]}"#);
    }
    json(serde_json::to_vec(&Body { success: true, errors }).expect("texts and numbers are JSON"))
}

/// Why a request is not answered with success.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// From a small closed set: it labels a metric.
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    pub(crate) retry_after_seconds: Option<u32>,
    /// Segment answers 200 here: it refuses only what is too large or no JSON.
    pub(crate) is_success_at_segment: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after_seconds: None, is_success_at_segment: false }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn bad_key() -> Self {
        let unknown = Self::new(StatusCode::UNAUTHORIZED, "bad_write_key", "the write key is missing or unknown");
        Self { is_success_at_segment: true, ..unknown }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "another method is needed here")
    }

    /// A bad event of a client.
    pub(crate) fn bad_event(code: &'static str, message: Cow<'static, str>) -> Self {
        Self { is_success_at_segment: code == "invalid", ..Self::bad_request(code, message) }
    }

    pub(crate) fn too_many_events(count: usize, most: usize) -> Self {
        let message = format!("the batch has {count} events, {most} are allowed; nothing of it is stored");
        Self { is_success_at_segment: true, ..Self::bad_request("too_many_events", message) }
    }

    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = error_response(self.status, self.code, &self.message);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
        }
        response
    }
}
