//! What a request is refused with, each in the shape of its API.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::access::Refusal;
use super::dialect::Endpoint;
use super::{Outcome, Told, retry_after};

/// A full gateway asks its callers to come back after this.
const OVERLOAD_WAIT: Duration = Duration::from_secs(1);

/// Refuses a caller.
pub(super) fn refuse(endpoint: &Endpoint, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Network { relayed } => {
            let text = if relayed {
                "callers behind a proxy that http.trusted_proxies does not name may not call this API"
            } else {
                "this network may not call this API"
            };
            shaped(endpoint, StatusCode::FORBIDDEN, "forbidden", text)
        }
        Refusal::Key => {
            let text = "a valid key is needed, as Authorization: Bearer or X-Api-Key";
            let mut response = shaped(endpoint, StatusCode::UNAUTHORIZED, "unauthorized", text);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Refusal::OwnKey(text) => shaped(endpoint, StatusCode::UNAUTHORIZED, "unauthorized", text),
        Refusal::Own(status, text) => shaped(endpoint, status, "unauthorized", text),
        Refusal::Attempts(wait) => {
            let text = "too many wrong keys came from this address: try later";
            retry_after(shaped(endpoint, StatusCode::TOO_MANY_REQUESTS, "rate_limited", text), wait)
        }
        Refusal::Foreign(foreign) => shaped(endpoint, StatusCode::FORBIDDEN, "forbidden", foreign.text()),
        Refusal::Rate(wait) => {
            let text = "this key is used too often";
            retry_after(shaped(endpoint, StatusCode::TOO_MANY_REQUESTS, "rate_limited", text), wait)
        }
    }
}

/// Refuses what the gateway has no room for now.
pub(super) fn overloaded(endpoint: &Endpoint) -> Response {
    let text = "the gateway has too many requests at once";
    retry_after(shaped(endpoint, StatusCode::SERVICE_UNAVAILABLE, "overloaded", text), OVERLOAD_WAIT)
}

/// A refusal in the API's own shape.
pub(super) fn shaped(endpoint: &Endpoint, status: StatusCode, outcome: &'static str, text: &str) -> Response {
    let mut response = (endpoint.common.shape)(status, text);
    response.extensions_mut().insert(Outcome(outcome));
    response.extensions_mut().insert(Told::new(text));
    response
}
