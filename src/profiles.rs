//! The profile API: one profile by any of its identifiers.

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;
use tributary_protocol::Identifier;
use tributary_serve::error_response;
use tributary_state::{ProfileRow, State};
use uuid::Uuid;

/// What the API looks at.
#[derive(Clone)]
pub struct Profiles {
    /// The live state.
    pub state: State,
    /// Names of the sources, which begin two-segment kinds.
    pub source_names: Arc<[String]>,
}

/// Builds the routes.
pub fn router(profiles: Profiles) -> Router {
    Router::new().route("/v1/profiles/{identifier}", get(profile)).with_state(profiles)
}

async fn profile(Shared(profiles): Shared<Profiles>, Path(identifier): Path<String>) -> Response {
    let found = tokio::task::spawn_blocking(move || profiles.find(&identifier)).await;
    match found {
        Ok(Ok(Some(row))) => Json(shown(&row)).into_response(),
        Ok(Ok(None)) => error_response(StatusCode::NOT_FOUND, "not_found", "no profile has this identifier"),
        Ok(Err(error)) => error_response(StatusCode::BAD_REQUEST, "invalid_identifier", &format!("{error:#}")),
        Err(error) => error_response(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()),
    }
}

impl Profiles {
    fn find(&self, text: &str) -> anyhow::Result<Option<ProfileRow>> {
        let id = if let Some(id) = text.strip_prefix("profile_id:") {
            self.state.resolve_id(id.parse::<Uuid>()?)?
        } else {
            let is_source = |name: &str| self.source_names.iter().any(|known| known == name);
            self.state.profile_of(&Identifier::parse(text, is_source)?)?
        };
        Ok(id.map(|id| self.state.profile_row(id.as_u128())).transpose()?.flatten())
    }
}

fn shown(row: &ProfileRow) -> serde_json::Value {
    json!({
        "profile_id": row.profile_id,
        "traits": row.traits,
        "identifiers": row.identifiers,
        "provenance": row.provenance,
        "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(),
    })
}
