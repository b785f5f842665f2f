//! `send_notify`: events for the devices that are online, never stored.

use serde_json::{Value, json};
use tokio_xmpp::minidom::Element;

use super::{chat, send};
use crate::support::element::{says, show};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(
    every_online_device_is_notified,
    a_notice_is_not_stored,
    category_and_data_are_taken_as_text,
    unknown_recipients_are_named,
);

const NOTIFY: &str = "/qtalk/send_notify";
const NS: &str = "jabber:x:presence_notify";

fn event(from: &str, to: impl Into<Value>, category: impl Into<Value>, data: &str) -> Value {
    json!({"from": from, "to": to.into(), "category": category.into(), "data": data})
}

fn notice(data: &str) -> impl Fn(&Element) -> bool + '_ {
    move |el| el.get_child("notify", NS).is_some_and(|notify| notify.attr("data") == Some(data))
}

async fn every_online_device_is_notified(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (phone, desk) = (Client::login(rig, &bob).await, Client::login(rig, &bob).await);
    let carol = Client::login(rig, &carol).await;
    let data = format!("{{\"version\":12,\"resource\":\"V[<{}>]\"}}", fresh("data"));
    let reply = gateway.post(NOTIFY, &event(&alice.jid, bob.jid.as_str(), "6", &data)).await;
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#);
    for device in [&phone, &desk] {
        let got = device.wait_for("the notice", notice(&data)).await;
        assert_eq!((got.attr("type"), got.attr("from")), (Some("headline"), Some(alice.jid.as_str())));
        assert_eq!(got.get_child("notify", NS).and_then(|notify| notify.attr("category")), Some("6"), "{}", show(&got));
        device.ping().await;
        assert_eq!(device.received().iter().filter(|el| notice(&data)(el)).count(), 1);
    }
    let data = fresh("all");
    let both = json!([bob.jid, carol.bare()]);
    gateway.post(NOTIFY, &event(&alice.jid, both, "1", &data)).await.expect_success();
    for device in [&phone, &desk, &carol] {
        device.wait_for("the notice", notice(&data)).await;
    }
    gateway.post(NOTIFY, &event(&alice.jid, json!([]), "1", "")).await.expect_success();
}

async fn a_notice_is_not_stored(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (data, text) = (fresh("data"), fresh("text"));
    gateway.post(NOTIFY, &event(&alice.jid, bob.jid.as_str(), "6", &data)).await.expect_success();
    // A message that does wait shows that what waits has been delivered.
    send(gateway, &alice.jid, &bob.jid, &text).await.expect_success();
    let client = Client::login(rig, &bob).await;
    client.wait_for("the message that waited", says(&text)).await;
    client.ping().await;
    assert!(!client.received().iter().any(notice(&data)), "{:?}", client.received());

    let live = fresh("data");
    gateway.post(NOTIFY, &event(&alice.jid, bob.jid.as_str(), "6", &live)).await.expect_success();
    client.wait_for("the notice", notice(&live)).await;
    let archive = client.mam(None).await;
    assert!(archive.iter().any(says(&text)));
    assert!(!archive.iter().any(|el| el.has_child("notify", NS)), "{archive:?}");
    let sender = Client::login(rig, &alice).await;
    assert!(!sender.mam(None).await.iter().any(|el| el.has_child("notify", NS)), "nor by its sender");
}

async fn category_and_data_are_taken_as_text(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), Client::login(rig, &account(rig, "bob")).await);
    let cases = [
        (json!(99), json!("数据 \"&<>' 😀"), "99", "数据 \"&<>' 😀"),
        (json!("100"), json!(""), "100", ""),
        (json!("8"), json!({"updateTime": "1599042354657"}), "8", r#"{"updateTime":"1599042354657"}"#),
    ];
    for (category, data, as_category, as_data) in cases {
        let body = json!({"from": alice.jid, "to": bob.bare(), "category": category, "data": data});
        gateway.post(NOTIFY, &body).await.expect_success();
        let got = bob.wait_for("the notice", notice(as_data)).await;
        let notify = got.get_child("notify", NS).expect("the notice");
        assert_eq!(notify.attr("category"), Some(as_category));
    }
    // Without data at all, as the documents of some events have it.
    let body = json!({"from": alice.jid, "to": bob.bare(), "category": "1"});
    gateway.post(NOTIFY, &body).await.expect_success();
    bob.wait_for("the notice", notice("")).await;
}

async fn unknown_recipients_are_named(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), Client::login(rig, &account(rig, "bob")).await);
    let data = fresh("data");
    let reply = gateway.post(NOTIFY, &event(&alice.jid, "nobody@example.org", "6", &data)).await.expect_failure(2);
    assert_eq!(reply.errmsg(), "the user nobody@example.org does not exist");
    let several = json!(["nobody@example.org", bob.bare(), "x@elsewhere.example", 7]);
    let reply = gateway.post(NOTIFY, &event(&alice.jid, several, "6", &data)).await.expect_failure(13);
    let failed = reply.json["data"]["failed"].as_array().expect("the failed parts");
    let failed: Vec<_> = failed.iter().map(|part| (part["index"].clone(), part["errcode"].clone())).collect();
    assert_eq!(failed, [(json!(0), json!(2)), (json!(2), json!(10)), (json!(3), json!(10))]);
    bob.wait_for("the notice all the same", notice(&data)).await;
    for (from, errcode) in [("ghost@example.org", 2), ("x@gw.example.org", 10), ("x@elsewhere.example", 10)] {
        gateway.post(NOTIFY, &event(from, bob.bare(), "6", &data)).await.expect_failure(errcode);
    }
    let missing = json!({"from": alice.jid, "to": bob.bare(), "data": "x"});
    let reply = gateway.post(NOTIFY, &missing).await.expect_failure(1);
    assert_eq!(reply.errmsg(), "category is missing");
    send(gateway, &alice.jid, bob.bare(), &chat("end")).await;
    bob.ping().await;
    assert_eq!(bob.received().iter().filter(|el| notice(&data)(el)).count(), 1);
}
