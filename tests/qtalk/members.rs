//! Adding, removing and listing members on real servers, seen by the members' own clients.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::on_all_servers;
use crate::support::element::{MAM, child, says, show};
use crate::support::room::{SILENCE, brings, condition, is_out};
use crate::support::{Account, Client, Gateway, Server, account, fresh, stanza};

on_all_servers!(
    shows_the_room_to_new_members,
    adds_nobody_twice,
    names_those_who_could_not_be_added,
    adds_a_hundred_in_one_call,
    removes_every_trace,
    removes_from_an_open_room,
    removes_the_last_owner,
    lists_members_as_they_are,
);

const ROOMS: &str = "conference.example.org";
const DONE: &str = r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#;

/// A room made by the gateway, and calls in its owner's name.
struct Room {
    gateway: &'static Gateway,
    owner: Account,
    name: String,
    jid: String,
}

impl Room {
    async fn create(server: Server) -> Room {
        let gateway = Gateway::shared(server).await;
        let (owner, name) = (account(server.shared(), "alice"), fresh("room"));
        let room = Room { gateway, jid: format!("{name}@{ROOMS}"), owner, name };
        let mut body = room.call(&room.owner, json!([]));
        body["muc_name"] = "The room".into();
        gateway.post("/qtalk/create_muc", &body).await.expect_success();
        room
    }

    fn call(&self, by: &Account, members: Value) -> Value {
        json!({"muc_id": self.name, "muc_owner": by.name, "muc_domain": ROOMS, "muc_member": members, "system": "test"})
    }

    async fn add(&self, members: Value) -> crate::support::Reply {
        self.gateway.post("/qtalk/add_muc_user", &self.call(&self.owner, members)).await
    }

    async fn del(&self, members: Value) -> crate::support::Reply {
        self.gateway.post("/qtalk/del_muc_user", &self.call(&self.owner, members)).await
    }

    async fn users(&self) -> Value {
        let body = json!({"muc_id": self.name, "muc_domain": ROOMS});
        self.gateway.post("/qtalk/muc_users", &body).await.expect_success().json["data"].clone()
    }
}

fn jids(list: Vec<(String, Option<String>)>) -> Vec<String> {
    list.into_iter().map(|(jid, _)| jid).collect()
}

async fn shows_the_room_to_new_members(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    let alice = Client::login(rig, &room.owner).await;
    let (bob_, carol_) = (Client::login(rig, &bob).await, Client::login(rig, &carol).await);
    for client in [&bob_, &carol_] {
        client.set_vcard("<NICKNAME>Same Nick</NICKNAME>").await;
    }
    let other = format!("{}@{ROOMS}", fresh("other"));
    bob_.bookmark(&other).await;

    let reply = room.add(json!([bob.name, carol.jid])).await;
    assert_eq!(reply.text, DONE);

    let mut nicks = Vec::new();
    for client in [&bob_, &carol_] {
        let invited = |el: &_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room.jid));
        let invitation = client.wait_for("an invitation", invited).await;
        assert_eq!(invitation.attr("from"), Some(room.owner.jid.as_str()));
        let bookmark = client.bookmarks().await.into_iter().find(|bookmark| bookmark.room == room.jid);
        let bookmark = bookmark.expect("a bookmark of the room");
        assert_eq!(bookmark.name.as_deref(), Some("The room"));
        assert!(bookmark.autojoin);
        nicks.push(bookmark.nick.expect("a nick"));
    }
    assert!(bob_.bookmarks().await.iter().any(|bookmark| bookmark.room == other), "a bookmark of bob's own is lost");
    assert!(nicks.contains(&"Same Nick".to_owned()) && nicks[0] != nicks[1], "{nicks:?}");

    let members = alice.affiliated(&room.jid, "member").await;
    assert_eq!(jids(members.clone()), [bob.jid.clone(), carol.jid.clone()]);
    if server.is_ejabberd() {
        assert_eq!(bob_.subscriptions(ROOMS).await.get(&room.jid), Some(&nicks[0]));
        assert_eq!(carol_.subscriptions(ROOMS).await.get(&room.jid), Some(&nicks[1]));
    } else {
        assert_eq!(members, [(bob.jid.clone(), Some(nicks[0].clone())), (carol.jid.clone(), Some(nicks[1].clone()))]);
    }

    // What the bookmark says works: each enters under their nick, and they talk.
    for (client, nick) in [(&bob_, &nicks[0]), (&carol_, &nicks[1])] {
        client.join(&room.jid, nick).await.unwrap_or_else(|refusal| panic!("{}", show(&refusal)));
    }
    bob_.say(&room.jid, "hello");
    let heard = carol_.wait_for("bob", says("hello")).await;
    assert_eq!(heard.attr("from"), Some(format!("{}/{}", room.jid, nicks[0]).as_str()));
}

