//! The web pieces that every dialect shares: what surrounds a request, who may call, and the listener.
//!
//! # What a dialect does
//!
//! Its `router` function takes `chat: Chat, config: Arc<Config>, web: Web` and returns its routes, each registered
//! through [`Web::dialect`], those of calls from the call's row. Nothing else of the gateway is wrapped around them:
//!
//! ```text
//! pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> axum::Router {
//!     let access = Access::new(config.own.auth, &config.own.keys, &config.own.allow);
//!     web.dialect("own", error::shape, access)
//!         .route("members", "/own/members", post(members))
//!         .open_route("photo", "/own/photo/{user}/{hash}", get(photo))
//!         .route("unknown", "/own/{*rest}", any(unknown))
//!         .finish(State { chat, config })
//! }
//! ```
//!
//! - `error::shape` is an [`ErrorShape`]: it turns a status and a text into that API's own body. Every refusal of the
//!   layers around the handler goes through it: 401, 403, 405, 408, 413, 429, 500 (panic), 503, 504.
//!   Headers such as Retry-After and X-Request-Id are added to what it returns.
//! - `route` checks the caller ([`access::Access`]) and reads the body before the handler runs; `open_route` does not
//!   check the caller. Both accept the path with and without one trailing slash. The first argument is the endpoint's
//!   name in metrics.
//! - `verb` is for one function that takes whole requests ([`serve::WholeRequest`]) of every method, at the least cost.
//! - `stream_route` is for bodies too large to hold: the handler takes the body as a stream (`axum::body::Body`,
//!   `Multipart`) and [`stream::Arrival`] from the extensions, which says why a stream ended early.
//! - A handler may take [`call::CallOf`] (request id and deadline, for `Chat`), [`access::Caller`] (who calls, from
//!   where, and [`access::Caller::may_send_as`]) and `axum::body::Bytes` (the body, already bounded).
//! - It says how the request ended by [`Outcome`] in the response's extensions (`(Outcome("unknown_user"), body)`
//!   works as a response too): a fixed word, for metrics and the log. Without one the status decides.
//! - Beside it [`Told`] says what the caller was told of a failure, and [`Cause`] which stanza error is behind it; both stand
//!   in the log line.
//! - When the gateway cannot serve now, it answers [`retry_after`] with a 503; too many failed log-ins
//!   ([`logins::Logins`], [`limiter::Attempts`]) are [`retry_after`] with a 429.

pub mod access;
pub mod body;
pub mod call;
pub mod client_addr;
pub mod cors;
pub mod dialect;
pub mod form;
pub mod health;
pub mod json;
pub mod jwt;
pub mod language;
pub mod limiter;
pub mod listener;
pub mod logins;
pub mod mend;
mod middleware;
pub mod multipart;
pub mod operator;
pub mod origin;
mod patient;
pub mod photo;
mod refusal;
mod run_to_completion;
pub mod serve;
mod share;
pub mod site;
pub mod stream;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use ipnet::IpNet;
use tokio::sync::Semaphore;

use self::client_addr::{Peer, network_of};
use self::share::{RequestSlot, Shares, Thing};
use self::site::Site;
use crate::config;
use crate::log_limit::LogOncePerKey;
use crate::metrics::Metrics;

/// Turns a refusal into a dialect's own body: the status to answer with and a text for people.
pub type ErrorShape = fn(StatusCode, &str) -> Response;

/// How a request ended, as a fixed word: `ok`, or what failed. In the response's extensions; without it the status tells, and
/// a success is `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(pub &'static str);

/// Whose stanza error is behind a failure, and what it said: in the response's extensions, for the log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(pub Arc<str>);

/// What a caller whose request failed was told, in English: in the response's extensions, for the log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told(pub Arc<str>);

impl Told {
    /// Longest text that is kept, in characters.
    const CHARS: usize = 256;

    /// The beginning of a text.
    pub fn new(text: &str) -> Told {
        let end = text.char_indices().nth(Told::CHARS).map_or(text.len(), |(at, _)| at);
        Told(text.get(..end).unwrap_or_default().into())
    }
}

impl IntoResponseParts for Outcome {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// What all dialects of one gateway share. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: config::http::Http,
    pub(crate) metrics: Metrics,
    pub(crate) in_flight: Arc<Semaphore>,
    /// Bytes of bodies that may still be held.
    pub(crate) bodies: Semaphore,
    /// What each caller's network holds of all that.
    pub(crate) shares: Shares,
    /// Where calls without a key may come from.
    pub(crate) site: Site,
    /// Proxies that pass calls on and are not trusted.
    relays: LogOncePerKey<IpNet>,
}

impl Shared {
    /// A place for a request of a caller at `ip`, whose connection is `peer`'s.
    fn place(&self, peer: Option<&Peer>, ip: IpAddr) -> Option<RequestSlot> {
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        let part = peer.and_then(|peer| peer.part.clone()).or_else(|| self.shares.part(ip));
        let taken = part.map(|part| part.take(Thing::Requests, 1).ok_or(())).transpose().ok()?;
        Some(RequestSlot { _permit: permit, taken })
    }

    /// Says once of a proxy that its callers cannot be told apart.
    fn relayed(&self, proxy: IpAddr) {
        if self.relays.is_news(&network_of(proxy)) {
            tracing::warn!(
                %proxy,
                "calls are passed on by a proxy that is not trusted: its callers are taken for one, and none of them for a \
                 caller on this machine. If it is yours, add its address to http.trusted_proxies"
            );
        }
    }
}

impl Web {
    /// Shares the settings of `[http]` and the metrics.
    pub fn new(config: config::http::Http, metrics: Metrics) -> Self {
        let in_flight = Arc::new(Semaphore::new(config.requests.min(Semaphore::MAX_PERMITS)));
        let bodies = Semaphore::new(config.bodies_bytes.min(Semaphore::MAX_PERMITS));
        let shares = Shares::new(&config, metrics.http.clone());
        let (site, relays) = (Site::new(&config), LogOncePerKey::new());
        Self { shared: Arc::new(Shared { config, metrics, in_flight, bodies, shares, site, relays }) }
    }

    /// The settings of `[http]`.
    pub fn config(&self) -> &config::http::Http {
        &self.shared.config
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Starts the routes of a dialect. `name` is its name in metrics and logs.
    pub fn dialect<S>(&self, name: &'static str, shape: ErrorShape, access: access::Access) -> dialect::Dialect<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        dialect::Dialect::new(Arc::clone(&self.shared), name, shape, access)
    }
}

/// Adds Retry-After, in seconds (at least 1), to a response.
pub fn retry_after(mut response: Response, wait: std::time::Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// The shape of errors outside every dialect: `{"error":"text"}`.
pub fn plain_shape(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": text }))).into_response()
}
