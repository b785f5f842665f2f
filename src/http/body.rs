//! Reading a request's body within bounds of size and time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::share::{Part, Taken, Thing};

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

/// A whole body, and its share of what all requests may hold, and those of one network.
pub struct Held<'a> {
    /// The body.
    pub bytes: Bytes,
    _of_all: Option<SemaphorePermit<'a>>,
    _of_part: Option<Taken>,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Its size.
    pub bytes: usize,
    time: Duration,
    /// How much more of one that is too large is read, in at most how much time.
    discard: (u64, Duration),
}

impl Bounds {
    /// For a caller who showed their right. They may have sent all of a body that is too large before they listen.
    pub fn of_known(bytes: usize, time: Duration) -> Self {
        Self { bytes, time, discard: ((bytes as u64).saturating_mul(OVERSIZE_DISCARD), time) }
    }

    /// For anybody, who is not waited for when they send what is not wanted.
    pub fn of_anybody(bytes: usize, time: Duration) -> Self {
        let time = if bytes == 0 { time.min(DISCARD_TIME) } else { time };
        Self { bytes, time, discard: (DISCARD_BYTES, ANYBODYS_TIME) }
    }
}

/// Bytes of a refused request that are still read, so that the answer is not lost to a connection reset.
const DISCARD_BYTES: u64 = 256 << 10;

/// How long they are read.
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// How long they are read where anybody may call: what is on its way comes within that.
const ANYBODYS_TIME: Duration = Duration::from_millis(300);

/// How much beyond the bound is still read before a body is refused as too large, in bounds.
const OVERSIZE_DISCARD: u64 = 4;

/// Reads a whole body within its bounds. Its bytes are taken out of `budget`, and of the share of `part`, as they
/// arrive.
///
/// # Errors
/// [`BodyError`].
pub async fn read<'a>(
    headers: &HeaderMap,
    mut body: Body,
    bounds: &Bounds,
    budget: &'a Semaphore,
    part: Option<&Arc<Part>>,
) -> Result<Held<'a>, BodyError> {
    if body.is_end_stream() {
        return Ok(Held { bytes: Bytes::new(), _of_all: None, _of_part: None });
    }
    let Bounds { bytes: limit, time, discard: (rest, rest_time) } = *bounds;
    if body.size_hint().lower() > limit as u64 {
        if !waits(headers) {
            discard(&mut body, rest, rest_time).await;
        }
        return Err(BodyError::TooLarge);
    }
    let result = timeout(time, collect(&mut body, limit, budget, part)).await.unwrap_or(Err(BodyError::Slow));
    if matches!(result, Err(BodyError::TooLarge)) {
        discard(&mut body, rest.saturating_sub(limit as u64), rest_time).await;
    }
    result
}

/// Reads a small rest of a request that is refused, and throws it away, unless its sender [`waits`].
pub async fn discard_some(waits: bool, body: &mut Body) {
    if !body.is_end_stream() && !waits {
        discard(body, DISCARD_BYTES, DISCARD_TIME).await;
    }
}

/// Reads on a body of which `limit` has been read already, in at most `time`, and throws it away.
pub async fn discard_oversize(body: &mut Body, limit: u64, time: Duration) {
    discard(body, limit.saturating_mul(OVERSIZE_DISCARD - 1), time).await;
}

/// Whether the caller waits for a word before it sends, which reading would give: they get the answer at once instead.
pub fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

async fn collect<'a>(
    body: &mut Body,
    limit: usize,
    budget: &'a Semaphore,
    part: Option<&Arc<Part>>,
) -> Result<Held<'a>, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut of_all: Option<SemaphorePermit<'a>> = None;
    let mut of_part: Option<Taken> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        let size = u32::try_from(data.len()).map_err(|_| BodyError::TooLarge)?;
        let more = budget.try_acquire_many(size).map_err(|_| BodyError::Full)?;
        match &mut of_all {
            None => of_all = Some(more),
            Some(of_all) => of_all.merge(more),
        }
        match (&mut of_part, part) {
            (_, None) => {}
            (None, Some(part)) => of_part = Some(part.take(Thing::BodyBytes, data.len()).ok_or(BodyError::Full)?),
            (Some(of_part), Some(_)) => of_part.more(data.len()).then_some(()).ok_or(BodyError::Full)?,
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
    Ok(Held { bytes: first, _of_all: of_all, _of_part: of_part })
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
