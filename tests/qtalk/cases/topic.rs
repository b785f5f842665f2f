//! A room's topic: set by whoever may, answered at once, on both products by the same rule.

use std::time::{Duration, Instant};

use super::rooms::Room;
use crate::on_all_servers;
use crate::support::element::{body, child, says};
use crate::support::{Account, Client, Server, account, fresh};

on_all_servers!(
    an_owner_sets_the_topic,
    a_member_sets_it_where_the_room_lets_him,
    a_subject_with_a_body_is_a_message,
    what_has_neither_is_a_message_too,
);

/// Longer than any answer takes that waits for nothing, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_millis(900);

async fn at_once(room: &Room, from: &Account, topic: &str) {
    let begun = Instant::now();
    room.send(from, &format!("<message type='groupchat'><subject>{topic}</subject></message>")).await.expect_success();
    // What used to be waited for took one second, and five.
    assert!(begun.elapsed() < AT_ONCE * 4, "{:?}", begun.elapsed());
}

async fn sees(client: &Client, topic: &str) {
    let shown = |el: &_| child(el, "subject").is_some_and(|subject| subject.text() == topic) && body(el).is_none();
    client.wait_for(format!("the topic {topic}"), shown).await;
}

async fn an_owner_sets_the_topic(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let bob = account(rig, "bob");
    room.add(&[&bob]).await;
    let client = Client::login(rig, &bob).await;
    client.join(&room.jid, &bob.name).await.expect("a member gets in");
    for topic in ["Topic &amp; one", "Topic &amp; one", "", "Topic two"] {
        at_once(&room, &room.owner, topic).await;
    }
    sees(&client, "Topic & one").await;
    sees(&client, "Topic two").await;
    // It stays with the room.
    let late = Client::login(rig, &bob).await;
    late.join(&room.jid, &bob.name).await.expect("their other device gets in");
    sees(&late, "Topic two").await;
}

async fn a_member_sets_it_where_the_room_lets_him(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let (bob, stranger) = (account(rig, "bob"), account(rig, "dave"));
    room.add(&[&bob]).await;
    let client = Client::login(rig, &bob).await;
    client.join(&room.jid, &bob.name).await.expect("a member gets in");
    let alice = Client::login(rig, &room.owner).await;

    at_once(&room, &bob, "by a member").await;
    sees(&client, "by a member").await;
    alice.configure_room(&room.jid, &[("muc#roomconfig_changesubject", "0")]).await;
    let never = "<message type='groupchat'><subject>never</subject></message>";
    let reply = room.send(&bob, never).await.expect_failure(7);
    assert!(reply.errmsg().contains("forbidden"), "{}", reply.text);
    room.send(&stranger, never).await.expect_failure(5);
    // Owners may in any case.
    at_once(&room, &room.owner, "by its owner").await;
    sees(&client, "by its owner").await;
    client.ping().await;
    let shown = client.received();
    assert!(!shown.iter().any(|el| child(el, "subject").is_some_and(|subject| subject.text() == "never")));
    // And everybody is heard as before.
    let text = fresh("heard");
    room.say(&bob, &text).await.expect_success();
    client.wait_for("the message", says(&text)).await;
}

async fn a_subject_with_a_body_is_a_message(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let bob = account(rig, "bob");
    room.add(&[&bob]).await;
    let client = Client::login(rig, &bob).await;
    client.join(&room.jid, &bob.name).await.expect("a member gets in");
    let alice = Client::login(rig, &room.owner).await;
    alice.configure_room(&room.jid, &[("muc#roomconfig_changesubject", "0")]).await;
    for from in [&room.owner, &bob] {
        let text = fresh("both");
        let both = format!("<message type='groupchat'><subject>S</subject><body>{text}</body></message>");
        room.send(from, &both).await.expect_success();
        let got = client.wait_for("the message", says(&text)).await;
        assert_eq!(child(&got, "subject").map(|subject| subject.text()).as_deref(), Some("S"));
    }
}

async fn what_has_neither_is_a_message_too(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let client = Client::login(rig, &room.owner).await;
    client.join(&room.jid, &room.owner.name).await.expect("the owner gets in");
    let id = fresh("read");
    let marker = format!("<displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/>");
    room.send(&room.owner, &format!("<message type='groupchat'>{marker}</message>")).await.expect_success();
    client
        .wait_for("the marker", |el| child(el, "displayed").is_some_and(|marker| marker.attr("id") == Some(&id)))
        .await;
}
