//! What two users said to each other, and with whom a user spoke.

use serde_json::json;
use stanzagate::chat::types::message::Target;

use super::{ALL, CARD, call, card, expect_order, jid, lines, room_of, shared, tell};
use crate::support::element::{says, show};
use crate::support::{Client, Server, account, stanza};

crate::on_oldest_and_newest!(reads_what_two_users_said, lists_those_with_whom_a_user_spoke);

async fn reads_what_two_users_said(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob, carol) =
        (Client::login(rig, &one).await, Client::login(rig, &two).await, Client::login(rig, &three).await);
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    tell(&alice, &bob, "first").await;
    for silent in [
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<received xmlns='urn:xmpp:receipts' id='first'/><store xmlns='urn:xmpp:hints'/>",
        "<subject>a subject</subject><store xmlns='urn:xmpp:hints'/>",
    ] {
        bob.send(stanza(&format!("<message to='{}' type='chat'>{silent}</message>", one.jid)));
    }
    tell(&bob, &alice, "second").await;
    tell(&carol, &alice, "between alice and carol").await;
    chat.messages.send(&call(), &card(&one, Target::User(jid(&two.jid)), "third")).await.expect("the card is sent");
    bob.wait_for("the card", says("third")).await;
    tell(&bob, &alice, "fourth").await;

    let (a, b, c) = (jid(&one.jid), jid(&two.jid), jid(&three.jid));
    let expected = [(&*one.jid, "first"), (&*two.jid, "second"), (&*one.jid, "third"), (&*two.jid, "fourth")];
    for (user, peer) in [(&a, &b), (&b, &a)] {
        let found = chat.histories.private_history(&call(), user, peer, ALL, CARD).await.expect("the history");
        assert_eq!(lines(&found), expected);
        expect_order(&found);
        assert!(found.iter().all(|s| s.ms + 1000 > before && s.ms < before + 60_000), "{before} {found:?}");
        let jsons: Vec<_> = found.iter().map(|stored| stored.json.clone()).collect();
        assert_eq!(jsons, [None, None, Some(json!({"media": 1, "of": ["third"]})), None]);
    }
    let found = chat.histories.private_history(&call(), &a, &c, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*three.jid, "between alice and carol")]);
    let found = chat.histories.private_history(&call(), &b, &c, ALL, CARD).await.expect("the history");
    assert_eq!(found, [], "they never spoke");
}

async fn lists_those_with_whom_a_user_spoke(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob, carol) =
        (Client::login(rig, &one).await, Client::login(rig, &two).await, Client::login(rig, &three).await);
    let user = jid(&one.jid);
    let peers = async |since| chat.histories.peers(&call(), &user, since, CARD).await.expect("the peers");
    assert_eq!(peers(0).await, []);
    tell(&alice, &bob, "to bob").await;
    tell(&carol, &alice, "from carol 1").await;
    tell(&alice, &carol, "to carol").await;
    tell(&bob, &alice, "from bob").await;
    let silent = "<subject>s</subject><store xmlns='urn:xmpp:hints'/>";
    carol.send(stanza(&format!("<message to='{}' type='chat'>{silent}</message>", one.jid)));
    // A room of which alice is a member: on ejabberd it sends to her archive too.
    let room = room_of(chat, rig, &[&two, &one]).await;
    chat.messages.send(&call(), &card(&two, Target::Room(room), "in the room")).await.expect("the card is sent");
    if server.is_ejabberd() {
        alice.wait_for("the room's message", |message| show(message).contains("in the room")).await;
    }
    alice.send(stanza(&format!("<message to='{}' type='chat'><body>to the server</body></message>", rig.domain())));
    alice.ping().await;
    let found = peers(0).await;
    let shown: Vec<_> = found.iter().map(|(peer, last)| (peer.as_str(), last.from.as_str(), &*last.body)).collect();
    assert_eq!(shown, [(&*two.jid, &*two.jid, "from bob"), (&*three.jid, &*one.jid, "to carol")]);
    for (peer, last) in &found {
        let talk = chat.histories.private_history(&call(), &user, peer, ALL, CARD).await.expect("the history");
        assert_eq!(talk.last(), Some(last), "one moment for one message");
    }
    let latest = found.iter().map(|(_, last)| last.ms).max().expect("two");
    let since: Vec<_> = found.iter().filter(|(_, last)| last.ms == latest).cloned().collect();
    assert_eq!(peers(latest).await, since);
    assert_eq!(peers(latest + 1).await, []);
    let other = chat.histories.peers(&call(), &jid(&two.jid), 0, CARD).await.expect("the peers");
    assert_eq!(other.iter().map(|(peer, _)| peer.as_str()).collect::<Vec<_>>(), [&*one.jid]);
}
