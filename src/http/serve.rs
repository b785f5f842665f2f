//! How a route takes its requests, whole or with the body as a stream, and what becomes of a handler's work.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::Response;
use axum::routing::{self, future::RouteFuture};
use futures::{FutureExt, future};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use super::access::Caller;
use super::body::{self, BodyError};
use super::call::CallOf;
use super::dialect::{Endpoint, Route};
use super::refusal::{overloaded, shaped};
use super::run_to_completion::RunToCompletion;
use super::share::{RequestSlot, Taken};
use super::stream::{self, Streamed};
use crate::chat::Call;

/// How long a handler may run on after its deadline, to say itself what it did not learn in time.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How long a handler may run on after that, to take back what it began; nobody waits for it any more.
const LAST_ACT: Duration = Duration::from_secs(15);

/// A handler's response, or its panic.
type Worked = Result<Response, Box<dyn Any + Send>>;

/// A whole request of a caller who may ask.
#[derive(Debug)]
pub struct WholeRequest {
    /// The request's id and deadline.
    pub call: Call,
    /// Who asks.
    pub caller: Caller,
    /// Its line and headers.
    pub head: Parts,
    /// Its body, within the bounds.
    pub body: Bytes,
}

/// Serves the requests of a route.
pub(super) trait Serve: Send + Sync + Sized + 'static {
    /// Answers one, whose body is still to be read, and whose work holds `place` until it ends.
    fn serve(
        route: &Arc<Route<Self>>,
        asked: Box<WholeRequest>,
        body: Body,
        place: RequestSlot,
    ) -> impl Future<Output = Response> + Send;
}

/// Answers whole requests.
pub(super) trait Handler: Send + Sync + 'static {
    type Work: Future<Output = Response> + Send + 'static;

    fn run(&self, asked: Box<WholeRequest>) -> Self::Work;
}

/// Reads the body before its handler runs.
pub(super) struct Whole<H>(pub(super) H);

/// A function that takes whole requests.
pub(super) struct Verb<F, S> {
    pub(super) verb: F,
    pub(super) state: S,
}

/// A handler of axum's.
pub(super) struct AxumHandler(<DefaultBodyLimit as Layer<routing::Route>>::Service);

/// What a handler of axum's does for a request.
type Answering = future::Map<RouteFuture<Infallible>, fn(Result<Response, Infallible>) -> Response>;

/// Has a handler take the body as a stream.
pub(super) struct Streaming {
    pub(super) handler: AxumHandler,
    pub(super) bounds: stream::Bounds,
    /// How many more requests it takes now.
    pub(super) places: Arc<Semaphore>,
}

impl AxumHandler {
    pub(super) fn new(handler: routing::Route) -> Self {
        // The body is bounded before the handler runs; axum's own bound would only be a second, smaller one.
        Self(DefaultBodyLimit::disable().layer(handler))
    }

    fn call(&self, mut request: Request, call: Call, caller: Caller) -> Answering {
        request.extensions_mut().insert(CallOf(call));
        request.extensions_mut().insert(caller);
        self.0.clone().call(request).map(|Ok(response)| response)
    }
}

impl Handler for AxumHandler {
    type Work = Answering;

    fn run(&self, asked: Box<WholeRequest>) -> Answering {
        let WholeRequest { call, caller, head, body } = *asked;
        self.call(Request::from_parts(head, Body::from(body)), call, caller)
    }
}

impl<F, S, R> Handler for Verb<F, S>
where
    F: Fn(S, Box<WholeRequest>) -> R + Send + Sync + 'static,
    S: Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    type Work = R;

    fn run(&self, asked: Box<WholeRequest>) -> R {
        (self.verb)(self.state.clone(), asked)
    }
}

impl<H: Handler> Serve for Whole<H> {
    async fn serve(route: &Arc<Route<Self>>, mut asked: Box<WholeRequest>, body: Body, place: RequestSlot) -> Response {
        let endpoint = &route.endpoint;
        let bounds = endpoint.bounds(&asked.head.method);
        let (budget, part) = (&endpoint.common.shared.bodies, place.taken.as_ref().map(Taken::part));
        let body = match body::read(&asked.head.headers, body, &bounds, budget, part).await {
            Ok(body) => body,
            Err(error) => return unread(endpoint, error, bounds.bytes),
        };
        asked.body = body.bytes.clone();
        let deadline = asked.call.deadline;
        let work = Arc::clone(route);
        outcome(endpoint, deadline, begun(move || work.serve.0.run(asked), place)).await
    }
}

