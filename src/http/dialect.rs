//! Registers a dialect's routes, each with what surrounds it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter, any_service};
use tokio::sync::Semaphore;
use tower::{Service, layer::layer_fn, service_fn};

use super::access::{Access, Caller, Refusal};
use super::body::Bounds;
use super::client_addr::ClientAddr;
use super::middleware::handle;
use super::serve::{AxumHandler, Serve, Streaming, Verb, Whole, WholeRequest};
use super::stream;
use super::{ErrorShape, Shared};
use crate::metrics::http::EndpointMetrics;

/// Largest body where anybody may call, such as a log-in.
const OPEN_BYTES: usize = 8 << 10;

/// Adds one endpoint's paths to a router, once the handlers' state is there.
type AddRoute<S> = Box<dyn FnOnce(Router, &S) -> Router>;

/// A dialect's routes, under construction.
pub struct Dialect<S> {
    common: Arc<Common>,
    routes: Vec<AddRoute<S>>,
}

/// What all routes of a dialect share.
pub(super) struct Common {
    pub(super) shared: Arc<Shared>,
    pub(super) name: &'static str,
    pub(super) shape: ErrorShape,
    pub(super) access: Access,
}

/// One endpoint, at whatever paths.
pub(super) struct Endpoint {
    pub(super) common: Arc<Common>,
    pub(super) checked: bool,
    pub(super) metrics: EndpointMetrics,
    pub(super) request_time: Duration,
    pub(super) read_time: Duration,
}

impl Endpoint {
    /// Who calls, if they may. What needs no key of theirs is not for web pages that they happen to look at.
    pub(super) fn admits(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Caller, Refusal> {
        let caller = self.common.access.check(from, head, now)?;
        if !self.common.access.asks_for_keys() {
            self.common.shared.site.check(&head.headers, &head.uri).map_err(Refusal::Foreign)?;
        }
        Ok(caller)
    }

    /// What a whole body may be.
    pub(super) fn bounds(&self, method: &Method) -> Bounds {
        let all = self.common.shared.config.body_bytes;
        if self.checked {
            Bounds::of_known(all, self.read_time)
        } else {
            let looks = matches!(*method, Method::GET | Method::HEAD);
            Bounds::of_anybody(if looks { 0 } else { OPEN_BYTES.min(all) }, self.read_time)
        }
    }
}

/// Where a handler stands.
#[derive(Clone)]
struct Mount {
    endpoint: Arc<Endpoint>,
    path: Arc<str>,
}

/// One path, with or without its slash, and what serves it.
pub(super) struct Route<T> {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) path: Arc<str>,
    pub(super) serve: T,
}

