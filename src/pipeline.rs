//! The flow, on one screen.
//!
//! ```text
//! sources --> gateway/pull --> LOG --> worker{ dedupe -> resolve -> fold } --> tables --> SQL, segments, profile API
//!                                      one atomic commit per batch
//! ```

use crate::admin::{self, Access, Admin};
use crate::blocked::Blocked;
use crate::data_dir::{DataDir, ServerAddress};
use crate::identity_live::{self, IdentityApi};
use crate::metrics::{MatchingMetrics, PositionMetrics, PullMetrics, WorkerMetrics};
use crate::pull::{self, Pull};
use crate::recovery::{self, Stores};
use crate::runtimes::Fronts;
use crate::settings::Settings;
use crate::stages::Stages;
use crate::webhooks;
use crate::worker::{Decoder, Worker};
use anyhow::Context as _;
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tributary_ingest::gateway::{self, GatewayState};
use tributary_log::Log;
use tributary_profile_store::api::{self, ApiState};
use tributary_profile_store::query::{QueryEngine, StateIds};
use tributary_serve::Answers;

/// Runs the server until it is asked to stop (SIGINT or SIGTERM). Requests are
/// answered on `fronts`; everything behind the log runs on this runtime.
///
/// # Errors
/// If the folder, the log or a port cannot be had, or a stage fails.
pub async fn run(settings: Settings, fronts: &Fronts) -> anyhow::Result<()> {
    let begun = Instant::now();
    let folder = DataDir::open(&settings.data_dir)?;
    let log: Arc<dyn Log> = settings.open_log(folder.path(), &fronts.ingest).await?;
    folder.check_log_id(log.id())?;
    tracing::debug!(since_start = ?begun.elapsed(), "log open");
    let stores = recovery::open(&settings, &folder, &*log).await?;
    let Stores { state, tables, registry } = &stores;

    let mut stages = Stages::new(Arc::clone(&log), Arc::clone(tables), fronts.clone());
    stages.write_tables();
    tracing::debug!(since_start = ?begun.elapsed(), "state and tables open");
    let decoder = Decoder { blocked: Arc::new(Blocked::new(&settings.config.identity.blocked_values)) };
    recovery::refill(&*log, &stores, &decoder).await?;
    let metrics = WorkerMetrics::new(registry)?;
    let worker = Worker::new(Arc::clone(&log), state.clone(), Arc::clone(tables), decoder, metrics)?;

    let (ingest, admin) = (
        listen(&fronts.ingest, settings.listen, "--listen").await?,
        listen(&fronts.admin, settings.admin, "--admin").await?,
    );
    let address = ServerAddress {
        ingest: ingest.local_addr()?,
        admin: admin.local_addr()?,
        pid: std::process::id(),
        token: uuid::Uuid::new_v4().simple().to_string(),
    };
    let accepting = Arc::new(AtomicBool::new(false));
    let routes = routes(&settings, &log, &stores, &worker, &address, &accepting)?;
    let gateway = gateway(&settings, &folder, &log, registry)?;
    let pulled = pull::sources(&settings.config)?;
    let metrics = PullMetrics::new(registry, pulled.iter().map(|source| source.name()))?;
    let pull = Pull { log, cursors: folder.path().join("cursors"), metrics };

    stages.work(worker, state.clone(), settings.log_is_elsewhere().then(|| folder.path().to_owned()));
    stages.answer(admin, routes, settings.serve_settings());
    stages.take_in(ingest, gateway, settings.serve_settings());
    stages.pull(pull, pulled);
    folder.publish(&address)?;
    accepting.store(true, Ordering::Release);
    let since_start = begun.elapsed();
    tracing::info!(ingest = %address.ingest, admin = %address.admin, ?since_start, "ready");

    let outcome = stages.until_stopped().await;
    accepting.store(false, Ordering::Release);
    stages.stop(outcome).await
}

/// What the ingest port serves.
fn gateway(
    settings: &Settings,
    folder: &DataDir,
    log: &Arc<dyn Log>,
    registry: &Registry,
) -> anyhow::Result<impl Answers + use<>> {
    let sources = settings.http_sources(folder)?;
    let webhooks = webhooks::mounted(&settings.config)?;
    let metrics = tributary_ingest::Metrics::new(registry)?;
    let (limits, strict) = (settings.limits(), settings.config.ingest.segment_strict);
    Ok(gateway::service(GatewayState::new(Arc::clone(log), sources, limits, strict, metrics, webhooks)))
}

/// The admin port's routes.
fn routes(
    settings: &Settings,
    log: &Arc<dyn Log>,
    stores: &Stores,
    worker: &Worker,
    address: &ServerAddress,
    accepting: &Arc<AtomicBool>,
) -> anyhow::Result<axum::Router> {
    let Stores { state, tables, registry } = stores;
    let (views, source_names) = (Arc::clone(tables), settings.source_names());
    let ids = Arc::new(StateIds::new(state.clone(), source_names.clone()));
    let engine = QueryEngine::new(Arc::new(move || views.read_view()), ids, Settings::query_limits()?)?;
    let admin = Admin {
        log: Arc::clone(log),
        positions: worker.positions(),
        trouble: worker.trouble(),
        tables: Arc::clone(tables),
        engine: engine.clone(),
        registry: registry.clone(),
        offsets: PositionMetrics::new(registry)?,
        state: state.clone(),
        matching: MatchingMetrics::new(registry)?,
        accepting: Arc::clone(accepting),
        access: Access { configured: settings.admin_token(), of_run: address.token.as_str().into() },
    };
    let identity = IdentityApi {
        log: Arc::clone(log),
        positions: worker.positions(),
        state: state.clone(),
        tables: Arc::clone(tables),
        source_names: source_names.clone(),
    };
    let api = api::router(ApiState { engine, state: state.clone(), source_names });
    Ok(admin::router(admin, api.merge(identity_live::router(identity))))
}

/// Listens on an address; the connections belong to the runtime `front`.
async fn listen(front: &Handle, address: std::net::SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let advice = || format!("listen on {address}: does something else listen there? Choose another port with {flag}");
    front.spawn(TcpListener::bind(address)).await?.with_context(advice)
}
