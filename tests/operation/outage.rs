//! Servers and gateways that stop and come back, on real servers: nothing is lost, and meanwhile callers are
//! told to come again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::chat::types::right::Right;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::config::qtalk::Replies;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;

use crate::support::breaker::Breaker;
use crate::support::element::{body, says};
use crate::support::room::{condition, is_out};
use crate::support::{Account, Client, Gateway, Reply, Server, fresh};
use crate::{on_newest, on_oldest_and_newest};

on_oldest_and_newest!(
    survives_a_restart_of_the_server,
    loses_nothing_when_the_gateway_restarts,
    what_was_written_before_the_link_fell_is_not_called_undone,
);
on_newest!(a_server_that_hangs_is_told_apart);

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

fn signal(rig: &Rig, signal: &str) {
    let group = format!("-{}", rig.pid().expect("a running server"));
    let done = std::process::Command::new("kill").args([signal, "--", &group]).status().expect("the command kill");
    assert!(done.success(), "kill {signal} {group}");
}

/// Waits until `/health/ready` says so.
async fn until_health(gateway: &Gateway, what: &str, seen: impl Fn(&Reply) -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let answer = gateway.get("/health/ready").await;
        if seen(&answer) {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(40), "{what}: {}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_server_that_hangs_is_told_apart(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |config| {
        config.component.stall_seconds = 2;
        config.component.iq_timeout_seconds = 3;
        config.http.unknown_status = Some(504);
    })
    .await;
    let message = |text: &str| {
        json!({"from": "alice@example.org", "to": "bob@example.org",
            "message": format!("<message type='chat'><body id='m1'>{text}</body></message>")})
    };
    gateway.post("/qtalk/send_thirdmessage", &message("before")).await.expect_success();
    // An idle link stays ready.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(gateway.get("/health/ready").await.status, 200);

    signal(&rig, "-STOP");
    let not_ready = until_health(&gateway, "the server hangs", |answer| answer.status == 503).await;
    println!("{server:?}: not ready {not_ready:?} after the server froze");
    let answer = gateway.get("/health/ready").await;
    assert!(answer.text.contains("has not answered for 2 seconds"), "{}", answer.text);
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("stanzagate_link_stalled{component=\"gw.example.org\"} 1"), "{metrics}");
    let unknown = gateway.post("/qtalk/send_thirdmessage", &message("meanwhile")).await;
    assert_eq!((unknown.status.as_u16(), unknown.errcode()), (504, 8), "{}", unknown.text);
    let asked = |http: &reqwest::Client, url: &str| {
        let request = http.post(format!("{url}/qtalk/send_thirdmessage")).header("x-stanzagate-wait", "routed");
        request.body(message("asked").to_string())
    };
    let unknown = gateway.request(asked).await;
    assert_eq!((unknown.status.as_u16(), unknown.errcode()), (504, 8), "{}", unknown.text);

    signal(&rig, "-CONT");
    until_health(&gateway, "the server goes on", |answer| answer.status == 200).await;
    gateway.post("/qtalk/send_thirdmessage", &message("after")).await.expect_success();
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("stanzagate_link_stalled{component=\"gw.example.org\"} 0"), "{metrics}");
    assert!(metrics.contains("stanzagate_link_reconnects_total 0"), "{metrics}");
    gateway.shutdown().await;
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
    let archive: Vec<String> = carol.mam(Some(&room)).await.iter().filter_map(crate::support::element::body).collect();
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

/// The link falls behind what was written: the server has read it and its answers are lost, or it has not read it.
async fn what_was_written_before_the_link_fell_is_not_called_undone(server: Server) {
    let rig = server.start(Grant::Oauth);
    let breaker = Breaker::start(rig.component_addr()).await;
    let gateway = Gateway::start(&rig, |config| config.component.address = breaker.address()).await;
    make_room(&gateway, "lobby").await;
    let (room, carol) = (format!("lobby@{ROOMS}"), Client::login(&rig, &user(&rig, "carol")).await);
    let said = |text: &str| json!({"title": text, "content": text, "contentType": "text"});
    let with = |mut data: Value, more: Value| {
        data.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        data
    };
    let sender = json!({"sender": {"id": "bot", "name": "Bot"}});
    // Each way to say something: in a room where the answer is known in spite of it all, and to a user.
    let ways = ["room", "xuanxuan room", "user", "xuanxuan user", "maxleap user"];
    let send = async |way: &str, text: &str| match way {
        "room" => gateway.post("/qtalk/send_thirdmessage", &group_message("lobby", text)).await,
        "user" => {
            let message = format!("<message type='chat'><body>{text}</body></message>");
            let letter = json!({"from": "bob@example.org", "to": "carol@example.org", "message": message});
            gateway.post("/qtalk/send_thirdmessage", &letter).await
        }
        "xuanxuan room" => {
            let to = with(said(text), json!({"receiver": "group", "gid": "lobby"}));
            gateway.notify(&with(to, sender.clone())).await
        }
        "xuanxuan user" => {
            let to = with(said(text), json!({"receiver": "users", "userList": ["carol"]}));
            gateway.notify(&with(to, sender.clone())).await
        }
        _ => {
            let message = json!({"content": {"media": 0, "body": text}, "push": {}});
            gateway.maxleap(Method::POST, "/system/carol", &message).await
        }
    };
    for way in ways {
        let cuts = [(true, 300, 0), (true, 700, 0), (true, 300, 4000), (false, 300, 0)];
        for (reached, wait, down) in cuts.into_iter().take(if way == "room" { 4 } else { 1 }) {
            // Seats are taken and accounts are known.
            let mut warm = send(way, &fresh("warm")).await;
            while warm.status == 503 {
                ready(&gateway).await;
                warm = send(way, &fresh("warm")).await;
            }
            assert_eq!(outcome(&warm), Some(true), "{way}: {}", warm.text);
            let (text, begun) = (fresh("cut"), Instant::now());
            match reached {
                true => breaker.mute(),
                false => breaker.deafen(),
            }
            let fault = async {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                breaker.cut();
                tokio::time::sleep(Duration::from_millis(down)).await;
                breaker.mend();
            };
            let (reply, ()) = tokio::join!(send(way, &text), fault);
            let what =
                format!("{way}, reached {reached}, cut after {wait} ms for {down}: {} {}", reply.status, reply.text);
            println!("{server:?} {what} after {:?}", begun.elapsed());
            let known = outcome(&reply).unwrap_or_else(|| panic!("{what}"));
            ready(&gateway).await;
            let archive = carol.mam(way.ends_with("room").then_some(room.as_str())).await;
            let there = archive.iter().filter(|el| body(el).is_some_and(|said| said.contains(&text))).count();
            assert!(there <= 1 && (there == 1 || !known), "{there} times in the archive: {what}");
            // A room's archive has told.
            assert!(known || !reached || !way.ends_with("room"), "{what}");
        }
    }
    gateway.shutdown().await;
}

