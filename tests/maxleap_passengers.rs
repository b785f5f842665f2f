//! Passengers of the MaxLeap API on each of the four servers: real accounts, into which a client logs in.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::people::until;
use support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_all_servers!(a_passenger_logs_in_and_talks, sets_attributes_by_id, refuses_bad_passengers);

const NULL: Value = Value::Null;

fn account_of(reply: &Reply) -> Account {
    let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let jid = header("x-xmpp-jid").expect("an address");
    let password = header("x-xmpp-password").expect("a password");
    assert!(password.len() >= 24, "{password}");
    Account { name: jid.split('@').next().unwrap_or_default().to_owned(), password, jid }
}

async fn a_passenger_logs_in_and_talks(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "alice");
    let alice = Client::login(rig, &user).await;
    let attributes = json!({"name": "王尼玛", "qq": 88_888_888, "deep": {"a": [null, 1.5]}});
    let made = gateway.maxleap(Method::POST, "/passengers/", &attributes).await.expect_status(201);
    let id = made.json.as_str().expect("an id");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    let passenger = account_of(&made);
    assert_eq!(passenger.name, id);
    let path = format!("/passengers/{id}");
    for method in [Method::GET, Method::POST] {
        assert_eq!(gateway.maxleap(method, &path, &NULL).await.expect_status(200).json, attributes);
    }

    let client = Client::login(rig, &passenger).await;
    client.tell(&user.jid, "free delivery?", "");
    alice.wait_for("the question", support::element::says("free delivery?")).await;
    alice.tell(&passenger.jid, "it is", "");
    client.wait_for("the answer", support::element::says("it is")).await;
    let chats = || async {
        let reply = gateway.maxleap(Method::GET, &format!("{path}/chats/{}", user.name), &NULL).await;
        let rows = reply.expect_status(200).json;
        (rows.as_array()?.len() == 2).then_some(rows)
    };
    let rows = until("the two messages", chats).await;
    let said = |speaker: &str, text: &str, ts: &Value| json!({"speaker": speaker, "content": {"media": 0, "body": text}, "ts": ts});
    let expected = json!([said(id, "free delivery?", &rows[0]["ts"]), said(&user.name, "it is", &rows[1]["ts"])]);
    assert_eq!(rows, expected);

    // No user to a search, although his attributes would be found.
    let found = gateway.maxleap(Method::GET, "/ctx?qq=88888888", &NULL).await.expect_status(200).json;
    assert!(found.as_array().is_some_and(|rows| rows.iter().all(|row| row["id"] != *id)), "{found}");
}

async fn sets_attributes_by_id(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let id = fresh("Passenger");
    let body = |more: Value| {
        let mut body = more;
        body["id"] = json!(id);
        body
    };
    let made = gateway.maxleap(Method::POST, "/passengers", &body(json!({"a": 1, "b": "x"}))).await.expect_status(201);
    assert_eq!(made.json, json!(id));
    let passenger = account_of(&made);
    drop(Client::login(rig, &passenger).await);
    let again =
        gateway.maxleap(Method::POST, "/passengers", &body(json!({"b": "y", "c": null}))).await.expect_status(201);
    assert_eq!(again.json, json!(id));
    assert!(!again.headers.contains_key("x-xmpp-password") && !again.headers.contains_key("x-xmpp-jid"));
    let path = format!("/passengers/{id}");
    let now = gateway.maxleap(Method::GET, &path, &NULL).await.expect_status(200).json;
    assert_eq!(now, json!({"a": 1, "b": "y", "c": null}));
    // The password is still the first one, and the id in other letters is somebody else's.
    drop(Client::login(rig, &passenger).await);
    gateway.maxleap(Method::GET, &path.to_lowercase(), &NULL).await.expect_error(404, 5004);
}

async fn refuses_bad_passengers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "alice");
    let (many, long) = ((0..201).map(|n| (format!("k{n}"), json!(n))).collect::<Value>(), "x".repeat(129));
    for (bad, status, code) in [
        (json!({"id": user.name, "a": 1}), 409, 5005),
        (json!({"id": 5}), 400, 5001),
        (json!({"id": ""}), 400, 5001),
        (json!({"id": "a@b"}), 400, 5001),
        (json!({"id": long}), 400, 5010),
        (json!({"": 1}), 400, 5001),
        (json!({"a": "x".repeat(70_000)}), 400, 5010),
        (many, 400, 5010),
        (json!([]), 400, 5001),
        (json!("x"), 400, 5001),
    ] {
        gateway.maxleap(Method::POST, "/passengers", &bad).await.expect_error(status, code);
    }
    let attributes = format!("/ctx/{}/attributes", user.name);
    assert_eq!(gateway.maxleap(Method::GET, &attributes, &NULL).await.expect_status(200).json, json!({}));
    for nobody in [user.name.clone(), fresh("nobody")] {
        gateway.maxleap(Method::GET, &format!("/passengers/{nobody}"), &NULL).await.expect_error(404, 5004);
    }
    drop(Client::login(rig, &user).await);
}