impl Serve for Streaming {
    async fn serve(route: &Arc<Route<Self>>, asked: Box<WholeRequest>, mut body: Body, place: RequestSlot) -> Response {
        let Route { endpoint, serve: Streaming { bounds, places, .. }, .. } = &**route;
        let WholeRequest { mut call, caller, head, .. } = *asked;
        let headers = head.headers.clone();
        let one_of = Arc::clone(places).try_acquire_owned().ok();
        let part = place.taken.as_ref().map(Taken::part);
        let shared_out = part.map(|part| part.take_place(bounds.at_once).ok_or(())).transpose();
        let (Some(one_of), Ok(shared_out)) = (one_of, shared_out) else {
            body::discard_some(body::waits(&headers), &mut body).await;
            return overloaded(endpoint);
        };
        let streamed = Streamed::new(body, bounds.bytes, endpoint.read_time, endpoint.request_time);
        let mut request = Request::from_parts(head, streamed.body());
        request.extensions_mut().insert(streamed.arrival());
        let deadline = Instant::now() + streamed.longest();
        call.deadline = deadline;
        let work = Arc::clone(route);
        let work = begun(move || work.serve.handler.call(request, call, caller), (place, one_of, shared_out));
        let response = outcome(endpoint, deadline, work).await;
        streamed.discard(&headers).await;
        response
    }
}

fn unread(endpoint: &Endpoint, error: BodyError, limit: usize) -> Response {
    match error {
        BodyError::TooLarge if limit == 0 => {
            shaped(endpoint, StatusCode::PAYLOAD_TOO_LARGE, "too_large", "this endpoint takes no body")
        }
        BodyError::TooLarge => {
            let text = format!("the request is larger than {limit} bytes");
            shaped(endpoint, StatusCode::PAYLOAD_TOO_LARGE, "too_large", &text)
        }
        BodyError::Full => overloaded(endpoint),
        BodyError::Slow => {
            let text = "the request did not arrive in time";
            shaped(endpoint, StatusCode::REQUEST_TIMEOUT, "slow_request", text)
        }
        BodyError::Broken | BodyError::Unexpected => {
            shaped(endpoint, StatusCode::BAD_REQUEST, "broken_request", "the request's body is broken off")
        }
    }
}

/// A handler's work in a place of its own, which no future around it must have room for. It holds `held` until it ends.
fn begun<W>(
    work: impl FnOnce() -> W + Send + 'static,
    held: impl Send + 'static,
) -> RunToCompletion<impl Future<Output = Worked> + Send + 'static>
where
    W: Future<Output = Response> + Send + 'static,
{
    let work = AssertUnwindSafe(future::lazy(|_| work()).flatten()).catch_unwind();
    let work = work.map(|response| {
        drop(held);
        response
    });
    RunToCompletion::new(work, LAST_ACT)
}

/// What a handler comes to. One that has run out of time is answered for, and still takes back what it began.
async fn outcome(
    endpoint: &Endpoint,
    deadline: Instant,
    work: RunToCompletion<impl Future<Output = Worked> + Send + 'static>,
) -> Response {
    match tokio::time::timeout_at((deadline + LAST_WORD).into(), work).await {
        Ok(Ok(response)) if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let mut shaped =
                shaped(endpoint, StatusCode::METHOD_NOT_ALLOWED, "method", "this method is not allowed here");
            shaped.headers_mut().extend(response.headers().get(header::ALLOW).cloned().map(|v| (header::ALLOW, v)));
            shaped
        }
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            shaped(endpoint, StatusCode::INTERNAL_SERVER_ERROR, "panic", "the gateway failed to handle this request")
        }
        Err(_) => {
            let text = "the request took too long: its outcome is unknown";
            shaped(endpoint, StatusCode::GATEWAY_TIMEOUT, "timeout", text)
        }
    }
}
