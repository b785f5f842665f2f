//! What was said in a room, until it is cleared.

use serde_json::json;
use stanzagate::chat::archive::history::Span;
use stanzagate::chat::types::message::Target;

use super::{ALL, CARD, call, card, expect_order, jid, lines, realm, room_of, shared};
use crate::support::element::{body, says};
use crate::support::room::SILENCE;
use crate::support::{Client, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(reads_what_was_said_in_a_room, clears_a_room);

async fn reads_what_was_said_in_a_room(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let (room, realm) = (room_of(chat, rig, &[&one, &two]).await, realm(chat, rig));
    alice.join(room.as_str(), "Al").await.expect("the owner gets in");
    alice.say_aloud(room.as_str(), "first").await;
    chat.messages.send(&call(), &card(&two, Target::Room(room.clone()), "second")).await.expect("the card is sent");
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'><subject>a subject</subject></message>")));
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>";
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'>{typing}</message>")));
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='mallory@example.org'/></x>";
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'><body>third</body>{forged}</message>")));
    alice.wait_for("the third", says("third")).await;

    let found = chat.histories.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*one.jid, "first"), (&*two.jid, "second"), (&*one.jid, "third")]);
    expect_order(&found);
    assert_eq!(found[1].json, Some(json!({"media": 1, "of": ["second"]})));
    let newest =
        chat.histories.room_history(&call(), &realm, &room, Span { limit: 1, ..ALL }, CARD).await.expect("the history");
    assert_eq!(newest, found[2..]);

    // Where addresses are hidden from occupants, the archive shows none: only the room can be named.
    let hidden = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&hidden, "Al").await;
    alice.say_aloud(&hidden, "hidden").await;
    let found = chat.histories.room_history(&call(), &realm, &jid(&hidden), ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*hidden, "hidden")]);
}

async fn clears_a_room(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let (room, realm) = (room_of(chat, rig, &[&one, &two]).await, realm(chat, rig));
    let other = room_of(chat, rig, &[&one]).await;
    let read = async || chat.histories.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    chat.histories.clear_room_history(&call(), &realm, &room).await.expect("an empty history is clear");
    for room in [&room, &other] {
        alice.join(room.as_str(), "Al").await.expect("the owner gets in");
        for text in ["old 1", "old 2", "old 3"] {
            alice.say_aloud(room.as_str(), text).await;
        }
    }
    for round in ["new 1", "new 2"] {
        assert!(!read().await.is_empty());
        chat.histories.clear_room_history(&call(), &realm, &room).await.expect("it is cleared");
        assert_eq!(read().await, []);
        let archived = alice.mam(Some(room.as_str())).await.iter().filter(|message| body(message).is_some()).count();
        // ejabberd keeps what readers of the API are not shown any more.
        assert_eq!(archived > 0, server.is_ejabberd(), "{archived} in the archive");
        alice.say_aloud(room.as_str(), round).await;
        assert_eq!(lines(&read().await), [(&*one.jid, round)], "what is said at once after it is shown");
    }
    if !server.is_ejabberd() {
        // Nor does the room show it to those who enter.
        let bob = Client::login(rig, &two).await;
        bob.send(stanza(&format!("<presence to='{room}/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>")));
        bob.wait_for("the newest", says("new 2")).await;
        bob.expect_none("what was cleared", SILENCE, |message| body(message).is_some_and(|b| b.starts_with("old")))
            .await;
    }
    let found = chat.histories.room_history(&call(), &realm, &other, ALL, CARD).await.expect("the history");
    assert_eq!(found.len(), 3, "the other room keeps its own");

    let purge = stanza(&format!("<iq type='set' to='{room}'><purge xmlns='urn:stanzagate:helper:0'/></iq>"));
    let refused = alice.iq(purge).await;
    assert_eq!(refused.attr("type"), Some("error"), "only the component may ask for it");
    assert_eq!(read().await.len(), 1);
}
