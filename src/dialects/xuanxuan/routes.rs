//! The two paths, and the way of every call from bytes to reply.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use jid::BareJid;

use super::auth::Entries;
use super::error::{Failure, refusal, shown};
use super::query::Query;
use super::sender::Sender;
use super::wire::{self, Reply};
use super::{lists, notify};
use crate::chat::types::address::Realm;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::http::Web;
use crate::http::access::Access;
use crate::http::call::CallOf;
use crate::http::language::Language;

/// The parameters that every call has, and those of the original's own pages. What is left is a method's argument.
const COMMON: &[&str] = &["m", "f", "t", "code", "token", "time", "sid", "zentaosid", "rid"];

/// What the handlers share.
#[derive(Clone)]
struct Xuanxuan {
    chat: Chat,
    config: Arc<Config>,
    /// The hosts, and the user in whose name users are notified. `None` where the verbs would have refused to start.
    place: Option<(Realm, Arc<Sender>)>,
}

/// What every method is given.
pub struct Context<'a> {
    /// The verbs.
    pub chat: &'a Chat,
    /// Request id and deadline.
    pub call: &'a Call,
    /// The configuration.
    pub config: &'a Config,
    /// The hosts.
    pub realm: &'a Realm,
    /// The user in whose name users are notified.
    pub sender: &'a Sender,
}

impl Context<'_> {
    /// The address of a group.
    ///
    /// # Errors
    /// For an id that no group can have, as for one that none has.
    pub fn room(&self, gid: &str) -> Result<BareJid, Failure> {
        self.chat.addresses().room_at(gid, &self.realm.rooms).map_err(|_| Failure::unknown_group(gid))
    }
}

/// The API's routes.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let settings = &config.xuanxuan;
    let addresses = chat.addresses();
    let place = addresses.realm(&settings.hosts()).ok().and_then(|realm| {
        let sender = addresses.user_at(&settings.sender, &realm.domain).ok()?;
        let apps = config.maxleap.apps.iter().filter(|_| config.maxleap.enabled);
        let realms = apps.filter_map(|app| addresses.realm(&app.hosts()).ok());
        Some((realm, Arc::new(Sender::new(sender, realms))))
    });
    if let Some((_, sender)) = &place {
        tokio::spawn(Arc::clone(sender).make_at_start(chat.clone()));
    }
    // Networks belong to each entry: see `auth`.
    let access = Access::own(Entries::new(settings), &[]);
    let handler = on(MethodFilter::GET.or(MethodFilter::POST), serve);
    let paths = ["/api.php", "/x.php"].map(|path| format!("{}{path}", settings.prefix));
    let dialect = paths
        .iter()
        .fold(web.dialect("xuanxuan", refusal, access), |dialect, path| dialect.route("api", path, handler.clone()));
    dialect.finish(Xuanxuan { chat, config, place })
}

async fn serve(State(xuanxuan): State<Xuanxuan>, CallOf(call): CallOf, request: Request) -> Response {
    let language = Language::of(request.headers(), Language::English);
    match xuanxuan.answer(&call, request).await {
        Ok(reply) => reply.into_response(),
        Err(failure) => failure.answer(language),
    }
}

impl Xuanxuan {
    async fn answer(&self, call: &Call, request: Request) -> Result<Reply, Failure> {
        let Some((realm, sender)) = &self.place else {
            return Err(Failure::told("missing_right", "网关配置错误", "The gateway's hosts are wrong."));
        };
        let cx = Context { chat: &self.chat, call, config: &self.config, realm, sender };
        let query = Query::read(request.uri().query().unwrap_or_default());
        let word = |name| query.value(name).unwrap_or_default().to_ascii_lowercase();
        match (word("m").as_str(), word("f").as_str()) {
            ("chat", "getchatgroups") => lists::groups(&cx).await,
            ("chat", "getchatusers") => {
                let gid = query.value("gid").or_else(|| query.first_but(COMMON));
                lists::users(&cx, gid).await
            }
            ("chat", "notifymsg") => notify::notify(&cx, wire::field(request, "data").await?).await,
            (module, method) => {
                let (module, method) = (shown(module), shown(method));
                let english = format!("There is no method {method:?} in the module {module:?}.");
                let failure = Failure::told("not_found", format!("没有此接口：{module}/{method}"), english);
                Err(Failure { ending: failure.ending.with_status(StatusCode::NOT_FOUND), text: failure.text })
            }
        }
    }
}
