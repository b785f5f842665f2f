//! Ids that look like another's: by case, by escaping, by letters that look alike. They reach nobody but their own user.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::{Gateway, NULL, call, get, group, look, raw, refused, same_connection};
use crate::on_oldest_and_newest;
use crate::support::people::carried_by;
use crate::support::{Client, Server, account, fresh};

on_oldest_and_newest!(case_makes_another_user, no_trick_reaches_another_user);

async fn case_makes_another_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (lower, friend) = (account(rig, "alice"), account(rig, "bob"));
    let upper = lower.name.replace("alice", "Alice");
    let shout = lower.name.to_uppercase();
    call(gateway, Method::GET, &format!("/ctx/{upper}"), &NULL).await.expect_error(404, 5004);
    let body = json!({"owner": upper, "members": [lower.name]});
    call(gateway, Method::POST, "/groups", &body).await.expect_error(404, 5004);
    for id in [&upper, &shout] {
        call(gateway, Method::POST, "/passengers", &json!({"id": id, "who": id})).await.expect_status(201);
    }
    call(gateway, Method::POST, &format!("/ctx/{}/attributes", lower.name), &json!({"who": lower.name}))
        .await
        .expect_status(201);
    for id in [&lower.name, &upper, &shout] {
        assert_eq!(get(gateway, &format!("/ctx/{id}/attributes")).await, json!({"who": id}));
    }
    call(gateway, Method::POST, &format!("/ctx/{upper}/friends/{}", friend.name), &NULL).await.expect_status(201);
    assert_eq!(get(gateway, &format!("/ctx/{}/friends", friend.name)).await, json!([upper]));
    assert_eq!(get(gateway, &format!("/ctx/{}/friends", lower.name)).await, json!([]));

    let id = group(gateway, &lower, &[&upper, &shout]).await;
    let mut expected = [upper.clone(), shout];
    expected.sort();
    let shown = get(gateway, &format!("/groups/{id}")).await;
    let mut members: Vec<String> = serde_json::from_value(shown["members"].clone()).expect("members");
    members.sort();
    assert_eq!((members.as_slice(), &shown["owner"]), (expected.as_slice(), &json!(lower.name)));
    call(gateway, Method::DELETE, &format!("/groups/{id}/members/{upper}"), &NULL).await.expect_status(204);
    assert_eq!(get(gateway, &format!("/ctx/{}/groups", lower.name)).await, json!([id]));
    call(gateway, Method::GET, &format!("/groups/{}", id.to_uppercase()), &NULL).await.expect_error(404, 5004);
}

/// What somebody may try in the place of `name`, and with which codes it may be refused.
fn tricks(name: &str) -> Vec<(String, &'static [u64])> {
    let rest = name.get(1..).unwrap_or_default();
    let mut tricks: Vec<(String, &'static [u64])> = [
        format!("~{name}"),
        format!("%7E{name}"),
        format!("{name}%40example.org"),
        format!("{name}%2Fgw-gw.example.org"),
        format!("{name}%00"),
        format!("%20{name}"),
        format!("{name}%0A"),
        format!("{name}%C2%AD"),
        format!("{name}%E2%80%8B"),
        format!("%EF%BD%81{rest}"),
        format!("%F0%9D%95%92{rest}"),
        format!("%C2%AA{rest}"),
        format!("%FF{rest}"),
        format!("%26amp%3B{name}"),
        format!("{name}%27%2F%3E%3Cx"),
    ]
    .map(|trick| (trick, &[5001][..]))
    .into();
    let strangers = [
        format!("%D0%B0{rest}"),
        format!("{name}."),
        format!("{name}%25"),
        "gw.example.org".to_owned(),
        "example.org".to_owned(),
        "conference.example.org".to_owned(),
        "gw".to_owned(),
        "admin".to_owned(),
        "a".repeat(128),
        "A".repeat(128),
    ];
    tricks.extend(strangers.map(|stranger| (stranger, &[5004][..])));
    tricks.extend([("a".repeat(129), &[5010][..]), ("%E5%BC%A0".repeat(129), &[5010][..])]);
    tricks
}

