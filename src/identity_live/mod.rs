//! Identity on the admin port: what operators decide and look at.
//!
//! ```text
//! POST /v1/identity/decisions   {action, ..., author, reason, preview} -> {decision, changes, applied}
//! GET  /v1/identity/decisions                                         -> {decisions} in force, oldest first
//! GET  /v1/identity/review?limit=100                                  -> {review} held back, most likely first
//! POST /v1/identity/review/{id}/accept   {author, reason, preview}    -> {decision, changes, applied} an assert
//! POST /v1/identity/review/{id}/reject   {author, reason, preview}    -> {decision, changes, applied} a never-together
//! GET  /v1/identity/suggestions?limit=100                             -> {suggestions} mode observe: what would merge
//! GET  /v1/identity/items/{key}                                       -> {items} of an identifier, item or profile
//! GET  /v1/identity/explain?a=KEY&b=KEY&svg=false                     -> {explanation, text, svg} why one, or why not
//! GET  /v1/identity/how/{key}                                         -> {history, text} the merges of a profile
//! POST /v1/identity/search      {attribute: value, ...}               -> {matches, not_used} best first, nothing is inserted
//! POST /v1/identity/preview     {model, cut, keys}                    -> {forecast} what another model would change
//! ```
//!
//! A decision is a record of the log: it is durable before it is applied, and
//! the answer waits until it is.

mod answer;
pub mod ask;
pub mod command;
mod request;

use answer::Failure;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State as Shared};
use axum::routing::{get, post};
use axum::{Json, Router};
use request::{Because, DecisionRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tributary_log::{Entry, Log};
use tributary_profile_store::Tables;
use tributary_protocol::{LogValue, Timestamp};
use tributary_resolve::matching::{Model, ModelFile, Rules};
use tributary_state::{Answer as Verdict, DECISION_SOURCE, Decision, ModelMatcher, ProfileChange, State};

/// Longest wait of a decision for its effect.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest body: a model of a megabyte or two.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Entries of a list unless asked otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// What the routes need.
#[derive(Clone)]
pub struct IdentityApi {
    /// Where decisions are made durable.
    pub log: Arc<dyn Log>,
    /// How far the worker is.
    pub positions: watch::Receiver<Vec<u64>>,
    /// The live state.
    pub state: State,
    /// The tables, which are to show what a decision changed.
    pub tables: Arc<Tables>,
    /// Names of the sources: a kind that starts with one has two segments.
    pub source_names: Vec<String>,
}

/// The routes.
pub fn router(api: IdentityApi) -> Router {
    Router::new()
        .route("/v1/identity/decisions", post(decide).get(decisions))
        .route("/v1/identity/review", get(review))
        .route("/v1/identity/review/{id}/accept", post(accept))
        .route("/v1/identity/review/{id}/reject", post(reject))
        .route("/v1/identity/suggestions", get(suggestions))
        .route("/v1/identity/items/{key}", get(items))
        .route("/v1/identity/explain", get(explain))
        .route("/v1/identity/how/{key}", get(how))
        .route("/v1/identity/search", post(search))
        .route("/v1/identity/preview", post(preview))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT).min(LIMIT_MAX)
    }
}

type Answer = Result<Json<Value>, Failure>;

/// A body, or why it is none.
type Given<T> = Result<Json<T>, JsonRejection>;

/// What stands behind the path, or why that cannot be read.
type Asked<T> = Result<Query<T>, QueryRejection>;

async fn decide(Shared(api): Shared<IdentityApi>, request: Given<DecisionRequest>) -> Answer {
    let Json(request) = request?;
    api.state.check_matching()?;
    let preview = request.because.preview;
    let (decision, undone) = request.resolve(&api)?;
    api.carry_out(decision, undone, preview).await
}

async fn accept(shared: Shared<IdentityApi>, Path(id): Path<String>, because: Given<Because>) -> Answer {
    answer(shared, &id, Verdict::Accept, because).await
}

async fn reject(shared: Shared<IdentityApi>, Path(id): Path<String>, because: Given<Because>) -> Answer {
    answer(shared, &id, Verdict::Reject, because).await
}

async fn answer(Shared(api): Shared<IdentityApi>, id: &str, verdict: Verdict, because: Given<Because>) -> Answer {
    let Json(because) = because?;
    let preview = because.preview;
    let decision = request::answered(&api, id, verdict, because)?;
    api.carry_out(decision, false, preview).await
}

fn shown(change: &ProfileChange) -> Value {
    json!({
        "change": change.change,
        "profile_id": change.profile_id,
        "other_profile_id": change.other_profile_id,
        "cause": change.cause,
    })
}

async fn decisions(Shared(api): Shared<IdentityApi>) -> Json<Value> {
    Json(json!({ "decisions": api.state.decisions() }))
}

async fn review(Shared(api): Shared<IdentityApi>, page: Asked<Page>) -> Answer {
    let Query(page) = page?;
    let review = tokio::task::spawn_blocking(move || api.state.review(page.limit())).await??;
    Ok(Json(json!({ "review": review })))
}

async fn suggestions(Shared(api): Shared<IdentityApi>, page: Asked<Page>) -> Answer {
    let Query(page) = page?;
    let suggestions = tokio::task::spawn_blocking(move || api.state.suggestions(page.limit())).await??;
    Ok(Json(json!({ "suggestions": suggestions })))
}

