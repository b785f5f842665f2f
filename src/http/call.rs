//! The request's id and deadline, made once and handed to everything done for the request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderName, request::Parts};

use crate::chat::Call;
use crate::config::server::Wait;

/// The header in which a caller may give a request's id, and in which the answer says it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header in which a caller may say what is to be known of messages to users before they are called sent.
pub const WAIT: HeaderName = HeaderName::from_static("x-stanzagate-wait");

/// The header in which the answer to a call that waited for the archive of one recipient says the message's id there.
pub const ARCHIVE_ID: HeaderName = HeaderName::from_static("x-stanzagate-archive-id");

/// What is said of another value of [`WAIT`].
pub const BAD_WAIT: &str = "X-Stanzagate-Wait must be written, routed or archived";

/// Longest id that is taken from a caller.
const MAX_LEN: usize = 64;

/// The [`Call`] of the request, for a handler to pass on to `Chat`.
#[derive(Debug, Clone)]
pub struct CallOf(pub Call);

impl<S: Sync> FromRequestParts<S> for CallOf {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        // Absent only on a route that was registered past `Web::dialect`: such a call gets a deadline of its own.
        let found = parts.extensions.get::<CallOf>().cloned();
        Ok(found.unwrap_or_else(|| CallOf(Call::new(new_id(), Instant::now() + Duration::from_secs(30)))))
    }
}

/// The id the caller gave, when it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`, else a new one.
pub fn request_id(headers: &HeaderMap) -> Arc<str> {
    match headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()) {
        Some(id) if is_acceptable(id) => Arc::from(id),
        _ => new_id(),
    }
}

/// What the caller wants to wait for, where they say it.
///
/// # Errors
/// [`BAD_WAIT`].
pub fn wait(headers: &HeaderMap) -> Result<Option<Wait>, &'static str> {
    let mut values = headers.get_all(WAIT).iter().map(|value| value.to_str().ok().and_then(Wait::named));
    let Some(first) = values.next() else { return Ok(None) };
    // Of two that differ neither may be the one that was meant.
    first.filter(|_| values.all(|value| value == first)).map(Some).ok_or(BAD_WAIT)
}

fn is_acceptable(id: &str) -> bool {
    (1..=MAX_LEN).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// 64 random bits in hexadecimal digits.
fn new_id() -> Arc<str> {
    let mut bits = rand::random::<u64>();
    let digits: [u8; 16] = std::array::from_fn(|_| {
        bits = bits.rotate_left(4);
        match (bits & 0xf) as u8 {
            decimal @ 0..=9 => b'0' + decimal,
            more => b'a' + more - 10,
        }
    });
    Arc::from(std::str::from_utf8(&digits).unwrap_or_default())
}