/// What an answer says became of a message: sent, or unknown. `None` for any that says it was not.
fn outcome(reply: &Reply) -> Option<bool> {
    match (reply.status.as_u16(), &reply.json) {
        (200, json) if json["ret"] == true || json["result"] == "success" => Some(true),
        (202, _) => Some(true),
        (200, json) if json["errcode"] == 8 => Some(false),
        (504, json) if json["result"] == "fail" || json["errorCode"] == 5002 => Some(false),
        _ => None,
    }
}

/// Waits until the gateway is connected again.
async fn ready(gateway: &Gateway) {
    let begun = Instant::now();
    while gateway.get("/health/ready").await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the gateway did not connect again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Wrong passwords of others, tried at the gateway, count against its address where nobody has exempted it.
#[tokio::test(flavor = "multi_thread")]
async fn a_ban_of_the_gateway_is_told_with_its_cure() {
    for server in Server::EJABBERD {
        let rig = server.start_changed(&[("    access: trusted_network\n", "    c2s_max_auth_failures: 3\n")]);
        let gateway = Gateway::start(&rig, |_| {}).await;
        let alice = user(&rig, "alice");
        let right = format!("/qtalk/auth_uk?u=alice&k={}", alice.password);
        gateway.get(&right).await.expect_success();
        for _ in 0..2 {
            gateway.get(&format!("/qtalk/auth_uk?u={}&k=wrong", fresh("nobody"))).await.expect_failure(16);
        }
        // The server says it in place of the third refusal, and from then on to whoever comes.
        for path in ["/qtalk/auth_uk?u=carol&k=wrong", &right] {
            let reply = gateway.get(path).await;
            assert_eq!((reply.status.as_u16(), reply.errcode()), (503, 14), "{path}: {}", reply.text);
            assert!(reply.errmsg().contains("banned by mod_fail2ban?"), "{path}: {}", reply.text);
        }
        let login = json!({"username": "alice", "password": alice.password});
        let reply = gateway.request(|http, url| http.post(format!("{url}/api/auth/login/")).json(&login)).await;
        // This one is open to everybody, who need not know how the server is run.
        assert!(
            reply.status == 503 && !reply.text.contains("fail2ban") && !reply.text.contains("c2s"),
            "{}",
            reply.text
        );
        let reply = gateway.maxleap(reqwest::Method::GET, "/ctx/alice/friends", &Value::Null).await;
        assert!(reply.expect_error(502, 5002).text.contains("banned by mod_fail2ban?"));
        // Messages need no log-in, only their sender's own copy does.
        let message = json!({"from": "alice@example.org", "to": "bob@example.org",
            "message": "<message type='chat'><body id='m1'>in spite of it</body></message>"});
        gateway.post("/qtalk/send_thirdmessage", &message).await.expect_success();
        gateway.shutdown().await;

        let chat = Chat::start(Arc::new(rig.gateway_config()), Metrics::new()).expect("the verbs");
        let mut state = chat.link_state();
        let up = tokio::time::timeout(Duration::from_secs(20), state.wait_for(|state| *state == LinkState::Up)).await;
        assert!(up.is_ok_and(|up| up.is_ok()), "no link");
        let user = chat.addresses().user_at("alice", "example.org").expect("an address");
        let wanted = [Right::Passwords, Right::SenderCopy, Right::Rooms];
        let report = chat.check().run(Some(&user), wanted).await;
        for finding in report.findings {
            match &finding.verdict {
                Ok(seen) => assert!([Right::Answers, Right::Rooms].contains(&finding.right), "{finding:?}: {seen}"),
                Err(why) => {
                    assert_eq!(finding.cure, Right::NotBanned, "{finding:?}");
                    assert!(why.contains("banned by mod_fail2ban?"), "{finding:?}");
                }
            }
        }
        chat.drain(Duration::from_secs(5)).await;
    }
}
