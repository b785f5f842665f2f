//! The two paths, and the way of every call from bytes to reply.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth::Entries;
use super::calls::{Asked, CALLS};
use super::context::Context;
use super::error::{Failure, refusal, shown};
use super::query::Query;
use super::sender::Sender;
use super::wire::Reply;
use crate::chat::types::address::Realm;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::http::Web;
use crate::http::access::Access;
use crate::http::language::Language;
use crate::http::serve::WholeRequest;

/// What the handlers share.
#[derive(Clone)]
struct Xuanxuan {
    chat: Chat,
    config: Arc<Config>,
    /// The hosts, and the user in whose name users are notified. `None` where the verbs would have refused to start.
    served: Option<(Realm, Arc<Sender>)>,
}

/// The API's routes.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let settings = &config.xuanxuan;
    let addresses = chat.addresses();
    let served = addresses.realm(&settings.hosts()).ok().and_then(|realm| {
        let sender = addresses.user_at(&settings.sender, &realm.domain).ok()?;
        let apps = config.maxleap.apps.iter().filter(|_| config.maxleap.enabled);
        let realms = apps.filter_map(|app| addresses.realm(&app.hosts()).ok());
        Some((realm, Arc::new(Sender::new(sender, realms))))
    });
    if let Some((_, sender)) = &served {
        tokio::spawn(Arc::clone(sender).make_at_start(chat.clone()));
    }
    // Networks belong to each entry: see `auth`.
    let access = Access::own(Entries::new(settings), &[]);
    let paths = ["/api.php", "/x.php"].map(|path| format!("{}{path}", settings.prefix));
    let names: Vec<&str> = CALLS.iter().map(|call| call.about.name).chain(["unknown"]).collect();
    let dialect = web.dialect("xuanxuan", refusal, access).verbs(&names, &paths, chosen, serve);
    dialect.finish(Xuanxuan { chat, config, served })
}

/// The place of the call that a query asks for; behind the last one where it asks for none.
fn chosen(request: &Request) -> usize {
    let (module, method) = asked(&Query::read(request.uri().query().unwrap_or_default()));
    let query = format!("m={module}&f={method}");
    CALLS.iter().position(|call| call.about.chosen_by.eq_ignore_ascii_case(&query)).unwrap_or(CALLS.len())
}

/// The module and the method that a query names.
fn asked(query: &Query) -> (String, String) {
    let word = |name| query.value(name).unwrap_or_default().to_ascii_lowercase();
    (word("m"), word("f"))
}

async fn serve(which: usize, xuanxuan: Xuanxuan, request: Box<WholeRequest>) -> Response {
    let WholeRequest { call, head, body, .. } = *request;
    if ![Method::GET, Method::HEAD, Method::POST].contains(&head.method) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD,POST")]).into_response();
    }
    let language = Language::of(&head.headers, Language::English);
    match xuanxuan.answer(which, &call, Request::from_parts(head, Body::from(body))).await {
        Ok(reply) => reply.into_response(),
        Err(failure) => failure.answer(language),
    }
}

impl Xuanxuan {
    async fn answer(&self, which: usize, call: &Call, request: Request) -> Result<Reply, Failure> {
        let Some((realm, sender)) = &self.served else {
            return Err(Failure::told("missing_right", "网关配置错误", "The gateway's hosts are wrong."));
        };
        let cx = Context { chat: &self.chat, call, config: &self.config, realm, sender };
        let query = Query::read(request.uri().query().unwrap_or_default());
        if let Some(row) = CALLS.get(which) {
            return (row.run)(&cx, Asked { query: &query, request }).await;
        }
        let (module, method) = asked(&query);
        let (module, method) = (shown(&module), shown(&method));
        let english = format!("There is no method {method:?} in the module {module:?}.");
        let failure = Failure::told("not_found", format!("没有此接口：{module}/{method}"), english);
        Err(Failure { ending: failure.ending.with_status(StatusCode::NOT_FOUND), text: failure.text })
    }
}
