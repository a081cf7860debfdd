//! Serves a router on a listener, with the limits that keep slow or many
//! clients from harming the others.
//!
//! ```text
//! listener --> permit (connection cap) --> HTTP/1 (header timeout) --> router (body-idle timeout)
//! ```

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Pause after an accept failed, mostly for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Limits of a listener.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// A request's headers must be complete in this time.
    pub header_timeout: Duration,
    /// The next part of a request's body must come in this time.
    pub body_idle_timeout: Duration,
    /// Most connections at a time; more wait.
    pub connections_max: usize,
    /// How long requests under way may go on at shutdown.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(15),
            connections_max: 4096,
            drain: Duration::from_secs(10),
        }
    }
}

/// What can go wrong while serving: look at the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cap on connections was taken down: a fault of the program.
    #[error("the connection cap was closed")]
    Closed,
}

/// Answers an error: `{"code","message"}`, the form that every client reads.
pub fn error_response(status: StatusCode, code: &str, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "code": code, "message": message }))).into_response()
}

/// Serves `router` until `shutdown`; then requests under way are answered.
///
/// # Errors
/// [`Error::Closed`] if the program is at fault.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let router = router.layer(RequestBodyTimeoutLayer::new(settings.body_idle_timeout));
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let connections = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit.map_err(|_| Error::Closed)?,
            () = shutdown.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let one = connection(stream, router.clone(), settings.header_timeout, shutdown.clone(), permit);
                connections.spawn(one);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    connections.close();
    if tokio::time::timeout(settings.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "closed connections that did not finish in time");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::post;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn start() -> (std::net::SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(|body: String| async move { body }));
        let short = Duration::from_millis(200);
        let settings = ServeSettings { header_timeout: short, body_idle_timeout: short, ..ServeSettings::default() };
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, router, settings, shutdown.clone()));
        (address, shutdown)
    }

    async fn sent(address: std::net::SocketAddr, bytes: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn slow_clients_are_cut() {
        let (address, _shutdown) = start().await;
        let started = Instant::now();
        assert!(!sent(address, "POST / HTTP/1.1\r\nHost: x\r\n").await.contains("200 OK"));
        assert!(!sent(address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal").await.contains("200 OK"));
        assert!(started.elapsed() < Duration::from_secs(5));
        let whole = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
        assert!(sent(address, whole).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn shutdown_closes_the_listener() {
        let (address, shutdown) = start().await;
        shutdown.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