impl<S: Clone + Send + Sync + 'static> Dialect<S> {
    pub(super) fn new(shared: Arc<Shared>, name: &'static str, shape: ErrorShape, access: Access) -> Self {
        Self { common: Arc::new(Common { shared, name, shape, access }), routes: Vec::new() }
    }

    /// Adds a route for callers whom [`Access`] admits. `endpoint` is its name in metrics; `path` is without a trailing
    /// slash, which is tolerated.
    pub fn route(self, endpoint: &'static str, path: &str, handlers: MethodRouter<S>) -> Self {
        self.add(endpoint, path, true, whole(handlers))
    }

    /// As [`Dialect::route`], for one function that takes whole requests of every method. It costs least: nothing is
    /// extracted, and no method chosen.
    pub fn verb<F, R>(self, endpoint: &'static str, path: &str, verb: F) -> Self
    where
        F: Fn(S, Box<WholeRequest>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        self.add(endpoint, path, true, move |mount, state| {
            any_service(service(mount, Whole(Verb { verb: verb.clone(), state })))
        })
    }

    /// As [`Dialect::verb`], for calls that share their paths: `choose` sees from a request which of the `endpoints` it means,
    /// by its place among them.
    pub fn verbs<F, R>(
        mut self,
        endpoints: &[&'static str],
        paths: &[String],
        choose: fn(&Request) -> usize,
        verb: F,
    ) -> Self
    where
        F: Fn(usize, S, Box<WholeRequest>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        let endpoints: Vec<_> = endpoints.iter().map(|name| self.endpoint(name, true)).collect();
        for path in paths.iter().flat_map(|path| with_and_without_slash(path)) {
            let (endpoints, verb) = (endpoints.clone(), verb.clone());
            self.routes.push(Box::new(move |router, state| {
                let mount = |endpoint| Mount { endpoint, path: Arc::from(path.as_str()) };
                let service = |(place, endpoint)| {
                    let (verb, state) = (verb.clone(), state.clone());
                    let verb = move |state, asked| verb(place, state, asked);
                    service(mount(endpoint), Whole(Verb { verb, state }))
                };
                let services: Arc<[_]> = endpoints.into_iter().enumerate().map(service).collect();
                let chosen = move |request: Request| {
                    let service = services.get(choose(&request)).cloned();
                    async move {
                        match service {
                            Some(mut service) => service.call(request).await,
                            None => Ok(StatusCode::NOT_FOUND.into_response()),
                        }
                    }
                };
                router.route(&path, any_service(service_fn(chosen)))
            }));
        }
        self
    }

    /// As [`Dialect::route`], for handlers that take a body of at most `bounds.bytes` as a stream. What a body may cost in
    /// time grows with what has arrived of it, and the call's deadline with `bounds.bytes`: see
    /// [`stream::Arrival::call`]. `http.body_bytes` does not hold here.
    pub fn stream_route(
        self,
        endpoint: &'static str,
        path: &str,
        bounds: stream::Bounds,
        handlers: MethodRouter<S>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(bounds.at_once.min(Semaphore::MAX_PERMITS)));
        self.add(endpoint, path, true, move |mount, state| {
            let places = Arc::clone(&places);
            let serve =
                move |handler| Streaming { handler: AxumHandler::new(handler), bounds, places: Arc::clone(&places) };
            each(handlers.clone().with_state(state), mount, serve)
        })
    }

    /// Adds a route for everyone, within the bounds of size, time and number: a body has a few kB, that of a GET none.
    pub fn open_route(self, endpoint: &'static str, path: &str, handlers: MethodRouter<S>) -> Self {
        self.add(endpoint, path, false, whole(handlers))
    }

    /// The routes, with the handlers' state.
    pub fn finish(self, state: S) -> Router {
        self.routes.into_iter().fold(Router::new(), |router, add| add(router, &state))
    }

    fn add(
        mut self,
        name: &'static str,
        path: &str,
        checked: bool,
        handlers: impl Fn(Mount, S) -> MethodRouter + 'static,
    ) -> Self {
        let (endpoint, paths) = (self.endpoint(name, checked), with_and_without_slash(path));
        self.routes.push(Box::new(move |router, state| {
            paths.fold(router, |router, path| {
                let mount = Mount { endpoint: Arc::clone(&endpoint), path: Arc::from(path.as_str()) };
                router.route(&path, handlers(mount, state.clone()))
            })
        }));
        self
    }

    fn endpoint(&self, name: &'static str, checked: bool) -> Arc<Endpoint> {
        let shared = &self.common.shared;
        Arc::new(Endpoint {
            checked,
            metrics: shared.metrics.http.endpoint(self.common.name, name),
            request_time: Duration::from_secs(shared.config.request_seconds),
            read_time: Duration::from_secs(shared.config.read_seconds),
            common: Arc::clone(&self.common),
        })
    }
}

/// What matches every rest of a path matches the slash too.
fn with_and_without_slash(path: &str) -> impl Iterator<Item = String> + use<> {
    let slash = (!path.ends_with('/') && !path.contains("{*")).then(|| format!("{path}/"));
    std::iter::once(path.to_owned()).chain(slash)
}

fn whole<S: Clone + Send + Sync + 'static>(handlers: MethodRouter<S>) -> impl Fn(Mount, S) -> MethodRouter {
    move |mount, state| each(handlers.clone().with_state(state), mount, |handler| Whole(AxumHandler::new(handler)))
}

/// Surrounds each method's handler for itself: other routes may add methods to the same path.
fn each<T: Serve>(
    handlers: MethodRouter,
    mount: Mount,
    serve: impl Fn(routing::Route) -> T + Clone + Send + Sync + 'static,
) -> MethodRouter {
    handlers.layer(layer_fn(move |handler| service(mount.clone(), serve(handler))))
}

fn service<T: Serve>(
    Mount { endpoint, path }: Mount,
    serve: T,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync {
    let route = Arc::new(Route { endpoint, path, serve });
    service_fn(move |request| handle(Arc::clone(&route), request))
}
