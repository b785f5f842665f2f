//! System messages of the MaxLeap API on real servers, seen by the clients that get them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::element::says;
use crate::support::people::carried_by;
use crate::support::room::SILENCE;
use crate::support::{Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(a_user_gets_a_message, members_get_a_message, everybody_gets_a_message, refuses_bad_messages);

const NULL: Value = Value::Null;

async fn send(gateway: &Gateway, path: &str, body: &Value) {
    let reply = gateway.maxleap(Method::POST, path, body).await.expect_status(202);
    assert_eq!(reply.text, "");
}

async fn a_user_gets_a_message(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let path = format!("/system/{}", one.name);
    send(gateway, &path, &json!({"content": {"media": 0, "body": "hello & <you>"}})).await;
    let message = alice.wait_for("the message", says("hello & <you>")).await;
    assert_eq!(message.attr("from"), Some(rig.domain()));
    assert_eq!(carried_by(&message), json!({"media": 0, "body": "hello & <you>"}));
    let content = json!({"media": 1, "body": "http://example.org/a.png?x=1&y=2"});
    let full = json!({"content": content, "remark": "r", "ts": 5, "push": {"enable": true, "sound": "x"}});
    send(gateway, &format!("{path}/"), &full).await;
    let message = alice.wait_for("the picture", says("http://example.org/a.png?x=1&y=2")).await;
    let expected = json!({"media": 1, "body": content["body"], "remark": "r", "ts": 5, "push": full["push"]});
    assert_eq!(carried_by(&message), expected);

    // Whoever is offline gets only what asks for a push.
    let path = format!("/system/{}", two.name);
    send(gateway, &path, &json!({"content": {"media": 0, "body": "at once"}})).await;
    send(gateway, &path, &json!({"content": {"media": 0, "body": "also later"}, "push": {}})).await;
    let bob = Client::login(rig, &two).await;
    bob.wait_for("what was kept", says("also later")).await;
    bob.expect_none("what was not to be kept", SILENCE, says("at once")).await;
}

async fn members_get_a_message(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let people = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let [one, two, three] = &people;
    let (alice, bob, carol) =
        (Client::login(rig, one).await, Client::login(rig, two).await, Client::login(rig, three).await);
    let body = json!({"owner": one.name, "members": [two.name]});
    let group = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let room = gateway.maxleap(Method::POST, "/rooms", &json!({"members": [two.name]})).await.expect_status(201).json;
    let (group, room) = (group.as_str().expect("an id"), room.as_str().expect("an id"));
    send(gateway, &format!("/system/{group}?group"), &json!({"content": {"media": 0, "body": "to the group"}})).await;
    send(gateway, &format!("/system/{room}?room"), &json!({"content": {"body": "to the room"}})).await;
    alice.wait_for("the group's message", says("to the group")).await;
    bob.wait_for("the group's message", says("to the group")).await;
    let message = bob.wait_for("the room's message", says("to the room")).await;
    assert_eq!(carried_by(&message), json!({"media": 0, "body": "to the room"}));
    alice.expect_none("the room's message", SILENCE, says("to the room")).await;
    for text in ["to the group", "to the room"] {
        carol.expect_none("a message for members", Duration::from_millis(1), says(text)).await;
    }

    let empty = gateway.maxleap(Method::POST, "/rooms", &NULL).await.expect_status(201).json;
    let path = format!("/system/{}?room", empty.as_str().expect("an id"));
    send(gateway, &path, &json!({"content": {"media": 0, "body": "to nobody"}, "push": true})).await;
    // An id is that of a user unless the query says otherwise, and a group is no room.
    let hello = json!({"content": {"media": 0, "body": "hello"}});
    for wrong in [group.to_owned(), format!("{group}?room"), format!("{room}?group"), format!("{}?group", one.name)] {
        gateway.maxleap(Method::POST, &format!("/system/{wrong}"), &hello).await.expect_error(404, 5004);
    }
    let both = format!("/system/{group}?group&room");
    gateway.maxleap(Method::POST, &both, &hello).await.expect_error(400, 5001);
}

async fn everybody_gets_a_message(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let text = fresh("everybody");
    send(gateway, "/system", &json!({"content": {"media": 0, "body": text}, "push": true})).await;
    for client in [&alice, &bob] {
        let message = client.wait_for("the message", says(&text)).await;
        assert_eq!(carried_by(&message), json!({"media": 0, "body": text, "push": true}));
    }
    Client::login(rig, &three).await.expect_none("what was for those online", SILENCE, says(&text)).await;
}

async fn refuses_bad_messages(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let one = account(rig, "alice");
    let alice = Client::login(rig, &one).await;
    let good = json!({"content": {"media": 0, "body": "x"}});
    gateway.maxleap(Method::POST, &format!("/system/{}", fresh("nobody")), &good).await.expect_error(404, 5004);
    for bad in [
        NULL,
        json!([]),
        json!({"content": "x"}),
        json!({"content": {"media": 0}}),
        json!({"content": {"media": 0, "body": 5}}),
        json!({"content": {"media": -1, "body": "x"}}),
        json!({"content": {"media": "0", "body": "x"}}),
        json!({"content": good["content"], "remark": 1}),
        json!({"content": good["content"], "ts": "now"}),
        json!({"content": good["content"], "push": "yes"}),
    ] {
        for path in ["/system".to_owned(), format!("/system/{}", one.name)] {
            gateway.maxleap(Method::POST, &path, &bad).await.expect_error(400, 5001);
        }
    }
    for path in ["/system/?group", "/system?room"] {
        gateway.maxleap(Method::POST, path, &good).await.expect_error(400, 5001);
    }
    // But what another test sends to everybody.
    alice.expect_none("a message", SILENCE, says("x")).await;
}
