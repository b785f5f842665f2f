//! clear_staff on real servers: who has left is in no room any more, whoever made it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::room::{SILENCE, brings, condition, is_out};
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(clears_every_room, clears_rooms_of_clients, names_whom_it_cannot_clear, clears_fifty_rooms);

const ROOMS: &str = "conference.example.org";

async fn clear(gateway: &Gateway, users: Value) -> Reply {
    gateway.post("/qtalk/clear_staff", &json!({"users": users, "host": "example.org"})).await
}

async fn create(gateway: &Gateway, owner: &Account, members: &[&Account]) -> String {
    let name = fresh("room");
    let members: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let body = json!({"muc_id": name, "muc_owner": owner.name, "muc_domain": ROOMS, "muc_member": members});
    gateway.post("/qtalk/create_muc", &body).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &body).await.expect_success();
    format!("{name}@{ROOMS}")
}

async fn members(gateway: &Gateway, room: &str) -> Vec<String> {
    let name = room.split('@').next().unwrap_or_default();
    let body = json!({"muc_id": name, "muc_domain": ROOMS});
    let reply = gateway.post("/qtalk/muc_users", &body).await.expect_success();
    let users = reply.json["data"].as_array().cloned().unwrap_or_default();
    users.iter().map(|user| user["U"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn clears_every_room(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice_, bob_) = (Client::login(rig, &alice).await, Client::login(rig, &bob).await);
    let with_both = create(gateway, &alice, &[&bob, &carol]).await;
    let his_own = create(gateway, &bob, &[&carol]).await;
    let without = create(gateway, &alice, &[&carol]).await;
    alice_.join(&with_both, "alice").await.expect("the owner gets in");
    bob_.join(&with_both, &bob.name).await.expect("a member gets in");
    let untouched = bob_.listed_rooms(ROOMS).await.len();

    let reply = clear(gateway, json!([bob.name])).await;
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"","data":""}"#);

    bob_.wait_for("his removal", is_out(&with_both)).await;
    assert_eq!(members(gateway, &with_both).await, [alice.name.as_str(), carol.name.as_str()]);
    assert_eq!(members(gateway, &his_own).await, [carol.name.as_str()]);
    assert_eq!(members(gateway, &without).await, [alice.name.as_str(), carol.name.as_str()]);
    assert!(bob_.listed_rooms(ROOMS).await.len() <= untouched);
    assert_eq!(bob_.bookmarks().await, []);
    if server.is_ejabberd() {
        assert!(bob_.subscriptions(ROOMS).await.is_empty());
    }
    bob_.ping().await;
    alice_.say_aloud(&with_both, "after").await;
    bob_.ping().await;
    bob_.expect_none("what is said after", SILENCE, brings("after")).await;
    for room in [&with_both, &his_own] {
        let refusal = bob_.join(room, &bob.name).await.expect_err("one who has left gets in");
        assert_eq!(condition(&refusal).as_deref(), Some("registration-required"));
    }
    // The second time there is nothing to do.
    clear(gateway, json!([bob.name])).await.expect_success();
}

async fn clears_rooms_of_clients(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice_, bob_) = (Client::login(rig, &alice).await, Client::login(rig, &bob).await);
    let carol_ = Client::login(rig, &carol).await;
    let own = |name: &str| format!("{}@{ROOMS}", fresh(name));
    let (hidden, public, banned, his) = (own("hidden"), own("public"), own("banned"), own("his"));
    for room in [&hidden, &public, &banned] {
        alice_.make_room(room, "alice").await;
        alice_.configure_room(room, &[("muc#roomconfig_persistentroom", "1")]).await;
    }
    let closed = [("muc#roomconfig_publicroom", "0"), ("muc#roomconfig_membersonly", "1")];
    alice_.configure_room(&hidden, &closed).await;
    alice_.affiliate(&hidden, &bob.jid, "member").await;
    alice_.affiliate(&hidden, &carol.jid, "member").await;
    alice_.affiliate(&public, &bob.jid, "admin").await;
    alice_.affiliate(&banned, &bob.jid, "outcast").await;
    bob_.make_room(&his, "bob").await;
    bob_.configure_room(&his, &[("muc#roomconfig_persistentroom", "1")]).await;
    carol_.join(&his, "carol").await.expect("anybody gets in");
    bob_.join(&hidden, "bob").await.expect("a member gets in");
    bob_.join(&public, "bob").await.expect("an admin gets in");

    clear(gateway, json!([bob.name])).await.expect_success();

    for room in [&hidden, &public, &his] {
        bob_.wait_for(format!("his removal from {room}"), is_out(room)).await;
        assert!(!members(gateway, room).await.contains(&bob.name), "{room}");
    }
    assert_eq!(alice_.affiliated(&hidden, "member").await.len(), 1);
    assert_eq!(alice_.affiliated(&public, "admin").await, []);
    assert_eq!(alice_.affiliated(&public, "outcast").await, []);
    assert_eq!(alice_.affiliated(&banned, "outcast").await.len(), 1, "a ban was lifted");
    carol_.say_aloud(&his, "still here").await;
    bob_.join(&hidden, "bob").await.expect_err("one who has left gets in");
    bob_.expect_none("what is said after", SILENCE, brings("still here")).await;
}

async fn names_whom_it_cannot_clear(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let alice_ = Client::login(rig, &alice).await;
    let room = create(gateway, &alice, &[&bob]).await;
    let reply = clear(gateway, json!(["a b", bob.name, "x@evil.example"])).await.expect_failure(10);
    let failed = reply.json["data"]["failed"].as_array().cloned().unwrap_or_default();
    let failed: Vec<u64> = failed.iter().filter_map(|part| part["index"].as_u64()).collect();
    assert_eq!(failed, [0, 2]);
    assert_eq!(members(gateway, &room).await, [alice.name.as_str()]);
    // Accounts are often deleted first: one that is gone is in no room, which is what was asked.
    clear(gateway, json!(["nobody1"])).await.expect_success();
    clear(gateway, json!([])).await.expect_success();
    gateway.post("/qtalk/clear_staff", &json!({"users": [bob.name], "host": "evil.example"})).await.expect_failure(10);
    gateway.post("/qtalk/clear_staff", &json!({"host": "example.org"})).await.expect_failure(1);
    alice_.room_info(&room).await.expect("the room");
}

async fn clears_fifty_rooms(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let bob_ = Client::login(rig, &bob).await;
    let mut rooms = Vec::new();
    for _ in 0..50 {
        rooms.push(create(gateway, &alice, &[&bob]).await);
    }
    assert_eq!(bob_.bookmarks().await.len(), 50);
    let started = Instant::now();
    clear(gateway, json!([bob.name, alice.name])).await.expect_success();
    let took = started.elapsed();
    println!("{server:?}: two users cleared from 50 rooms in {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(bob_.bookmarks().await, []);
    for room in rooms {
        assert!(members(gateway, &room).await.is_empty());
    }
}