async fn adds_nobody_twice(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    let (alice, bob_) = (Client::login(rig, &room.owner).await, Client::login(rig, &bob).await);
    room.add(json!([bob.name, bob.jid, bob.name.to_uppercase()])).await.expect_success();
    alice.affiliate(&room.jid, &carol.jid, "admin").await;
    room.add(json!([bob.name, carol.name, room.owner.name])).await.expect_success();

    assert_eq!(jids(alice.affiliated(&room.jid, "member").await), [bob.jid.as_str()]);
    assert_eq!(jids(alice.affiliated(&room.jid, "admin").await), [carol.jid.as_str()]);
    assert!(jids(alice.affiliated(&room.jid, "owner").await).contains(&room.owner.jid));
    bob_.ping().await;
    let invited = |el: &&_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room.jid));
    assert_eq!(bob_.received().iter().filter(invited).count(), 1);
    assert_eq!(bob_.bookmarks().await.len(), 1);
}

async fn names_those_who_could_not_be_added(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let bob = account(rig, "bob");
    let alice = Client::login(rig, &room.owner).await;
    let reply = room.add(json!(["nobody1", "a b", bob.name, "x@evil.example", 7, ["x"], ""])).await.expect_failure(13);
    let failed = reply.json["data"]["failed"].as_array().expect("the failed parts").clone();
    let failed: Vec<(u64, u64)> =
        failed.iter().map(|part| (part["index"].as_u64().unwrap(), part["errcode"].as_u64().unwrap())).collect();
    assert_eq!(failed[..3], [(0, 2), (1, 10), (3, 10)], "{}", reply.text);
    assert!(failed.iter().all(|(index, _)| *index != 2), "{}", reply.text);
    assert_eq!(jids(alice.affiliated(&room.jid, "member").await), [bob.jid.as_str()]);

    room.add(json!([])).await.expect_success();
    room.add(json!("")).await.expect_success();
    let reply = room.add(json!(["nobody1"])).await.expect_failure(2);
    assert_eq!(reply.json["data"]["failed"][0]["index"], 0);
    for wrong in [json!({"a": 1}), json!(true)] {
        room.add(wrong).await.expect_failure(1);
    }
    assert_eq!(jids(alice.affiliated(&room.jid, "member").await), [bob.jid.as_str()]);
}

async fn adds_a_hundred_in_one_call(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let mut names = Vec::new();
    if server.is_ejabberd() {
        names.extend((0..100).map(|_| account(rig, "m").name));
    } else {
        // prosodyctl takes a quarter of a second for each.
        let folder = rig.dir().join("data/example%2eorg/accounts");
        for _ in 0..100 {
            let name = fresh("m");
            std::fs::write(folder.join(format!("{name}.dat")), "return { [\"password\"] = \"x\" };\n").expect("a file");
            names.push(name);
        }
    }
    let started = Instant::now();
    room.add(json!(names)).await.expect_success();
    let added = started.elapsed();
    assert_eq!(room.users().await.as_array().map(Vec::len), Some(101));
    let started = Instant::now();
    room.del(json!(names)).await.expect_success();
    println!("{server:?}: 100 members added in {added:?}, removed in {:?}", started.elapsed());
    assert_eq!(room.users().await.as_array().map(Vec::len), Some(1));
    assert!(added < Duration::from_secs(20), "{added:?}");
}

async fn removes_every_trace(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let (bob, carol, dave) = (account(rig, "bob"), account(rig, "carol"), account(rig, "dave"));
    let (alice, bob_) = (Client::login(rig, &room.owner).await, Client::login(rig, &bob).await);
    room.add(json!([bob.name, carol.name])).await.expect_success();
    alice.join(&room.jid, "alice").await.expect("the owner gets in");
    bob_.join(&room.jid, &bob.name).await.expect("a member gets in");
    let other = format!("{}@{ROOMS}", fresh("other"));
    bob_.bookmark(&other).await;
    alice.say_aloud(&room.jid, "before").await;
    bob_.wait_for("what is said before", says("before")).await;

    let body = room.call(&carol, json!([bob.name]));
    let refused = room.gateway.post("/qtalk/del_muc_user", &body).await.expect_failure(6);
    assert!(refused.errmsg().starts_with("owner error"), "{}", refused.text);
    let reply = room.del(json!([bob.name])).await;
    assert_eq!(reply.text, DONE);

    bob_.wait_for("his removal", is_out(&room.jid)).await;
    bob_.ping().await;
    alice.say_aloud(&room.jid, "after").await;
    bob_.ping().await;
    bob_.expect_none("what is said after", SILENCE, brings("after")).await;
    let left: Vec<String> = bob_.bookmarks().await.into_iter().map(|bookmark| bookmark.room).collect();
    assert_eq!(left, [other]);
    if server.is_ejabberd() {
        assert!(!bob_.subscriptions(ROOMS).await.contains_key(&room.jid));
    }
    let refusal = bob_.join(&room.jid, &bob.name).await.expect_err("one who was removed gets in");
    assert_eq!(condition(&refusal).as_deref(), Some("registration-required"));
    let query = format!("<iq type='set' to='{}'><query xmlns='{MAM}' queryid='q'/></iq>", room.jid);
    let archive = bob_.iq(stanza(&query)).await;
    assert_eq!(archive.attr("type"), Some("error"), "{}", show(&archive));
    assert!(!bob_.received().iter().any(brings("after")));
    assert_eq!(jids(alice.affiliated(&room.jid, "member").await), [carol.jid.as_str()]);
    assert_eq!(alice.affiliated(&room.jid, "outcast").await, []);

    room.del(json!([dave.name, "nobody1", bob.name])).await.expect_success();
    room.del(json!([])).await.expect_success();
}

