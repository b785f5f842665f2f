//! `send_message`: plain text to users and to rooms.

use serde_json::{Value, json};

use super::room::Room;
use super::{archived, marks, shown};
use crate::support::element::{body, says, show};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(
    a_text_reaches_several_users,
    the_documented_body_is_delivered,
    a_text_reaches_a_room,
    the_originals_texts_name_what_is_wrong,
);

const MESSAGE: &str = "/qtalk/send_message";

async fn a_text_reaches_several_users(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    alice.carbons_enable().await;
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    let online = Client::login(rig, &bob).await;
    let text = format!("{} <b>不是</b> & \"markup\" 😀\nsecond line", fresh("text"));
    let from = alice.bare().split('@').next().expect("a localpart");
    let request = json!({
        "From": from, "To": [{"User": bob.name}, {"User": "nobody"}, {"User": carol.name}], "Body": text,
        "Type": "chat", "Msg_Type": 7, "Host": "example.org", "Domain": "example.org", "Extend_Info": "{\"a\":\"<&>\"}",
    });
    let reply = gateway.post(MESSAGE, &request).await.expect_failure(2);
    assert_eq!(reply.json["data"]["failed"][0]["index"], json!(1));
    assert_eq!(reply.json["data"]["failed"].as_array().map(Vec::len), Some(1));

    let later = Client::login(rig, &carol).await;
    for client in [&online, &later] {
        let got = client.wait_for("the text", says(&text)).await;
        assert_eq!(got.attr("type"), Some("chat"));
        assert_eq!((marks(&got).attr("msgType"), marks(&got).attr("extendInfo")), (Some("7"), Some("{\"a\":\"<&>\"}")));
        assert!(marks(&got).attr("id").is_some_and(|id| id.starts_with("http")), "{}", show(&got));
        assert_eq!((shown(client, &text).await, archived(client, None, &text).await), (1, 1));
    }
    assert_eq!((shown(&alice, &text).await, archived(&alice, None, &text).await), (2, 2), "a copy of each");
}

async fn the_documented_body_is_delivered(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &bob).await;
    let documented = r#"{
    "From":"test1",
    "To":[{"User":"test"}],
    "Body":"xxxxxxx",
    "Type":"chat",
    "Msg_Type":"1",
    "Host":"qtalk.test.org",
    "Domain":"qtalk.test.org",
    "Extend_Info":""
}"#;
    let adapted = documented
        .replace("\"test1\"", &format!("{:?}", alice.name))
        .replace("\"test\"", &format!("{:?}", bob.name))
        .replace("qtalk.test.org", "example.org");
    let reply = gateway.post_raw(MESSAGE, adapted).await;
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
    let got = client.wait_for("the text", says("xxxxxxx")).await;
    assert_eq!(got.attr("from").and_then(|from| from.split('/').next()), Some(alice.jid.as_str()));
    assert_eq!((marks(&got).attr("msgType"), marks(&got).attr("extendInfo")), (Some("1"), Some("")));
    // Type, Msg_Type, Host and Extend_Info have defaults.
    let short = json!({"From": alice.name, "To": [{"User": bob.name}], "Body": "short"});
    gateway.post(MESSAGE, &short).await.expect_success();
    client.wait_for("the text", says("short")).await;
}

async fn a_text_reaches_a_room(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let room = Room::make(server, &["bob"]).await;
    let bob = Client::login(rig, &room.members[0]).await;
    bob.join(&room.jid, "bob").await.expect("a member may enter");
    let text = fresh("text");
    let request = |from: &str, room: &str| {
        json!({
            "From": from, "To": [{"User": room}], "Body": text, "Type": "groupchat", "Msg_Type": "1",
            "Host": "example.org", "Domain": "conference.example.org", "Extend_Info": "",
        })
    };
    let reply = gateway.post(MESSAGE, &request(&room.owner.name, &room.name)).await.expect_success();
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
    let got = bob.wait_for("the text", says(&text)).await;
    assert_eq!(marks(&got).attr("realfrom"), Some(room.owner.jid.as_str()));
    assert_eq!((shown(&bob, &text).await, archived(&bob, Some(&room.jid), &text).await), (1, 1));

    let stranger = account(rig, "dave");
    let reply = gateway.post(MESSAGE, &request(&stranger.name, &room.name)).await.expect_failure(5);
    assert_eq!(reply.errmsg(), "User not in Room");
    gateway.post(MESSAGE, &request(&room.owner.name, &fresh("nowhere"))).await.expect_failure(4);
    assert_eq!(archived(&bob, Some(&room.jid), &text).await, 1);
}

async fn the_originals_texts_name_what_is_wrong(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), Client::login(rig, &account(rig, "bob")).await);
    let to = json!([{"User": bob.bare().split('@').next()}]);
    let group = |entries: Value, more: Value| {
        let mut body = json!({"From": alice.name, "To": entries, "Type": "groupchat", "Host": "example.org"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let one = json!([{"User": "lobby"}]);
    let cases = [
        (json!({"From": alice.name, "To": to}), "Message Body is Null"),
        (json!({"To": to, "Body": "x"}), "From make jid error"),
        (json!({"From": "a b", "To": to, "Body": "x"}), "From make jid error"),
        (group(json!([]), json!({"Body": "x"})), "To not suit"),
        (group(json!([{"User": "a"}, {"User": "b"}]), json!({"Body": "x"})), "To not suit"),
        (group(json!([{"Name": "a"}]), json!({"Body": "x"})), "To not suit"),
        (group(one.clone(), json!({})), "Message Body is Null"),
        (group(one.clone(), json!({"Body": "x"})), "User not in Room"),
        (
            group(json!([{"User": "a b"}]), json!({"Body": "x", "Domain": "conference.example.org"})),
            "Muc make jid error",
        ),
        (group(one, json!({"Body": "x", "Domain": "conference.elsewhere.example"})), "Muc make jid error"),
    ];
    for (request, errmsg) in cases {
        let reply = gateway.post(MESSAGE, &request).await;
        assert_eq!((reply.ret(), reply.errmsg()), (false, errmsg), "{request}");
        assert!(reply.json.get("data").is_none(), "{}", reply.text);
    }
    bob.ping().await;
    assert!(!bob.received().iter().any(|el| body(el).is_some()));
}
