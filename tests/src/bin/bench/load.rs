//! The load: keep-alive connections that post requests laid out before, and
//! note how long each acknowledgement took.
//!
//! HTTP is spoken by hand and on one thread: the generator shares the cores
//! with the server, and every microsecond it takes is one that the server lacks.

use crate::event::Request;
use anyhow::{Context as _, bail, ensure};
use futures::future::try_join_all;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Later than this behind its time, a paced request counts from when it was
/// due; a timer alone wakes within a millisecond or so.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// A keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and returns the body of its answer.
    ///
    /// # Errors
    /// If the connection ends, or the answer is not 200.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server hung up");
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let end = head + content_length(&self.buffer[..head])?;
        while self.buffer.len() < end {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server hung up");
        }
        let (head, body) = self.buffer.split_at(head);
        if !head.starts_with(b"HTTP/1.1 200") {
            bail!("{}{}", String::from_utf8_lossy(head), String::from_utf8_lossy(body));
        }
        Ok(body)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head).context("the answer's head is no text")?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("the answer says no length")?;
    length.trim().parse().context("the answer's length is no number")
}

/// What a load did.
pub struct Outcome {
    /// Events acknowledged: those with the sequence numbers from the first given on.
    pub events: u64,
    /// From the first request to the last acknowledgement.
    pub elapsed: Duration,
    /// Time of each acknowledgement, least first.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// What a load that began at `started` and ends now did.
    pub fn new(events: u64, started: Instant, latencies: &[Vec<Duration>]) -> Self {
        let elapsed = started.elapsed();
        let mut latencies = latencies.concat();
        latencies.sort_unstable();
        Self { events, elapsed, latencies }
    }

    /// The time that `per_mille` of the acknowledgements did not exceed (nearest rank).
    pub fn quantile(&self, per_mille: usize) -> Duration {
        let rank = (self.latencies.len() * per_mille).div_ceil(1000);
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// Where a load goes and what it sends.
pub struct Load {
    /// Address of the server.
    pub address: SocketAddr,
    /// What is sent.
    pub request: Request,
    /// Connections at a time.
    pub connections: usize,
    /// How long new requests are begun.
    pub duration: Duration,
    /// The first sequence number.
    pub first: u64,
}

impl Load {
    /// Every connection sends its next request when the last one is acknowledged.
    ///
    /// # Errors
    /// If any request is not acknowledged with 200.
    pub async fn flat_out(&self) -> anyhow::Result<Outcome> {
        self.run(None).await
    }

    /// Requests begin at a steady pace, whether or not earlier ones are answered.
    ///
    /// # Errors
    /// If any request is not acknowledged with 200.
    pub async fn paced(&self, events_per_second: u64) -> anyhow::Result<Outcome> {
        self.run(Some(self.request.interval(events_per_second))).await
    }

    async fn run(&self, interval: Option<Duration>) -> anyhow::Result<Outcome> {
        let begun = Cell::new(0_u64);
        let connections = try_join_all((0..self.connections).map(|_| Connection::open(self.address))).await?;
        let started = Instant::now();
        let work = |connection| self.work(connection, started, &begun, interval);
        let latencies = try_join_all(connections.into_iter().map(work)).await?;
        Ok(Outcome::new(begun.get() * self.request.events(), started, &latencies))
    }

    /// One connection's share.
    async fn work(
        &self,
        mut connection: Connection,
        started: Instant,
        begun: &Cell<u64>,
        interval: Option<Duration>,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut request = self.request.clone();
        let mut latencies = Vec::with_capacity(1 << 14);
        while started.elapsed() < self.duration {
            let turn = begun.replace(begun.get() + 1);
            let from = match interval {
                None => Instant::now(),
                Some(interval) => wait_for(started + interval * u32::try_from(turn)?).await,
            };
            let body = connection.exchange(request.with_sequence(self.first + turn * self.request.events())).await?;
            latencies.push(from.elapsed());
            let complete = find(body, br#""success":true"#).is_some()
                && (request.events() == 1 || find(body, br#""errors":[]"#).is_some());
            ensure!(complete, "not every event was accepted: {}", String::from_utf8_lossy(body));
        }
        Ok(latencies)
    }
}

/// Waits until a request is due, and returns the instant its latency counts from.
async fn wait_for(due: Instant) -> Instant {
    tokio::time::sleep_until(due.into()).await;
    let now = Instant::now();
    if now - due > TIMER_SLACK { due } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_rank() {
        let outcome = Outcome::new(0, Instant::now(), &[(1..=100).rev().map(Duration::from_millis).collect()]);
        for (per_mille, expected) in [(500, 50), (990, 99), (991, 100), (1000, 100), (1, 1)] {
            assert_eq!(outcome.quantile(per_mille), Duration::from_millis(expected), "{per_mille}");
        }
    }

    #[test]
    fn the_length_of_an_answer_is_read_whatever_its_case() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-Length: 17\r\n\r\n").unwrap(), 17);
        assert!(content_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