async fn items(Shared(api): Shared<IdentityApi>, Path(key): Path<String>) -> Answer {
    let items = api.items(&key)?;
    if items.is_empty() { Err(Failure::not_found(&key)) } else { Ok(Json(json!({ "items": items }))) }
}

/// Two items; what names several stands for the first of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    a: String,
    b: String,
    /// Whether a picture comes with it.
    #[serde(default)]
    svg: bool,
}

async fn explain(Shared(api): Shared<IdentityApi>, pair: Asked<Pair>) -> Answer {
    let Query(Pair { a, b, svg }) = pair?;
    let first = |key: &str| api.items(key)?.first().map(|item| item.id).ok_or_else(|| Failure::not_found(key));
    let (one, other) = (first(&a)?, first(&b)?);
    let explained = tokio::task::spawn_blocking(move || api.state.explain(one, other)).await??;
    let explained = explained.ok_or_else(|| Failure::not_found(&a))?;
    let mut answer = json!({ "explanation": explained, "text": explained.to_text() });
    if svg {
        answer["svg"] = explained.to_svg().into();
    }
    Ok(Json(answer))
}

async fn how(Shared(api): Shared<IdentityApi>, Path(key): Path<String>) -> Answer {
    let profile = api.items(&key)?.first().map(|item| item.profile_id).ok_or_else(|| Failure::not_found(&key))?;
    let history = tokio::task::spawn_blocking(move || api.state.how(profile)).await??;
    let history = history.ok_or_else(|| Failure::not_found(&key))?;
    Ok(Json(json!({ "history": history, "text": history.to_text(false) })))
}

async fn search(Shared(api): Shared<IdentityApi>, wanted: Given<BTreeMap<String, Value>>) -> Answer {
    let Json(wanted) = wanted?;
    let not_used = api.state.not_compared(&wanted);
    if not_used.len() == wanted.len() {
        let fields = api.state.compared_fields().join(", ");
        return Err(Failure::bad_request(format!("nothing in it can be compared: what is compared is {fields}")));
    }
    let matches = tokio::task::spawn_blocking(move || api.state.search(&wanted)).await??;
    Ok(Json(json!({ "matches": matches, "not_used": not_used })))
}

/// Another model, another cut and other blocking keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal {
    /// The text of the model; none: the one that ships.
    model: Option<String>,
    cut: f64,
    /// Blocking keys; none: those of the model.
    keys: Option<Rules>,
}

async fn preview(Shared(api): Shared<IdentityApi>, proposal: Given<Proposal>) -> Answer {
    let Json(Proposal { model, cut, keys }) = proposal?;
    if !(cut > 0.0 && cut <= 1.0) {
        return Err(Failure::bad_request("cut is not above 0 and at most 1"));
    }
    let forecast = tokio::task::spawn_blocking(move || {
        let model = match model {
            None => Ok(Model::people().clone()),
            Some(text) => ModelFile::from_json(&text).and_then(ModelFile::trained),
        };
        let matcher = model.and_then(|mut model| {
            model.rules = keys.unwrap_or(model.rules);
            ModelMatcher::new(model, cut, 1)
        });
        let matcher = matcher.map_err(|error| Failure::bad_request(error.to_string()))?;
        api.state.forecast(Box::new(matcher)).map_err(Failure::from)
    });
    Ok(Json(json!({ "forecast": forecast.await?? })))
}

impl IdentityApi {
    /// Tells what a decision or its undoing changes and, unless that is only a preview, makes it durable.
    async fn carry_out(&self, decision: Decision, undone: bool, preview: bool) -> Answer {
        if !undone {
            self.check_observed(&decision.action)?;
        }
        let value = LogValue::Record(Box::new(decision.record(undone, Timestamp::now())));
        let (foreseen, previewed) = (self.state.clone(), value.clone());
        let changes = tokio::task::spawn_blocking(move || foreseen.preview(previewed)).await??;
        let applied = !preview && self.apply(&value).await?;
        if applied && let Err(error) = self.tables.show_changes().await {
            // The writers try again, and say so in their health.
            tracing::warn!(%error, "show what a decision changed");
        }
        Ok(Json(json!({
            "decision": decision,
            "undone": undone,
            "changes": changes.iter().map(shown).collect::<Vec<_>>(),
            "preview": preview,
            "applied": applied,
        })))
    }

    /// Appends a decision and waits until the worker has applied it; says
    /// whether it has. It will be, even if the wait is in vain.
    async fn apply(&self, value: &LogValue) -> Result<bool, Failure> {
        let entry = Entry { key: DECISION_SOURCE.into(), value: value.encode().into() };
        let appended = self.log.append(vec![entry]).await?;
        let mut positions = self.positions.clone();
        let applied = positions.wait_for(|at| {
            appended.iter().all(|position| at.get(position.partition as usize).is_some_and(|&at| at > position.offset))
        });
        Ok(matches!(tokio::time::timeout(PATIENCE, applied).await, Ok(Ok(_))))
    }

    /// The decision in force that an id names.
    fn decision(&self, id: &str) -> Result<Decision, Failure> {
        let found = self.state.decisions().into_iter().find(|decision| decision.id == id);
        found.ok_or_else(|| Failure::bad_request(format!("no decision {id:?} is in force")))
    }
}
