//! Servers and gateways that stop and come back, on each of the four servers: nothing is lost, and meanwhile callers are
//! told to come again.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stanzagate::config::qtalk::Replies;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use support::element::says;
use support::room::{condition, is_out};
use support::{Account, Client, Gateway, Server, fresh};

on_oldest_and_newest!(survives_a_restart_of_the_server, loses_nothing_when_the_gateway_restarts);

const ROOMS: &str = "conference.example.org";

fn user(rig: &Rig, name: &str) -> Account {
    let password = rig.users()[name].clone();
    Account { name: name.to_owned(), password, jid: format!("{name}@{}", rig.domain()) }
}

fn room_call(name: &str, members: &[&str]) -> Value {
    json!({"muc_id": name, "muc_owner": "alice", "muc_domain": ROOMS, "muc_member": members, "muc_name": "The room"})
}

fn group_message(room: &str, text: &str) -> Value {
    json!({"from": "bob@example.org", "to": format!("{room}@{ROOMS}"),
        "message": format!("<message type='groupchat'><body id='m1'>{text}</body></message>")})
}

async fn make_room(gateway: &Gateway, name: &str) {
    gateway.post("/qtalk/create_muc", &room_call(name, &[])).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &room_call(name, &["bob", "carol"])).await.expect_success();
}

async fn survives_a_restart_of_the_server(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |config| config.component.grace_seconds = 0).await;
    let (room, text) = ("lobby", fresh("text"));
    make_room(&gateway, room).await;
    // Seated before the restart, forgotten by the server since.
    gateway.post("/qtalk/send_thirdmessage", &group_message(room, "before")).await.expect_success();
    let users = gateway.post("/qtalk/muc_users", &room_call(room, &[])).await.expect_success();
    assert_eq!(gateway.get("/health/ready").await.status, 200);

    rig.stop_server().expect("the server stops");
    let down = Instant::now();
    while gateway.get("/health/ready").await.status != 503 {
        assert!(down.elapsed() < Duration::from_secs(5), "the gateway still says that it is ready");
    }
    assert_eq!(gateway.get("/health/live").await.status, 200);
    let message = json!({"from": "alice@example.org", "to": "bob@example.org",
        "message": "<message type='chat'><body id='m1'>lost?</body></message>"});
    for (path, body) in [
        ("send_thirdmessage", &message),
        ("send_thirdmessage", &group_message(room, "lost?")),
        ("muc_users", &room_call(room, &[])),
        ("create_muc", &room_call("other", &[])),
        ("add_muc_user", &room_call(room, &["dave"])),
        ("del_muc_user", &room_call(room, &["bob"])),
        ("destroy_muc", &room_call(room, &[])),
        ("get_user_nick", &json!({"ID": "dave", "Domain": "example.org"})),
        ("clear_staff", &json!({"users": ["bob"], "host": "example.org"})),
        ("auth_uk?u=alice&k=x", &json!({})),
    ] {
        let reply = gateway.post(&format!("/qtalk/{path}"), body).await;
        assert_eq!((reply.status.as_u16(), reply.ret(), reply.errcode()), (503, false, 14), "{path}: {}", reply.text);
        assert!(reply.headers.contains_key("retry-after"), "{path}");
    }

    rig.start_server().expect("the server starts again");
    let up = Instant::now();
    while gateway.get("/health/ready").await.status != 200 {
        assert!(up.elapsed() < Duration::from_secs(20), "the gateway did not connect again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{server:?}: ready {:?} after the server", up.elapsed());
    gateway.post("/qtalk/send_thirdmessage", &group_message(room, &text)).await.expect_success();
    let after = gateway.post("/qtalk/muc_users", &room_call(room, &[])).await.expect_success();
    assert_eq!(after.json["data"], users.json["data"]);
    let carol = Client::login(&rig, &user(&rig, "carol")).await;
    let room = format!("{room}@{ROOMS}");
    carol.join(&room, "carol").await.expect("a member gets in");
    let archive: Vec<String> = carol.mam(Some(&room)).await.iter().filter_map(support::element::body).collect();
    assert!(archive.contains(&text) && !archive.contains(&"lost?".to_owned()), "{archive:?}");
    assert!(carol.room_info(&format!("other@{ROOMS}")).await.is_err());
    gateway.shutdown().await;
}

async fn loses_nothing_when_the_gateway_restarts(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |_| {}).await;
    make_room(&gateway, "lobby").await;
    gateway.post("/qtalk/send_thirdmessage", &group_message("lobby", "by the first")).await.expect_success();
    let users = gateway.post("/qtalk/muc_users", &room_call("lobby", &[])).await.expect_success();
    gateway.shutdown().await;

    // The next one is set up differently: the original's bodies, open rooms, another path.
    let gateway = Gateway::start(&rig, |config| {
        config.qtalk.replies = Replies::Original;
        config.qtalk.members_only = false;
        config.qtalk.prefix = "/innerpackage/ejaapi".to_owned();
    })
    .await;
    let post =
        async |path: &str, body: &Value| gateway.post(&format!("/innerpackage/ejaapi/qtalk/{path}"), body).await.text;
    assert_eq!(
        post("create_muc", &room_call("lobby", &[])).await,
        r#"{"ret":true,"errcode":"3","errmsg":"","data":"failed"}"#
    );
    let listed = gateway.post("/innerpackage/ejaapi/qtalk/muc_users", &room_call("lobby", &[])).await;
    assert_eq!(listed.json["data"], users.json["data"]);
    let carol = Client::login(&rig, &user(&rig, "carol")).await;
    carol.join(&format!("lobby@{ROOMS}"), "carol").await.expect("a member gets in");
    post("send_thirdmessage", &group_message("lobby", "by the second")).await;
    carol.wait_for("the message", says("by the second")).await;

    let done = r#"{"ret":true,"errcode":"0","errmsg":"","data":"sucess"}"#;
    assert_eq!(post("create_muc", &room_call("open", &[])).await, done);
    carol.join(&format!("open@{ROOMS}"), "carol").await.expect("anybody gets in");
    assert!(carol.listed_rooms(ROOMS).await.contains(&format!("open@{ROOMS}")));
    assert_eq!(post("del_muc_user", &room_call("lobby", &["carol"])).await, done);
    carol.wait_for("her removal", is_out(&format!("lobby@{ROOMS}"))).await;
    let refusal = carol.join(&format!("lobby@{ROOMS}"), "again").await.expect_err("one who was removed gets in");
    assert_eq!(condition(&refusal).as_deref(), Some("registration-required"));
    assert_eq!(post("destroy_muc", &room_call("lobby", &[])).await, done);
    let failed = r#"{"ret":true,"errcode":"1","errmsg":"","data":"failed"}"#;
    assert_eq!(post("destroy_muc", &room_call("lobby", &[])).await, failed);
    gateway.shutdown().await;
}
