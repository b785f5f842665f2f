//! A room to which its owner's client gives a password: the gateway, an owner too, knows it.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_xmpp::minidom::Element;

use super::rooms::{ROOMS, Room};
use crate::on_all_servers;
use crate::support::element::{BOOKMARKS, PUBSUB, child, has_status, says};
use crate::support::{Client, Gateway, Server, account, fresh, stanza};

on_all_servers!(members_are_added_and_heard, members_of_a_group_are_added);

const SECRET: [(&str, &str); 2] = [("muc#roomconfig_passwordprotectedroom", "1"), ("muc#roomconfig_roomsecret", "s&c")];

impl Client {
    /// The password in the account's own bookmark of a room.
    async fn bookmark_password(&self, room: &str) -> Option<String> {
        let items = format!("<items node='{BOOKMARKS}'><item id='{room}'/></items>");
        let reply = self.iq(stanza(&format!("<iq type='get'><pubsub xmlns='{PUBSUB}'>{items}</pubsub></iq>"))).await;
        let item = child(child(child(&reply, "pubsub")?, "items")?, "item")?;
        child(child(item, "conference")?, "password").map(Element::text)
    }

    /// Enters a room with its password.
    async fn join_with(&self, room: &str, nick: &str, password: &str) {
        let x = format!("<x xmlns='http://jabber.org/protocol/muc'><password>{password}</password></x>");
        self.send(stanza(&format!("<presence to='{room}/{nick}'>{x}</presence>")));
        let ours = |el: &Element| el.attr("from").is_some_and(|from| from.split('/').next() == Some(room));
        self.wait_for("a way in", |el| el.name() == "presence" && ours(el) && has_status(el, "110")).await;
    }
}

async fn members_are_added_and_heard(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    room.add(&[&bob]).await;
    let alice = Client::login(rig, &room.owner).await;
    let carol_ = Client::login(rig, &carol).await;
    let secret = SECRET.map(|(name, value)| (name, if value == "s&c" { "s&amp;c" } else { value }));
    alice.configure_room(&room.jid, &secret).await;
    let bob_ = Client::login(rig, &bob).await;
    bob_.join(&room.jid, "x").await.expect_err("a member gets in without the password");

    room.add(&[&carol]).await;
    let invited = |el: &_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room.jid));
    let invitation = carol_.wait_for("an invitation", invited).await;
    assert_eq!(child(&invitation, "x").and_then(|x| x.attr("password")), Some("s&c"));
    assert_eq!(carol_.bookmark_password(&room.jid).await.as_deref(), Some("s&c"));
    if server.is_ejabberd() {
        assert!(carol_.subscriptions(ROOMS).await.contains_key(&room.jid));
    }
    carol_.join_with(&room.jid, &carol.name, "s&amp;c").await;
    for from in [&room.owner, &bob, &carol] {
        let text = fresh("heard");
        room.say(from, &text).await.expect_success();
        carol_.wait_for("the message", says(&text)).await;
    }
    // A password that is changed, and one that is taken away.
    for fields in [[SECRET[0], (SECRET[1].0, "other")], [(SECRET[0].0, "0"), (SECRET[1].0, "")]] {
        alice.configure_room(&room.jid, &fields).await;
        let (dave, text) = (account(rig, "dave"), fresh("heard"));
        room.add(&[&dave]).await;
        room.say(&dave, &text).await.expect_success();
        carol_.wait_for("the message", says(&text)).await;
    }
}

async fn members_of_a_group_are_added(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, bob) = (account(rig, "alice"), account(rig, "bob"));
    let body = json!({"owner": owner.name, "members": []});
    let id = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let id = id.as_str().expect("an id");
    let alice = Client::login(rig, &owner).await;
    alice.configure_room(&format!("{id}@{ROOMS}"), &[SECRET[0], (SECRET[1].0, "secret")]).await;
    let path = format!("/groups/{id}/members");
    gateway.maxleap(Method::POST, &path, &json!({"members": [bob.name]})).await.expect_status(201);
    let group = gateway.maxleap(Method::GET, &format!("/groups/{id}"), &Value::Null).await.expect_status(200);
    assert_eq!(group.json["members"], json!([bob.name]));
}
