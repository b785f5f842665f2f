//! Reading a request's body within bounds of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than allowed: 413.
    TooLarge,
    /// It did not arrive in time: 408.
    Slow,
    /// The connection broke, or the transfer coding is wrong: 400.
    Broken,
}

/// Bytes of a refused request that are still read, so that the answer is not lost to a connection reset.
const DISCARD_BYTES: usize = 256 << 10;

/// How much beyond the bound is still read before a body is refused as too large, in bounds.
const OVERSIZE_DISCARD: usize = 4;

/// Reads a whole body of at most `limit` bytes, in at most `time`.
///
/// # Errors
/// [`BodyError`].
pub async fn read(headers: &HeaderMap, mut body: Body, limit: usize, time: Duration) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limit as u64 {
        discard(headers, body, limit.saturating_mul(OVERSIZE_DISCARD), time).await;
        return Err(BodyError::TooLarge);
    }
    let result = timeout(time, collect(&mut body, limit)).await.unwrap_or(Err(BodyError::Slow));
    if result == Err(BodyError::TooLarge) {
        discard(headers, body, limit.saturating_mul(OVERSIZE_DISCARD - 1), time).await;
    }
    result
}

/// Reads a small rest of a request that is refused, and throws it away.
pub async fn discard_some(headers: &HeaderMap, body: Body) {
    if !body.is_end_stream() {
        discard(headers, body, DISCARD_BYTES, Duration::from_secs(1)).await;
    }
}

async fn collect(body: &mut Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let so_far = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if so_far + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        match &first {
            // Most bodies are one frame: nothing is copied then.
            None => first = Some(data),
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    match first {
        None => Ok(Bytes::new()),
        Some(first) if rest.is_empty() => Ok(first),
        Some(first) => {
            let mut whole = BytesMut::with_capacity(first.len() + rest.len());
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&rest);
            Ok(whole.freeze())
        }
    }
}

async fn discard(headers: &HeaderMap, mut body: Body, limit: usize, time: Duration) {
    // Such a caller waits for a word before it sends, and reading would give it: it gets the answer at once instead.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let reading = async {
        let mut left = limit;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = timeout(time, reading).await;
}
