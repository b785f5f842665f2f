//! Reading a request's body within bounds of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed: 413.
    #[error("the request is too large")]
    TooLarge,
    /// All requests together hold as many bytes as they may: 503.
    #[error("the gateway holds too many requests")]
    Full,
    /// It did not arrive in time: 408.
    #[error("the request did not arrive in time")]
    Slow,
    /// The connection broke, or the transfer coding is wrong: 400.
    #[error("the request's body is broken off")]
    Broken,
    /// A streamed body went on where its handler expected the end of something: 400.
    #[error("the request's body is not what it should be")]
    Unexpected,
}

/// A whole body, and its share of what all requests may hold.
pub struct Held<'a> {
    /// The body.
    pub bytes: Bytes,
    _share: Option<SemaphorePermit<'a>>,
}

/// Bytes of a refused request that are still read, so that the answer is not lost to a connection reset.
const DISCARD_BYTES: u64 = 256 << 10;

/// How much beyond the bound is still read before a body is refused as too large, in bounds.
const OVERSIZE_DISCARD: u64 = 4;

/// Reads a whole body of at most `limit` bytes, in at most `time`. Its bytes are taken out of `budget` as they arrive.
///
/// # Errors
/// [`BodyError`].
pub async fn read<'a>(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    time: Duration,
    budget: &'a Semaphore,
) -> Result<Held<'a>, BodyError> {
    if body.is_end_stream() {
        return Ok(Held { bytes: Bytes::new(), _share: None });
    }
    if body.size_hint().lower() > limit as u64 {
        if !waits(headers) {
            discard(&mut body, (limit as u64).saturating_mul(OVERSIZE_DISCARD), time).await;
        }
        return Err(BodyError::TooLarge);
    }
    let result = timeout(time, collect(&mut body, limit, budget)).await.unwrap_or(Err(BodyError::Slow));
    if matches!(result, Err(BodyError::TooLarge)) {
        discard_oversize(&mut body, limit as u64, time).await;
    }
    result
}

/// Reads a small rest of a request that is refused, and throws it away, unless its sender [`waits`].
pub async fn discard_some(waits: bool, body: &mut Body) {
    if !body.is_end_stream() && !waits {
        discard(body, DISCARD_BYTES, Duration::from_secs(1)).await;
    }
}

/// Reads on a body of which `limit` has been read already, in at most `time`, and throws it away.
pub async fn discard_oversize(body: &mut Body, limit: u64, time: Duration) {
    discard(body, limit.saturating_mul(OVERSIZE_DISCARD - 1), time).await;
}

/// Whether the caller waits for a word before it sends, which reading would give: he gets the answer at once instead.
pub fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

async fn collect<'a>(body: &mut Body, limit: usize, budget: &'a Semaphore) -> Result<Held<'a>, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut share: Option<SemaphorePermit<'a>> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        let size = u32::try_from(data.len()).map_err(|_| BodyError::TooLarge)?;
        let more = budget.try_acquire_many(size).map_err(|_| BodyError::Full)?;
        match &mut share {
            None => share = Some(more),
            Some(share) => share.merge(more),
        }
        // Most bodies are one frame: nothing is copied then.
        if first.is_empty() { first = data } else { rest.extend_from_slice(&data) }
    }
    if !rest.is_empty() {
        let mut whole = BytesMut::with_capacity(first.len() + rest.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&rest);
        first = whole.freeze();
    }
    Ok(Held { bytes: first, _share: share })
}

async fn discard(body: &mut Body, limit: u64, time: Duration) {
    let reading = async {
        let mut left = limit;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len) as u64;
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = timeout(time, reading).await;
}
