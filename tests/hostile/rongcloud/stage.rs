//! What all cases use: a gateway on each server that all share, calls with any body, what a refusal must be, and what is
//! there.
//!
//! The gateway believes what a proxy says of where a call comes from, so that each case has addresses of its own to be
//! limited by. The verbs below it have a seat on the same connection: see [`Gateways`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stanzagate::chat::Chat;
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::types::error::ChatError;
use stanzagate::config::Config;
use tokio::sync::OnceCell;

pub use crate::support::gateway::{Gateway, Reply};
use crate::support::gateways::{self, Before, Gateways};
use crate::support::people::until;
use crate::support::{Account, Server};

pub const NULL: Value = Value::Null;

/// Nothing takes longer, whatever is asked.
const PATIENCE: Duration = Duration::from_secs(90);
/// Rooms that are looked at at once.
const SIDE_BY_SIDE: usize = 16;

/// The gateway of a server, and the verbs beside it.
pub struct Stage {
    pub gateways: &'static Gateways,
    pub gateway: Gateway,
    chat: Chat,
    realm: Realm,
}

/// What each gateway here is configured with beside the rig's own.
pub fn settings(config: &mut Config) {
    config.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

/// The stage of the server that all cases share.
pub async fn stage(server: Server) -> &'static Stage {
    static STAGES: [OnceCell<Stage>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
    let start = || async {
        let gateways = Gateways::shared(server).await;
        let (chat, realm) = gateways.gateway().await;
        let component = gateways.seat(gateways::nothing()).await;
        let gateway = Gateway::start(Gateways::rig(server), |config| {
            settings(config);
            config.component = component;
        });
        Stage { gateways, gateway: gateway.await, chat, realm }
    };
    STAGES[server as usize].get_or_init(start).await
}

/// An address that no other case calls from.
pub fn address() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("198.18.{}.{}", n / 250, n % 250 + 1)
}

/// Makes any call.
pub async fn any(
    gateway: &Gateway,
    method: Method,
    path: &str,
    build: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Reply {
    let asked = gateway.request(|http, url| build(http.request(method.clone(), format!("{url}{path}"))));
    let reply = tokio::time::timeout(PATIENCE, asked).await;
    reply.unwrap_or_else(|_| panic!("{method} {path} hangs"))
}

/// Calls as a user, with a JSON body; `null` is none.
pub async fn call(gateway: &Gateway, user: &str, method: Method, path: &str, body: &Value) -> Reply {
    let token = format!("Token {}", gateway.rongcloud_token(user));
    any(gateway, method, path, |request| {
        let request = request.header("authorization", token);
        if body.is_null() { request } else { request.json(body) }
    })
    .await
}

/// Posts a body as it is, as a user.
pub async fn raw(gateway: &Gateway, user: &str, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    let token = format!("Token {}", gateway.rongcloud_token(user));
    let build = |request: RequestBuilder| request.header("authorization", token).header("content-type", kind);
    any(gateway, Method::POST, path, |request| build(request).body(body)).await
}

/// Fails unless the API refused, in its own shape, with one of these statuses.
#[track_caller]
pub fn refused(what: &str, reply: &Reply, statuses: &[u16]) {
    let shown: String = reply.text.chars().take(500).collect();
    let text = reply.json["detail"].as_str().unwrap_or_default();
    let shaped = reply.json.as_object().map(serde_json::Map::len) == Some(1) && !text.is_empty();
    let typed = reply.headers.get("content-type").is_some_and(|value| value == "application/json; charset=utf-8");
    let kept = reply.headers.get("cache-control").is_some_and(|value| value == "no-store");
    assert!(shaped && typed && kept, "{what}: {} {:?} {shown}", reply.status, reply.headers);
    assert!(statuses.contains(&reply.status.as_u16()) && text.len() < 1_000, "{what}: {} {shown}", reply.status);
}

/// Makes a group and returns its id.
pub async fn group(gateway: &Gateway, owner: &Account, code: &str) -> u64 {
    let body = json!({"name": "a group", "code": code});
    let made = call(gateway, &owner.jid, Method::POST, "/api/im/group/", &body).await.expect_json(201);
    made["id"].as_u64().expect("an id")
}

/// The path of a group's endpoint.
pub fn of(id: u64, endpoint: &str) -> String {
    format!("/api/im/group/{id}/{endpoint}/")
}

/// The number of a user: they are asked for by a group of their own.
pub async fn number(gateway: &Gateway, user: &Account) -> u64 {
    let id = group(gateway, user, "").await;
    let users = call(gateway, &user.jid, Method::GET, &of(id, "users"), &NULL).await.expect_json(200);
    call(gateway, &user.jid, Method::POST, &of(id, "dismiss"), &NULL).await.expect_json(200);
    users["results"][0]["id"].as_u64().expect("a number")
}

/// The user names of a group's members, as the API shows them to one of them.
pub async fn members(gateway: &Gateway, user: &Account, id: u64) -> BTreeSet<String> {
    let users = call(gateway, &user.jid, Method::GET, &of(id, "users"), &NULL).await.expect_json(200);
    let names = users["results"].as_array().expect("users").iter().filter_map(|user| user["username"].as_str());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    assert_eq!(users["count"], names.len(), "{users}");
    names
}

impl Stage {
    /// The localparts of the rooms to which a user belongs, whatever any index says. Rooms that belong to nobody are those
    /// that are just being made: they are waited for.
    pub async fn rooms_of(&'static self, user: &Account) -> BTreeSet<String> {
        until("a server without rooms that are nobody's", || gateways::run(self.look(user.jid.clone()))).await
    }

    async fn look(&'static self, user: String) -> Option<BTreeSet<String>> {
        let rooms = self.chat.groups.all_rooms(&gateways::call(), &self.realm).await.expect("the rooms");
        let mut found = BTreeSet::new();
        let all = stream::iter(rooms).map(async |room| (self.chat.groups.people(&gateways::call(), &room).await, room));
        for (people, room) in all.buffered(SIDE_BY_SIDE).collect::<Vec<_>>().await {
            let local = room.node().expect("a localpart").to_string();
            let people = match people {
                Err(ChatError::UnknownRoom(_)) => continue,
                people => people.ok()?,
            };
            if people.is_empty() && local.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            if people.iter().any(|(member, _)| member.as_str() == user) {
                found.insert(local);
            }
        }
        Some(found)
    }
}

impl Stage {
    /// One more gateway on the same server; `edit` is what it is configured with.
    pub async fn another(&'static self, server: Server, before: Before, edit: impl FnOnce(&mut Config)) -> Gateway {
        let component = self.gateways.seat(before).await;
        let configure = |config: &mut Config| {
            settings(config);
            config.component = component;
            edit(config);
        };
        Gateway::start(Gateways::rig(server), configure).await
    }

    /// Deletes an account.
    pub async fn delete(&'static self, user: &Account) {
        let jid = user.jid.parse().expect("a JID");
        gateways::run(async move { self.chat.accounts.delete_account(&gateways::call(), &jid).await })
            .await
            .expect("a deletion");
    }
}
