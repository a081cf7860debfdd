//! The household and the accounts of a profile.

use super::{
    ApiState,
    answer::Failure,
    profiles::{Key, find},
};
use crate::query::{QueryEngine, Result as QueryOutcome, value_at};
use axum::{Json, extract::State as Shared};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) async fn household(Shared(api): Shared<Arc<ApiState>>, key: Key) -> Result<Json<Value>, Failure> {
    let profile_id = find(&api, key)?.profile_id;
    let members = rows(
        &api.engine,
        format!(
            "SELECT household_id, profile_id, evidence FROM households WHERE household_id = \
             (SELECT household_id FROM households WHERE profile_id = '{profile_id}') ORDER BY profile_id"
        ),
    )
    .await?;
    let household_id = members.first().and_then(|member| member.get("household_id")).cloned().unwrap_or_default();
    let member = |mut member: Map<String, Value>| {
        member.remove("household_id");
        Value::Object(member)
    };
    let members: Vec<Value> = members.into_iter().map(member).collect();
    Ok(Json(json!({"household_id": household_id, "members": members})))
}

pub(super) async fn accounts(Shared(api): Shared<Arc<ApiState>>, key: Key) -> Result<Json<Value>, Failure> {
    let profile_id = find(&api, key)?.profile_id;
    let sql = format!(
        "SELECT account_id, name, evidence FROM accounts WHERE profile_id = '{profile_id}' ORDER BY account_id"
    );
    Ok(Json(json!({"accounts": rows(&api.engine, sql).await?})))
}

/// The rows of a query as objects.
async fn rows(engine: &QueryEngine, sql: String) -> QueryOutcome<Vec<Map<String, Value>>> {
    let result = engine.sql(&sql, None).await?;
    let mut rows = Vec::new();
    for batch in &result.batches {
        let schema = batch.schema();
        for at in 0..batch.num_rows() {
            let mut row = Map::new();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                row.insert(field.name().clone(), value_at(column, at)?);
            }
            rows.push(row);
        }
    }
    Ok(rows)
}
