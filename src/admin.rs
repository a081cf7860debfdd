//! The admin port: health, readiness, metrics, flush and SQL, beside the
//! profile and segment API of the profile store.

use crate::metrics::{MatchingMetrics, PositionMetrics};
use crate::worker::Trouble;
use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State as Shared};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use prometheus::{Encoder as _, Registry, TextEncoder};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tributary_log::{Health, Log};
use tributary_profile_store::Tables;
use tributary_profile_store::query::{Error as QueryError, Format, Kind, QueryEngine, write_result};
use tributary_serve::error_response as failure;
use tributary_state::State;

/// Longest wait of a scrape for the ends of the log.
const ENDS_PATIENCE: Duration = Duration::from_secs(2);

/// What the admin routes look at.
#[derive(Clone)]
pub struct Admin {
    /// The log, for its health and ends.
    pub log: Arc<dyn Log>,
    /// How far the worker is.
    pub positions: watch::Receiver<Vec<u64>>,
    /// What keeps the worker from going on.
    pub trouble: Trouble,
    /// The tables, to flush them.
    pub tables: Arc<Tables>,
    /// Runs queries.
    pub engine: QueryEngine,
    /// Every metric of the process.
    pub registry: Registry,
    /// Offsets, set at each scrape.
    pub offsets: PositionMetrics,
    /// The live state, for what it matches.
    pub state: State,
    /// What matching holds, set at each scrape.
    pub matching: MatchingMetrics,
    /// Set once the ingest port accepts, cleared at shutdown.
    pub accepting: Arc<AtomicBool>,
    /// Who may ask.
    pub access: Access,
}

/// Who may ask: with a configured token those who know it, else this machine.
#[derive(Clone)]
pub struct Access {
    /// The token of the configuration.
    pub configured: Option<Arc<str>>,
    /// The token of this run, which the data folder holds for the command line.
    pub of_run: Arc<str>,
}

/// Builds the routes of the admin port around the profile store's `api`.
pub fn router(admin: Admin, api: Router) -> Router {
    let access = admin.access.clone();
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/flush", post(flush))
        .route("/v1/sql", post(sql))
        .with_state(admin.clone())
        .merge(api)
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path") })
        .layer(axum::middleware::from_fn_with_state(access, authorise));
    Router::new().route("/health", get(health)).route("/ready", get(ready)).with_state(admin).merge(guarded)
}

async fn authorise(Shared(access): Shared<Access>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    match &access.configured {
        None if is_local(headers) => next.run(request).await,
        None => failure(StatusCode::FORBIDDEN, "forbidden", "without a token, ask by an IP address or as localhost"),
        Some(token) if carries(headers, token) || carries(headers, &access.of_run) => next.run(request).await,
        Some(_) => {
            let message = "give the admin token: `Authorization: Bearer TOKEN`, on the command line TRIBUTARY_TOKEN";
            failure(StatusCode::UNAUTHORIZED, "unauthorized", message)
        }
    }
}

fn carries(headers: &HeaderMap, token: &str) -> bool {
    use subtle::ConstantTimeEq as _;
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

/// Whether a request names this server by an address. A page of another site
/// can make a browser ask here, but only under a name of its own (DNS rebinding).
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
    })
}

/// What stands in the way of accepting events or showing them, if anything does.
fn trouble(admin: &Admin) -> Option<String> {
    match admin.log.health() {
        Health::Ok => admin.trouble.get().or_else(|| admin.tables.health()),
        Health::Full { free_bytes, reserve_bytes } => {
            Some(format!("disk full: {free_bytes} bytes free, {reserve_bytes} kept in reserve"))
        }
        Health::Stalled { reason } => Some(format!("log stalled: {reason}")),
        _ => Some("log in an unknown state".to_owned()),
    }
}

async fn health(Shared(admin): Shared<Admin>) -> Response {
    match trouble(&admin) {
        None => axum::Json(json!({ "status": "ok" })).into_response(),
        Some(reason) => failure(StatusCode::SERVICE_UNAVAILABLE, "unhealthy", &reason),
    }
}

async fn ready(Shared(admin): Shared<Admin>) -> Response {
    if !admin.accepting.load(Ordering::Acquire) {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "starting or shutting down");
    }
    health(Shared(admin)).await
}

