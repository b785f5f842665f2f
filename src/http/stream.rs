//! A request's body as a stream within bounds of size and time, for handlers that must not hold it whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use http_body_util::BodyExt;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::body::{self, BodyError};
use crate::chat::Call;

/// Bounds of a streamed route.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body, in bytes.
    pub bytes: u64,
    /// Requests handled at once; more get 503.
    pub at_once: usize,
}

/// The slowest sender that is borne, in bytes a second: a poor mobile line. Averaged over the whole body, beside one
/// `http.read_seconds` in which nothing need arrive. So a large body on a slow line has the time it needs, and a body that
/// only drips is cut off as soon as one that does not come at all.
const SLOWEST: u64 = 16 << 10;

/// How a streamed body arrives. In the request's extensions.
#[derive(Debug, Clone)]
pub struct Arrival {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    limit: u64,
    read_time: Duration,
    request_time: Duration,
    received: AtomicU64,
    /// Bytes received beyond which the handler wants no more just now.
    wanted: AtomicU64,
    failure: OnceLock<BodyError>,
}

impl Arrival {
    /// Why the stream ended before the body did; its own error says no more than that it did.
    pub fn failure(&self) -> Option<BodyError> {
        self.state.failure.get().copied()
    }

    /// Once more than `bytes` from here on have arrived, the stream fails with [`BodyError::Unexpected`]: for parsers
    /// that gather what they do not understand. `None` lifts that.
    pub fn expect_at_most(&self, bytes: Option<u64>) {
        let wanted = bytes.map_or(u64::MAX, |bytes| self.state.received.load(Ordering::Relaxed).saturating_add(bytes));
        self.state.wanted.store(wanted, Ordering::Relaxed);
    }

    /// The call with `http.request_seconds` from now: what is done once the body is here has the time of any other
    /// request, however long the body took.
    pub fn call(&self, call: &Call) -> Call {
        let deadline = call.deadline.min(Instant::now().into_std() + self.state.request_time);
        Call { deadline, ..call.clone() }
    }
}

/// A body that is being streamed to a handler, and its rest once the handler has ended.
pub(super) struct Streamed {
    source: Arc<Mutex<Body>>,
    arrival: Arrival,
}

impl Streamed {
    pub(super) fn new(body: Body, limit: u64, read_time: Duration, request_time: Duration) -> Self {
        let state = State {
            limit,
            read_time,
            request_time,
            received: AtomicU64::new(0),
            wanted: AtomicU64::new(u64::MAX),
            failure: OnceLock::new(),
        };
        Self { source: Arc::new(Mutex::new(body)), arrival: Arrival { state: Arc::new(state) } }
    }

    /// Longest time from the first byte to the answer of a handler that keeps to [`Arrival::call`].
    pub(super) fn longest(&self) -> Duration {
        let state = &self.arrival.state;
        state.allowance(state.limit) + state.request_time
    }

    pub(super) fn arrival(&self) -> Arrival {
        self.arrival.clone()
    }

    /// The body for the handler.
    pub(super) fn body(&self) -> Body {
        let start = (Arc::clone(&self.source), Arc::clone(&self.arrival.state), Duration::ZERO);
        let chunks = futures::stream::unfold(Some(start), |open| async {
            let (source, state, mut waited) = open?;
            // A parser that takes all that is ready would gather the whole of a fast body.
            tokio::task::yield_now().await;
            let next = state.next(&mut *source.lock().await, &mut waited).await;
            match next {
                Ok(Some(data)) => Some((Ok(data), Some((source, state, waited)))),
                Ok(None) => None,
                Err(error) => {
                    let _ = state.failure.set(error);
                    Some((Err(error), None))
                }
            }
        });
        Body::from_stream(chunks)
    }

