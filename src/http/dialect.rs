//! Registers a dialect's routes, each with what surrounds it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::MethodRouter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::Semaphore;

use super::access::Access;
use super::stream;
use super::surround::surround;
use super::{ErrorShape, Shared};
use crate::metrics::http::EndpointLabels;

/// A dialect's routes, under construction.
pub struct Dialect<S> {
    common: Arc<Common>,
    router: Router<S>,
}

/// What all routes of a dialect share.
pub(super) struct Common {
    pub(super) shared: Arc<Shared>,
    pub(super) name: &'static str,
    pub(super) shape: ErrorShape,
    pub(super) access: Access,
}

/// One route, with its labels looked up once.
pub(super) struct Endpoint {
    pub(super) common: Arc<Common>,
    pub(super) name: &'static str,
    pub(super) checked: bool,
    /// Of a streamed route: its bounds, and how many more requests it takes now.
    pub(super) streamed: Option<(stream::Bounds, Arc<Semaphore>)>,
    pub(super) seconds: Histogram,
    pub(super) request_time: Duration,
    pub(super) read_time: Duration,
}

impl<S: Clone + Send + Sync + 'static> Dialect<S> {
    pub(super) fn new(shared: Arc<Shared>, name: &'static str, shape: ErrorShape, access: Access) -> Self {
        Self { common: Arc::new(Common { shared, name, shape, access }), router: Router::new() }
    }

    /// Adds a route for callers whom [`Access`] admits. `endpoint` is its name in metrics; `path` is without a trailing
    /// slash, which is tolerated.
    pub fn route(self, endpoint: &'static str, path: &str, handlers: MethodRouter<S>) -> Self {
        self.add(endpoint, path, handlers, true, None)
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
        self.add(endpoint, path, handlers, true, Some(bounds))
    }

    /// Adds a route for everyone, within the bounds of size, time and number.
    pub fn open_route(self, endpoint: &'static str, path: &str, handlers: MethodRouter<S>) -> Self {
        self.add(endpoint, path, handlers, false, None)
    }

    /// The routes, with the handlers' state.
    pub fn finish(self, state: S) -> Router {
        self.router.with_state(state)
    }

    fn add(
        mut self,
        name: &'static str,
        path: &str,
        handlers: MethodRouter<S>,
        checked: bool,
        streamed: Option<stream::Bounds>,
    ) -> Self {
        let config = &self.common.shared.config;
        let labels = EndpointLabels { dialect: self.common.name, endpoint: name };
        let endpoint = Arc::new(Endpoint {
            name,
            checked,
            streamed: streamed
                .map(|bounds| (bounds, Arc::new(Semaphore::new(bounds.at_once.min(Semaphore::MAX_PERMITS))))),
            seconds: self.common.shared.metrics.http.seconds.get_or_create(&labels).clone(),
            request_time: Duration::from_secs(config.request_seconds),
            read_time: Duration::from_secs(config.read_seconds),
            common: Arc::clone(&self.common),
        });
        // The body is bounded before the handler runs; axum's own bound would only be a second, smaller one.
        let handlers: MethodRouter<S> =
            handlers.layer(DefaultBodyLimit::disable()).layer(middleware::from_fn_with_state(endpoint, surround));
        self.router = self.router.route(path, handlers.clone());
        // What matches every rest of a path matches the slash too.
        if !path.ends_with('/') && !path.contains("{*") {
            self.router = self.router.route(&format!("{path}/"), handlers);
        }
        self
    }
}
