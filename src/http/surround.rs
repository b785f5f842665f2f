//! What happens around every request of a dialect: bounds, access, time, panics, metrics and the log line.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::access::{Caller, Refusal};
use super::body::{self, BodyError};
use super::call::{CallOf, REQUEST_ID, request_id};
use super::client_addr::{Peer, client_addr};
use super::dialect::Endpoint;
use super::rest::Rest;
use super::stream::{self, Streamed};
use super::{Outcome, retry_after};
use crate::chat::Call;
use crate::metrics::http::RequestLabels;

/// How long a handler may run on after its deadline, to say itself what it did not learn in time.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How long a handler may run on after that, to take back what it began; nobody waits for it any more.
const LAST_ACT: Duration = Duration::from_secs(15);

/// A full gateway asks its callers to come back after this.
const OVERLOAD_WAIT: Duration = Duration::from_secs(1);

/// Handles one request of `endpoint`.
pub(super) async fn surround(State(endpoint): State<Arc<Endpoint>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let shared = &endpoint.common.shared;
    let (parts, mut body) = request.into_parts();
    let request = request_id(&parts.headers);
    let call = CallOf(Call { request: Arc::clone(&request), deadline: started + endpoint.request_time });
    let from = client_addr(parts.extensions.get::<Peer>().copied(), &parts.headers, &shared.config.trusted_proxies);
    let mut log =
        LogLine { method: parts.method.clone(), path: parts.extensions.get().cloned(), from: from.ip, key: None };

    let mut response = match Arc::clone(&shared.in_flight).try_acquire_owned() {
        Ok(permit) => {
            let _gauge = shared.metrics.http.begin();
            let caller = if endpoint.checked {
                endpoint.common.access.check(from, &parts, started)
            } else {
                Ok(Caller::unchecked(from.ip))
            };
            match caller {
                Ok(caller) => {
                    log.key.clone_from(&caller.name);
                    match &endpoint.streamed {
                        None => serve(&endpoint, parts, body, (call, caller), next, permit).await,
                        Some((bounds, places)) => {
                            serve_streamed(&endpoint, (bounds, places), parts, body, (call, caller), next, permit).await
                        }
                    }
                }
                Err(refusal) => {
                    body::discard_some(&parts.headers, &mut body).await;
                    refuse(&endpoint, refusal)
                }
            }
        }
        Err(_) => {
            body::discard_some(&parts.headers, &mut body).await;
            overloaded(&endpoint)
        }
    };

    let outcome = outcome_of(&response);
    if let Ok(id) = HeaderValue::from_str(&request) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let labels = RequestLabels { dialect: endpoint.common.name, endpoint: endpoint.name, outcome };
    shared.metrics.http.requests.get_or_create(&labels).inc();
    let took = started.elapsed();
    endpoint.seconds.observe(took.as_secs_f64());
    log.write(&request, response.status(), outcome, took);
    response
}

async fn serve(
    endpoint: &Endpoint,
    parts: Parts,
    body: Body,
    who: (CallOf, Caller),
    next: Next,
    permit: OwnedSemaphorePermit,
) -> Response {
    let shared = &endpoint.common.shared;
    let limit = shared.config.body_bytes;
    let body = match body::read(&parts.headers, body, limit, endpoint.read_time, &shared.bodies).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            let text = format!("the request is larger than {limit} bytes");
            return shaped(endpoint, StatusCode::PAYLOAD_TOO_LARGE, "too_large", &text);
        }
        Err(BodyError::Full) => return overloaded(endpoint),
        Err(BodyError::Slow) => {
            let text = "the request did not arrive in time";
            return shaped(endpoint, StatusCode::REQUEST_TIMEOUT, "slow_request", text);
        }
        Err(BodyError::Broken | BodyError::Unexpected) => {
            return shaped(endpoint, StatusCode::BAD_REQUEST, "broken_request", "the request's body is broken off");
        }
    };
    let request = Request::from_parts(parts, Body::from(body.bytes.clone()));
    handle(endpoint, request, who, next, permit).await
}

