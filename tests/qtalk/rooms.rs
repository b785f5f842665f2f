//! Making and destroying rooms on real servers, seen by the owner's and the members' own clients.

use serde_json::{Value, json};

use crate::on_all_servers;
use crate::support::element::{MUC_USER, child, show};
use crate::support::room::{condition, is_out};
use crate::support::{Account, Bookmark, Client, Gateway, Server, account, fresh};

on_all_servers!(
    creates_a_room_as_asked,
    creates_a_room_once,
    names_the_owner,
    refuses_bad_names,
    destroys_a_room_for_everybody,
    never_makes_a_room_by_looking,
);

const ROOMS: &str = "conference.example.org";
const DONE: &str = r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#;

fn room_of(name: &str, owner: &Account) -> Value {
    json!({"muc_id": name, "muc_owner": owner.name, "muc_domain": ROOMS, "system": "test"})
}

fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

async fn create(gateway: &Gateway, owner: &Account) -> (String, String) {
    let name = fresh("room");
    gateway.post("/qtalk/create_muc", &room_of(&name, owner)).await.expect_success();
    (format!("{name}@{ROOMS}"), name)
}

async fn creates_a_room_as_asked(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, other) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &other).await);
    alice.set_vcard("<NICKNAME>Alice A.</NICKNAME>").await;
    let name = fresh("room");
    let body = with(with(room_of(&name, &owner), "muc_name", "大厅 & <more>"), "muc_desc", "what it is for");
    let reply = gateway.post("/qtalk/create_muc", &body).await;
    assert_eq!(reply.text, DONE);

    let room = format!("{name}@{ROOMS}");
    let config = alice.room_config(&room).await;
    let on = |field: &str| matches!(config.get(field).map(String::as_str), Some("1" | "true"));
    assert_eq!(config["muc#roomconfig_roomname"], "大厅 & <more>");
    assert_eq!(config["muc#roomconfig_roomdesc"], "what it is for");
    assert!(on("muc#roomconfig_persistentroom") && on("muc#roomconfig_membersonly"), "{config:?}");
    assert!(!on("muc#roomconfig_publicroom"), "{config:?}");
    assert!(on("mam") || on("muc#roomconfig_enablearchiving"), "{config:?}");
    let info = alice.room_info(&room).await.expect("the room");
    assert_eq!(info.name.as_deref(), Some("大厅 & <more>"));
    assert_eq!(info.description.as_deref(), Some("what it is for"));
    for feature in ["muc_membersonly", "muc_persistent", "muc_hidden", "urn:xmpp:mam:2"] {
        assert!(info.features.iter().any(|has| has == feature), "{feature} is not among {:?}", info.features);
    }

    let owners: Vec<String> = alice.affiliated(&room, "owner").await.into_iter().map(|(jid, _)| jid).collect();
    assert!(owners.contains(&owner.jid), "{owners:?}");
    let listed = Bookmark {
        room: room.clone(),
        name: Some("大厅 & <more>".to_owned()),
        nick: Some("Alice A.".to_owned()),
        autojoin: true,
    };
    assert_eq!(alice.bookmarks().await, [listed]);
    if server.is_ejabberd() {
        assert_eq!(alice.subscriptions(ROOMS).await[&room], "Alice A.");
    }
    alice.join(&room, "Alice A.").await.expect("the owner gets in");
    alice.say_aloud(&room, "anybody here").await;

    assert!(!bob.listed_rooms(ROOMS).await.contains(&room), "the room is listed");
    let refusal = bob.join(&room, "Bob").await.expect_err("a stranger gets in");
    assert_eq!(condition(&refusal).as_deref(), Some("registration-required"));
}

async fn creates_a_room_once(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (_, name) = create(gateway, &alice).await;
    let reply = gateway.post("/qtalk/create_muc", &room_of(&name, &bob)).await.expect_failure(3);
    assert_eq!(reply.json["data"], "");

    for _ in 0..3 {
        let (name, mut made) = (fresh("room"), 0);
        let (one, other) = (room_of(&name, &alice), room_of(&name.to_uppercase(), &bob));
        let path = "/qtalk/create_muc";
        let (one, other) = tokio::join!(gateway.post(path, &one), gateway.post(path, &other));
        for reply in [one, other] {
            if reply.ret() {
                made += 1;
            } else {
                reply.expect_failure(3);
            }
        }
        assert_eq!(made, 1);
    }
}

async fn names_the_owner(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, other) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &owner).await;
    let name = fresh("room");
    let path = "/qtalk/create_muc";
    let nobody = Account { name: fresh("nobody"), ..owner.clone() };
    gateway.post(path, &room_of(&name, &nobody)).await.expect_failure(2);
    gateway.post(path, &with(room_of(&name, &owner), "muc_owner_host", "evil.example")).await.expect_failure(10);
    gateway.post(path, &with(room_of(&name, &owner), "muc_owner", "")).await.expect_failure(1);
    gateway.post(path, &with(room_of(&name, &owner), "muc_domain", "example.org")).await.expect_failure(10);
    let room = format!("{name}@{ROOMS}");
    alice.expect_no_room(&room).await;

    let body = with(room_of(&name, &other), "muc_owner_host", "example.org");
    gateway.post(path, &with(body, "muc_true_owner", owner.name.as_str())).await.expect_success();
    let owners: Vec<String> = alice.affiliated(&room, "owner").await.into_iter().map(|(jid, _)| jid).collect();
    assert!(owners.contains(&owner.jid) && !owners.contains(&other.jid), "{owners:?}");
}

