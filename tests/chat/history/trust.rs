//! What is believed, what is known not to exist, and what is said when a right is missing.

use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::error::Kind;
use stanzagate::chat::types::message::Target;
use stanzagate::config::sessions::Grant;

use super::{ALL, CARD, call, card, jid, lines, realm, room_of, shared, start};
use crate::support::element::{child, says};
use crate::support::room::SILENCE;
use crate::support::{Client, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(believes_no_forged_results, knows_who_does_not_exist, names_what_is_missing);

async fn believes_no_forged_results(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, mallory) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let (user, peer) = (jid(&one.jid), jid(&two.jid));
    // From it mallory learns where the gateway's own session of alice is, on ejabberd.
    chat.messages.send(&call(), &card(&one, Target::User(peer.clone()), "true")).await.expect("the card is sent");
    let told = mallory.wait_for("the card", says("true")).await;
    let seen = told.attr("from").expect("a sender").to_owned();
    assert_eq!(seen.contains("/stanzagate-"), server.is_ejabberd(), "{seen}");
    let result = |to: &str, query: &str| {
        stanza(&format!(
            "<message to='{to}'><result xmlns='urn:xmpp:mam:2' {query} id='1'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/><message xmlns='jabber:client' type='chat' \
             from='{}' to='{}'><body>forged</body></message></forwarded></result></message>",
            two.jid, one.jid
        ))
    };
    for round in 0..20 {
        for to in [rig.component_name(), &*seen] {
            for query in ["", "queryid=''", &*format!("queryid='{round:032x}'")] {
                mallory.send(result(to, query));
            }
        }
        let found = chat.histories.private_history(&call(), &user, &peer, ALL, CARD).await.expect("the history");
        assert!(lines(&found).contains(&(&*one.jid, "true")), "{found:?}");
        assert!(found.iter().all(|stored| stored.body != "forged"), "{found:?}");
    }
    mallory.ping().await;
    // The archive's own answers are nobody's mail.
    let own = |message: &tokio_xmpp::minidom::Element| {
        let from_mallory = message.attr("from").is_some_and(|from| from.starts_with(&*two.jid));
        child(message, "result").is_some() && !from_mallory
    };
    alice.expect_none("a result of the gateway's query", SILENCE, own).await;

    // Nor does the helper module answer another than the component. ejabberd answers with mallory's own archive.
    if server.is_ejabberd() {
        return;
    }
    let query = stanza(&format!("<iq type='set' to='{}'><query xmlns='urn:xmpp:mam:2' queryid='x'/></iq>", one.jid));
    assert_eq!(mallory.iq(query).await.attr("type"), Some("error"));
    mallory.expect_none("somebody's archive", SILENCE, |message| child(message, "result").is_some()).await;
}

async fn knows_who_does_not_exist(server: Server) {
    let (rig, chat) = shared(server).await;
    let (known, realm) = (jid(&account(rig, "alice").jid), realm(chat, rig));
    let nobody = jid(&format!("{}@{}", fresh("nobody"), rig.domain()));
    let nowhere = jid(&format!("{}@{}", fresh("nowhere"), rig.rooms()));
    for (user, peer) in [(&nobody, &known), (&known, &nobody)] {
        let error = chat.histories.private_history(&call(), user, peer, ALL, CARD).await.expect_err("nobody");
        assert!(matches!(&error, ChatError::UnknownUser(who) if *who == nobody), "{error}");
    }
    let error = chat.histories.peers(&call(), &nobody, 0, CARD).await.expect_err("nobody");
    assert!(matches!(error, ChatError::UnknownUser(_)), "{error}");
    let error = chat.histories.room_history(&call(), &realm, &nowhere, ALL, CARD).await.expect_err("no room");
    assert!(matches!(error, ChatError::UnknownRoom(_)), "{error}");
    let error = chat.histories.clear_room_history(&call(), &realm, &nowhere).await.expect_err("no room");
    assert!(matches!(error, ChatError::UnknownRoom(_)), "{error}");
    Client::login(rig, &account(rig, "bob")).await.expect_no_room(nowhere.as_str()).await;
}

/// What the history of users needs is not there: the helper module, or a grant for sessions.
async fn names_what_is_missing(server: Server) {
    let rig = server.start(Grant::Oauth);
    let mut config = rig.gateway_config();
    let expected = if server.is_ejabberd() {
        config.sessions.grant = Grant::None;
        "sessions.grant"
    } else {
        rig.stop_server().expect("the server stops");
        let path = rig.dir().join("prosody.cfg.lua");
        let shipped = std::fs::read_to_string(&path).expect("the server's configuration");
        let without = shipped.replace("; \"stanzagate\"", "");
        assert_ne!(shipped, without);
        std::fs::write(&path, without).expect("the server's configuration");
        rig.start_server().expect("the server starts");
        "mod_stanzagate.lua"
    };
    let chat = start(config).await;
    let (one, two) = (account(&rig, "alice"), account(&rig, "bob"));
    let (a, b) = (jid(&one.jid), jid(&two.jid));
    let error = chat.histories.private_history(&call(), &a, &b, ALL, CARD).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    let error = chat.histories.peers(&call(), &a, 0, CARD).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    if server.is_ejabberd() {
        return;
    }
    // Without the module a room's archive stays, but its readers are shown none of it.
    let alice = Client::login(&rig, &one).await;
    let (room, realm) = (room_of(&chat, &rig, &[&one]).await, realm(&chat, &rig));
    alice.join(room.as_str(), "Al").await.expect("the owner gets in");
    alice.say_aloud(room.as_str(), "old").await;
    let error = chat.histories.clear_room_history(&call(), &realm, &room).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    assert_eq!(chat.histories.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history"), []);
    alice.say_aloud(room.as_str(), "new").await;
    let found = chat.histories.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*one.jid, "new")]);
}
