//! Slow, silent and many clients against the accept loop, with short timeouts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tributary_serve::{ServeSettings, error_response, serve};

fn short() -> ServeSettings {
    ServeSettings {
        header_timeout: Duration::from_millis(200),
        body_idle_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(800),
        keep_alive_timeout: Duration::from_millis(600),
        write_timeout: Duration::from_millis(200),
        connections_max: 8,
        shutdown_grace: Duration::from_secs(5),
    }
}

fn router() -> Router {
    let echo = |body: Result<Bytes, axum::extract::rejection::BytesRejection>| async move {
        body.map_err(|_| error_response(StatusCode::REQUEST_TIMEOUT, "body_timeout", "too slow"))
    };
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let large = || async { vec![b'x'; 64 << 20] };
    Router::new()
        .route("/echo", post(echo))
        .route("/slow", get(slow))
        .route("/large", get(large))
        .route("/fail", get(|| async { error_response(StatusCode::BAD_REQUEST, "no", "not so") }))
}

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<tributary_serve::Result<()>>,
}

async fn start(settings: ServeSettings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serve(listener, router(), settings, shutdown.clone()));
    Server { address, shutdown, running }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads to the end of the connection, which must come within three seconds.
async fn to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut bytes)).await;
    let _reset_or_end = read.expect("the server closes in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer whose body ends with `tail`.
async fn answer(stream: &mut TcpStream, tail: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.ends_with(tail) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

const POST: &str = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";

#[tokio::test]
async fn requests_share_a_connection() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        send(&mut stream, &format!("{POST}ping")).await;
        assert!(answer(&mut stream, "ping").await.starts_with("HTTP/1.1 200"));
        // Longer than the head's timeout, shorter than the keep-alive's.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let begun = Instant::now();
    assert_eq!(to_end(&mut stream).await, "");
    assert!(begun.elapsed() > Duration::from_millis(100), "closed at the keep-alive's timeout only");
}

#[tokio::test]
async fn silent_and_dripping_heads_are_cut() {
    let server = start(short()).await;
    let mut silent = server.connect().await;
    to_end(&mut silent).await;
    let mut dripping = server.connect().await;
    let begun = Instant::now();
    for byte in b"POST /echo HTTP/1.1\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if dripping.write_all(&[*byte]).await.is_err() {
            break;
        }
    }
    to_end(&mut dripping).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "each byte must not buy more time");
}

#[tokio::test]
async fn a_body_that_stops_is_answered_408() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    send(&mut stream, &format!("{POST}pi")).await;
    let text = to_end(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains(r#"{"code":"body_timeout","message":"too slow"}"#), "{text}");
}

#[tokio::test]
async fn a_dripping_body_is_cut_at_its_total() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    send(&mut stream, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await;
    let begun = Instant::now();
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        if stream.write_all(b"x").await.is_err() {
            break;
        }
    }
    to_end(&mut stream).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_slow_body_within_the_limits_is_taken() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    send(&mut stream, POST).await;
    for byte in b"ping" {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    assert!(answer(&mut stream, "ping").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(to_end(&mut stream).await.len() < 64 << 20);
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_room() {
    let server = start(ServeSettings { connections_max: 1, header_timeout: Duration::from_secs(2), ..short() }).await;
    let holding = server.connect().await;
    let mut waiting = server.connect().await;
    send(&mut waiting, &format!("{POST}ping")).await;
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.readable()).await;
    assert!(early.is_err(), "served above the cap");
    drop(holding);
    assert!(answer(&mut waiting, "ping").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way() {
    let server = start(short()).await;
    let mut idle = server.connect().await;
    send(&mut idle, &format!("{POST}ping")).await;
    answer(&mut idle, "ping").await;
    let mut busy = server.connect().await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.shutdown.cancel();
    assert_eq!(to_end(&mut idle).await, "");
    let text = to_end(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("slow"), "{text}");
    server.running.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_what_takes_too_long() {
    let server = start(ServeSettings { shutdown_grace: Duration::from_millis(50), ..short() }).await;
    let mut busy = server.connect().await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.shutdown.cancel();
    let begun = Instant::now();
    server.running.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(250));
}

#[tokio::test]
async fn errors_have_code_and_message() {
    let server = start(short()).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /fail HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let text = answer(&mut stream, r#"{"code":"no","message":"not so"}"#).await;
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("application/json"), "{text}");
}
