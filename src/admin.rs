//! The admin listener, for those who run the gateway: health, metrics, the description of the APIs, and a trial of the server's rights beside the calls.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::chat::Chat;
use crate::check::{self, Asked};
use crate::config::Config;
use crate::config::http::Http;
use crate::http::health::{self, Health};
use crate::http::{Web, operator, plain_shape};
use crate::metrics::Metrics;
use crate::openapi;

/// The setting that names who may ask.
const ALLOW: &str = "admin.allow";
/// Connections and requests at once: a few programs look here.
const AT_ONCE: usize = 64;

/// What its handlers share.
#[derive(Clone)]
struct Admin {
    web: Web,
    chat: Chat,
    config: Arc<Config>,
    /// Held by a trial: two would see what the other makes.
    trial: Arc<Mutex<()>>,
}

/// What a trial may be given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// An account that exists.
    user: Option<String>,
}

/// The listener's own settings, by those of the other one.
pub fn web(config: &Config, metrics: Metrics) -> Web {
    let http = Http {
        listen: config.admin.listen,
        metrics: true,
        metrics_allow: config.admin.allow.clone(),
        connections: AT_ONCE,
        requests: AT_ONCE,
        address_percent: 100,
        ..config.http.clone()
    };
    Web::new(http, metrics)
}

/// Its routes.
pub fn router(web: Web, health: Health, chat: Chat, config: Arc<Config>) -> Router {
    let admin = Admin { web: web.clone(), chat, config, trial: Arc::default() };
    Router::new()
        .route("/", get(about))
        .route("/check", post(trial))
        .route("/openapi.json", get(description))
        .with_state(admin)
        .merge(health::router(web, health, ALLOW))
}

/// Which gateway this is, for a command that looks whether it is the one it knows the settings of.
async fn about(State(admin): State<Admin>) -> Response {
    let Config { component, server, .. } = &*admin.config;
    Json(json!({
        "gateway": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "component": component.name,
        "domain": server.domain,
        "paths": ["GET /health/live", "GET /health/ready", "GET /metrics", "GET /openapi.json", "POST /check"],
    }))
    .into_response()
}

/// The enabled APIs as OpenAPI.
async fn description(State(admin): State<Admin>, request: Request) -> Response {
    match operator::refusal(&admin.web, &request, ALLOW) {
        Some(refusal) => refusal,
        None => Json(openapi::document(&admin.config, None)).into_response(),
    }
}

/// Tries what the server lets the gateway do. One who hangs up does not end it half-way.
async fn trial(
    State(admin): State<Admin>,
    query: Result<Query<Trial>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    if let Some(refusal) = operator::refusal(&admin.web, &request, ALLOW) {
        return refusal;
    }
    let Query(Trial { user }) = match query {
        Ok(query) => query,
        Err(error) => return plain_shape(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let Ok(held) = Arc::clone(&admin.trial).try_lock_owned() else {
        return plain_shape(StatusCode::CONFLICT, "the server is being tried already: wait for that");
    };
    let tried = tokio::spawn(async move {
        let report = check::run(&admin.chat, &admin.config, user.as_deref(), Asked::Serving).await;
        drop(held);
        report
    });
    match tried.await {
        Ok(report) => Json(report).into_response(),
        Err(_) => plain_shape(StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed to try the server"),
    }
}
