//! The admin port: health, readiness, metrics and flush, beside the profile API.

use axum::extract::{Query, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use prometheus::{Encoder as _, Registry, TextEncoder};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tributary_log::{Health, Log};
use tributary_serve::error_response;
use tributary_state::State;

/// How often a flush looks at the worker's position.
const FLUSH_POLL: Duration = Duration::from_millis(5);

/// What the admin routes look at.
#[derive(Clone)]
pub struct Admin {
    /// The log, for its health and ends.
    pub log: Arc<dyn Log>,
    /// The state, for the worker's position.
    pub state: State,
    /// Every metric of the process.
    pub registry: Registry,
    /// Set once the ingest port accepts, cleared at shutdown.
    pub accepting: Arc<AtomicBool>,
    /// Required as a bearer token where it is set.
    pub token: Option<Arc<str>>,
}

/// Builds the routes of the admin port around the profile `api`.
pub fn router(admin: Admin, api: Router) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/flush", post(flush))
        .with_state(admin.clone())
        .merge(api)
        .layer(axum::middleware::from_fn_with_state(admin.clone(), authorise));
    Router::new().route("/health", get(health)).route("/ready", get(ready)).with_state(admin).merge(guarded)
}

async fn authorise(Shared(admin): Shared<Admin>, request: Request, next: Next) -> Response {
    use subtle::ConstantTimeEq as _;
    let Some(token) = &admin.token else { return next.run(request).await };
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        return next.run(request).await;
    }
    error_response(StatusCode::UNAUTHORIZED, "unauthorized", "give the admin token as: Authorization: Bearer TOKEN")
}

/// What stands in the way of accepting events, if anything does.
fn trouble(admin: &Admin) -> Option<String> {
    match admin.log.health() {
        Health::Ok => None,
        Health::Full { free_bytes, reserve_bytes } => {
            Some(format!("disk full: {free_bytes} bytes free, {reserve_bytes} kept in reserve"))
        }
        Health::Stalled { reason } => Some(format!("log stalled: {reason}")),
        _ => Some("log in an unknown state".to_owned()),
    }
}

async fn health(Shared(admin): Shared<Admin>) -> Response {
    match trouble(&admin) {
        None => Json(json!({ "status": "ok" })).into_response(),
        Some(reason) => error_response(StatusCode::SERVICE_UNAVAILABLE, "unhealthy", &reason),
    }
}

async fn ready(Shared(admin): Shared<Admin>) -> Response {
    if !admin.accepting.load(Ordering::Acquire) {
        return error_response(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "starting or shutting down");
    }
    health(Shared(admin)).await
}

async fn metrics(Shared(admin): Shared<Admin>) -> Response {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&admin.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => error_response(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()),
    }
}

#[derive(Deserialize)]
struct FlushQuery {
    #[serde(default = "default_timeout")]
    timeout_seconds: u64,
}

fn default_timeout() -> u64 {
    60
}

async fn flush(Shared(admin): Shared<Admin>, Query(query): Query<FlushQuery>) -> Response {
    let deadline = Instant::now() + Duration::from_secs(query.timeout_seconds);
    match flush_until(&admin, deadline).await {
        Ok(ends) => Json(json!({ "ends": ends })).into_response(),
        Err(laggard) => error_response(StatusCode::GATEWAY_TIMEOUT, "timeout", &laggard.to_string()),
    }
}

async fn flush_until(admin: &Admin, deadline: Instant) -> anyhow::Result<Vec<u64>> {
    let ends = admin.log.durable_ends().await?;
    for (partition, &end) in (0..).zip(&ends) {
        while admin.state.position(partition)? < end {
            if Instant::now() >= deadline {
                let at = admin.state.position(partition)?;
                anyhow::bail!("the worker lags: partition {partition} is at offset {at} of {end}");
            }
            tokio::time::sleep(FLUSH_POLL).await;
        }
    }
    Ok(ends)
}