async fn serve_streamed(
    endpoint: &Endpoint,
    (bounds, places): (&stream::Bounds, &Arc<Semaphore>),
    parts: Parts,
    mut body: Body,
    (call, caller): (CallOf, Caller),
    next: Next,
    permit: OwnedSemaphorePermit,
) -> Response {
    let headers = parts.headers.clone();
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        body::discard_some(&headers, &mut body).await;
        return overloaded(endpoint);
    };
    let streamed = Streamed::new(body, bounds.bytes, endpoint.read_time, endpoint.request_time);
    let mut request = Request::from_parts(parts, streamed.body());
    request.extensions_mut().insert(streamed.arrival());
    let call = CallOf(Call { deadline: Instant::now() + streamed.longest(), ..call.0 });
    let response = handle(endpoint, request, (call, caller), next, (permit, place)).await;
    streamed.discard(&headers).await;
    response
}

/// Runs the handler, which holds `held`: one that has run out of time is answered for, and still takes back what it began.
async fn handle(
    endpoint: &Endpoint,
    mut request: Request,
    (call, caller): (CallOf, Caller),
    next: Next,
    held: impl Send + 'static,
) -> Response {
    let deadline = call.0.deadline + LAST_WORD;
    request.extensions_mut().insert(call);
    request.extensions_mut().insert(caller);
    let (answer, mut answered) = oneshot::channel();
    let work = async move {
        let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        drop(held);
        // Nobody waits any more when the time is over.
        let _ = answer.send(response);
    };
    let in_time = tokio::time::timeout_at(deadline.into(), Rest::new(work, LAST_ACT)).await;
    match in_time.ok().and_then(|()| answered.try_recv().ok()) {
        Some(Ok(response)) if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let mut shaped =
                shaped(endpoint, StatusCode::METHOD_NOT_ALLOWED, "method", "this method is not allowed here");
            shaped.headers_mut().extend(response.headers().get(header::ALLOW).cloned().map(|v| (header::ALLOW, v)));
            shaped
        }
        Some(Ok(response)) => response,
        Some(Err(_)) => {
            shaped(endpoint, StatusCode::INTERNAL_SERVER_ERROR, "panic", "the gateway failed to handle this request")
        }
        None => {
            let text = "the request took too long: its outcome is unknown";
            shaped(endpoint, StatusCode::GATEWAY_TIMEOUT, "timeout", text)
        }
    }
}

fn refuse(endpoint: &Endpoint, refusal: Refusal) -> Response {
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
        Refusal::Rate(wait) => {
            let text = "this key is used too often";
            retry_after(shaped(endpoint, StatusCode::TOO_MANY_REQUESTS, "rate_limited", text), wait)
        }
    }
}

fn overloaded(endpoint: &Endpoint) -> Response {
    let text = "the gateway has too many requests at once";
    retry_after(shaped(endpoint, StatusCode::SERVICE_UNAVAILABLE, "overloaded", text), OVERLOAD_WAIT)
}

fn shaped(endpoint: &Endpoint, status: StatusCode, outcome: &'static str, text: &str) -> Response {
    let mut response = (endpoint.common.shape)(status, text);
    response.extensions_mut().insert(Outcome(outcome));
    response
}

fn outcome_of(response: &Response) -> &'static str {
    match response.extensions().get::<Outcome>() {
        Some(Outcome(outcome)) => outcome,
        None if response.status().is_server_error() => "server_error",
        None if response.status().is_client_error() => "client_error",
        None => "ok",
    }
}

/// The access log's line, from what is known before the request is handled. The path is the route's, never the
/// caller's: a query may hold a password.
struct LogLine {
    method: Method,
    path: Option<MatchedPath>,
    from: IpAddr,
    key: Option<Arc<str>>,
}

impl LogLine {
    fn write(&self, request: &str, status: StatusCode, outcome: &'static str, took: Duration) {
        tracing::info!(
            target: "stanzagate::access",
            request,
            method = %self.method,
            path = self.path.as_ref().map_or("", |p| p.as_str()),
            status = status.as_u16(),
            outcome,
            ms = (took.as_secs_f64() * 100_000.0).round() / 100.0,
            from = %self.from,
            key = self.key.as_deref().unwrap_or(""),
            "request"
        );
    }
}
