//! A socket whose waits have an end.

use crate::phase::{Phase, SharedPhase};
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long a socket may wait for its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IoLimits {
    /// For a whole head, from its first byte (of the first head: from the accept).
    pub(crate) head: Duration,
    /// For the next request.
    pub(crate) idle: Duration,
    /// For the client to take bytes of an answer.
    pub(crate) write: Duration,
}

/// A TCP stream with timeouts: a wait that is too long ends as an I/O error,
/// upon which hyper closes the connection.
pub(crate) struct TimedIo {
    stream: TcpStream,
    phase: SharedPhase,
    limits: IoLimits,
    /// What is waited for, and until when.
    waits_for: Phase,
    read_ends: Instant,
    /// Set for `read_ends` or earlier: moved when it fires, not with each request.
    read: Pin<Box<Sleep>>,
    write: Pin<Box<Sleep>>,
    write_armed: bool,
}

impl TimedIo {
    pub(crate) fn new(stream: TcpStream, phase: SharedPhase, limits: IoLimits) -> Self {
        let now = Instant::now();
        Self {
            stream,
            phase,
            limits,
            waits_for: Phase::Head,
            read_ends: now + limits.head,
            read: Box::pin(tokio::time::sleep_until(now + limits.head)),
            write: Box::pin(tokio::time::sleep_until(now + limits.write)),
            write_armed: false,
        }
    }

    fn wait_for(&mut self, phase: Phase) {
        let limit = if phase == Phase::Idle { self.limits.idle } else { self.limits.head };
        self.waits_for = phase;
        self.read_ends = Instant::now() + limit;
        if self.read_ends < self.read.deadline() {
            self.read.as_mut().reset(self.read_ends);
        }
    }

    /// Bytes came: those behind an idle time begin a head, which has one deadline however they drip.
    fn bytes_read(&mut self) -> Result<()> {
        match self.phase.get() {
            Phase::Idle => {
                self.phase.set(Phase::Head);
                self.wait_for(Phase::Head);
            }
            Phase::Head if Instant::now() >= self.read_ends => return Err(timed_out("request head")),
            Phase::Head | Phase::Request => {}
        }
        Ok(())
    }

    fn poll_read_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let phase = self.phase.get();
        if phase == Phase::Request {
            self.waits_for = phase;
            return Poll::Pending;
        }
        if phase != self.waits_for {
            self.wait_for(phase);
        }
        loop {
            ready!(self.read.as_mut().poll(cx));
            if Instant::now() >= self.read_ends {
                return Poll::Ready(Err(timed_out("next request")));
            }
            let ends = self.read_ends;
            self.read.as_mut().reset(ends);
        }
    }

    /// Passes the outcome of a write on; ends one that waits too long.
    fn watch_write(&mut self, cx: &mut Context<'_>, outcome: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if outcome.is_ready() {
            self.write_armed = false;
            return outcome;
        }
        if !self.write_armed {
            self.write.as_mut().reset(Instant::now() + self.limits.write);
            self.write_armed = true;
        }
        ready!(self.write.as_mut().poll(cx));
        Poll::Ready(Err(timed_out("client to read")))
    }
}

fn timed_out(what: &str) -> Error {
    Error::new(ErrorKind::TimedOut, format!("wait for {what}: timed out"))
}

impl AsyncRead for TimedIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => Poll::Ready(self.bytes_read()),
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => self.poll_read_deadline(cx),
        }
    }
}

impl AsyncWrite for TimedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
