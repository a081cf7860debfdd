//! Bodies that are watched: the request's for slowness, the answer's for its end.

use crate::phase::{Phase, SharedPhase};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A request's body came too slowly: the client must send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's body came too slowly")]
pub struct BodyTimeout;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's body with an idle and a total timeout.
pub(crate) struct TimedBody {
    inner: Incoming,
    idle: Duration,
    ends: Instant,
    wait: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl TimedBody {
    pub(crate) fn new(inner: Incoming, idle: Duration, total: Duration) -> Self {
        Self { inner, idle, ends: Instant::now() + total, wait: None, waiting: false }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = (Instant::now() + self.idle).min(self.ends);
        let waiting = std::mem::replace(&mut self.waiting, true);
        let wait = self.wait.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !waiting {
            wait.as_mut().reset(deadline);
        }
        wait.as_mut().poll(cx)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.waiting = false;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => self.poll_deadline(cx).map(|()| Some(Err(BodyTimeout.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body; when it is done with, the connection is idle again.
pub(crate) struct TrackedBody {
    inner: axum::body::Body,
    phase: SharedPhase,
}

impl TrackedBody {
    pub(crate) fn new(inner: axum::body::Body, phase: SharedPhase) -> Self {
        Self { inner, phase }
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.phase.set(Phase::Idle);
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
