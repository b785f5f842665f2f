//! The table of endpoints, and the way of a call: method, body, work, reply.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use futures::future::BoxFuture;

use super::auth::{Context, Scope};
use super::error::{Code, Failure};
use super::replies::{self, Done, Endpoint};
use super::uk::Uk;
use super::{json, member, notify, profile, room, staff, text, thirdmessage, uk};
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::config::qtalk::Replies;
use crate::dialects::api::failing::finish;
use crate::http::access::{Access, Caller};
use crate::http::call::ARCHIVE_ID;
use crate::http::origin::origin;
use crate::http::serve::WholeRequest;
use crate::http::{Outcome, Web, retry_after};

/// What the handlers share.
#[derive(Clone)]
pub struct Qtalk {
    /// The verbs.
    pub chat: Chat,
    config: Arc<Config>,
    web: Web,
    uk: Arc<Uk>,
}

/// The API's routes. Users' requests for auth_uk tokens are answered from now on, when a key to sign them is configured.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let uk = Arc::new(Uk::new(&config.qtalk));
    let issuer = Arc::clone(&uk);
    chat.on_key_request(Arc::new(move |user, account| issuer.issue(user, account)));

    let access = Access::new(config.qtalk.auth, &config.qtalk.keys, &config.qtalk.allow);
    let root = format!("{}/qtalk", config.qtalk.prefix);
    let avatar = get(profile::avatar);
    let mut routes = web.dialect("qtalk", refusal, access);
    for endpoint in Endpoint::ALL {
        let path = format!("{root}/{}", endpoint.name());
        routes = routes.verb(endpoint.name(), &path, move |qtalk, asked| serve(endpoint, qtalk, asked));
    }
    let unknown = async |qtalk: Qtalk, _: Box<WholeRequest>| qtalk.reply(Endpoint::Unknown, Err(not_defined()));
    routes
        .open_route("avatar", &format!("{root}/avatar/{{user}}/{{sha256}}"), avatar)
        .verb("unknown", &root, unknown)
        .verb("unknown", &format!("{root}/{{*rest}}"), unknown)
        .finish(Qtalk { chat, config, web, uk })
}

fn not_defined() -> Failure {
    Failure::field("request not defined")
}

async fn serve(endpoint: Endpoint, qtalk: Qtalk, asked: Box<WholeRequest>) -> Response {
    let WholeRequest { call, caller, head, .. } = &*asked;
    if endpoint == Endpoint::AuthUk {
        return Box::pin(qtalk.auth_uk(call, caller, head.uri.query().unwrap_or_default())).await;
    }
    if head.method != Method::POST {
        // Literally so in the original, which put the method's name in front of "is not disable".
        let failure = Failure::field(format!("{} is not disable", head.method));
        return qtalk.reply(Endpoint::Unknown, Err(failure));
    }
    let result = qtalk.answer(endpoint, &asked).await;
    // Whoever asks for more than the original knew is told it, too.
    let style = call.wait.map_or(qtalk.config.qtalk.replies, |_| Replies::Documented);
    qtalk.reply_in(style, endpoint, result)
}

impl Qtalk {
    fn context<'a>(&'a self, call: &'a Call, caller: &'a Caller) -> Context<'a> {
        let scope = Scope { addresses: self.chat.addresses(), config: &self.config, caller };
        Context { scope, chat: &self.chat, call }
    }

    async fn answer(&self, endpoint: Endpoint, asked: &WholeRequest) -> Result<Done, Failure> {
        let body = read(&asked.body, self.config.limits.list)?;
        let context = &self.context(&asked.call, &asked.caller);
        // Each in a box of its own size: in one, every call would carry the room that the largest needs.
        let work: BoxFuture<'_, Result<Done, Failure>> = match endpoint {
            Endpoint::SendThirdmessage => thirdmessage::send_thirdmessage(context, &body),
            Endpoint::SendNotify => Box::pin(notify::send_notify(context, &body)),
            Endpoint::CreateMuc => Box::pin(room::create_muc(context, &body)),
            Endpoint::AddMucUser => Box::pin(member::add_muc_user(context, &body)),
            Endpoint::DelMucUser => Box::pin(member::del_muc_user(context, &body)),
            Endpoint::DestroyMuc => Box::pin(room::destroy_muc(context, &body)),
            Endpoint::GetUserNick => Box::pin(async {
                profile::get_user_nick(context, &origin(self.web.config(), &asked.head), &body).await
            }),
            Endpoint::SendMessage => text::send_message(context, &body),
            Endpoint::MucUsers => Box::pin(member::muc_users(context, &body)),
            Endpoint::ClearStaff => Box::pin(staff::clear_staff(context, &body)),
            Endpoint::AuthUk | Endpoint::Unknown => return Err(not_defined()),
        };
        work.await
    }

    async fn auth_uk(&self, call: &Call, caller: &Caller, query: &str) -> Response {
        match uk::auth_uk(&self.context(call, caller), &self.uk, query).await {
            Err(uk::Refusal::Wait(wait)) => {
                let failure = Failure::new(Code::TooMany, "too many failed attempts for this user: try later");
                retry_after(self.reply(Endpoint::AuthUk, Err(failure)), wait)
            }
            Err(uk::Refusal::Failed(failure)) => self.reply(Endpoint::AuthUk, Err(failure)),
            Ok(done) => self.reply(Endpoint::AuthUk, Ok(done)),
        }
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
    let (wait, cause) = result.as_ref().err().map_or((None, None), |failure| (failure.wait, failure.cause.clone()));
    let (status, outcome) = code.map_or((StatusCode::OK, "ok"), |code| (code.status(), code.outcome()));
    let archive_id = result.as_ref().ok().and_then(|done| HeaderValue::try_from(done.as_ref()?.archive_id()?).ok());
    let mut response = json_response(status, outcome, replies::body(style, endpoint, result));
    if let Some(id) = archive_id {
        response.headers_mut().insert(ARCHIVE_ID, id);
    }
    finish(response, wait, cause)
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
