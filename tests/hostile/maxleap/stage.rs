//! What all cases use: calls with any body, what a refusal must be, and what is there.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

pub use crate::support::gateway::{Gateway, Reply};
use crate::support::{Account, fresh};

pub const NULL: Value = Value::Null;

/// Nothing takes longer, whatever is asked.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn call(gateway: &Gateway, method: Method, path: &str, body: &Value) -> Reply {
    let reply = gateway.maxleap(method.clone(), path, body);
    let reply = tokio::time::timeout(PATIENCE, reply).await;
    reply.unwrap_or_else(|_| panic!("{method} {path} hangs"))
}

/// Calls with a body as it is.
pub async fn raw(gateway: &Gateway, method: Method, path: &str, body: Vec<u8>) -> Reply {
    let (app, key) = gateway.maxleap_app();
    let asked = gateway.request(|http, url| {
        let request = http.request(method.clone(), format!("{url}{path}"));
        request.header("x-ml-appid", app).header("x-ml-apikey", key).body(body)
    });
    let reply = tokio::time::timeout(PATIENCE, asked).await;
    reply.unwrap_or_else(|_| panic!("{method} {path} hangs"))
}

pub async fn get(gateway: &Gateway, path: &str) -> Value {
    call(gateway, Method::GET, path, &NULL).await.expect_status(200).json
}

/// A user's details without when they were last online: that moves with their sessions, and those of the gateway for them.
pub async fn look(gateway: &Gateway, user: &str) -> Value {
    let mut details = get(gateway, user).await;
    if let Some(details) = details.as_object_mut() {
        details.remove("ts");
    }
    details
}

/// Fails unless the API refused, in its own shape, with one of these codes.
#[track_caller]
pub fn refused(what: &str, reply: &Reply, codes: &[u64]) {
    let code = reply.json["errorCode"].as_u64().unwrap_or_default();
    let text = reply.json["errorMessage"].as_str().unwrap_or_default();
    let shaped = reply.json.as_object().map(serde_json::Map::len) == Some(2) && !text.is_empty();
    let typed = reply.headers.get("content-type").is_some_and(|value| value == "application/json; charset=utf-8");
    assert!(shaped && typed && codes.contains(&code), "{what}: {} {}", reply.status, reply.text);
    assert!(reply.status.is_client_error() && text.len() < 2_000, "{what}: {} {}", reply.status, reply.text);
}

/// Makes a group and returns its id.
pub async fn group(gateway: &Gateway, owner: &Account, members: &[&str]) -> String {
    let body = json!({"owner": owner.name, "members": members});
    let reply = call(gateway, Method::POST, "/groups", &body).await.expect_status(201);
    reply.json.as_str().expect("an id").to_owned()
}

/// The ids of so many new passengers: accounts that are soon made.
pub async fn crowd(gateway: &Gateway, count: usize) -> Vec<String> {
    let made = (0..count).map(async |_| {
        let reply = call(gateway, Method::POST, "/passengers", &json!({"id": fresh("crowd")})).await;
        reply.expect_status(201).json.as_str().expect("an id").to_owned()
    });
    futures::future::join_all(made).await
}

/// Fails unless the connection to the server is the first one.
pub async fn same_connection(gateway: &Gateway) {
    let text = gateway.get("/metrics").await.text;
    for line in ["stanzagate_link_reconnects_total 0", "stanzagate_link_up{component=\"gw.example.org\"} 1"] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}