async fn no_trick_reaches_another_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &alice).await;
    let own = format!("/ctx/{}", alice.name);
    call(gateway, Method::POST, &format!("{own}/attributes"), &json!({"mine": 1})).await.expect_status(201);
    call(gateway, Method::POST, &format!("{own}/friends/{}", bob.name), &NULL).await.expect_status(201);
    let id = group(gateway, &bob, &[]).await;
    let before = (look(gateway, &own).await, get(gateway, &format!("/groups/{id}")).await, client.contacts().await);

    let marker = fresh("trick");
    let system = json!({"content": {"media": 0, "body": marker}, "push": true}).to_string();
    let stolen = json!({"stolen": 1}).to_string();
    for (trick, codes) in tricks(&alice.name) {
        let owner = json!({"owner": percent_encoding::percent_decode_str(&trick).decode_utf8_lossy()}).to_string();
        let members = owner.replacen("{\"owner\":", "{\"members\":[", 1).replacen('}', "]}", 1);
        for (method, path, body) in [
            (Method::GET, format!("/ctx/{trick}"), ""),
            (Method::PUT, format!("/ctx/{trick}/attributes"), stolen.as_str()),
            (Method::DELETE, format!("/ctx/{trick}/attributes"), ""),
            (Method::POST, format!("/ctx/{trick}/friends/{}", bob.name), ""),
            (Method::POST, format!("/ctx/{}/friends/{trick}", bob.name), ""),
            (Method::GET, format!("/ctx/{}/strangers/{trick}/chats", bob.name), ""),
            (Method::GET, format!("/passengers/{trick}"), ""),
            (Method::POST, format!("/system/{trick}"), system.as_str()),
            (Method::POST, format!("/groups/{id}/members/{trick}"), ""),
            (Method::POST, format!("/groups/{trick}/members"), "{\"members\":[]}"),
            (Method::DELETE, format!("/rooms/{trick}"), ""),
            (Method::POST, "/groups".to_owned(), owner.as_str()),
            (Method::POST, format!("/groups/{id}/members"), members.as_str()),
        ] {
            // In a body it stands as UTF-8, or it is another trick.
            if trick.contains("%FF") && !path.contains("%FF") {
                continue;
            }
            let reply = raw(gateway, method.clone(), &path, body.as_bytes().to_vec()).await;
            refused(&format!("{method} {path} {body}"), &reply, codes);
        }
    }
    for path in ["/ctx/", "/ctx//attributes", "/groups//members", "/rooms//attributes/name", "/ctx/%2E%2E%2Fgroups"] {
        let reply = raw(gateway, Method::GET, path, Vec::new()).await;
        let found = path == "/ctx/" && reply.json.is_array();
        assert!(found || [400, 404].contains(&reply.status.as_u16()), "{path}: {} {}", reply.status, reply.text);
    }
    for path in ["/ctx/..", "/ctx/../groups", "/ctx/%2e%2e/attributes", "/ctx/.", "/ctx/bob/../alice/attributes"] {
        let answer = as_it_is(gateway, path).await;
        let refused = answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 404 ");
        assert!(refused && answer.contains("\"errorCode\":500"), "{path}: {answer}");
    }
    let now = (look(gateway, &own).await, get(gateway, &format!("/groups/{id}")).await, client.contacts().await);
    assert_eq!(now, before);
    let got = client.received().into_iter().filter(|stanza| carried_by(stanza)["body"] == json!(marker)).count();
    assert_eq!(got, 0);
    same_connection(gateway).await;
}

/// Gets a path that HTTP libraries would tidy up.
async fn as_it_is(gateway: &Gateway, path: &str) -> String {
    let address = gateway.url().trim_start_matches("http://");
    let (app, key) = gateway.maxleap_app();
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nX-ML-AppId: {app}\r\nX-ML-APIKey: {key}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}
