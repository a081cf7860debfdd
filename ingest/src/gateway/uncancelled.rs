//! A future that goes on when nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs where it is awaited, so that the common case costs no task; dropped
/// before its end, it becomes a task of `tracker`.
pub(crate) struct Uncancelled<'t, T: Send + 'static> {
    future: Option<Boxed<T>>,
    tracker: &'t TaskTracker,
}

impl<'t, T: Send + 'static> Uncancelled<'t, T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static, tracker: &'t TaskTracker) -> Self {
        Self { future: Some(Box::pin(future)), tracker }
    }
}

impl<T: Send + 'static> Future for Uncancelled<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let output = std::task::ready!(future.as_mut().poll(cx));
        self.future = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Uncancelled<'_, T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take()
            && let Ok(runtime) = Handle::try_current()
        {
            self.tracker.spawn_on(future, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_ends_when_awaited_or_dropped() {
        let tracker = TaskTracker::new();
        assert_eq!(Uncancelled::new(async { 7 }, &tracker).await, 7);
        assert!(tracker.is_empty());

        let (go, wait) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel::<()>();
        let future = Uncancelled::new(
            async move {
                wait.await.unwrap();
                done.send(()).unwrap();
            },
            &tracker,
        );
        drop(future);
        assert_eq!(tracker.len(), 1);
        go.send(()).unwrap();
        ended.await.unwrap();
        tracker.close();
        tracker.wait().await;
    }
}
