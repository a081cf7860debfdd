//! What browser clients ask for before they send their first event.

use super::GatewayState;
use super::answer::{self, Refusal};
use super::request::source_of;
use super::source::Source;
use crate::write_key;
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HOST, HeaderValue, ORIGIN};
use http::request::Parts;
use serde_json::{Value, json};
use std::sync::Arc;
use tributary_log::Health;

/// Settings of analytics.js. With less than this it sends nothing, or it sends
/// to its maker instead of here; with a second integration the build for script
/// tags asks for a part of itself that is not here, and sends nothing either.
pub(crate) fn project_settings(state: &GatewayState, head: &Parts, key: &str) -> Result<Response, Refusal> {
    known_source(state, Some(key))?;
    let (host, protocol) = address(head);
    let api_host = format!("{host}/v1");
    Ok(uncached(&json!({
        "integrations": {
            "Segment.io": { "apiKey": key, "apiHost": api_host, "protocol": protocol, "versionSettings": {} },
        },
        "plan": { "track": { "__default": { "enabled": true } } },
        "metrics": { "host": api_host, "sampleRate": 0 },
        "enabledMiddleware": {},
        "remotePlugins": [],
    })))
}

/// Settings of the RudderStack client, without which it stays silent.
pub(crate) fn source_config(state: &GatewayState, head: &Parts) -> Result<Response, Refusal> {
    let given = write_key::of_head(&head.headers, head.uri.query().unwrap_or_default());
    let source = known_source(state, given.as_deref())?;
    Ok(uncached(&json!({
        "source": {
            "id": source.name,
            "name": source.name,
            "writeKey": given,
            "enabled": true,
            "workspaceId": "tributary",
            "config": { "statsCollection": { "errors": { "enabled": false }, "metrics": { "enabled": false } } },
            "destinations": [],
            "dataplanes": {},
        },
    })))
}

fn known_source(state: &GatewayState, key: Option<&str>) -> Result<Arc<Source>, Refusal> {
    let unknown = |_| Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no source with this write key");
    source_of(state, key).map_err(unknown)
}

/// Says whether events are taken.
pub(crate) fn health(state: &GatewayState) -> Result<Response, Refusal> {
    let unavailable = |code, message| Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, message));
    match state.0.log.health() {
        Health::Ok => Ok(answer::json(r#"{"status":"ok"}"#)),
        Health::Full { .. } => unavailable("log_full", "the disk is full"),
        _ => unavailable("log_unavailable", "the log takes no events"),
    }
}

fn uncached(body: &Value) -> Response {
    let mut response = answer::json(body.to_string());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The host and protocol under which the client reached us: behind a proxy as
/// it says, else by the page, as a secure page may send to secure addresses only.
fn address(head: &Parts) -> (&str, &'static str) {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST.as_str()).or(head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
    let is_local = ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local));
    let is_secure = match text("x-forwarded-proto") {
        Some(protocol) => protocol == "https",
        None => !is_local && text(ORIGIN.as_str()).is_some_and(|origin| origin.starts_with("https:")),
    };
    (host, if is_secure { "https" } else { "http" })
}
