//! The routes, and the way of every call from bytes to reply.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, on};
use futures::future::BoxFuture;

use super::auth::{self, Users};
use super::calls::{CALLS, Run};
use super::context::{Asked, Context, id};
use super::error::{Failure, localize, refusal};
use super::guesses::Guesses;
use super::tokens::Tokens;
use super::wire::Reply;
use super::{groups, login};
use crate::chat::kit::keyed_locks::KeyedLocks;
use crate::chat::types::address::Realm;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::dialects::api::call::{Call as Row, Method};
use crate::dialects::api::routes::{add, add_one};
use crate::http::access::{Access, Caller};
use crate::http::call::{CallOf, REQUEST_ID};
use crate::http::logins::Logins;
use crate::http::origin::origin;
use crate::http::{Web, cors, photo};

/// The headers that scripts in a browser may read, beside those that they always may.
const EXPOSED: [HeaderName; 2] = [REQUEST_ID, HeaderName::from_static("retry-after")];

/// What the handlers share.
#[derive(Clone)]
pub struct Rongcloud {
    pub(super) chat: Chat,
    config: Arc<Config>,
    web: Web,
    /// `None` where the verbs would have refused to start.
    realm: Option<Realm>,
    tokens: Arc<Tokens>,
    locks: Arc<KeyedLocks>,
    logins: Arc<Logins>,
    guesses: Arc<Guesses>,
}

/// The API's routes.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let settings = &config.rongcloud;
    let realm = chat.addresses().realm(&settings.hosts()).ok();
    let domain = realm.as_ref().map(|realm| realm.domain.clone()).unwrap_or_default();
    let tokens = Arc::new(Tokens::new(settings, &domain));
    let access = Access::own(Users::new(Arc::clone(&tokens)), &settings.allow);
    let dialect = web.dialect("rongcloud", refusal, access);
    let prefix = settings.prefix.as_str();
    let dialect = CALLS.iter().fold(dialect, |dialect, Row { about, run }| match run {
        Run::User(run) => {
            let call = move |state: State<Rongcloud>, call, path, request| async move {
                state.0.answer(*run, call, path, request).await.into_response()
            };
            add(dialect, prefix, about, |methods| {
                let handlers = on(methods, call);
                // A HEAD must not change anything; axum would take it for a GET.
                let changes = about.methods == [Method::Get, Method::Post];
                if changes { handlers.head(not_here).fallback(not_here) } else { handlers }
            })
        }
        Run::LogIn => add_one(dialect, prefix, about, log_in),
        Run::Retrieve => add_one(dialect, prefix, about, retrieve),
        Run::Avatar => add_one(dialect, prefix, about, avatar),
    });
    let unknown = ["/api/im", "/api/im/{*rest}", "/api/auth", "/api/auth/{*rest}"];
    let dialect = unknown.iter().fold(dialect, |dialect, path| {
        dialect.open_route("unknown", &format!("{prefix}{path}"), any(async || Failure::not_found()))
    });
    let origins = settings.cors_origins.clone();
    let state = Rongcloud {
        chat,
        config,
        web,
        realm,
        tokens,
        locks: Arc::default(),
        logins: Arc::new(Logins::of_users()),
        guesses: Arc::default(),
    };
    cors::around(dialect.finish(state).layer(from_fn(localize)), &origins, &EXPOSED)
}

impl Rongcloud {
    /// The hosts.
    pub(super) fn realm(&self) -> Option<&Realm> {
        self.realm.as_ref()
    }

    async fn answer(
        &self,
        run: for<'a> fn(&'a Context<'a>, Asked<'a>) -> BoxFuture<'a, Result<Reply, Failure>>,
        CallOf(call): CallOf,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
    ) -> Result<Reply, Failure> {
        // Who calls was looked at before the body came; here is what else the token says.
        let token = auth::known(&self.tokens, request.headers())?.ok_or_else(Failure::denied)?;
        let id = first(path);
        let (request, (origin, uri)) = self.seen(request);
        let context = self.context(&call, &origin, &uri)?;
        context.must_hold(&token).await?;
        run(&context, Asked { user: &token.user, id: &id, request, guesses: &self.guesses }).await
    }

    /// The gateway's URL as the caller sees it, and what they ask for.
    fn seen(&self, request: Request) -> (Request, (String, axum::http::Uri)) {
        let (parts, body) = request.into_parts();
        let seen = (origin(self.web.config(), &parts), parts.uri.clone());
        (Request::from_parts(parts, body), seen)
    }

    fn context<'a>(
        &'a self,
        call: &'a Call,
        origin: &'a str,
        uri: &'a axum::http::Uri,
    ) -> Result<Context<'a>, Failure> {
        let realm = self.realm.as_ref().ok_or_else(|| {
            let text = ("网关的域名配置错误。", "The gateway's hosts are wrong.");
            Failure::told(StatusCode::INTERNAL_SERVER_ERROR, "missing_right", text.0, text.1)
        })?;
        let config = &self.config.rongcloud;
        Ok(Context { chat: &self.chat, call, config, realm, locks: &self.locks, origin, uri })
    }
}

/// The one parameter of a path; one that is not UTF-8 is no id.
fn first(path: Result<RawPathParams, RawPathParamsRejection>) -> String {
    let path = path.ok();
    path.and_then(|path| path.iter().next().map(|(_, part)| part.to_owned())).unwrap_or_default()
}

/// The answer to any other method than GET and POST.
async fn not_here() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,POST")])
}

/// For anybody: a group, and its code for its members.
async fn retrieve(
    State(state): State<Rongcloud>,
    CallOf(call): CallOf,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Reply, Failure> {
    let token = auth::known(&state.tokens, request.headers())?;
    let (_, (origin, uri)) = state.seen(request);
    let context = state.context(&call, &origin, &uri)?;
    if let Some(token) = &token {
        context.must_hold(token).await?;
    }
    groups::retrieve(&context, token.as_ref().map(|token| &token.user), &first(path)).await
}

async fn log_in(
    State(state): State<Rongcloud>,
    CallOf(call): CallOf,
    caller: Caller,
    request: Request,
) -> Result<Reply, Failure> {
    let (request, (origin, uri)) = state.seen(request);
    let context = state.context(&call, &origin, &uri)?;
    login::log_in(&context, &state.logins, &state.tokens, caller.addr, request).await
}

/// A user's photo, for whoever knows its hash.
async fn avatar(
    State(state): State<Rongcloud>,
    CallOf(call): CallOf,
    Path((number, sha256)): Path<(String, String)>,
) -> Response {
    let user = match (id(&number), state.realm()) {
        (Some(number), Some(realm)) => state.chat.accounts.user_of_number(&call, realm, number).await,
        _ => Ok(None),
    };
    match user {
        Ok(user) => photo::serve(&state.chat, &call, user.as_ref(), &sha256).await,
        Err(error) => Failure::from(error).into_response(),
    }
}
