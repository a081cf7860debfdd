//! The admin API: SQL, profiles, segments.
//!
//! ```text
//! POST /v1/query             {sql, limit}   -> {columns, rows, truncated}
//! GET  /v1/profiles/{key}                   -> {profile_id, traits, identifiers, provenance, created_at, updated_at}
//! GET  /v1/profiles/{key}/events?limit=100  -> {events} newest first
//! GET  /v1/profiles/{key}/household         -> {household_id, members}
//! GET  /v1/profiles/{key}/accounts          -> {accounts}
//! POST /v1/segments/count    segment        -> {count}
//! POST /v1/segments/members  segment        -> {count, members}
//! ```
//!
//! `key` is `kind:value` or `profile_id:ID`, percent-encoded. Errors are
//! `{code, message}`; the text of an internal error goes to the log only.

mod answer;
mod profiles;
mod relations;

use crate::{
    query::{QueryEngine, answer_json},
    segment::Segment,
};
use answer::{Body, Failure};
use axum::{
    Json, Router,
    extract::State as Shared,
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tributary_state::State;

/// What the API answers from.
#[derive(Clone)]
pub struct ApiState {
    /// Answers SQL and segments.
    pub engine: QueryEngine,
    /// Answers profiles.
    pub state: State,
    /// Names of the sources: a kind that starts with one has two segments.
    pub source_names: Vec<String>,
}

/// Routes of the admin API.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/v1/query", post(query))
        .route("/v1/profiles/{key}", get(profiles::profile))
        .route("/v1/profiles/{key}/events", get(profiles::events))
        .route("/v1/profiles/{key}/household", get(relations::household))
        .route("/v1/profiles/{key}/accounts", get(relations::accounts))
        .route("/v1/segments/count", post(segment_count))
        .route("/v1/segments/members", post(segment_members))
        .with_state(Arc::new(state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryRequest {
    sql: String,
    limit: Option<usize>,
}

async fn query(Shared(api): Shared<Arc<ApiState>>, body: Body) -> Result<Response, Failure> {
    let request: QueryRequest = body.parse()?;
    let answer = api.engine.sql_map(&request.sql, request.limit, |result| answer_json(&result)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

async fn segment_count(Shared(api): Shared<Arc<ApiState>>, body: Body) -> Result<Json<Value>, Failure> {
    let count = api.engine.segment_count(&Segment::from_slice(&body.0)?).await?;
    Ok(Json(json!({"count": count})))
}

async fn segment_members(Shared(api): Shared<Arc<ApiState>>, body: Body) -> Result<Json<Value>, Failure> {
    let members = api.engine.segment_members(&Segment::from_slice(&body.0)?).await?;
    Ok(Json(json!({"count": members.len(), "members": members})))
}

#[cfg(test)]
mod tests;