async fn metrics(Shared(admin): Shared<Admin>) -> Response {
    if let Ok(Ok(ends)) = tokio::time::timeout(ENDS_PATIENCE, admin.log.durable_ends()).await {
        admin.offsets.observe(&ends, &admin.positions.borrow(), &admin.tables.recorded());
    }
    let state = admin.state.clone();
    if let Ok(Some(matching)) = tokio::task::spawn_blocking(move || state.matching()).await {
        admin.matching.observe(&matching);
    }
    let mut text = Vec::new();
    match TextEncoder::new().encode(&admin.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlushQuery {
    #[serde(default = "default_timeout")]
    timeout_seconds: u64,
}

fn default_timeout() -> u64 {
    60
}

async fn flush(Shared(admin): Shared<Admin>, query: Result<Query<FlushQuery>, QueryRejection>) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return failure(rejection.status(), "invalid_request", &rejection.body_text()),
    };
    let timeout = Duration::from_secs(query.timeout_seconds.min(24 * 3600));
    match flush_within(&*admin.log, admin.positions.clone(), &admin.tables, timeout).await {
        Ok(ends) => axum::Json(json!({ "ends": ends })).into_response(),
        Err(error) => {
            let why = trouble(&admin).map(|trouble| format!("; {trouble}")).unwrap_or_default();
            failure(StatusCode::GATEWAY_TIMEOUT, "timeout", &format!("{error:#}{why}"))
        }
    }
}

/// Waits until worker and tables hold what the log holds now.
///
/// # Errors
/// If they do not in time: the error names who lags.
pub async fn flush_within(
    log: &dyn Log,
    mut positions: watch::Receiver<Vec<u64>>,
    tables: &Tables,
    timeout: Duration,
) -> anyhow::Result<Vec<u64>> {
    let deadline = Instant::now() + timeout;
    let ends = tokio::time::timeout_at(deadline, log.durable_ends()).await;
    let ends = ends.context("the log does not say where it ends")?.context("ask the log where it ends")?;
    let behind =
        |positions: &[u64]| (0..).zip(positions).zip(&ends).find(|((_, at), end)| at < end).map(|(at, _)| at.0);
    let caught_up = async { positions.wait_for(|at| behind(at).is_none()).await.map(drop) };
    let reached = tokio::time::timeout_at(deadline, caught_up).await;
    let Ok(reached) = reached else {
        let positions = positions.borrow().clone();
        let partition: usize = behind(&positions).unwrap_or_default();
        let (at, end) = (positions[partition], ends[partition]);
        anyhow::bail!("the worker lags: partition {partition} is at offset {at} of {end}");
    };
    reached.context("the worker has ended")?;
    tables.flush(&ends, deadline.saturating_duration_since(Instant::now())).await?;
    Ok(ends)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlRequest {
    sql: String,
    limit: Option<usize>,
    format: String,
}

/// A query whose result comes in the form that the command line prints.
async fn sql(Shared(admin): Shared<Admin>, body: Bytes) -> Response {
    let request: SqlRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("invalid JSON body: {error}");
            return failure(StatusCode::BAD_REQUEST, "invalid_request", &message);
        }
    };
    match run_sql(&admin, &request).await {
        Ok(bytes) => bytes.into_response(),
        Err(error) => {
            let status = match error.kind() {
                Kind::Data => StatusCode::BAD_REQUEST,
                Kind::Transient => StatusCode::SERVICE_UNAVAILABLE,
                Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            };
            failure(status, error.code(), &error.chain())
        }
    }
}

async fn run_sql(admin: &Admin, request: &SqlRequest) -> Result<Vec<u8>, QueryError> {
    let format: Format = request.format.parse()?;
    let result = admin.engine.sql(&request.sql, request.limit).await?;
    let mut bytes = Vec::new();
    write_result(&result, format, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        assert_eq!(is_local(&headers), expected, "{host:?}");
    }

    #[test]
    fn names_of_other_sites_are_no_local_address() {
        for host in [None, Some("127.0.0.1:8091"), Some("localhost:8091"), Some("localhost"), Some("[::1]:8091")] {
            check(host, true);
        }
        for host in ["evil.example:8091", "localhost.evil.example", "127.0.0.1.evil.example", "a b"] {
            check(Some(host), false);
        }
    }

    #[test]
    fn a_token_must_match_whole() {
        let mut headers = HeaderMap::new();
        assert!(!carries(&headers, "secret"));
        for (given, expected) in
            [("Bearer secret", true), ("Bearer secre", false), ("secret", false), ("Bearer ", false)]
        {
            headers.insert(header::AUTHORIZATION, given.parse().unwrap());
            assert_eq!(carries(&headers, "secret"), expected, "{given}");
        }
    }
}
