//! Requests of signed webhooks.

use super::answer::{self, Refusal};
use super::append::append;
use super::{GatewayState, Webhook};
use crate::Frames;
use crate::body::{self, BodyError};
use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use tributary_protocol::Timestamp;

/// Most bytes of a webhook's request. Its sender chooses the size and cannot be told to send less.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// Takes what a source signed.
pub(crate) async fn receive(
    state: &GatewayState,
    webhook: &Webhook,
    head: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let most = REQUEST_BYTES_MAX.max(state.0.limits.request_bytes_max);
    let bytes = body::read(body, most).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request is too large"),
        BodyError::TooSlow => Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body came too slowly"),
        BodyError::Broken => Refusal::bad_request("body_broken", "the body broke off"),
    })?;
    let values = webhook.hook.accept(&head.headers, &bytes, Timestamp::now()).map_err(|rejection| {
        let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::BAD_REQUEST);
        Refusal::new(status, rejection.code, rejection.message)
    })?;
    let mut frames = Frames::with_capacity(values.len(), bytes.len());
    for value in &values {
        frames.push(value);
    }
    match append(state, &webhook.source, frames).await {
        // Senders of webhooks know 429 less well than 503.
        Err(refusal) if refusal.status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Refusal { status: StatusCode::SERVICE_UNAVAILABLE, ..refusal })
        }
        outcome => outcome.map(|()| answer::success()),
    }
}
