//! Every field of every endpoint with every wrong type: refused, and nothing made or changed.

use futures::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use super::stage::{Gateway, call, get, group, raw, refused, same_connection};
use crate::on_oldest_and_newest;
use crate::support::{Account, Server};

on_oldest_and_newest!(no_field_takes_what_it_should_not);

const TEXT: &[&str] = &["true", "0", "-1.5", "1e30", "[]", "[\"alice\"]", "{}", "{\"id\":\"alice\"}"];
const LIST: &[&str] = &[
    "true",
    "0",
    "\"alice\"",
    "\"\"",
    "{}",
    "{\"0\":\"alice\"}",
    "[1]",
    "[null]",
    "[false]",
    "[{}]",
    "[\"bob\",1.5]",
    "[[\"bob\",[0]]]",
    "[\"\"]",
    "[\"a@b\"]",
    "[\"~alice\"]",
    "[\"bob\",\"a/b\"]",
    "[\"bob\\u0000\"]",
];
const WHOLE: &[&str] = &["true", "\"1\"", "-1", "1.5", "1e30", "99999999999999999999", "[]", "[1]", "{}"];
const CONTENT: &[&str] = &["null", "true", "0", "\"x\"", "[]", "[{\"media\":0,\"body\":\"x\"}]", "{}", "{\"media\":0}"];
const PUSH: &[&str] = &["0", "1.5", "\"true\"", "[]", "[true]"];

/// An endpoint, its body with `@` in the place of one field's value, and what that field does not take.
type Case = (Method, String, &'static str, &'static [&'static str]);

fn cases(group: &str, room: &str) -> Vec<Case> {
    let mut cases = vec![
        (Method::POST, "/groups".into(), r#"{"owner":@,"members":["bob"]}"#, TEXT),
        (Method::POST, "/groups".into(), r#"{"owner":@}"#, &["null"][..]),
        (Method::POST, "/groups".into(), r#"{"owner":"alice","owner":@}"#, TEXT),
        (Method::POST, "/groups".into(), r#"{"owner":"alice","members":@}"#, LIST),
        (Method::POST, "/groups".into(), r#"{"owner":"alice","name":@}"#, TEXT),
        (Method::POST, "/rooms".into(), r#"{"members":@}"#, LIST),
        (Method::POST, "/rooms".into(), r#"{"name":@,"members":["bob"]}"#, TEXT),
        (Method::PUT, format!("/groups/{group}"), r#"{"owner":@}"#, TEXT),
        (Method::PUT, format!("/groups/{group}"), r#"{"owner":"bob","members":@}"#, LIST),
        (Method::PUT, format!("/rooms/{room}"), r#"{"name":@,"members":[]}"#, TEXT),
        (Method::PUT, format!("/rooms/{room}"), r#"{"name":"changed","members":@}"#, LIST),
        (Method::POST, "/passengers".into(), r#"{"id":@,"made":"by the sweep"}"#, TEXT),
    ];
    for owner in [format!("/groups/{group}"), format!("/rooms/{room}")] {
        for method in [Method::POST, Method::DELETE] {
            cases.push((method.clone(), format!("{owner}/members"), r#"{"members":@}"#, LIST));
            cases.push((method, format!("{owner}/members"), r#"{"members":@}"#, &["null"]));
        }
    }
    let targets = ["/system", "/system/alice", &format!("/system/{group}?group"), &format!("/system/{room}?room")];
    for path in targets.map(str::to_owned) {
        for (body, wrong) in [
            (r#"{"content":@}"#, CONTENT),
            (r#"{"content":{"media":@,"body":"x"}}"#, WHOLE),
            (r#"{"content":{"media":0,"body":@}}"#, TEXT),
            (r#"{"content":{"media":0,"body":"x"},"remark":@}"#, TEXT),
            (r#"{"content":{"media":0,"body":"x"},"ts":@}"#, WHOLE),
            (r#"{"content":{"media":0,"body":"x"},"push":@}"#, PUSH),
        ] {
            cases.push((Method::POST, path.clone(), body, wrong));
        }
    }
    cases
}

/// All that could have been made or changed. When somebody was last online is not of that.
async fn all(gateway: &Gateway) -> Value {
    let mut users = get(gateway, "/ctx?_limit=100").await;
    for user in users.as_array_mut().into_iter().flatten() {
        user["ts"] = Value::Null;
    }
    json!([get(gateway, "/groups").await, get(gateway, "/rooms").await, users])
}

async fn no_field_takes_what_it_should_not(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let alice = Account { name: "alice".into(), password: String::new(), jid: "alice@example.org".into() };
    let group = group(&gateway, &alice, &["bob"]).await;
    let room = json!({"members": ["bob"], "name": "as it was"});
    let room = call(&gateway, Method::POST, "/rooms", &room).await.expect_status(201).json;
    let before = all(&gateway).await;

    let cases = cases(&group, room.as_str().expect("an id"));
    let gateway = &gateway;
    let calls = cases.iter().flat_map(|(method, path, body, wrong)| {
        wrong.iter().map(move |value| async move {
            let body = body.replace('@', value);
            let reply = raw(gateway, method.clone(), path, body.clone().into_bytes()).await;
            refused(&format!("{method} {path} {body}"), &reply, &[5001]);
        })
    });
    let made = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(16).count().await;
    assert!(made > 300, "{made}");
    assert_eq!(all(gateway).await, before);
    same_connection(gateway).await;
}
