//! The gateway behind the accept loop, spoken to byte by byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BASIC, Gateway, Options, track};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tributary_ingest::gateway::service;
use tributary_serve::{ServeSettings, serve};

struct Server {
    gateway: Gateway,
    address: SocketAddr,
    _shutdown: tokio_util::sync::DropGuard,
}

async fn start() -> Server {
    let gateway = Gateway::new(Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = ServeSettings {
        header_timeout: Duration::from_millis(300),
        body_idle_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_secs(3),
        connections_max: 2,
        ..ServeSettings::default()
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, service(gateway.state.clone()), settings, shutdown.clone()));
    Server { gateway, address, _shutdown: shutdown.drop_guard() }
}

fn post(head: &str, body: &str) -> String {
    format!("POST /v1/track {head}\r\nauthorization: {BASIC}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

const HTTP_1_1: &str = "HTTP/1.1\r\nhost: x";
const SUCCESS: &str = r#"{"success":true}"#;

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads until `tail`, or to the end of the connection.
async fn read_to(stream: &mut TcpStream, tail: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while tail.is_empty() || !text.ends_with(tail) {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await;
        match read.expect("an answer in time") {
            Ok(0) | Err(_) if tail.is_empty() => break,
            Ok(0) => panic!("closed after {text:?}"),
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            Err(error) => panic!("{error} after {text:?}"),
        }
    }
    text
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        send(&mut stream, &post(HTTP_1_1, &track(""))).await;
        let answer = read_to(&mut stream, SUCCESS).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let both = post(HTTP_1_1, &track("")).repeat(2);
    send(&mut stream, &both).await;
    let mut answers = read_to(&mut stream, SUCCESS).await;
    if answers.matches(SUCCESS).count() < 2 {
        answers.push_str(&read_to(&mut stream, SUCCESS).await);
    }
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "pipelined");
    send(&mut stream, &post(HTTP_1_1, "{}")).await;
    assert!(read_to(&mut stream, "}").await.starts_with("HTTP/1.1 400"));
    send(&mut stream, &post(HTTP_1_1, &track(""))).await;
    read_to(&mut stream, SUCCESS).await;
    assert_eq!(server.gateway.records().len(), 6);
    server.gateway.assert_balanced();
}

#[tokio::test]
async fn old_http_is_answered() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, &post("HTTP/1.0", &track(""))).await;
    let answer = read_to(&mut stream, "").await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with(SUCCESS), "{answer}");
    assert_eq!(server.gateway.records().len(), 1);
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let whole = post("HTTP/1.1\r\nhost: x\r\nexpect: 100-continue", &track(""));
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    send(&mut stream, &format!("{head}\r\n\r\n")).await;
    assert_eq!(read_to(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    send(&mut stream, body).await;
    assert!(read_to(&mut stream, SUCCESS).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn bodies_in_chunks_are_read() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(
        &mut stream,
        &format!("POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: {BASIC}\r\ntransfer-encoding: chunked\r\n\r\n"),
    )
    .await;
    let event = track("");
    let (first, second) = event.split_at(7);
    for part in [first, second] {
        send(&mut stream, &format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    send(&mut stream, "0\r\n\r\n").await;
    read_to(&mut stream, SUCCESS).await;
    assert_eq!(server.gateway.records().len(), 1);
}

#[tokio::test]
async fn a_body_that_stops_is_refused_and_nothing_stored() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let whole = post(HTTP_1_1, &track(""));
    send(&mut stream, &whole[..whole.len() - 3]).await;
    let answer = read_to(&mut stream, "").await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(r#""code":"body_timeout""#), "{answer}");
    let mut broken = TcpStream::connect(server.address).await.unwrap();
    send(&mut broken, &whole[..whole.len() - 3]).await;
    broken.shutdown().await.unwrap();
    read_to(&mut broken, "").await;
    assert!(server.gateway.log.entries().is_empty());
    server.gateway.assert_balanced();
}

#[tokio::test]
async fn a_head_that_drips_is_cut() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = Instant::now();
    for byte in b"POST /v1/track HTTP/1.1\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
    }
    read_to(&mut stream, "").await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_body_above_the_limit_gets_its_answer() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, &post(HTTP_1_1, &" ".repeat(2 << 20))).await;
    let answer = read_to(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""code":"too_large""#), "{answer}");
    assert!(server.gateway.log.entries().is_empty());
}

#[tokio::test]
async fn connections_above_the_cap_wait() {
    let server = start().await;
    let mut holding = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        send(&mut stream, &post(HTTP_1_1, &track(""))).await;
        read_to(&mut stream, SUCCESS).await;
        holding.push(stream);
    }
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    send(&mut waiting, &post(HTTP_1_1, &track(""))).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting.readable()).await.is_err());
    holding.pop();
    read_to(&mut waiting, SUCCESS).await;
    assert_eq!(server.gateway.records().len(), 3);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = start().await;
    for garbage in ["\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03", "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        send(&mut stream, garbage).await;
        let answer = read_to(&mut stream, "").await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 505"),
            "{answer}"
        );
    }
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _refused_meanwhile = stream.write_all(huge.as_bytes()).await;
    let answer = read_to(&mut stream, "").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer:.100}");
}
