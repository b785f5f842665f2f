//! Histories of the MaxLeap API on real servers: what ordinary clients typed, and what apps sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::people::{carried, until};
use crate::support::{Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(shows_what_two_users_said, shows_and_clears_what_a_group_said, refuses_bad_histories);

const ROOMS: &str = "conference.example.org";
const NULL: Value = Value::Null;

fn bodies(chats: &Value) -> Vec<&str> {
    chats.as_array().expect("a list").iter().map(|chat| chat["content"]["body"].as_str().expect("a body")).collect()
}

/// Asks until there are so many messages.
async fn chats(gateway: &Gateway, path: &str, count: usize) -> Value {
    let ask = || async {
        let chats = gateway.maxleap(Method::GET, path, &NULL).await.expect_status(200).json;
        (bodies(&chats).len() == count).then_some(chats)
    };
    until(&format!("{count} messages of {path}"), ask).await
}

async fn shows_what_two_users_said(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other, third) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &other).await);
    gateway.maxleap(Method::POST, &format!("/ctx/{}/friends/{}", one.name, other.name), &NULL).await.expect_status(201);
    for n in 0..25 {
        let (from, to) = if n % 2 == 0 { (&alice, &other) } else { (&bob, &one) };
        from.tell(&to.jid, &format!("m{n}"), "");
        from.ping().await;
    }
    let media = json!({"media": 1, "body": "http://example.org/a.png?x=1&y=<2>", "remark": "r"});
    alice.tell(&other.jid, "a picture", &carried(&media));
    alice.tell(&third.jid, "to somebody else", "");
    alice.ping().await;

    let path = format!("/ctx/{}/friends/{}/chats", one.name, other.name);
    let all = chats(gateway, &format!("{path}?limit=1000"), 26).await;
    let rows = all.as_array().expect("a list");
    assert!(rows.windows(2).all(|two| two[0]["ts"].as_u64() < two[1]["ts"].as_u64()), "{all}");
    let expected: Vec<String> = (0..25).map(|n| format!("m{n}")).collect();
    assert_eq!(bodies(&all)[..25], expected);
    assert_eq!(rows[0], json!({"speaker": one.name, "content": {"media": 0, "body": "m0"}, "ts": rows[0]["ts"]}));
    assert_eq!(rows[1]["speaker"], other.name.as_str());
    let content = json!({"media": 1, "body": media["body"]});
    let last = json!({"speaker": one.name, "content": content, "ts": rows[25]["ts"], "remark": "r"});
    assert_eq!(rows[25], last);

    let get = |query: String| {
        let path = format!("{path}{query}");
        async move { gateway.maxleap(Method::GET, &path, &NULL).await.expect_status(200).json }
    };
    // The newest twenty, and what was before a moment; a moment is never shown twice.
    assert_eq!(get(String::new()).await, json!(rows[6..]));
    assert_eq!(get(format!("?ts={}&limit=3", rows[6]["ts"])).await, json!(rows[3..6]));
    assert_eq!(get("/?limit=1".to_owned()).await, json!(rows[25..]));
    assert_eq!(get("?limit=0".to_owned()).await, json!([]));
    assert_eq!(get("?ts=0".to_owned()).await, json!([]));
    // The same from the other side, and as strangers see it.
    let mirrored = format!("/ctx/{}/friends/{}/chats", other.name, one.name);
    assert_eq!(bodies(&chats(gateway, &mirrored, 20).await), bodies(&get(String::new()).await));
    let stranger = format!("/ctx/{}/strangers/{}/chats", third.name, one.name);
    assert_eq!(bodies(&chats(gateway, &stranger, 1).await), ["to somebody else"]);
}

async fn shows_and_clears_what_a_group_said(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &other).await);
    let body = json!({"owner": one.name, "members": [other.name]});
    let id = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let id = id.as_str().expect("an id").to_owned();
    let (room, path) = (format!("{id}@{ROOMS}"), format!("/groups/{id}/chats"));
    alice.join(&room, "Alice").await.expect("the owner gets in");
    bob.join(&room, "Bob").await.expect("a member gets in");
    alice.say_aloud(&room, "one").await;
    bob.say_aloud(&room, "two").await;
    let said = chats(gateway, &path, 2).await;
    assert_eq!(bodies(&said), ["one", "two"]);
    assert_eq!(said[1], json!({"speaker": other.name, "content": {"media": 0, "body": "two"}, "ts": said[1]["ts"]}));
    let detail = format!("/ctx/{}/groups?detail", other.name);
    let detail = gateway.maxleap(Method::GET, &detail, &NULL).await.expect_status(200).json;
    assert_eq!(detail[0]["recent"], said[1]);

    gateway.maxleap(Method::DELETE, &path, &NULL).await.expect_status(204);
    assert_eq!(chats(gateway, &path, 0).await, json!([]));
    bob.say_aloud(&room, "three").await;
    assert_eq!(bodies(&chats(gateway, &path, 1).await), ["three"]);
    gateway.maxleap(Method::DELETE, &path, &NULL).await.expect_status(204);
    gateway.maxleap(Method::DELETE, &path, &NULL).await.expect_status(204);
    assert_eq!(chats(gateway, &path, 0).await, json!([]));
}

async fn refuses_bad_histories(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other, nobody) = (account(rig, "alice"), account(rig, "bob"), fresh("nobody"));
    let room = gateway.maxleap(Method::POST, "/rooms", &json!({})).await.expect_status(201).json;
    let room = room.as_str().expect("an id");
    let get = |path: String| async move { gateway.maxleap(Method::GET, &path, &NULL).await };
    for path in [
        format!("/ctx/{}/friends/{}/chats", one.name, other.name),
        format!("/ctx/{}/friends/{nobody}/chats", one.name),
        format!("/ctx/{}/strangers/{nobody}/chats", one.name),
        format!("/ctx/{nobody}/strangers/{}/chats", one.name),
        format!("/passengers/{}/chats/{}", one.name, other.name),
        format!("/passengers/{nobody}/chats/{}", other.name),
        format!("/groups/{nobody}/chats"),
        format!("/groups/{room}/chats"),
    ] {
        get(path).await.expect_error(404, 5004);
    }
    gateway.maxleap(Method::DELETE, &format!("/groups/{room}/chats"), &NULL).await.expect_error(404, 5004);
    let strangers = format!("/ctx/{}/strangers/{}/chats", one.name, other.name);
    assert_eq!(get(strangers.clone()).await.expect_status(200).json, json!([]));
    for bad in ["ts=x", "ts=-1", "limit=1.5", "limit=99999999999999999999999"] {
        get(format!("{strangers}?{bad}")).await.expect_error(400, 5001);
    }
    assert_eq!(get(format!("{strangers}?ts={}", u64::MAX)).await.expect_status(200).json, json!([]));
}
