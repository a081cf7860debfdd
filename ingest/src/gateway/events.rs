//! Requests that carry events: one, or a batch.

use super::GatewayState;
use super::answer::{self, Refusal};
use super::append::append;
use super::intake::Intake;
use super::request::{open, sent_at_header, source_of, store_whole};
use super::source::Source;
use crate::json::{Envelope, is_empty_list};
use crate::normalise::{BatchDefaults, Failure, Normaliser};
use crate::outline::{Finding, Outline, canonical};
use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use tributary_protocol::{RecordKind, Timestamp};

/// Bytes of events after which other requests get their turn.
const TURN_BYTES: usize = 64 * 1024;
/// Most bytes that a batch's context may grow to, in requests: each event gets it.
const SHARED_REQUESTS_MAX: usize = 8;

/// Takes a request with one event.
pub(crate) async fn single(
    state: &GatewayState,
    head: &Parts,
    body: Body,
    kind: Option<RecordKind>,
) -> Result<Response, Refusal> {
    let opened = open(state, head, body).await?;
    let text = opened.text();
    let source = if let Some(source) = &opened.source {
        Arc::clone(source)
    } else {
        let envelope = Envelope::parse(text).map_err(|error| unreadable(text, &error).into_refusal())?;
        source_of(state, envelope.write_key.as_deref())?
    };
    single_event(state, &source, head, kind, text, opened.received_at).await
}

/// Takes the text of one event that came alone.
pub(super) async fn single_event(
    state: &GatewayState,
    source: &Arc<Source>,
    head: &Parts,
    kind: Option<RecordKind>,
    text: &str,
    received_at: Timestamp,
) -> Result<Response, Refusal> {
    let (frames, error) = {
        let defaults = BatchDefaults { sent_at: sent_at_header(head), ..BatchDefaults::default() };
        let mut normaliser = Normaliser::new(&source.name, state.0.limits, &defaults, received_at);
        let mut intake = Intake::new(&source.name, received_at, 1, text.len());
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => intake.push(&mut normaliser, 0, raw.get(), kind),
            Err(error) => intake.fail(0, unreadable(text, &error), text.as_bytes()),
        }
        (intake.frames, intake.errors.pop())
    };
    append(state, source, frames).await?;
    match error {
        None => Ok(answer::success()),
        Some(error) => Err(Refusal::bad_event(error.code, error.message)),
    }
}

/// Takes a request with a batch of events.
pub(crate) async fn batch(state: &GatewayState, head: &Parts, body: Body) -> Result<Response, Refusal> {
    let opened = open(state, head, body).await?;
    let text = opened.text();
    let envelope = match (Envelope::parse(text), &opened.source) {
        (Ok(envelope), _) => envelope,
        (Err(error), None) => return Err(unreadable(text, &error).into_refusal()),
        (Err(error), Some(source)) => {
            let failure = unreadable(text, &error);
            return Err(store_whole(state, source, failure, text.as_bytes(), opened.received_at).await?);
        }
    };
    let source = match &opened.source {
        Some(source) => Arc::clone(source),
        None => source_of(state, envelope.write_key.as_deref())?,
    };
    let batch = match Batch::of(&envelope, head, state.0.limits) {
        Ok(batch) => batch,
        Err(failure) => {
            return Err(store_whole(state, &source, failure, text.as_bytes(), opened.received_at).await?);
        }
    };
    let (count, most) = (batch.items.len(), state.0.limits.batch_events_max);
    if count > most {
        let refusal = Refusal::too_many_events(count, most);
        source.metrics.received.inc_by(count as u64);
        state.0.metrics.discarded.with_label_values(&[&*source.name, refusal.code]).inc_by(count as u64);
        return Err(refusal);
    }
    let intake = batch.read(state.0.limits, &source, opened.received_at).await;
    let (frames, errors) = (intake.frames, intake.errors);
    append(state, &source, frames).await?;
    Ok(answer::batch(&errors))
}

