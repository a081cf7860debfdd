//! The accept loop.

use crate::body::{TimedBody, TrackedBody};
use crate::io::{IoLimits, TimedIo};
use crate::phase::{Phase, SharedPhase};
use crate::{Error, Result};
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Pause after an accept that failed for want of resources (file handles, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What clients may cost.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Longest time for a request's head. Default 10 s.
    pub header_timeout: Duration,
    /// Longest pause inside a request's body. Default 15 s.
    pub body_idle_timeout: Duration,
    /// Longest time for a whole request's body. Default 60 s.
    pub body_timeout: Duration,
    /// Longest pause between two requests. Default 75 s.
    pub keep_alive_timeout: Duration,
    /// Longest time in which a client takes no byte of its answer. Default 30 s.
    pub write_timeout: Duration,
    /// Most connections at a time; further ones wait in the kernel's queue. Default 4096.
    pub connections_max: usize,
    /// Longest time at shutdown for requests under way. Default 10 s.
    pub shutdown_grace: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_mins(1),
            keep_alive_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            connections_max: 4096,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// Serves `service`, a router or what stands for one, over HTTP/1.1 on
/// `listener` until `shutdown` is cancelled; returns when every connection is
/// closed.
///
/// # Errors
/// [`Error::Accept`] if the listening socket can be used no more.
pub async fn serve<S: Answers>(
    listener: TcpListener,
    service: S,
    settings: ServeSettings,
    shutdown: CancellationToken,
) -> Result<()> {
    let permits = Arc::new(Semaphore::new(settings.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let settings = Arc::new(settings);
    let mut connections = JoinSet::new();
    let outcome = loop {
        while let Some(ended) = connections.try_join_next() {
            log_panic(ended);
        }
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok(Some((stream, permit))) => {
                let handler = Handler {
                    service: service.clone(),
                    settings: Arc::clone(&settings),
                    phase: SharedPhase::new(Phase::Head),
                };
                connections.spawn(connection(stream, handler, shutdown.clone(), permit));
            }
            Ok(None) => {}
            Err(error) => break Err(error),
        }
    };
    drop(listener);
    drain(connections, settings.shutdown_grace).await;
    outcome
}

/// Accepts one connection, once there is room for it. None: that one failed, others may not.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Result<Option<(TcpStream, OwnedSemaphorePermit)>> {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    match listener.accept().await {
        Ok((stream, _)) => Ok(Some((stream, permit))),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(Error::Accept(error)),
        Err(error) => {
            let of_one_client = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted];
            if !of_one_client.contains(&error.kind()) {
                tracing::warn!(%error, "accept failed, waiting");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Ok(None)
        }
    }
}

/// Serves one connection to its end.
async fn connection<S: Answers>(
    stream: TcpStream,
    handler: Handler<S>,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    let limits = IoLimits {
        head: handler.settings.header_timeout,
        idle: handler.settings.keep_alive_timeout,
        write: handler.settings.write_timeout,
    };
    let io = TokioIo::new(TimedIo::new(stream, handler.phase.clone(), limits));
    // The head's timeout is TimedIo's: hyper's would also end idle connections.
    let serving = http1::Builder::new().header_read_timeout(None).serve_connection(io, handler);
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended");
    }
}

/// Waits for the connections, then cuts those that are left.
async fn drain(mut connections: JoinSet<()>, grace: Duration) {
    let ended = async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "cut connections at shutdown");
        connections.shutdown().await;
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a request's handler panicked, its connection is closed");
    }
}

/// A service that answers every request: a router, or a function of the
/// request where even a router's allocations count.
pub trait Answers:
    Service<Request, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
}

/// Passes a connection's requests to the service.
struct Handler<S> {
    service: S,
    settings: Arc<ServeSettings>,
    phase: SharedPhase,
}

impl<S: Answers> hyper::service::Service<hyper::Request<Incoming>> for Handler<S> {
    type Response = hyper::Response<TrackedBody>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        self.phase.set(Phase::Request);
        let (idle, total) = (self.settings.body_idle_timeout, self.settings.body_timeout);
        let request = request.map(|body| axum::body::Body::new(TimedBody::new(body, idle, total)));
        Answer { inner: self.service.clone().call(request), phase: self.phase.clone() }
    }
}

pin_project_lite::pin_project! {
    /// An answer on its way.
    struct Answer<F> {
        #[pin]
        inner: F,
        phase: SharedPhase,
    }
}

impl<F: Future<Output = std::result::Result<Response, Infallible>>> Future for Answer<F> {
    type Output = std::result::Result<hyper::Response<TrackedBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        Poll::Ready(answer.map(|answer| answer.map(|body| TrackedBody::new(body, this.phase.clone()))))
    }
}
