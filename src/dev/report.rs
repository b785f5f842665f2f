//! What `stanzagate dev` says when all is up: one line of JSON for a program, or text for a person.

use std::fmt::Write;
use std::net::SocketAddr;

use jid::BareJid;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::rig::Rig;
use super::settings::{COMPONENT, DOMAIN, ROOMS};
use crate::dialects::rongcloud::tokens::Tokens;

/// One line. The sections of APIs that this gateway does not serve are empty.
pub(super) fn json(rig: &Rig, http: SocketAddr) -> Value {
    json!({
        "http": format!("http://{http}"),
        "c2s": rig.c2s_addr().to_string(),
        "websocket": rig.websocket(),
        "component": rig.component_addr().to_string(),
        "server": rig.product().name(),
        "domain": DOMAIN,
        "rooms": ROOMS,
        "users": rig.users(),
        "dir": rig.dir(),
        "pid": rig.pid(),
        "maxleap": { "appId": rig.maxleap().0, "key": rig.maxleap().1 },
        "xuanxuan": { "code": rig.xuanxuan().0, "key": rig.xuanxuan().1 },
        "rongcloud": { "kid": rig.rongcloud().0, "key": rig.rongcloud().1 },
    })
}

/// Accounts, addresses, and calls that work as they are printed.
pub(super) fn text(rig: &Rig, http: SocketAddr) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(format!("\nThe gateway listens on http://{http} and is {COMPONENT} at {}.", rig.product().name()));
    let (tcp, websocket) = (rig.c2s_addr(), rig.websocket());
    line(format!("XMPP clients connect to {tcp} or {websocket} (no TLS), rooms are at {ROOMS}. Accounts:\n"));
    for (user, password) in rig.users() {
        line(format!("    {user}@{DOMAIN}    {password}"));
    }
    line("\nA message from alice to bob:\n".to_owned());
    let message = r#"<message type="chat"><body id="m1" msgType="1" maType="20">Hello</body></message>"#;
    line(call(
        http,
        "send_thirdmessage",
        &[
            ("from", format!("alice@{DOMAIN}").into()),
            ("to", format!("bob@{DOMAIN}").into()),
            ("message", message.into()),
        ],
    ));
    line("\nA room of alice's, bob as its member, and who is in it:\n".to_owned());
    let room = [("muc_id", Value::from("lobby")), ("muc_owner", "alice".into()), ("muc_domain", ROOMS.into())];
    let with = |extra: &[(&'static str, Value)]| [room.as_slice(), extra].concat();
    line(call(http, "create_muc", &with(&[("muc_name", "Lobby".into()), ("system", "demo".into())])));
    line(call(http, "add_muc_user", &with(&[("muc_member", json!(["bob"])), ("system", "demo".into())])));
    line(call(http, "muc_users", &with(&[])));
    line(
        "\nThe same by the MaxLeap API: friends, a group, all about alice, a system message, a passenger:\n".to_owned(),
    );
    for (path, method, body) in [
        ("/ctx/alice/attributes", "", Some(json!({"city": "Shanghai", "age": 46}))),
        ("/ctx/alice/friends/bob", "-X POST ", None),
        ("/groups", "", Some(json!({"owner": "alice", "members": ["bob"], "name": "Lobby"}))),
        ("/ctx/alice", "", None),
        ("/system/bob", "", Some(json!({"content": {"media": 0, "body": "Hello"}}))),
        ("/passengers", "-i ", Some(json!({"name": "visitor"}))),
    ] {
        let (app, key) = rig.maxleap();
        let body = body.map(|body| format!("-d '{body}' ")).unwrap_or_default();
        line(format!("    curl {method}-H 'X-ML-AppId: {app}' -H 'X-ML-APIKey: {key}' {body}http://{http}{path}"));
    }
    line("\nThe groups and the users, as Xuanxuan's third-party API lists them:\n".to_owned());
    for method in ["getChatGroups", "getChatUsers"] {
        line(signed(rig, http, method));
    }
    line("\nalice's token for the API of RongCloud-backed groups, a group of hers by it, and her groups:\n".to_owned());
    let login = rig.users().iter().find(|(user, _)| *user == "alice").map(|(user, password)| {
        let body = json!({ "username": user, "password": password });
        format!("    curl -H 'Content-Type: application/json' -d '{body}' http://{http}/api/auth/login/")
    });
    login.into_iter().for_each(&mut line);
    for data in ["-d name=Lobby -d code=1234 ", ""] {
        let token = token(rig).unwrap_or_default();
        line(format!("    curl {data}-H 'Authorization: Token {token}' http://{http}/api/im/group/"));
    }
    line(String::new());
    line("Ctrl-C stops everything.".to_owned());
    text
}

/// alice's token for the API of RongCloud-backed groups.
fn token(rig: &Rig) -> Option<String> {
    let config = rig.gateway_config().rongcloud;
    Tokens::new(&config, DOMAIN).sign(&BareJid::new(&format!("alice@{DOMAIN}")).ok()?, None)
}

/// A curl line of Xuanxuan's API, with its signature.
fn signed(rig: &Rig, http: SocketAddr, method: &str) -> String {
    let (code, key) = rig.xuanxuan();
    let md5 = |text: &str| format!("{:032x}", u128::from_be_bytes(Md5::digest(text).into()));
    let query = format!("m=chat&f={method}&code={code}");
    let token = md5(&format!("{}{key}", md5(&query)));
    format!("    curl 'http://{http}/api.php?{query}&token={token}'")
}

/// A curl line. Nothing in `fields` contains a single quote.
fn call(http: SocketAddr, endpoint: &str, fields: &[(&str, Value)]) -> String {
    let body = Value::Object(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect());
    format!("    curl -d '{body}' http://{http}/qtalk/{endpoint}")
}