/// The events of a batch and what it says for all of them.
struct Batch<'a> {
    items: &'a [&'a RawValue],
    defaults: BatchDefaults<'a>,
}

impl<'a> Batch<'a> {
    fn of(envelope: &'a Envelope<'a>, head: &Parts, limits: crate::Limits) -> Result<Self, Failure> {
        let items = envelope.batch.as_deref().ok_or_else(|| Failure::invalid("there is no list `batch`"))?;
        let depth_max = limits.depth_max;
        let sent_at = value(envelope.sent_at, "sentAt", depth_max)?.or_else(|| sent_at_header(head));
        let defaults = BatchDefaults {
            sent_at,
            timestamp: value(envelope.timestamp, "timestamp", depth_max)?,
            context: object(envelope.context, "context", depth_max)?,
            integrations: object(envelope.integrations, "integrations", depth_max)?,
        };
        let shared_bytes = defaults.context.len() + defaults.integrations.len();
        let most = limits.request_bytes_max.saturating_mul(SHARED_REQUESTS_MAX);
        if items.len().saturating_mul(shared_bytes) > most && items.len() <= limits.batch_events_max {
            return Err(Failure::new("too_large", "the context of the batch is too large for so many events"));
        }
        Ok(Self { items, defaults })
    }

    async fn read<'s>(&'s self, limits: crate::Limits, source: &'s Source, received_at: Timestamp) -> Intake<'s> {
        let bytes = self.items.iter().map(|item| item.get().len()).sum();
        let mut intake = Intake::new(&source.name, received_at, self.items.len(), bytes);
        let mut normaliser = Normaliser::new(&source.name, limits, &self.defaults, received_at);
        let mut turn = 0;
        for (index, item) in self.items.iter().enumerate() {
            intake.push(&mut normaliser, index, item.get(), None);
            turn += item.get().len();
            if turn > TURN_BYTES {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
        intake
    }
}

/// Reads a value of the envelope; null means absent.
fn value(raw: Option<&RawValue>, key: &'static str, depth_max: usize) -> Result<Option<Value>, Failure> {
    let Some(text) = raw.map(RawValue::get) else { return Ok(None) };
    let text = plain(text, key, depth_max)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| Failure::malformed(&error))?;
    Ok(Some(value).filter(|value| !value.is_null()))
}

/// Returns the text of an object of the envelope; null and an empty list mean empty.
fn object<'a>(raw: Option<&'a RawValue>, key: &'static str, depth_max: usize) -> Result<Cow<'a, str>, Failure> {
    match raw.map_or("null", RawValue::get) {
        "null" => Ok(Cow::Borrowed("")),
        text if is_empty_list(text) => Ok(Cow::Borrowed("")),
        text if text.starts_with('{') => plain(text, key, depth_max),
        _ => Err(Failure::invalid(format!("`{key}` is no object"))),
    }
}

fn plain<'a>(text: &'a str, key: &str, depth_max: usize) -> Result<Cow<'a, str>, Failure> {
    match Outline::default().read(text, depth_max) {
        Finding::Plain => Ok(Cow::Borrowed(text)),
        Finding::Peculiar => canonical(text).map(Cow::Owned).map_err(|error| Failure::malformed(&error)),
        Finding::TooDeep => Err(Failure::too_deep(&format!("`{key}`"), depth_max)),
    }
}

fn unreadable(text: &str, error: &serde_json::Error) -> Failure {
    if text.starts_with('"') {
        return Failure::new("malformed", "the body is a text: its JSON is encoded twice");
    }
    Failure::new("malformed", format!("no JSON object: {error}"))
}

/// Takes and forgets a client's measurements of itself.
pub(crate) async fn discard(state: &GatewayState, body: Body) -> Result<Response, Refusal> {
    crate::body::read(body, state.0.limits.request_bytes_max).await.map_err(Refusal::from)?;
    Ok(answer::success())
}