async fn refuses_bad_names(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let alice = Client::login(rig, &owner).await;
    let name = fresh("room");
    let long = "x".repeat(1024);
    let (at, slash) = (format!("{name}@x"), format!("{name}/x"));
    let (space, nul, quote) = (format!("{name} x"), format!("{name}\0"), format!("{name}\"'"));
    for bad in [&at, &slash, &space, &nul, &quote, "<room/>", "\u{200b}", "a\u{202e}b", &long] {
        gateway.post("/qtalk/create_muc", &room_of(bad, &owner)).await.expect_failure(10);
    }
    gateway.post("/qtalk/create_muc", &room_of("", &owner)).await.expect_failure(1);
    gateway.post("/qtalk/create_muc", &with(room_of("", &owner), "muc_id", json!(["x"]))).await.expect_failure(1);
    alice.expect_no_room(&format!("{name}@{ROOMS}")).await;
    assert_eq!(alice.bookmarks().await, []);

    let (capital, plain) = (name.to_uppercase(), format!("{name}@{ROOMS}"));
    gateway.post("/qtalk/create_muc", &room_of(&capital, &owner)).await.expect_success();
    alice.room_info(&plain).await.expect("the room in lower case");
    gateway.post("/qtalk/create_muc", &room_of(&name, &owner)).await.expect_failure(3);
}

async fn destroys_a_room_for_everybody(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let (room, name) = create(gateway, &owner).await;
    bob.bookmark(&format!("other@{ROOMS}")).await;
    let add = with(room_of(&name, &owner), "muc_member", json!([member.name]));
    gateway.post("/qtalk/add_muc_user", &add).await.expect_success();
    bob.join(&room, "Bob").await.expect("a member gets in");
    assert_eq!(bob.bookmarks().await.len(), 2);

    let reply = gateway.post("/qtalk/destroy_muc", &room_of(&name, &member)).await.expect_failure(6);
    assert!(reply.errmsg().starts_with("owner error"), "{}", reply.text);
    alice.room_info(&room).await.expect("the room, still");
    assert_eq!(gateway.post("/qtalk/destroy_muc", &room_of(&name, &owner)).await.text, DONE);

    let goodbye = bob.wait_for("the end of the room", is_out(&room)).await;
    let destroy = goodbye.get_child("x", MUC_USER).and_then(|x| child(x, "destroy"));
    let destroy = destroy.unwrap_or_else(|| panic!("{}", show(&goodbye)));
    assert_eq!(child(destroy, "reason").map(|reason| reason.text()).as_deref(), Some("management close"));
    alice.expect_no_room(&room).await;
    assert_eq!(alice.bookmarks().await, []);
    let left: Vec<String> = bob.bookmarks().await.into_iter().map(|bookmark| bookmark.room).collect();
    assert_eq!(left, [format!("other@{ROOMS}")]);
    if server.is_ejabberd() {
        assert!(!bob.subscriptions(ROOMS).await.contains_key(&room));
    }

    gateway.post("/qtalk/destroy_muc", &room_of(&name, &owner)).await.expect_failure(4);
    // The name may be used again, and what is made anew has nobody of old.
    gateway.post("/qtalk/create_muc", &room_of(&name, &owner)).await.expect_success();
    let users = gateway.post("/qtalk/muc_users", &room_of(&name, &owner)).await.expect_success();
    assert_eq!(users.json["data"], json!([{"U": owner.name, "H": "example.org", "N": owner.name}]));
}

async fn never_makes_a_room_by_looking(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let alice = Client::login(rig, &owner).await;
    let name = fresh("room");
    let room = format!("{name}@{ROOMS}");
    let members = with(room_of(&name, &owner), "muc_member", json!([owner.name]));
    let nobody = with(room_of(&name, &owner), "muc_member", json!([]));
    let message = "<message type='groupchat'><body id='m1'>hello</body></message>";
    let message = json!({"from": owner.jid, "to": room, "message": message});
    let text = json!({"From": owner.name, "To": [{"User": name}], "Body": "hello", "Type": "groupchat", "Msg_Type": "1",
        "Host": "example.org", "Domain": ROOMS, "Extend_Info": ""});
    for (path, body) in [
        ("muc_users", &members),
        ("add_muc_user", &members),
        ("add_muc_user", &nobody),
        ("del_muc_user", &members),
        ("destroy_muc", &members),
        ("send_thirdmessage", &message),
        ("send_message", &text),
    ] {
        gateway.post(&format!("/qtalk/{path}"), body).await.expect_failure(4);
        alice.expect_no_room(&room).await;
    }
}