    /// Reads on for a while what the handler has left, so that its answer is not lost to a connection reset.
    pub(super) async fn discard(&self, headers: &HeaderMap) {
        // Whoever still holds it reads it.
        let Ok(mut source) = self.source.try_lock() else { return };
        let state = &self.arrival.state;
        let gone = matches!(self.arrival.failure(), Some(BodyError::Slow | BodyError::Broken));
        if gone || source.is_end_stream() {
            return;
        }
        // Of one that said beforehand that it is too large nothing was read, and all of it is on its way, unless its sender
        // waits for a word.
        let oversize = self.arrival.failure() == Some(BodyError::TooLarge) && !body::waits(headers);
        if state.received.load(Ordering::Relaxed) == 0 && !oversize {
            body::discard_some(body::waits(headers), &mut source).await;
        } else {
            body::discard_oversize(&mut source, state.limit, state.read_time).await;
        }
    }
}

impl State {
    /// How long the sender of so many bytes may have been waited for.
    fn allowance(&self, bytes: u64) -> Duration {
        self.read_time.saturating_add(Duration::from_millis(bytes.saturating_mul(1000) / SLOWEST))
    }

    async fn next(&self, body: &mut Body, waited: &mut Duration) -> Result<Option<Bytes>, BodyError> {
        loop {
            let received = self.received.load(Ordering::Relaxed);
            if received.saturating_add(body.size_hint().lower()) > self.limit {
                return Err(BodyError::TooLarge);
            }
            // Judged before the next read, not after it: what one read brings along is nobody's fault.
            if received > self.wanted.load(Ordering::Relaxed) {
                return Err(BodyError::Unexpected);
            }
            let wait = self.read_time.min(self.allowance(received).saturating_sub(*waited));
            let begun = Instant::now();
            let frame = timeout(wait, body.frame()).await.map_err(|_| BodyError::Slow)?;
            *waited += begun.elapsed();
            let Some(frame) = frame else { return Ok(None) };
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            let received = received.saturating_add(data.len() as u64);
            self.received.store(received, Ordering::Relaxed);
            if received > self.limit {
                return Err(BodyError::TooLarge);
            }
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    const READ: Duration = Duration::from_secs(15);

    /// What a sender of `chunks`, each after its pause, comes to: bytes taken, time taken, and why it ended.
    async fn sent(limit: u64, chunks: Vec<(Duration, usize)>) -> (usize, Duration, Option<BodyError>) {
        let chunks = futures::stream::iter(chunks).then(|(pause, size)| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; size]))
        });
        let streamed = Streamed::new(Body::from_stream(chunks), limit, READ, READ);
        let (mut stream, begun) = (streamed.body().into_data_stream(), Instant::now());
        let mut taken = 0;
        while let Some(Ok(data)) = stream.next().await {
            taken += data.len();
        }
        (taken, begun.elapsed(), streamed.arrival().failure())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_is_borne_and_a_drip_is_not() {
        let second = Duration::from_secs(1);
        let (taken, time, failure) = sent(20 << 20, vec![(second, 32 << 10); 600]).await;
        assert_eq!((taken, failure), (600 * (32 << 10), None));
        assert!(time >= 600 * second, "{time:?}");
        let (_, time, failure) = sent(20 << 20, vec![(10 * second, 1); 100]).await;
        assert_eq!(failure, Some(BodyError::Slow));
        assert!(time < 3 * READ, "{time:?}");
        let (_, time, failure) = sent(20 << 20, vec![(second, 1 << 20), (20 * second, 1)]).await;
        assert_eq!(failure, Some(BodyError::Slow));
        assert!(time < 2 * READ, "{time:?}");
    }

    #[tokio::test]
    async fn more_than_is_wanted_is_refused() {
        let none = Duration::ZERO;
        assert_eq!(sent(10, vec![(none, 10)]).await.2, None);
        assert_eq!(sent(10, vec![(none, 9), (none, 2)]).await.2, Some(BodyError::TooLarge));
        let chunks = futures::stream::iter(["01234", "5", "6789"].map(Ok::<_, std::io::Error>));
        let streamed = Streamed::new(Body::from_stream(chunks), 100, READ, READ);
        streamed.arrival().expect_at_most(Some(5));
        assert!(streamed.body().collect().await.is_err());
        assert_eq!(streamed.arrival().failure(), Some(BodyError::Unexpected));
        assert_eq!(streamed.arrival.state.received.load(Ordering::Relaxed), 6);
    }
}
