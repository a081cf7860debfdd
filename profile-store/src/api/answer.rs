//! What comes in and goes out: bodies, and errors as `{code, message}`.

use crate::query::{self, Error};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use tributary_serve::error_response;

/// The bytes of a request.
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.0).map_err(|error| Failure::bad_request(format!("invalid JSON body: {error}")))
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(|rejection| Failure {
            status: rejection.status(),
            code: "invalid_request",
            message: rejection.body_text(),
        })
    }
}

/// An error as the caller sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request", message: message.into() }
    }

    pub(crate) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message: "no such profile".to_owned() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        error_response(self.status, self.code, &self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (status, message) = match error.kind() {
            query::Kind::Data => (StatusCode::BAD_REQUEST, error.chain()),
            query::Kind::Transient => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            query::Kind::Internal => {
                tracing::error!(error = error.chain(), "answer a request");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error".to_owned())
            }
        };
        Self { status, code: error.code(), message }
    }
}

impl From<tributary_state::Error> for Failure {
    fn from(error: tributary_state::Error) -> Self {
        Error::from(error).into()
    }
}
