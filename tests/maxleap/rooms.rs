//! Rooms of the MaxLeap API on real servers: open rooms without an owner, seen by ordinary clients.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::{Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(makes_an_open_room, changes_a_room, refuses_bad_rooms);

const ROOMS: &str = "conference.example.org";
const NULL: Value = Value::Null;

async fn look(gateway: &Gateway, id: &str) -> Value {
    gateway.maxleap(Method::GET, &format!("/rooms/{id}"), &NULL).await.expect_status(200).json
}

fn members(room: &Value) -> BTreeSet<&str> {
    room["members"].as_array().expect("members").iter().filter_map(Value::as_str).collect()
}

async fn makes_an_open_room(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, carol) = (Client::login(rig, &one).await, Client::login(rig, &three).await);
    let body = json!({"name": "lobby & <more>", "members": [one.name, [two.name, []]]});
    let id = gateway.maxleap(Method::POST, "/rooms", &body).await.expect_status(201).json;
    let id = id.as_str().expect("an id");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    let jid = format!("{id}@{ROOMS}");

    let room = look(gateway, id).await;
    let fields: BTreeSet<&str> = room.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["attributes", "members", "ts"].into());
    assert_eq!(members(&room), [one.name.as_str(), two.name.as_str()].into());
    assert_eq!(room["attributes"], json!({"name": "lobby & <more>"}));
    assert_eq!(gateway.maxleap(Method::POST, &format!("/rooms/{id}/"), &NULL).await.expect_status(200).json, room);
    let rooms = format!("/ctx/{}/rooms", one.name);
    assert_eq!(gateway.maxleap(Method::GET, &rooms, &NULL).await.expect_status(200).json, json!([id]));
    let mut row = room.clone();
    row["id"] = json!(id);
    let detail = gateway.maxleap(Method::GET, &format!("{rooms}?detail"), &NULL).await.expect_status(200).json;
    assert_eq!(detail, json!([row]));
    let found = gateway.maxleap(Method::GET, "/rooms?_limit=100&name=lobby+%26+%3Cmore%3E", &NULL).await;
    assert!(found.expect_status(200).json.as_array().is_some_and(|rows| rows.contains(&row)));
    let groups = format!("/ctx/{}/groups", one.name);
    assert_eq!(gateway.maxleap(Method::GET, &groups, &NULL).await.expect_status(200).json, json!([]));

    let info = alice.room_info(&jid).await.expect("the room");
    assert_eq!(info.name.as_deref(), Some("lobby & <more>"));
    assert!(info.features.iter().any(|feature| feature == "muc_open"), "{:?}", info.features);
    let bookmarks = alice.bookmarks().await;
    assert_eq!(bookmarks.iter().map(|bookmark| bookmark.room.as_str()).collect::<Vec<_>>(), [&jid]);
    alice.join(&jid, "Alice").await.expect("a member gets in");
    carol.join(&jid, "Carol").await.expect("everybody gets in");
    carol.say_aloud(&jid, "hello").await;
    alice.wait_for("the word", crate::support::element::says("hello")).await;

    gateway.maxleap(Method::DELETE, &format!("/rooms/{id}"), &NULL).await.expect_status(204);
    alice.expect_no_room(&jid).await;
    assert!(alice.bookmarks().await.is_empty());
    gateway.maxleap(Method::GET, &format!("/rooms/{id}"), &NULL).await.expect_error(404, 5004);
    gateway.maxleap(Method::DELETE, &format!("/rooms/{id}"), &NULL).await.expect_error(404, 5004);
    assert_eq!(gateway.maxleap(Method::GET, &rooms, &NULL).await.expect_status(200).json, json!([]));
}

async fn changes_a_room(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let alice = Client::login(rig, &one).await;
    // Nothing at all, as for a room whose first member comes later.
    let id = gateway.maxleap(Method::POST, "/rooms/", &NULL).await.expect_status(201).json;
    let id = id.as_str().expect("an id");
    let (path, jid) = (format!("/rooms/{id}"), format!("{id}@{ROOMS}"));
    assert_eq!(look(gateway, id).await["attributes"], json!({}));

    let put = json!({"name": "second", "members": [one.name, two.name]});
    assert_eq!(gateway.maxleap(Method::PUT, &path, &put).await.expect_status(201).text, "");
    let room = look(gateway, id).await;
    assert_eq!(members(&room), [one.name.as_str(), two.name.as_str()].into());
    assert_eq!(room["attributes"], json!({"name": "second"}));
    let named = || async { (alice.room_info(&jid).await.ok()?.name? == "second").then_some(()) };
    until("the new name", named).await;
    gateway.maxleap(Method::PUT, &path, &json!({"members": [[three.name]]})).await.expect_status(201);
    let room = look(gateway, id).await;
    assert_eq!(members(&room), [three.name.as_str()].into());
    assert_eq!(room["attributes"], json!({"name": "second"}));
    assert!(alice.bookmarks().await.is_empty());

    let list = format!("{path}/members");
    gateway.maxleap(Method::POST, &list, &json!({"members": [one.name]})).await.expect_status(201);
    gateway.maxleap(Method::POST, &format!("{list}/{}", two.name), &NULL).await.expect_status(201);
    assert_eq!(members(&look(gateway, id).await).len(), 3);
    gateway
        .maxleap(Method::DELETE, &list, &json!({"members": [one.name, "nobody", three.name]}))
        .await
        .expect_status(204);
    assert_eq!(members(&look(gateway, id).await), [two.name.as_str()].into());
    gateway.maxleap(Method::DELETE, &format!("{list}/{}", two.name), &NULL).await.expect_status(204);
    assert!(members(&look(gateway, id).await).is_empty());
    // Who was removed from an open room is not banned from it.
    alice.join(&jid, "Alice").await.expect("everybody gets in");
}

async fn refuses_bad_rooms(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, nobody) = (account(rig, "alice"), fresh("nobody"));
    for (bad, status, code) in [
        (json!({"members": one.name}), 400, 5001),
        (json!({"members": [5]}), 400, 5001),
        (json!({"members": [nobody]}), 404, 5004),
        (json!({"name": {}}), 400, 5001),
        (json!([]), 400, 5001),
    ] {
        gateway.maxleap(Method::POST, "/rooms", &bad).await.expect_error(status, code);
    }
    let group = gateway.maxleap(Method::POST, "/groups", &json!({"owner": one.name})).await.expect_status(201).json;
    for id in [nobody.as_str(), group.as_str().expect("an id")] {
        let path = format!("/rooms/{id}");
        gateway.maxleap(Method::GET, &path, &NULL).await.expect_error(404, 5004);
        gateway.maxleap(Method::PUT, &path, &json!({"name": "x"})).await.expect_error(404, 5004);
        gateway.maxleap(Method::DELETE, &path, &NULL).await.expect_error(404, 5004);
        let members = format!("{path}/members");
        let body = json!({"members": [one.name]});
        gateway.maxleap(Method::POST, &members, &body).await.expect_error(404, 5004);
        gateway.maxleap(Method::DELETE, &members, &body).await.expect_error(404, 5004);
    }
    let rooms = format!("/ctx/{}/rooms", one.name);
    assert_eq!(gateway.maxleap(Method::GET, &rooms, &NULL).await.expect_status(200).json, json!([]));
}
