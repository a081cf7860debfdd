//! Errors of the identity routes as `{code, message}`.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tributary_serve::error_response;

/// An error as the caller sees it.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    /// The caller asked for what cannot be.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request", message: message.into() }
    }

    /// Nothing is called so.
    pub fn not_found(key: &str) -> Self {
        Self::not_found_as(format!("nothing is called {key:?}"))
    }

    /// What is asked for is not there.
    pub fn not_found_as(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message }
    }

    /// What is asked for was settled otherwise.
    pub fn decided(message: String) -> Self {
        Self { status: StatusCode::CONFLICT, code: "already_decided", message }
    }

    /// In mode observe nothing would come of it.
    pub fn observing() -> Self {
        let message = "identity.mode is observe: profiles are what identifiers make of them, and this would change \
            none. What can be decided is that a suggestion is wrong (never-together); for all else set identity.mode \
            to probabilistic";
        Self { status: StatusCode::CONFLICT, code: "observing", message: message.to_owned() }
    }

    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(%error, "answer a request about identity");
        let message = "internal error".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal", message }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        error_response(self.status, self.code, &self.message)
    }
}

impl From<tributary_state::Error> for Failure {
    fn from(error: tributary_state::Error) -> Self {
        match error {
            tributary_state::Error::NoMatcher => Self {
                status: StatusCode::CONFLICT,
                code: "not_matching",
                message: "identity.mode is deterministic: set it to observe or probabilistic".to_owned(),
            },
            error => Self::internal(&error),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self { status: rejection.status(), code: "invalid_request", message: rejection.body_text() }
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self { status: rejection.status(), code: "invalid_request", message: rejection.body_text() }
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(&error)
    }
}

impl From<tributary_log::Error> for Failure {
    fn from(error: tributary_log::Error) -> Self {
        tracing::error!(%error, "append a decision to the log");
        let message = "the log does not take the decision now: try again".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "unavailable", message }
    }
}
