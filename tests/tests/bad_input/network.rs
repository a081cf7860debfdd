//! Clients that are slow, hang up or never finish: they are let go, and others are served meanwhile.

use anyhow::{Context as _, ensure};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tributary_tests::{Accounts, Server, ServerOptions};

/// Longer than any time that the server gives to a client that sends nothing.
const PATIENCE: Duration = Duration::from_secs(40);

/// Sends some bytes and waits until the server lets go; returns what it said.
async fn until_let_go(address: SocketAddr, sent: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(sent.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset lets go as well as an end does.
    let _ = read.context("the server holds on to a client that sends nothing")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn head(length: usize) -> String {
    format!("POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Basic d2s6\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn slow_clients_are_let_go_and_others_served() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let address = server.ingest_address().unwrap();
    let slow_head = until_let_go(address, "POST /v1/track HTTP/1.1\r\nhost: x\r\nx-a: ");
    let body_head = head(100) + "{\"userId\":";
    let slow_body = until_let_go(address, &body_head);
    let others = async {
        for number in 0..200 {
            let event = json!({ "userId": "u", "event": "E", "messageId": number.to_string() });
            let started = Instant::now();
            let answer = server.post("/v1/track", &event).await?;
            ensure!(answer.status == 200 && started.elapsed() < Duration::from_secs(2), "others wait: {answer:?}");
        }
        Ok(())
    };
    let (slow_head, slow_body, others) = tokio::join!(slow_head, slow_body, others);
    others.unwrap();
    for (what, answer) in [("head", slow_head.unwrap()), ("body", slow_body.unwrap())] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "slow {what}: {answer}");
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (200, 0));
}

#[tokio::test]
async fn a_client_that_hangs_up_loses_nothing_of_others() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let address = server.ingest_address().unwrap();
    let event = json!({ "userId": "u", "event": "E", "messageId": "only-once" }).to_string();
    // Half of a body is no event.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all((head(event.len()) + &event[..20]).as_bytes()).await.unwrap();
    drop(stream);
    // A whole request may be stored although nobody waits for its answer, and is then sent again.
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head(event.len()) + &event).as_bytes()).await.unwrap();
        drop(stream);
    }
    assert_eq!(server.post_bytes("/v1/track", event).await.unwrap().status, 200);
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (1, 0));
}

#[tokio::test]
async fn what_is_no_http_is_answered_or_cut() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let address = server.ingest_address().unwrap();
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(5000));
    for sent in ["\r\n\r\n\r\n", "hello\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}", &long_line, &many_headers] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(sent.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the server holds on after {:?}", &sent[..sent.len().min(20)]);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{:?} is taken", &sent[..sent.len().min(20)]);
    }
    let event = json!({ "userId": "u", "event": "E" });
    assert_eq!(server.post("/v1/track", &event).await.unwrap().status, 200);
    assert_eq!(Accounts::balanced(&server).await.unwrap().events, 1);
}
