//! What `stanzagate dev` says when all is up: one line of JSON for a program, or text for a person.

use std::fmt::Write;
use std::net::SocketAddr;

use jid::BareJid;
use serde_json::{Value, json};

use super::rig::Rig;
use super::settings::{COMPONENT, DOMAIN, ROOMS};
use crate::dialects;
use crate::dialects::api::call::{About, Who};
use crate::dialects::api::example::curl;
use crate::dialects::api::md5;
use crate::dialects::rongcloud::tokens::Tokens;

/// One line. The sections of APIs that this gateway does not serve are empty.
pub(super) fn json(rig: &Rig, http: SocketAddr, admin: Option<SocketAddr>) -> Value {
    json!({
        "http": format!("http://{http}"),
        "admin": admin.map(|admin| format!("http://{admin}")),
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
pub(super) fn text(rig: &Rig, http: SocketAddr, admin: Option<SocketAddr>) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(format!("\nThe gateway listens on http://{http} and is {COMPONENT} at {}.", rig.product().name()));
    if let Some(admin) = admin {
        line(format!("Its health, metrics and checks are at http://{admin}."));
    }
    let (tcp, websocket) = (rig.c2s_addr(), rig.websocket());
    line(format!("XMPP clients connect to {tcp} or {websocket} (no TLS), rooms are at {ROOMS}. Accounts:\n"));
    for (user, password) in rig.users() {
        line(format!("    {user}@{DOMAIN}    {password}"));
    }
    let url = format!("http://{http}");
    let mut before = "";
    for (api, about) in dialects::calls(&rig.gateway_config()).into_iter().filter(|(_, about)| about.example.first) {
        if api != before {
            line(format!("\n{}:", title(api)));
            before = api;
        }
        line(format!("\n    # {}\n    {}", about.says, call(rig, api, about, &url)));
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

/// What an API is called.
fn title(api: &str) -> &str {
    match api {
        "qtalk" => "The qtalk API",
        "maxleap" => "The MaxLeap API",
        "xuanxuan" => "The third-party API of Xuanxuan",
        "rongcloud" => "The API of RongCloud-backed groups, called by alice",
        other => other,
    }
}

/// The curl line of a call, with what its caller has to show.
fn call(rig: &Rig, api: &str, about: &About, url: &str) -> String {
    let headers = match (api, about.who) {
        ("maxleap", _) => {
            let (app, key) = rig.maxleap();
            vec![format!("X-ML-AppId: {app}"), format!("X-ML-APIKey: {key}")]
        }
        ("rongcloud", Who::User) => vec![format!("Authorization: Token {}", token(rig).unwrap_or_default())],
        _ => Vec::new(),
    };
    let password = rig.users().get("alice").map(String::as_str).unwrap_or_default();
    let fill = |text: &str| {
        let text = text.replace("{domain}", DOMAIN).replace("{rooms}", ROOMS).replace("{password}", password);
        match text.split_once('?') {
            Some((path, query)) if api == "xuanxuan" => format!("{path}?{}", signed(rig, query)),
            _ => text,
        }
    };
    curl(about, url, &headers, fill)
}

/// A query of Xuanxuan's API with its signature.
fn signed(rig: &Rig, query: &str) -> String {
    let (code, key) = rig.xuanxuan();
    let query = format!("{query}&code={code}");
    let token = md5::hex(md5::sum([md5::hex(md5::sum([query.as_str()])).as_str(), key]));
    format!("{query}&token={token}")
}
