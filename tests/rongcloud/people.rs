//! People and groups of the API of RongCloud-backed groups on real servers: what is shown of them and to whom,
//! and the key with which a user logs in to XMPP.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageFormat};
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use crate::on_oldest_and_newest;
use crate::support::element::says;
use crate::support::wire::Wire;
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    anybody_looks_at_a_group_and_members_see_its_code,
    people_are_shown_as_their_vcards_say,
    the_key_logs_in_its_user,
    rooms_of_others_are_none,
);

const NULL: Value = Value::Null;
const DENIED: &str = "您没有执行该操作的权限。";

async fn get(gateway: &Gateway, jid: &str, path: &str) -> Reply {
    gateway.rongcloud(jid, Method::GET, path, &NULL).await
}

fn users(group: u64) -> String {
    format!("/api/im/group/{group}/users/")
}

fn picture() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(40, 20).write_to(&mut bytes, ImageFormat::Png).expect("a PNG");
    bytes.into_inner()
}

async fn anybody_looks_at_a_group_and_members_see_its_code(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two] = ["alice", "bob"].map(|name| account(rig, name));
    let id = gateway.rongcloud_group(&one.jid, "第四期", "0042").await;
    let path = format!("/api/im/retrieve/{id}/");
    let seen = |code: &str| json!({"id": id, "name": "第四期", "code": code, "cover": ""});
    assert_eq!(gateway.get(&path).await.expect_json(200), seen(""));
    assert_eq!(gateway.get(path.trim_end_matches('/')).await.expect_json(200), seen(""));
    assert_eq!(get(gateway, &two.jid, &path).await.expect_json(200), seen(""));
    assert_eq!(get(gateway, &one.jid, &path).await.expect_json(200), seen("0042"));
    let bad = gateway.rongcloud_bare(Method::GET, &path, &[("authorization", "Token x.y.z")]).await;
    assert_eq!(bad.expect_detail(403), "认证令牌无效。");
    // What the owner's own client calls the room from now on.
    let alice = Client::login(rig, &one).await;
    alice.configure_room(&format!("{id}@{}", rig.rooms()), &[("muc#roomconfig_roomname", "第五期")]).await;
    assert_eq!(gateway.get(&path).await.expect_json(200)["name"], "第五期");
}

async fn people_are_shown_as_their_vcards_say(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let number = account(rig, "1380013");
    let bob = Client::login(rig, &two).await;
    let (photo, url) = (picture(), "https://example.org/c.png");
    let encoded = STANDARD.encode(&photo);
    bob.set_vcard(&format!(
        "<FN>张三</FN><NICKNAME>稍等 &lt;b&gt;</NICKNAME><ROLE>A</ROLE><PHOTO><TYPE>image/png</TYPE>\
         <BINVAL>{encoded}</BINVAL></PHOTO>"
    ))
    .await;
    let carol = Client::login(rig, &three).await;
    carol.set_vcard(&format!("<NICKNAME>C</NICKNAME><PHOTO><EXTVAL>{url}</EXTVAL></PHOTO>")).await;

    let id = gateway.rongcloud_group(&one.jid, "群", "").await;
    for friend in [&two, &three, &number] {
        gateway.rongcloud_join(&one.jid, id, &friend.jid).await;
    }
    let listed = get(gateway, &one.jid, &users(id)).await.expect_json(200);
    assert_eq!((&listed["count"], &listed["next"], &listed["previous"]), (&json!(4), &NULL, &NULL));
    let shown = |name: &str| {
        let rows = listed["results"].as_array().expect("a list");
        rows.iter().find(|row| row["username"] == name).unwrap_or_else(|| panic!("{name}: {listed}")).clone()
    };
    let row = shown(&two.name);
    let (second, avatar) = (row["id"].as_u64().expect("a number"), row["avatar"].as_str().expect("a URL").to_owned());
    assert!((1 << 52..1 << 53).contains(&second), "{second}");
    assert_eq!(second, gateway.rongcloud_id(&two.jid).await, "one id for ever");
    let expected = json!({"id": second, "name": "张三", "nick": "稍等 <b>", "avatar": avatar, "username": two.name,
                          "level": "A"});
    assert_eq!(row, expected);
    assert!(avatar.starts_with(&format!("{}/api/im/avatar/{second}/", gateway.url())), "{avatar}");
    let got = reqwest::get(&avatar).await.unwrap_or_else(|error| panic!("{avatar}: {error}"));
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].as_bytes()), (200, b"image/png".as_slice()));
    assert_eq!(got.bytes().await.expect("a body"), photo);
    let other = avatar.replace(&second.to_string(), &gateway.rongcloud_id(&three.jid).await.to_string());
    assert_eq!(reqwest::get(&other).await.expect("an answer").status(), 404);

    // Prosody keeps no URL of a photo.
    let url = if server.is_ejabberd() { url } else { "" };
    assert_eq!((&shown(&three.name)["avatar"], &shown(&three.name)["nick"]), (&json!(url), &json!("C")));
    carol.set_vcard("<NICKNAME>C</NICKNAME><PHOTO><EXTVAL>javascript:alert(1)</EXTVAL></PHOTO>").await;
    let row = get(gateway, &one.jid, &users(id)).await.expect_json(200);
    assert!(!row.to_string().contains("javascript") && row.to_string().contains(&three.name), "{row}");
    let plain = shown(&number.name);
    assert_eq!(plain["id"].to_string(), number.name, "a number is its own id");
    assert_eq!((&plain["name"], &plain["avatar"], &plain["level"]), (&json!(""), &json!(""), &json!("")));
    let outsider = account(rig, "dave");
    assert_eq!(get(gateway, &outsider.jid, &users(id)).await.expect_detail(403), DENIED);
}

