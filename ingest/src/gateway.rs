//! The gateway's router: who sends, what they send, and the answer once it is durable.

use crate::body::{self, Problem};
use crate::metrics::Metrics;
use crate::normalise::{self, Arrival, BatchDefaults, Invalid};
use crate::route::{Route, route};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tributary_log::{Entry, Error as LogError, Log};
use tributary_protocol::{FailedEvent, LogValue, RecordKind, Timestamp};
use tributary_serve::error_response;

/// Seconds after which a client that was put off tries again.
const RETRY_AFTER_SECONDS: &str = "2";
/// Headers that browser clients send and must be allowed to.
const ALLOWED_HEADERS: &str =
    "authorization, content-type, x-retry-count, x-write-key, anonymousid, sentat, content-encoding";

/// One HTTP source.
#[derive(Clone)]
pub struct HttpSource {
    /// Its name.
    pub name: String,
    /// The key that its clients send.
    pub write_key: String,
}

/// Limits of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of one event.
    pub event_bytes_max: usize,
    /// Most bytes of one request, inflated.
    pub request_bytes_max: usize,
    /// Most events of one request.
    pub batch_events_max: usize,
    /// Deepest nesting of an event.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 32 << 10, request_bytes_max: 500 << 10, batch_events_max: 2500, depth_max: 64 }
    }
}

/// Why a webhook's request is refused; nothing of it is stored.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// For programs.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

/// A source that posts to a path of its own and signs what it sends.
pub trait WebhookSource: Send + Sync {
    /// The path, with its leading slash.
    fn path(&self) -> &str;
    /// Name of the source.
    fn source(&self) -> &str;
    /// Verifies a request and maps it to values of the log.
    ///
    /// # Errors
    /// [`Rejection`] if the signature or the body is not what it must be.
    fn accept(&self, headers: &HeaderMap, body: &[u8], received_at: Timestamp) -> Result<Vec<LogValue>, Rejection>;
}

/// What every request needs.
#[derive(Clone)]
pub struct GatewayState(Arc<Inner>);

struct Inner {
    log: Arc<dyn Log>,
    sources: Vec<HttpSource>,
    limits: Limits,
    segment_strict: bool,
    metrics: Metrics,
    webhooks: HashMap<String, Arc<dyn WebhookSource>>,
}

impl GatewayState {
    /// Gathers what the gateway needs. `segment_strict` answers an unknown key as Segment does, with 200.
    #[must_use]
    pub fn new(
        log: Arc<dyn Log>,
        sources: Vec<HttpSource>,
        limits: Limits,
        segment_strict: bool,
        metrics: Metrics,
        webhooks: Vec<Arc<dyn WebhookSource>>,
    ) -> Self {
        let webhooks =
            webhooks.into_iter().map(|webhook| (webhook.path().trim_matches('/').to_owned(), webhook)).collect();
        Self(Arc::new(Inner { log, sources, limits, segment_strict, metrics, webhooks }))
    }
}

/// Builds the gateway's router.
pub fn router(state: GatewayState) -> Router {
    Router::new().fallback(handle).with_state(state)
}

async fn handle(State(GatewayState(inner)): State<GatewayState>, request: Request) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        match inner.answer(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(&inner),
        }
    };
    allow_any_origin(response.headers_mut());
    response
}

/// CORS for every page, without credentials.
fn allow_any_origin(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
        (header::ACCESS_CONTROL_MAX_AGE, "7200"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A request of which nothing is stored.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn into_response(self, inner: &Inner) -> Response {
        inner.metrics.rejected.with_label_values(&[self.code]).inc();
        if self.status == StatusCode::UNAUTHORIZED && inner.segment_strict {
            return Json(json!({ "success": true })).into_response();
        }
        let mut response = error_response(self.status, self.code, &self.message);
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        tracing::error!(%error, "append failed");
        match error {
            LogError::Full { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "disk_full", "no space left: try again later")
            }
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "could not be made durable: try again"),
        }
    }
}

