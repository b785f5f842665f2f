//! Texts that were cut inside an emoji, and what consoles write: delivered, in each of the four APIs alike.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::element::{child, says, show};
use crate::support::people::carried_by;
use crate::support::xuanxuan::{notification, titled};
use crate::support::{Client, Gateway, Reply, Server, account, fresh};

crate::on_oldest_and_newest!(a_text_cut_inside_an_emoji_is_delivered, console_output_arrives_as_its_text);

const LABEL: &str = "urn:stanzagate:qtalk:0";

/// Posts JSON of the MaxLeap API as it is.
async fn maxleap(gateway: &Gateway, path: &str, body: String) -> Reply {
    let (app, key) = gateway.maxleap_app();
    let post = |http: &reqwest::Client, url: &str| {
        let request = http.post(format!("{url}{path}")).header("x-ml-appid", app).header("x-ml-apikey", key);
        request.header("content-type", "application/json").body(body)
    };
    gateway.request(post).await
}

async fn a_text_cut_inside_an_emoji_is_delivered(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &bob).await;
    for half in [r"\ud83d", r"\uDE00", r"\ud83d\ud83d"] {
        let text = fresh("cut");
        let shown = format!("{text} {}", "\u{fffd}".repeat(half.len() / 6));
        // qtalk: XML in JSON, a text, and attributes of one.
        let xml = format!(
            r#"{{"from":"{}","to":"{}","message":"<message type='chat'><body extendInfo='{half}'>{text} {half}</body></message>"}}"#,
            alice.jid, bob.jid
        );
        gateway.post_raw("/qtalk/send_thirdmessage", xml).await.expect_success();
        let got = client.wait_for("the message", says(&shown)).await;
        let info = got.get_child("qtalk", LABEL).and_then(|marks| marks.attr("extendInfo"));
        assert!(info.is_some_and(|info| info.starts_with('\u{fffd}')), "{}", show(&got));
        let plain = format!(
            r#"{{"From":"{}","To":[{{"User":"{}"}}],"Body":"{text} {half}","Extend_Info":"{half}"}}"#,
            alice.name, bob.name
        );
        gateway.post_raw("/qtalk/send_message", plain).await.expect_success();
        client.wait_for("the text", says(&shown)).await;
        // MaxLeap: a system message, and an attribute, its name and what is in it.
        let system = format!(r#"{{"content":{{"media":0,"body":"{text} {half}"}}}}"#);
        maxleap(gateway, &format!("/system/{}", bob.name), system).await.expect_status(202);
        let got = client.wait_for("the system message", says(&shown)).await;
        assert_eq!(carried_by(&got)["body"], json!(shown));
        let path = format!("/ctx/{}/attributes", bob.name);
        maxleap(gateway, &path, format!(r#"{{"{half}":["{half}"]}}"#)).await.expect_status(201);
        let kept = gateway.maxleap(Method::GET, &path, &Value::Null).await.expect_status(200).json;
        let fffd = "\u{fffd}".repeat(half.len() / 6);
        assert_eq!(kept[&fffd], json!([fffd]), "{kept}");
        // Xuanxuan: a notification in a form.
        let data = format!(
            r#"{{"receiver":"users","userList":["{}"],"title":"{text}","content":"{half}","sender":{{"id":"ci"}}}}"#,
            bob.name
        );
        gateway.notify_form(&data).await.expect_data();
        let got = client.wait_for("the notification", |el| titled(el, &text).is_some()).await;
        assert_eq!(notification(&got)["content"], json!(fffd));
        // RongCloud: a group's name.
        let body = format!(r#"{{"name":"{text} {half}"}}"#);
        let post = |request: reqwest::RequestBuilder| request.header("content-type", "application/json").body(body);
        let made = gateway.rongcloud_with(&alice.jid, Method::POST, "/api/im/group/", post).await.expect_json(201);
        assert_eq!(made["name"], json!(shown));
    }
    // In an address it is refused like anything else that no address can hold.
    let to = format!(r#"{{"from":"{}","to":"b\ud83d@example.org","message":"<message/>"}}"#, alice.jid);
    gateway.post_raw("/qtalk/send_thirdmessage", to).await.expect_failure(10);
}

async fn console_output_arrives_as_its_text(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &bob).await;
    for console in
        ["\u{1b}[31mFAILED\u{1b}[0m", "\u{1b}[1;38;5;196mFAI\u{8}LED\u{1b}[K\u{0}", "\u{1b}]0;t\u{7}FAILED\u{ffff}"]
    {
        let text = fresh("build");
        let (said, shown) = (format!("{text} {console}"), format!("{text} FAILED"));
        let xml = format!("<message type='chat'><body>{said}</body></message>");
        let escaped = xml.replace('\u{1b}', "&#27;");
        for xml in [xml, escaped] {
            let body = json!({"from": alice.jid, "to": bob.jid, "message": xml});
            gateway.post("/qtalk/send_thirdmessage", &body).await.expect_success();
            client.wait_for("the message", says(&shown)).await;
        }
        let body = json!({"From": alice.name, "To": [{"User": bob.name}], "Body": said, "Extend_Info": said});
        gateway.post("/qtalk/send_message", &body).await.expect_success();
        let got = client.wait_for("the text", says(&shown)).await;
        let info = got.get_child("qtalk", LABEL).and_then(|marks| marks.attr("extendInfo"));
        assert_eq!(info, Some(shown.as_str()), "{}", show(&got));
        let body = json!({"from": alice.jid, "to": bob.jid, "category": "6", "data": said});
        gateway.post("/qtalk/send_notify", &body).await.expect_success();
        let data =
            |el: &tokio_xmpp::minidom::Element| child(el, "notify").and_then(|n| n.attr("data")).map(str::to_owned);
        client.wait_for("the event", |el| data(el).as_deref() == Some(&shown)).await;
        let body = json!({"content": {"media": 0, "body": said}, "remark": said});
        gateway.maxleap(Method::POST, &format!("/system/{}", bob.name), &body).await.expect_status(202);
        let got = client.wait_for("the system message", says(&shown)).await;
        assert_eq!((&carried_by(&got)["body"], &carried_by(&got)["remark"]), (&json!(shown), &json!(shown)));
        let data = json!({
            "receiver": "users", "userList": [bob.name], "title": said, "subtitle": said, "content": said,
            "actions": [{"label": console, "url": "http://ci.local/"}], "sender": {"id": "ci", "name": console},
        });
        gateway.notify(&data).await.expect_data();
        let got = client.wait_for("the notification", |el| titled(el, &shown).is_some()).await;
        let card = notification(&got);
        assert_eq!((&card["subtitle"], &card["content"]), (&json!(shown), &json!(shown)));
        assert_eq!((&card["actions"][0]["label"], &card["sender"]["name"]), (&json!("FAILED"), &json!("FAILED")));
    }
    // Names and attributes that say what something is are refused as they are.
    let name = json!({"name": "\u{1b}[31mred"});
    gateway.rongcloud(&alice.jid, Method::POST, "/api/im/group/", &name).await.expect_detail(400);
    let body = json!({"from": alice.jid, "to": bob.jid, "category": "6\u{8}", "data": ""});
    gateway.post("/qtalk/send_notify", &body).await.expect_failure(11);
    let xml = json!({"from": alice.jid, "to": bob.jid, "message": "<message type='chat'><body id='\u{8}'>x</body></message>"});
    gateway.post("/qtalk/send_thirdmessage", &xml).await.expect_failure(11);
}
