//! The ingest port: what stands behind each path, and what is answered.
//!
//! | path (however many slashes stand at its ends) | what it takes |
//! |---|---|
//! | `POST /v1/{t,p,i,g,a,s}` or the whole words, `/t` ... `/s`, `/api/s/{type}`, `/api/s/s2s/{type}` | one event |
//! | `POST /v1/{b,batch,import}`, `/b`, `/beacon/v1/batch` | `{"batch":[...]}` |
//! | `GET /v1/pixel/{type}`, `/pixel/v1/{type}` | one event in the query |
//! | `GET /v1/projects/KEY/settings`, `/sourceConfig` | settings that browser clients ask for first |
//! | `POST /v1/m`, `/m` | clients' own measurements, thrown away |
//! | `GET /health` | whether events are taken |
//! | `POST` to a webhook's path | what its source signed |

mod answer;
mod append;
mod clients;
mod complaint;
mod cors;
mod endpoint;
mod events;
mod intake;
mod pixel;
mod request;
mod source;
mod uncancelled;
mod webhooks;

use crate::write_key::Keys;
use crate::{Metrics, WebhookSource};
use answer::Refusal;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use complaint::Complaint;
use endpoint::Endpoint;
use http::Method;
use source::Source;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tributary_log::Log;
use tributary_serve::Answers;

pub use crate::limits::Limits;
pub use endpoint::is_own_path;
pub use source::HttpSource;

/// What the gateway works with; cheap to clone.
#[derive(Clone)]
pub struct GatewayState(Arc<Shared>);

struct Shared {
    log: Arc<dyn Log>,
    keys: Keys<Arc<Source>>,
    limits: Limits,
    segment_strict: bool,
    metrics: Metrics,
    webhooks: Vec<Webhook>,
    /// Appends whose clients hung up.
    appends: TaskTracker,
    /// About a log that takes nothing.
    complaint: Complaint,
}

/// A webhook and its source.
struct Webhook {
    hook: Arc<dyn WebhookSource>,
    source: Arc<Source>,
}

impl GatewayState {
    /// Puts the gateway together. `segment_strict`: answer 200 as Segment does,
    /// to everything but oversized and unreadable requests.
    #[must_use]
    pub fn new(
        log: Arc<dyn Log>,
        sources: Vec<HttpSource>,
        limits: Limits,
        segment_strict: bool,
        metrics: Metrics,
        webhooks: Vec<Arc<dyn WebhookSource>>,
    ) -> Self {
        let keyed = |source: HttpSource| (source.write_key, Source::new(&source.name, &metrics));
        let keys = Keys::new(sources.into_iter().map(keyed));
        let mounted = |hook: Arc<dyn WebhookSource>| Webhook { source: Source::new(hook.source(), &metrics), hook };
        let webhooks = webhooks.into_iter().map(mounted).collect();
        let (limits, appends, complaint) = (limits.readable(), TaskTracker::new(), Complaint::new());
        Self(Arc::new(Shared { log, keys, limits, segment_strict, metrics, webhooks, appends, complaint }))
    }

    /// Waits for appends whose clients hung up. To be called once no requests come any more.
    pub async fn drain(&self) {
        self.0.appends.close();
        self.0.appends.wait().await;
    }
}

/// What the ingest port serves. No router: its paths are those above, and each
/// request would cost it allocations.
pub fn service(state: GatewayState) -> impl Answers {
    tower::service_fn(move |request| {
        let state = state.clone();
        async move { Ok(dispatch(&state, request).await) }
    })
}

async fn dispatch(state: &GatewayState, request: Request) -> Response {
    let mut response = match handle(state, request).await {
        Ok(response) => response,
        Err(refusal) => {
            state.0.metrics.requests_rejected.with_label_values(&[refusal.code]).inc();
            if state.0.segment_strict && refusal.is_success_at_segment {
                answer::success()
            } else {
                refusal.into_response()
            }
        }
    };
    cors::allow(response.headers_mut());
    response
}

async fn handle(state: &GatewayState, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    if head.method == Method::OPTIONS {
        return Ok(cors::preflight());
    }
    let endpoint = Endpoint::of(head.uri.path(), state.0.webhooks.iter().map(|webhook| webhook.hook.path()));
    let endpoint = endpoint.ok_or_else(Refusal::not_found)?;
    if !endpoint.takes(&head.method) {
        return Err(Refusal::wrong_method());
    }
    match endpoint {
        Endpoint::Event(kind) => events::single(state, &head, body, kind).await,
        Endpoint::Batch => events::batch(state, &head, body).await,
        Endpoint::Discard => events::discard(state, body).await,
        Endpoint::Pixel(kind) => pixel::receive(state, &head, kind).await,
        Endpoint::ProjectSettings(key) => clients::project_settings(state, &head, &key),
        Endpoint::SourceConfig => clients::source_config(state, &head),
        Endpoint::Health => clients::health(state),
        Endpoint::Webhook(index) => webhooks::receive(state, &state.0.webhooks[index], &head, body).await,
    }
}
