//! Profiles by any identifier, and their events.

use super::{ApiState, answer::Failure};
use crate::query::{Error, QueryEngine, Result as QueryOutcome, raw, value_at};
use axum::{
    Json,
    extract::{Path, Query, State as Shared, rejection::PathRejection, rejection::QueryRejection},
};
use datafusion::logical_expr::{Expr, col, lit};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tributary_protocol::Identifier;
use tributary_state::ProfileRow;
use uuid::Uuid;

/// Events of an answer unless asked otherwise.
const EVENTS_DEFAULT: usize = 100;
/// Most events of an answer.
const EVENTS_MAX: usize = 1000;
/// Columns of `events` that hold JSON text.
const JSON_COLUMNS: [&str; 6] = ["consent", "context", "identifiers", "object", "properties", "traits"];

pub(super) type Key = Result<Path<String>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsOptions {
    limit: Option<usize>,
}

pub(super) async fn profile(Shared(api): Shared<Arc<ApiState>>, key: Key) -> Result<Json<Value>, Failure> {
    let row = find(&api, key)?;
    Ok(Json(json!({
        "profile_id": row.profile_id,
        "traits": row.traits,
        "identifiers": row.identifiers,
        "provenance": row.provenance,
        "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(),
    })))
}

pub(super) async fn events(
    Shared(api): Shared<Arc<ApiState>>,
    key: Key,
    options: Result<Query<EventsOptions>, QueryRejection>,
) -> Result<Json<Value>, Failure> {
    let Query(options) = options.map_err(|rejection| Failure::bad_request(rejection.body_text()))?;
    let limit = options.limit.unwrap_or(EVENTS_DEFAULT);
    if limit > EVENTS_MAX {
        return Err(Failure::bad_request(format!("limit is at most {EVENTS_MAX}")));
    }
    let row = find(&api, key)?;
    Ok(Json(json!({"events": newest_events(&api.engine, &row, limit).await?})))
}

/// The profile of `kind:value` or `profile_id:ID`.
pub(super) fn find(api: &ApiState, key: Key) -> Result<ProfileRow, Failure> {
    let Path(key) = key.map_err(|rejection| Failure::bad_request(rejection.body_text()))?;
    let id = match key.strip_prefix("profile_id:") {
        Some(id) => {
            let id = Uuid::parse_str(id).map_err(|_| Failure::not_found())?;
            Some(api.state.resolve_id(id)?.unwrap_or(id))
        }
        None => match Identifier::parse(&key, |name| api.source_names.iter().any(|source| source == name)) {
            Ok(identifier) => api.state.profile_of(&identifier)?,
            Err(_) if key.contains(':') => None,
            Err(_) => return Err(Failure::bad_request("expected kind:value")),
        },
    };
    let row = id.map(|id| api.state.profile_row(id.as_u128())).transpose()?;
    row.flatten().ok_or_else(Failure::not_found)
}

/// The newest events that belong to an identifier of the profile.
async fn newest_events(engine: &QueryEngine, row: &ProfileRow, limit: usize) -> QueryOutcome<Vec<Value>> {
    let profile_id = row.profile_id.to_string();
    let nodes: Vec<Expr> = row.identifiers.iter().map(|identifier| lit(identifier.to_string())).collect();
    let shared = engine.shared();
    let batches = engine.run(async move {
        let view = shared.view();
        let Some(table) = view.tables.get("events") else { return Ok(Vec::new()) };
        let newest_first = ["timestamp", "log_partition", "log_offset"].map(|name| col(name).sort(false, false));
        let frame = shared.empty_session().read_table(raw(table))?;
        let frame = frame.filter(col("node").in_list(nodes, false))?.sort(newest_first.into())?;
        Ok(frame.limit(0, Some(limit))?.collect().await?)
    });
    let mut events = Vec::new();
    for batch in batches.await? {
        let schema = batch.schema();
        for at in 0..batch.num_rows() {
            let mut event = serde_json::Map::new();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                event.insert(field.name().clone(), nested(field.name(), value_at(column, at)?));
            }
            event.insert("profile_id".to_owned(), profile_id.as_str().into());
            events.push(Value::Object(event));
        }
    }
    Ok::<_, Error>(events)
}

/// The JSON in a column of JSON text.
fn nested(name: &str, value: Value) -> Value {
    match value {
        Value::String(text) if JSON_COLUMNS.contains(&name) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => other,
    }
}
