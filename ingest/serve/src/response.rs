//! The error body that clients of every protocol understand.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// `{"code":"...","message":"..."}`: without exactly these two some clients
/// send a refused request again and again.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// From a small closed set, for programs.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
}

/// Answers with `status` and an [`ErrorBody`].
#[must_use]
pub fn error_response(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(ErrorBody { code, message })).into_response()
}
