//! What is left of a handler when its caller is gone or its time is over: it runs on by itself, for what it began must be
//! finished or taken back. As long as somebody waits it is part of their request, and costs no task of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

/// A handler's work. Dropped before its end, it is given a task and `grace` to come to it.
pub struct RunToCompletion<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    grace: Duration,
}

impl<F: Future<Output: Send> + Send + 'static> RunToCompletion<F> {
    /// Nothing runs yet.
    pub fn new(work: F, grace: Duration) -> Self {
        Self { work: Some(Box::pin(work)), grace }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for RunToCompletion<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        // As with any other future that has ended, there is nothing more to come.
        let Some(work) = &mut this.work else { return Poll::Pending };
        let ended = work.as_mut().poll(cx);
        if ended.is_ready() {
            this.work = None;
        }
        ended
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for RunToCompletion<F> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(self.grace, work));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Notify;

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_without_its_caller_for_a_while() {
        for (takes, done) in [(5, true), (50, false)] {
            let finished = Arc::new(Notify::new());
            let signal = Arc::clone(&finished);
            let work = async move {
                tokio::time::sleep(Duration::from_secs(takes)).await;
                signal.notify_one();
            };
            let mut rest = RunToCompletion::new(work, Duration::from_secs(10));
            assert!(tokio::time::timeout(Duration::from_secs(1), &mut rest).await.is_err());
            drop(rest);
            assert_eq!(tokio::time::timeout(Duration::from_secs(100), finished.notified()).await.is_ok(), done);
        }
    }
}
