//! The flow, on one screen.
//!
//! ```text
//! sources --> gateway/pull --> LOG --> worker{ dedupe -> resolve -> fold } --> profile API
//!                                      one atomic commit per batch
//! ```

use crate::admin::{self, Admin};
use crate::data_dir::{DataDir, ServerAddress};
use crate::profiles::{self, Profiles};
use crate::settings::Settings;
use crate::worker::{self, Worker};
use crate::{pull, webhooks};
use anyhow::Context as _;
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tributary_state::State;

/// Runs the server until it is asked to stop (SIGINT or SIGTERM).
///
/// # Errors
/// If the folder, the log or a port cannot be had, or a stage fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let folder = DataDir::open(&settings.data_dir)?;
    let log = settings.open_log(folder.path())?;
    folder.check_log_id(log.id())?;
    let state = State::open(&folder.path().join("state"), log.id(), log.partitions(), settings.state_options())?;
    for partition in 0..log.partitions() {
        log.continue_above(partition, state.position(partition)?).await?;
    }
    let registry = Registry::new();
    let accepting = Arc::new(AtomicBool::new(false));
    let gateway = webhooks::gateway(&settings, &folder, Arc::clone(&log), &registry)?;
    let api = profiles::router(Profiles { state: state.clone(), source_names: settings.source_names().into() });
    let admin = Admin {
        log: Arc::clone(&log),
        state: state.clone(),
        registry: registry.clone(),
        accepting: Arc::clone(&accepting),
        token: settings.admin_token(),
    };
    let worker = Worker { log: Arc::clone(&log), state, metrics: worker::Metrics::new(&registry)? };
    let ingest_port = listen(settings.listen).await?;
    let admin_port = listen(settings.admin).await?;
    let address =
        ServerAddress { ingest: ingest_port.local_addr()?, admin: admin_port.local_addr()?, pid: std::process::id() };

    let shutdown = CancellationToken::new();
    let mut stages = JoinSet::new();
    stages.spawn(worker.run(shutdown.clone()));
    stages.spawn(pull::run(settings.config.clone(), Arc::clone(&log), folder.path().join("cursors"), shutdown.clone()));
    stages.spawn(serve(ingest_port, gateway, &settings, shutdown.clone()));
    stages.spawn(serve(admin_port, admin::router(admin, api), &settings, shutdown.clone()));

    folder.publish(&address)?;
    accepting.store(true, Ordering::Release);
    tracing::info!(ingest = %address.ingest, admin = %address.admin, "ready");
    let outcome = until_stopped(&mut stages).await;
    accepting.store(false, Ordering::Release);
    shutdown.cancel();
    while let Some(ended) = stages.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::error!(error = format!("{error:#}"), "stage failed at shutdown");
        }
    }
    log.close().await?;
    outcome
}
async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let advice = || {
        format!("listen on {address}: is another server running there? Choose another port with --listen or --admin")
    };
    TcpListener::bind(address).await.with_context(advice)
}

fn serve(
    listener: TcpListener,
    router: axum::Router,
    settings: &Settings,
    shutdown: CancellationToken,
) -> impl Future<Output = anyhow::Result<()>> + use<> {
    let limits = settings.serve_settings();
    async move { Ok(tributary_serve::serve(listener, router, limits, shutdown).await?) }
}

/// Waits for a signal, or for a stage that fails. A stage that has nothing
/// more to do (every file read) is no reason to stop.
async fn until_stopped(stages: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            Some(ended) = stages.join_next() => ended.context("a stage panicked")??,
        }
    }
}
