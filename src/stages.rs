//! The stages that run at the same time, and the order in which they stop:
//! what takes in first, then the worker once it has caught up, then the tables.

use crate::admin::flush_within;
use crate::log_ends;
use crate::pull::Pull;
use crate::runtimes::Fronts;
use crate::worker::Worker;
use anyhow::Context as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tributary_connectors::Source;
use tributary_log::Log;
use tributary_profile_store::Tables;
use tributary_serve::{Answers, ServeSettings};
use tributary_state::State;

/// Longest wait at shutdown for the tables; what they lack is in the log.
const DRAIN: Duration = Duration::from_secs(10);
/// Longest wait at shutdown for a stage that was told to stop.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the log is told what is no longer needed.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);

type Stage = JoinSet<anyhow::Result<()>>;

/// Every stage of a server.
pub struct Stages {
    fronts: Fronts,
    log: Arc<dyn Log>,
    tables: Arc<Tables>,
    /// Gateway and pull sources.
    intake: Stage,
    intake_stop: CancellationToken,
    /// Worker, release and admin port.
    inner: Stage,
    inner_stop: CancellationToken,
    positions: Option<watch::Receiver<Vec<u64>>>,
    writers: Option<JoinHandle<()>>,
    writers_stop: CancellationToken,
}

impl Stages {
    /// Without any stage yet.
    pub fn new(log: Arc<dyn Log>, tables: Arc<Tables>, fronts: Fronts) -> Self {
        Self {
            fronts,
            log,
            tables,
            intake: JoinSet::new(),
            intake_stop: CancellationToken::new(),
            inner: JoinSet::new(),
            inner_stop: CancellationToken::new(),
            positions: None,
            writers: None,
            writers_stop: CancellationToken::new(),
        }
    }

    /// Starts the tables' writers.
    pub fn write_tables(&mut self) {
        self.writers = Some(self.tables.spawn(self.writers_stop.clone()));
    }

    /// Starts the worker, and tells the log what is no longer needed. The ends
    /// of a log elsewhere are noted in the data folder `noted`.
    pub fn work(&mut self, worker: Worker, state: State, noted: Option<PathBuf>) {
        self.positions = Some(worker.positions());
        self.inner.spawn(worker.run(self.inner_stop.clone()));
        let (log, tables) = (Arc::clone(&self.log), Arc::clone(&self.tables));
        let upkeep = Upkeep { log, tables, state, noted };
        self.inner.spawn(upkeep.run(self.inner_stop.clone()));
    }

    /// Starts the admin port.
    pub fn answer(&mut self, listener: TcpListener, routes: axum::Router, settings: ServeSettings) {
        self.inner.spawn_on(serve(listener, routes, settings, self.inner_stop.clone()), &self.fronts.admin);
    }

    /// Starts the ingest port.
    pub fn take_in(&mut self, listener: TcpListener, gateway: impl Answers, settings: ServeSettings) {
        self.intake.spawn_on(serve(listener, gateway, settings, self.intake_stop.clone()), &self.fronts.ingest);
    }

    /// Starts reading the pull sources.
    pub fn pull(&mut self, pull: Pull, sources: Vec<Arc<dyn Source>>) {
        self.intake.spawn(pull.run(sources, self.intake_stop.clone()));
    }

    /// Waits for a signal, or for a stage that fails. A stage that has nothing
    /// more to do is no reason to stop.
    ///
    /// # Errors
    /// If a stage fails.
    pub async fn until_stopped(&mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("listen to SIGTERM")?;
        let writers = self.writers.as_mut().context("the tables have no writers")?;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                Some(ended) = self.intake.join_next() => ended.context("a stage of the intake panicked")??,
                Some(ended) = self.inner.join_next() => ended.context("a stage panicked")??,
                ended = &mut *writers => {
                    ended.context("the writers of the tables panicked")?;
                    anyhow::bail!("the writers of the tables ended");
                }
            }
        }
    }

    /// Stops every stage. After a failure nothing is waited for: the next
    /// start goes on from what is durable.
    ///
    /// # Errors
    /// Gives back the failure.
    pub async fn stop(mut self, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        tracing::info!("shutting down");
        self.intake_stop.cancel();
        drain(&mut self.intake).await;
        if let (Ok(()), Some(positions)) = (&outcome, &self.positions)
            && let Err(laggard) = flush_within(&*self.log, positions.clone(), &self.tables, DRAIN).await
        {
            let laggard = format!("{laggard:#}");
            tracing::warn!(laggard, "tables lag behind the log; the next start goes on from there");
        }
        self.inner_stop.cancel();
        drain(&mut self.inner).await;
        self.writers_stop.cancel();
        if let Some(writers) = self.writers.take().filter(|writers| !writers.is_finished())
            && tokio::time::timeout(PATIENCE, writers).await.is_err()
        {
            tracing::warn!("the writers of the tables are cut off");
        }
        let closed = self.log.close().await.context("close the log");
        outcome.and(closed)
    }
}

/// Waits for stages that were told to stop, and cuts off those that do not.
async fn drain(stages: &mut Stage) {
    let ended = async {
        while let Some(ended) = stages.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(error = format!("{error:#}"), "stage failed at shutdown");
            }
        }
    };
    if tokio::time::timeout(PATIENCE, ended).await.is_err() {
        tracing::warn!(stages = stages.len(), "stages do not stop and are cut off");
        stages.shutdown().await;
    }
}

async fn serve(
    listener: TcpListener,
    service: impl Answers,
    settings: ServeSettings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    Ok(tributary_serve::serve(listener, service, settings, stop).await?)
}

/// What is done for the log now and then.
struct Upkeep {
    log: Arc<dyn Log>,
    tables: Arc<Tables>,
    state: State,
    noted: Option<PathBuf>,
}

impl Upkeep {
    async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            self.release().await?;
            self.note().await;
            if stop.is_cancelled() {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(UPKEEP_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Tells the log what neither the tables nor the state need any more.
    async fn release(&self) -> anyhow::Result<()> {
        for (partition, &recorded) in (0..).zip(&self.tables.recorded()) {
            let needless = recorded.min(self.state.position(partition)?);
            if let Err(error) = self.log.release(partition, needless).await {
                tracing::warn!(partition, %error, "release the log: it is tried again");
            }
        }
        Ok(())
    }

    async fn note(&self) {
        let Some(folder) = &self.noted else { return };
        if let Ok(ends) = self.log.durable_ends().await
            && let Err(error) = log_ends::note(folder, &ends)
        {
            tracing::warn!(error = format!("{error:#}"), "the ends of the log are not noted");
        }
    }
}
