//! The routes, and the way of a call: method, body, work, reply.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::future::BoxFuture;

use super::calls::{CALLS, Run};
use super::context::{Context, Scope};
use super::error::{Code, Failure};
use super::replies::{self, Done, Endpoint};
use super::uk::Uk;
use super::{json, uk};
use crate::chat::Chat;
use crate::config::Config;
use crate::config::qtalk::Replies;
use crate::dialects::api::call::Call as Row;
use crate::dialects::api::failing::finish;
use crate::dialects::api::routes::add_one;
use crate::http::access::Access;
use crate::http::call::{ARCHIVE_ID, CallOf};
use crate::http::serve::WholeRequest;
use crate::http::{Outcome, Web, photo};

/// What the handlers share.
#[derive(Clone)]
pub struct Qtalk {
    /// The verbs.
    pub chat: Chat,
    config: Arc<Config>,
    uk: Arc<Uk>,
}

/// The API's routes. Users' requests for auth_uk tokens are answered from now on, when a key to sign them is configured.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let uk = Arc::new(Uk::new(&config.qtalk));
    let issuer = Arc::clone(&uk);
    chat.on_key_request(Arc::new(move |user, account| issuer.issue(user, account)));

    let access = Access::new(config.qtalk.auth, &config.qtalk.keys, &config.qtalk.allow);
    let prefix = config.qtalk.prefix.clone();
    let dialect = web.dialect("qtalk", refusal, access);
    let dialect = CALLS.iter().fold(dialect, |dialect, Row { about, run }| {
        let path = format!("{prefix}{}", about.path);
        match *run {
            Run::Body(endpoint, run) => {
                dialect.verb(about.name, &path, move |qtalk, asked| serve(endpoint, run, qtalk, asked))
            }
            Run::AuthUk => dialect.verb(about.name, &path, auth_uk),
            Run::Avatar => add_one(dialect, &prefix, about, avatar),
        }
    });
    let unknown = async |qtalk: Qtalk, _: Box<WholeRequest>| qtalk.reply(Endpoint::Unknown, Err(not_defined()));
    dialect
        .verb("unknown", &format!("{prefix}/qtalk"), unknown)
        .verb("unknown", &format!("{prefix}/qtalk/{{*rest}}"), unknown)
        .finish(Qtalk { chat, config, uk })
}

fn not_defined() -> Failure {
    Failure::field("request not defined")
}

type RunBody = for<'a> fn(&'a Context<'a>, &'a json::Json<'a>) -> BoxFuture<'a, Result<Done, Failure>>;

async fn serve(endpoint: Endpoint, run: RunBody, qtalk: Qtalk, asked: Box<WholeRequest>) -> Response {
    if asked.head.method != Method::POST {
        // Literally so in the original, which put the method's name in front of "is not disable".
        let failure = Failure::field(format!("{} is not disable", asked.head.method));
        return qtalk.reply(Endpoint::Unknown, Err(failure));
    }
    let result = qtalk.answer(run, &asked).await;
    // Whoever asks for more than the original knew is told it, too.
    let style = asked.call.wait.map_or(qtalk.config.qtalk.replies, |_| Replies::Documented);
    qtalk.reply_in(style, endpoint, result)
}

async fn auth_uk(qtalk: Qtalk, asked: Box<WholeRequest>) -> Response {
    let query = asked.head.uri.query().unwrap_or_default();
    let result = Box::pin(uk::auth_uk(&qtalk.context(&asked), &qtalk.uk, query)).await;
    match result {
        Err(uk::Refusal::Wait(wait)) => {
            let failure = Failure::new(Code::TooMany, "too many failed attempts for this user: try later");
            qtalk.reply(Endpoint::AuthUk, Err(Failure { wait: Some(wait), ..failure }))
        }
        Err(uk::Refusal::Failed(failure)) => qtalk.reply(Endpoint::AuthUk, Err(failure)),
        Ok(done) => qtalk.reply(Endpoint::AuthUk, Ok(done)),
    }
}

impl Qtalk {
    fn context<'a>(&'a self, asked: &'a WholeRequest) -> Context<'a> {
        let WholeRequest { call, caller, head, .. } = asked;
        let scope = Scope { addresses: self.chat.addresses(), config: &self.config, caller };
        Context { scope, chat: &self.chat, call, head }
    }

    async fn answer(&self, run: RunBody, asked: &WholeRequest) -> Result<Done, Failure> {
        let body = read(&asked.body, self.config.limits.list)?;
        // Each in a box of its own size: in one, every call would carry the room that the largest needs.
        run(&self.context(asked), &body).await
    }

    fn reply(&self, endpoint: Endpoint, result: Result<Done, Failure>) -> Response {
        self.reply_in(self.config.qtalk.replies, endpoint, result)
    }

    fn reply_in(&self, style: Replies, endpoint: Endpoint, result: Result<Done, Failure>) -> Response {
        let unknown = matches!(&result, Err(failure) if failure.code == Code::OutcomeUnknown);
        let mut response = reply(style, endpoint, result);
        let status = self.config.http.unknown_status.and_then(|status| StatusCode::from_u16(status).ok());
        if let Some(status) = status.filter(|_| unknown) {
            *response.status_mut() = status;
        }
        response
    }
}

/// Reads a body. The longest list has room for entries of sixteen values; more is never meant.
fn read(body: &[u8], list: usize) -> Result<json::Json<'_>, Failure> {
    json::read(body, list.saturating_mul(16).saturating_add(1024)).map_err(|error| match error {
        json::JsonError::TooMany(_) => Failure::new(Code::TooLarge, error.to_string()),
        json::JsonError::Malformed(_) => Failure::unreadable(error.to_string()),
    })
}

/// A result as it goes out.
pub fn reply(style: Replies, endpoint: Endpoint, result: Result<Done, Failure>) -> Response {
    let code = result.as_ref().err().map(|failure| failure.code);
    let failed = result.as_ref().err().map(|failure| (failure.errmsg.clone(), failure.wait, failure.cause.clone()));
    let (status, outcome) = code.map_or((StatusCode::OK, "ok"), |code| (code.status(), code.outcome()));
    let archive_id = result.as_ref().ok().and_then(|done| HeaderValue::try_from(done.as_ref()?.archive_id()?).ok());
    let mut response = json_response(status, outcome, replies::body(style, endpoint, result));
    if let Some(id) = archive_id {
        response.headers_mut().insert(ARCHIVE_ID, id);
    }
    match failed {
        Some((told, wait, cause)) => finish(response, &told, wait, cause),
        None => response,
    }
}

/// What the layers around the handlers refuse, in the API's shape; the same in both styles.
fn refusal(status: StatusCode, text: &str) -> Response {
    let code = Code::of_status(status);
    let body = replies::body(Replies::Documented, Endpoint::Unknown, Err(Failure::new(code, text)));
    json_response(status, code.outcome(), body)
}

fn json_response(status: StatusCode, outcome: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if outcome != "ok" {
        response.extensions_mut().insert(Outcome(outcome));
    }
    response
}

/// Serves a photo to whoever knows its hash.
async fn avatar(
    State(qtalk): State<Qtalk>,
    CallOf(call): CallOf,
    Path((user, sha256)): Path<(String, String)>,
) -> Response {
    let user = qtalk.chat.addresses().user(&user).ok();
    photo::serve(&qtalk.chat, &call, user.as_ref(), &sha256).await
}
