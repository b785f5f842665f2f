//! The routes, and the way of every call from bytes to reply.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request as HttpRequest, State};
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures::future::BoxFuture;

use super::calls::{CALLS, Run};
use super::cleanup::clean_up;
use super::context::{App, Context};
use super::error::{Failure, refusal};
use super::wire::{Query, Reply, Request};
use super::{attachment, auth};
use crate::chat::kit::keyed_locks::KeyedLocks;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::dialects::api::call::Call as Row;
use crate::dialects::api::routes::add_one;
use crate::http::Web;
use crate::http::access::{Access, Caller};
use crate::http::call::{ARCHIVE_ID, CallOf, REQUEST_ID};
use crate::http::cors;

/// The headers that scripts in a browser may read, beside those that they always may.
const EXPOSED: [HeaderName; 5] = [
    REQUEST_ID,
    ARCHIVE_ID,
    HeaderName::from_static("retry-after"),
    HeaderName::from_static("x-xmpp-jid"),
    HeaderName::from_static("x-xmpp-password"),
];

/// What the handlers share.
#[derive(Clone)]
pub struct Maxleap {
    chat: Chat,
    config: Arc<Config>,
    apps: Arc<[App]>,
    locks: Arc<KeyedLocks>,
}

/// The API's routes.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let settings = &config.maxleap;
    let addresses = chat.addresses();
    // The verbs have refused to start with hosts that are none.
    let app = |app: &crate::config::maxleap::App| {
        Some(App { id: Arc::from(app.id.as_str()), realm: addresses.realm(&app.hosts()).ok()? })
    };
    let apps: Arc<[App]> = settings.apps.iter().filter_map(app).collect();
    for realm in apps.iter().map(|app| app.realm.clone()).collect::<HashSet<_>>() {
        tokio::spawn(clean_up(chat.clone(), Arc::clone(&config), realm));
    }
    let access = Access::own(auth::Keys::new(settings), &settings.allow);
    let prefix = settings.prefix.as_str();
    let dialect = web.dialect("maxleap", refusal, access);
    let dialect = CALLS.iter().copied().flatten().fold(dialect, |dialect, Row { about, run }| match run {
        Run::Whole(run) => {
            let call = move |state, call, caller, path, request| serve(*run, state, call, caller, path, request);
            add_one(dialect, prefix, about, call)
        }
        Run::Upload => {
            let path = format!("{prefix}{}", about.path);
            dialect.stream_route(about.name, &path, attachment::bounds(&config), post(attach))
        }
    });
    let nothing: &[&str] = if prefix.is_empty() { &NOTHING } else { &["/{*rest}"] };
    let dialect = nothing.iter().fold(dialect, |dialect, path| {
        dialect.route("unknown", &format!("{prefix}{path}"), any(async || Failure::not_found("this path")))
    });
    let origins = settings.cors_origins.clone();
    cors::around(dialect.finish(Maxleap { chat, config, apps, locks: Arc::default() }), &origins, &EXPOSED)
}

/// What begins like an endpoint and is none. Without a prefix all other paths are those of other APIs.
const NOTHING: [&str; 11] = [
    "/ctx/{user}/{*rest}",
    "/ctx//{*rest}",
    "/groups/{group}/{*rest}",
    "/groups//{*rest}",
    "/rooms/{room}/{*rest}",
    "/rooms//{*rest}",
    "/passengers/{passenger}/{*rest}",
    "/passengers//{*rest}",
    "/system/{target}/{*rest}",
    "/system//{*rest}",
    "/attachment/{*rest}",
];

type RunWhole = for<'a> fn(&'a Context<'a>, &'a Request<'a>) -> BoxFuture<'a, Result<Reply, Failure>>;

async fn serve(
    run: RunWhole,
    State(maxleap): State<Maxleap>,
    CallOf(call): CallOf,
    caller: Caller,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: HttpRequest,
) -> Response {
    maxleap.answer(run, &call, &caller, path, request).await.into_response()
}

async fn attach(
    State(maxleap): State<Maxleap>,
    CallOf(call): CallOf,
    caller: Caller,
    request: HttpRequest,
) -> Response {
    let answer = async {
        let context = maxleap.context(&call, &caller)?;
        attachment::upload(&context, request).await.map_err(|failure| failure.in_ids(&context.app.realm))
    };
    answer.await.into_response()
}

impl Maxleap {
    async fn answer(
        &self,
        run: RunWhole,
        call: &Call,
        caller: &Caller,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: HttpRequest,
    ) -> Result<Reply, Failure> {
        let context = self.context(call, caller)?;
        let path = path.map_err(|_| Failure::parameter("the path is not UTF-8"))?;
        let path: Vec<String> = path.iter().map(|(_, part)| part.to_owned()).collect();
        let query = Query::read(request.uri().query().unwrap_or_default())?;
        // Bounded and already here: see `Web::dialect`.
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let body = body.map_err(|_| Failure::parameter("the body is broken off"))?;
        let answer = run(&context, &Request { path: &path, query: &query, body: &body }).await;
        answer.map_err(|failure| failure.in_ids(&context.app.realm))
    }

    /// What an endpoint is given for a call of a caller whose keys were checked.
    ///
    /// # Errors
    /// When they were not.
    pub(super) fn context<'a>(&'a self, call: &'a Call, caller: &Caller) -> Result<Context<'a>, Failure> {
        let app = self.apps.iter().find(|app| caller.name.as_deref() == Some(app.id.as_ref()));
        let app = app.ok_or_else(|| Failure::new(super::error::Code::Unauthorized, "no app with this id"))?;
        Ok(Context { chat: &self.chat, call, config: &self.config, app, locks: &self.locks })
    }
}
