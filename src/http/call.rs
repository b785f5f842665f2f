//! The request's id and deadline, made once and handed to everything done for the request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderName, request::Parts};

use crate::chat::{Call, Trace};
use crate::config::server::Wait;

/// The header in which a caller may give a request's id, and in which the answer says it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header in which a caller may say what is to be known of messages to users before they are called sent.
pub const WAIT: HeaderName = HeaderName::from_static("x-stanzagate-wait");

/// The header in which the answer to a call that waited for the archive of one recipient says the message's id there.
pub const ARCHIVE_ID: HeaderName = HeaderName::from_static("x-stanzagate-archive-id");

/// The headers by which callers name the trace that a request is part of (W3C Trace Context, 3.2 and 3.3).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Longest `tracestate` that is passed on, in bytes; the standard asks for 512 at least.
const STATE_BYTES: usize = 1024;

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

/// The trace that the request is part of. One that is not named as the standard says, or twice, is none.
pub fn trace(headers: &HeaderMap) -> Option<Arc<Trace>> {
    let mut parents = headers.get_all(TRACE_PARENT).iter();
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() || !is_trace_parent(parent) {
        return None;
    }
    let states: Option<Vec<&str>> = headers.get_all(TRACE_STATE).iter().map(|state| state.to_str().ok()).collect();
    // Several are one list; one that cannot be passed on whole is left out.
    let state = states.map(|states| states.join(",")).filter(|state| (1..=STATE_BYTES).contains(&state.len()));
    Some(Arc::new(Trace { parent: parent.into(), state: state.map(Into::into) }))
}

/// `00-TRACE-PARENT-FLAGS`, in lower-case hexadecimal digits, neither id all zeros. A later version may say more behind that.
fn is_trace_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        parts.next().filter(|part| part.len() == length && part.bytes().all(lower))
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (hex(2), hex(32), hex(16), hex(2)) else { return false };
    let is_given = |id: &str| id.bytes().any(|b| b != b'0');
    let whole = parts.next().is_none();
    is_given(trace) && is_given(parent) && version != "ff" && (whole || version != "00") && text.len() <= 512
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

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced(headers: &[(&'static str, &str)]) -> Option<Trace> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        trace(&map).map(|trace| Trace::clone(&trace))
    }

    #[test]
    fn a_trace_is_taken_as_it_came() {
        let found = traced(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]).unwrap();
        assert_eq!((&*found.parent, found.state.as_deref()), (PARENT, Some("a=1,b=2")));
        assert_eq!(found.id(), "0af7651916cd43dd8448eb211c80319c");
        assert!(traced(&[("traceparent", &PARENT.replacen("00", "01", 1))]).is_some());
        assert!(traced(&[("traceparent", &(PARENT.replacen("00", "01", 1) + "-more"))]).is_some());
        let long = "x".repeat(STATE_BYTES + 1);
        assert_eq!(traced(&[("traceparent", PARENT), ("tracestate", &long)]).unwrap().state, None);
    }

    #[test]
    fn what_is_no_trace_is_none() {
        for odd in [
            "",
            "00",
            "x",
            &PARENT.to_uppercase(),
            &format!("{PARENT}-more"),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            &PARENT.replace("b7ad", "b7a"),
            &PARENT.replace('b', "g"),
        ] {
            assert_eq!(traced(&[("traceparent", odd)]), None, "{odd}");
        }
        assert_eq!(traced(&[("traceparent", PARENT), ("traceparent", PARENT)]), None);
        assert_eq!(traced(&[("tracestate", "a=1")]), None);
    }
}
