//! `/health/live`, `/health/ready` and `/metrics`: what operators and orchestrators ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::watch;

use super::{Web, operator, plain_shape};
use crate::chat::{LinkState, Rivals};

/// Prometheus' own text format, for whoever does not ask for that of OpenMetrics.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text";
const OPENMETRICS_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the gateway can serve. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health {
    link: watch::Receiver<LinkState>,
    rivals: Arc<Rivals>,
    draining: Arc<AtomicBool>,
}

impl Health {
    /// Follows the link's state, and what was seen of other gateways under its name.
    pub fn new(link: watch::Receiver<LinkState>, rivals: Arc<Rivals>) -> Self {
        Self { link, rivals, draining: Arc::default() }
    }

    /// From now on the gateway is not ready: it is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether requests can be served now.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("the gateway is shutting down".into());
        }
        match &*self.link.borrow() {
            LinkState::Up => Ok(()),
            LinkState::Stalled(for_so_long) => {
                Err(format!("the XMPP server is connected but has not answered for {} seconds", for_so_long.as_secs()))
            }
            LinkState::Draining => Err("the gateway is shutting down".into()),
            LinkState::Down(cause) if cause.is_empty() => Err("the XMPP server is not connected yet".into()),
            LinkState::Down(cause) => Err(format!("the XMPP server is not connected: {cause}")),
        }
    }

    /// What an operator should look at though requests are served: with all gateways of a name out of the balancer, nobody
    /// would be served at all.
    pub fn warnings(&self) -> Vec<&'static str> {
        let rival = "another gateway is connected under this component.name, and each gets part of the other's answers";
        self.rivals.is_present().then_some(rival).into_iter().collect()
    }
}

/// The routes of operation, and the answer to every path that is not there. `setting` names the networks that may read
/// metrics.
pub fn router(web: Web, health: Health, setting: &'static str) -> Router {
    let mut router = Router::new()
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(ready).with_state(health));
    if web.config().metrics {
        router = router.route("/metrics", get(metrics).with_state((web, setting)));
    }
    router
        .fallback(|| async { plain_shape(StatusCode::NOT_FOUND, "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            plain_shape(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here")
        })
}

async fn ready(State(health): State<Health>) -> Response {
    match health.ready() {
        Ok(()) => match health.warnings() {
            none if none.is_empty() => Json(json!({ "status": "ready" })).into_response(),
            warnings => Json(json!({ "status": "ready", "warnings": warnings })).into_response(),
        },
        Err(reason) => {
            let mut answer = json!({ "status": "not ready", "reason": reason });
            let warnings = health.warnings();
            if !warnings.is_empty() {
                answer["warnings"] = json!(warnings);
            }
            (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response()
        }
    }
}

async fn metrics(State((web, setting)): State<(Web, &'static str)>, request: Request) -> Response {
    if let Some(refusal) = operator::refusal(&web, &request, setting) {
        return refusal;
    }
    let accepted = request.headers().get_all(header::ACCEPT).iter();
    let open = accepted.filter_map(|accept| accept.to_str().ok()).any(|accept| accept.contains(OPENMETRICS));
    let (kind, text) = match open {
        true => (OPENMETRICS_1, web.metrics().encode_open()),
        false => (PROMETHEUS, web.metrics().encode()),
    };
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => plain_shape(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written"),
    }
}