async fn removes_from_an_open_room(server: Server) {
    let rig = server.shared();
    let gateway = Gateway::shared(server).await;
    let (owner, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob_) = (Client::login(rig, &owner).await, Client::login(rig, &bob).await);
    let name = fresh("open");
    let room = Room { gateway, jid: format!("{name}@{ROOMS}"), owner, name };
    alice.make_room(&room.jid, "alice").await;
    room.add(json!([bob.name])).await.expect_success();
    bob_.join(&room.jid, &bob.name).await.expect("anybody gets in");
    room.del(json!([bob.name])).await.expect_success();
    bob_.wait_for("his removal", is_out(&room.jid)).await;
    bob_.ping().await;
    alice.say_aloud(&room.jid, "after").await;
    bob_.ping().await;
    bob_.expect_none("what is said after", SILENCE, brings("after")).await;
    assert_eq!(alice.affiliated(&room.jid, "outcast").await, []);
    assert_eq!(alice.affiliated(&room.jid, "member").await, []);
    assert_eq!(bob_.bookmarks().await, []);
    bob_.join(&room.jid, &bob.name).await.expect("an open room is open to him, too");
}

/// The room stays, with the gateway as its owner, and says so.
async fn removes_the_last_owner(server: Server) {
    let rig = server.shared();
    let room = Room::create(server).await;
    let bob = account(rig, "bob");
    let alice = Client::login(rig, &room.owner).await;
    room.add(json!([bob.name])).await.expect_success();
    room.del(json!([room.owner.name])).await.expect_success();
    assert_eq!(room.users().await, json!([{"U": bob.name, "H": "example.org", "N": bob.name}]));
    assert!(alice.join(&room.jid, "alice").await.is_err(), "one who was removed gets in");
    assert_eq!(alice.bookmarks().await, []);
    room.del(json!([bob.name])).await.expect_failure(6);
    // A room without members of its own goes on: its owner may be added again, as a member.
    room.add(json!([room.owner.name])).await.expect_success();
    alice.join(&room.jid, "alice").await.expect("a member gets in");
}

async fn lists_members_as_they_are(server: Server) {
    let rig = server.shared();
    let gateway = Gateway::shared(server).await;
    let (owner, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob_) = (Client::login(rig, &owner).await, Client::login(rig, &bob).await);
    bob_.set_vcard("<FN>Bob B.</FN><NICKNAME>博</NICKNAME>").await;
    let name = fresh("own");
    let room = Room { gateway, jid: format!("{name}@{ROOMS}"), owner, name };
    alice.make_room(&room.jid, "alice").await;
    alice.affiliate(&room.jid, &bob.jid, "admin").await;
    alice.affiliate(&room.jid, &carol.jid, "member").await;
    let entry = |user: &str, nick: &str| json!({"U": user, "H": "example.org", "N": nick});
    let expected =
        json!([entry(&room.owner.name, &room.owner.name), entry(&bob.name, "博"), entry(&carol.name, &carol.name)]);
    assert_eq!(room.users().await, expected);
    // The gateway works in the room, which must not make it one of its members.
    room.add(json!([carol.name])).await.expect_success();
    let message = json!({"from": carol.jid, "to": room.jid,
        "message": "<message type='groupchat'><body id='m1'>by the gateway</body></message>"});
    gateway.post("/qtalk/send_thirdmessage", &message).await.expect_success();
    alice.wait_for("the message", says("by the gateway")).await;
    assert_eq!(room.users().await, expected);
    let nobody = json!({"muc_id": fresh("nowhere"), "muc_domain": ROOMS});
    gateway.post("/qtalk/muc_users", &nobody).await.expect_failure(4);
}