/// What a body says beside its events.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
    write_key: Option<Value>,
    #[serde(rename = "api_key")]
    api_key: Option<Value>,
    sent_at: Option<Value>,
    context: Option<Value>,
}

impl Inner {
    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let received_at = Timestamp::now();
        let route = route(parts.uri.path());
        match (&parts.method, route) {
            (&Method::GET, Route::SegmentSettings(key)) => Ok(segment_settings(&key, &parts.headers)),
            (&Method::GET, Route::RudderSettings) => self.rudder_settings(&parts.headers, &parts.uri),
            (&Method::GET, Route::Pixel(kind)) => self.pixel(kind, &parts.headers, &parts.uri, received_at).await,
            (&Method::POST, Route::Event(kind)) => {
                self.event(kind, &parts.headers, &parts.uri, body, received_at).await
            }
            (&Method::POST, Route::Batch) => self.batch(&parts.headers, &parts.uri, body, received_at).await,
            (&Method::POST, Route::Other) => self.webhook(&parts.headers, &parts.uri, body, received_at).await,
            _ => Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "not_found",
                format!("no {} {}", parts.method, parts.uri.path()),
            )),
        }
    }

    /// Reads and inflates a body within the request's limit.
    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let bytes_max = self.limits.request_bytes_max;
        let too_large =
            || Refusal::new(StatusCode::BAD_REQUEST, "too_large", format!("a request has at most {bytes_max} bytes"));
        let bytes = match to_bytes(body, bytes_max).await {
            Ok(bytes) => bytes,
            Err(error) if format!("{error:?}").contains("LengthLimit") => return Err(too_large()),
            Err(error) => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "unreadable",
                    format!("the body broke off: {error}"),
                ));
            }
        };
        body::inflate(bytes, bytes_max).map_err(|problem| match problem {
            Problem::TooLarge => too_large(),
            Problem::BadGzip => {
                Refusal::new(StatusCode::BAD_REQUEST, "bad_gzip", "the body begins like gzip and is damaged")
            }
        })
    }

    /// Finds the source by the key: Basic user, `X-Write-Key`, query, then body.
    fn source(&self, headers: &HeaderMap, uri: &Uri, of_body: Option<&Value>) -> Result<&str, Refusal> {
        let keys = [basic_user(headers), header_text(headers, "x-write-key"), query(uri, "writeKey"), query(uri, "_")];
        let of_body = of_body.and_then(Value::as_str).map(str::to_owned);
        let key = keys.into_iter().flatten().chain(of_body).find(|key| !key.is_empty());
        let missing = || {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "missing_write_key",
                "no write key: send it as the user of Basic authentication",
            )
        };
        let key = key.ok_or_else(missing)?;
        let matches = |source: &&HttpSource| {
            let known = source.write_key.as_bytes();
            let jitsu = key.split_once(':').map_or("", |(id, _)| id);
            bool::from(known.ct_eq(key.as_bytes())) || bool::from(known.ct_eq(jitsu.as_bytes()))
        };
        let unknown =
            || Refusal::new(StatusCode::UNAUTHORIZED, "invalid_write_key", "this write key belongs to no source");
        self.sources.iter().find(matches).map(|source| source.name.as_str()).ok_or_else(unknown)
    }

    async fn event(
        &self,
        kind: RecordKind,
        headers: &HeaderMap,
        uri: &Uri,
        body: Body,
        received_at: Timestamp,
    ) -> Result<Response, Refusal> {
        let bytes = self.read(body).await?;
        let parsed = self.parse(&bytes);
        let key = parsed.as_ref().ok().and_then(|event| event.get("writeKey").or_else(|| event.get("api_key")));
        let source = self.source(headers, uri, key)?;
        let defaults =
            BatchDefaults { sent_at: header_text(headers, "sentat").map(Value::String), context: Map::new() };
        let arrival = Arrival { source, kind: Some(kind), defaults: &defaults, received_at, ordinal: 0 };
        let outcome = parsed.and_then(|event| normalise::record(&event, arrival));
        self.store_one(source, &bytes, outcome, received_at).await
    }

    /// Stores one event, good or bad, and answers it.
    async fn store_one(
        &self,
        source: &str,
        bytes: &[u8],
        outcome: Result<tributary_protocol::Record, Invalid>,
        received_at: Timestamp,
    ) -> Result<Response, Refusal> {
        match outcome {
            Ok(record) => {
                self.append(source, vec![LogValue::Record(Box::new(record))]).await?;
                Ok(Json(json!({ "success": true })).into_response())
            }
            Err(invalid) => {
                let message = invalid.message.clone();
                self.append(source, vec![failed(source, invalid, bytes, received_at)]).await?;
                Ok(error_response(StatusCode::BAD_REQUEST, "invalid_event", &message))
            }
        }
    }

    /// Parses one event within its limits.
    fn parse(&self, bytes: &[u8]) -> Result<Value, Invalid> {
        let Limits { event_bytes_max, depth_max, .. } = self.limits;
        if bytes.len() > event_bytes_max {
            return Err(Invalid {
                reason: "too_large",
                message: format!("an event has at most {event_bytes_max} bytes"),
            });
        }
        if body::depth(bytes) > depth_max {
            return Err(Invalid {
                reason: "too_deep",
                message: format!("an event is nested at most {depth_max} deep"),
            });
        }
        serde_json::from_slice(bytes)
            .map_err(|error| Invalid { reason: "malformed", message: format!("not JSON: {error}") })
    }

    async fn batch(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        body: Body,
        received_at: Timestamp,
    ) -> Result<Response, Refusal> {
        let bytes = self.read(body).await?;
        let parsed: Result<Envelope<'_>, _> = serde_json::from_slice(&bytes);
        let envelope = match parsed {
            Ok(envelope) if envelope.batch.is_some() => envelope,
            unreadable => {
                let of_body = unreadable
                    .as_ref()
                    .ok()
                    .and_then(|envelope| envelope.write_key.as_ref().or(envelope.api_key.as_ref()));
                let source = self.source(headers, uri, of_body)?;
                let message = unreadable
                    .err()
                    .map_or_else(|| "batch is required".to_owned(), |error| format!("not a batch: {error}"));
                return self
                    .store_one(source, &bytes, Err(Invalid { reason: "malformed", message }), received_at)
                    .await;
            }
        };
        let source = self.source(headers, uri, envelope.write_key.as_ref().or(envelope.api_key.as_ref()))?;
        let events = envelope.batch.unwrap_or_default();
        if events.len() > self.limits.batch_events_max {
            let message = format!("a batch has at most {} events", self.limits.batch_events_max);
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "too_many_events", message));
        }
        let sent_at = envelope
            .sent_at
            .filter(|value| !value.is_null())
            .or_else(|| header_text(headers, "sentat").map(Value::String));
        let context = envelope.context.and_then(|context| context.as_object().cloned()).unwrap_or_default();
        let defaults = BatchDefaults { sent_at, context };
        let mut errors = Vec::new();
        let mut values = Vec::with_capacity(events.len());
        for (ordinal, event) in events.iter().enumerate() {
            let text = event.get().as_bytes();
            let arrival = Arrival { source, kind: None, defaults: &defaults, received_at, ordinal };
            match self.parse(text).and_then(|event| normalise::record(&event, arrival)) {
                Ok(record) => values.push(LogValue::Record(Box::new(record))),
                Err(invalid) => {
                    errors.push(json!({ "index": ordinal, "code": invalid.reason, "message": invalid.message }));
                    values.push(failed(source, invalid, text, received_at));
                }
            }
        }
        self.append(source, values).await?;
        Ok(Json(json!({ "success": true, "errors": errors })).into_response())
    }

    async fn pixel(
        &self,
        kind: RecordKind,
        headers: &HeaderMap,
        uri: &Uri,
        received_at: Timestamp,
    ) -> Result<Response, Refusal> {
        let source = self.source(headers, uri, None)?;
        let defaults = BatchDefaults::default();
        let arrival = Arrival { source, kind: Some(kind), defaults: &defaults, received_at, ordinal: 0 };
        let text = uri.query().unwrap_or_default();
        let event: Map<String, Value> = url::form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        let outcome = normalise::record(&Value::Object(event), arrival);
        self.store_one(source, text.as_bytes(), outcome, received_at).await
    }

    async fn webhook(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        body: Body,
        received_at: Timestamp,
    ) -> Result<Response, Refusal> {
        let path = uri.path().trim_matches('/');
        let unknown =
            || Refusal::new(StatusCode::NOT_FOUND, "not_found", format!("nothing is posted to {}", uri.path()));
        let webhook = self.webhooks.get(path).ok_or_else(unknown)?;
        let bytes = self.read(body).await?;
        let values = webhook.accept(headers, &bytes, received_at).map_err(|rejection| {
            let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::BAD_REQUEST);
            Refusal::new(status, rejection.code, rejection.message)
        })?;
        self.append(webhook.source(), values).await?;
        Ok(Json(json!({ "success": true })).into_response())
    }

    /// Makes values durable; counted once they are.
    async fn append(&self, source: &str, values: Vec<LogValue>) -> Result<(), Refusal> {
        let entry = |value: &LogValue| {
            let key = match value {
                LogValue::Record(record) => record.partition_key(),
                LogValue::Failed(failed) => failed.source.clone(),
            };
            Entry { key: Bytes::from(key), value: Bytes::from(value.encode()) }
        };
        let timer = self.metrics.append.start_timer();
        self.log.append(values.iter().map(entry).collect()).await?;
        timer.observe_duration();
        self.metrics.received.with_label_values(&[source]).inc_by(values.len() as u64);
        let mut accepted = 0;
        for value in &values {
            match value {
                LogValue::Record(_) => accepted += 1,
                LogValue::Failed(failed) => self.metrics.failed.with_label_values(&[source, &failed.reason]).inc(),
            }
        }
        self.metrics.accepted.with_label_values(&[source]).inc_by(accepted);
        Ok(())
    }

    fn rudder_settings(&self, headers: &HeaderMap, uri: &Uri) -> Result<Response, Refusal> {
        let source = self.source(headers, uri, None)?;
        let key = basic_user(headers).or_else(|| query(uri, "writeKey")).unwrap_or_default();
        let body = json!({ "source": {
            "id": source, "name": source, "writeKey": key, "enabled": true, "workspaceId": "tributary",
            "config": { "statsCollection": { "errors": { "enabled": false }, "metrics": { "enabled": false } } },
            "destinations": [], "dataplanes": {}
        } });
        Ok(Json(body).into_response())
    }
}

/// The least that makes the Segment browser client send to us, and only to us.
fn segment_settings(key: &str, headers: &HeaderMap) -> Response {
    let host = header_text(headers, "host").unwrap_or_default();
    let body = json!({ "integrations": { "Segment.io": { "apiKey": key, "apiHost": format!("{host}/v1"), "protocol": "http" } } });
    Json(body).into_response()
}

fn failed(source: &str, invalid: Invalid, bytes: &[u8], received_at: Timestamp) -> LogValue {
    let Invalid { reason, message } = invalid;
    LogValue::Failed(FailedEvent {
        source: source.to_owned(),
        reason: reason.to_owned(),
        message,
        payload: bytes.to_vec(),
        received_at,
    })
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn basic_user(headers: &HeaderMap) -> Option<String> {
    let text = header_text(headers, "authorization")?;
    let decoded = BASE64.decode(text.strip_prefix("Basic ")?.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    Some(decoded.split_once(':').map_or(decoded.as_str(), |(user, _)| user).to_owned())
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    let found = url::form_urlencoded::parse(uri.query()?.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}