async fn the_key_logs_in_its_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two] = ["alice", "bob"].map(|name| account(rig, name));
    let listener = Client::login(rig, &two).await;
    let token = get(gateway, &one.jid, "/api/im/token/").await.expect_json(200);
    let text = |name: &str| token[name].as_str().unwrap_or_else(|| panic!("{name}: {token}"));
    let mechanism = if server.is_ejabberd() { "X-OAUTH2" } else { "OAUTHBEARER" };
    assert_eq!((text("mechanism"), text("jid"), text("domain")), (mechanism, one.jid.as_str(), rig.domain()));
    assert_eq!(text("address"), rig.c2s_addr().to_string());
    assert_eq!((text("websocket"), &token["expires_in"]), (rig.websocket().as_str(), &json!(86_400)));
    let mut wire = Wire::log_in(rig, mechanism, text("key"), &one).await.expect("a log-in");
    assert_eq!(wire.bind().await.split('/').next(), Some(one.jid.as_str()));
    wire.say(&format!("<message to='{}' type='chat'><body>by key</body></message>", two.jid)).await;
    let message = listener.wait_for("the message", says("by key")).await;
    assert!(message.attr("from").is_some_and(|from| from.starts_with(&format!("{}/", one.jid))));
    // What logs in to XMPP does not call, and the other way round.
    let header = format!("Token {}", text("key"));
    let reply = gateway.rongcloud_bare(Method::GET, "/api/im/token/", &[("authorization", header.as_str())]).await;
    assert_eq!(reply.expect_detail(403), "认证令牌无效。");
    assert!(Wire::log_in(rig, mechanism, &gateway.rongcloud_token(&one.jid), &one).await.is_err());
}

async fn rooms_of_others_are_none(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let one = account(rig, "alice");
    let alice = Client::login(rig, &one).await;
    let foreign = fresh("1600000");
    let own = format!("{foreign}@{}", rig.rooms());
    alice.make_room(&own, "Alice").await;
    alice.configure_room(&own, &[("muc#roomconfig_persistentroom", "1"), ("muc#roomconfig_membersonly", "1")]).await;
    alice.bookmark(&own).await;
    let group = json!({"owner": one.name, "members": [], "name": "MaxLeap's"});
    let maxleap = gateway.maxleap(Method::POST, "/groups", &group).await.expect_status(201).json;
    for id in [foreign.as_str(), maxleap.as_str().expect("an id")] {
        assert_eq!(gateway.get(&format!("/api/im/retrieve/{id}/")).await.expect_detail(404), "未找到。");
        for last in ["join", "invite", "quit", "dismiss"] {
            let path = format!("/api/im/group/{id}/{last}/");
            let reply = gateway.rongcloud(&one.jid, Method::POST, &path, &json!({"userid": 1, "code": "1"})).await;
            assert_eq!(reply.expect_detail(404), "未找到。", "{path}");
        }
        assert_eq!(get(gateway, &one.jid, &format!("/api/im/group/{id}/users/")).await.expect_detail(404), "未找到。");
    }
    alice.room_info(&own).await.expect("the client's own room");
    let listed = get(gateway, &one.jid, "/api/im/group/").await.expect_json(200);
    assert_eq!(listed, json!({"count": 0, "next": null, "previous": null, "results": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_a_password_where_the_server_takes_jwts() {
    for server in Server::EJABBERD {
        let rig = server.start(Grant::Jwt);
        let gateway = Gateway::start(&rig, |_| {}).await;
        let (one, two) = (account(&rig, "alice"), account(&rig, "bob"));
        let token = get(&gateway, &one.jid, "/api/im/token/").await.expect_json(200);
        assert_eq!(token["mechanism"], "PLAIN");
        let password = token["key"].as_str().expect("a key").to_owned();
        let listener = Client::login(&rig, &two).await;
        Client::login(&rig, &Account { password: password.clone(), ..one.clone() }).await.tell(&two.jid, "by JWT", "");
        let message = listener.wait_for("the message", says("by JWT")).await;
        assert!(message.attr("from").is_some_and(|from| from.starts_with(&format!("{}/", one.jid))));
        assert!(Client::try_connect(&rig, &two.name, &password, None).await.is_err(), "alice's key logged in as bob");
        let header = format!("Token {password}");
        let reply = gateway.rongcloud_bare(Method::GET, "/api/im/token/", &[("authorization", header.as_str())]).await;
        assert_eq!(reply.expect_detail(403), "认证令牌无效。");
        // What the API's own tokens are signed with, the server does not trust.
        let token = gateway.rongcloud_token(&one.jid);
        assert!(Client::try_connect(&rig, &one.name, &token, None).await.is_err(), "a token of the API logged in");
        gateway.shutdown().await;
    }
}
