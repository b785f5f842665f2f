//! Reading backwards in steps, where many messages share one second.

use std::time::{Duration, Instant};

use stanzagate::chat::archive::history::{Span, Stored};

use super::{ALL, CARD, call, expect_order, jid, realm, shared};
use crate::support::element::says;
use crate::support::{Client, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(pages_through_a_crowded_second);

/// Reads everything backwards in steps of `limit`, as clients of the API do.
async fn in_steps(limit: usize, read: impl AsyncFn(Span) -> Vec<Stored>) -> Vec<Stored> {
    let (mut all, mut before_ms) = (Vec::new(), u64::MAX);
    loop {
        let page = read(Span { since_ms: 0, before_ms, limit }).await;
        assert!(page.len() <= limit, "{} of {limit}", page.len());
        let Some(first) = page.first() else { return all };
        before_ms = first.ms;
        all.splice(0..0, page);
    }
}

/// Every way of paging gives the same messages at the same moments.
async fn expect_pages(bodies: &[String], read: impl AsyncFn(Span) -> Vec<Stored>) {
    let whole = read(ALL).await;
    assert_eq!(whole.iter().map(|stored| stored.body.as_str()).collect::<Vec<_>>(), bodies);
    expect_order(&whole);
    for limit in [1, 7, 100] {
        assert_eq!(in_steps(limit, &read).await, whole, "in steps of {limit}");
    }
    let middle = whole[whole.len() / 2].ms;
    let since = read(Span { since_ms: middle, ..ALL }).await;
    assert_eq!(since, whole[whole.len() / 2..], "since {middle}");
    assert_eq!(read(Span { since_ms: middle, before_ms: middle + 1, limit: 100 }).await.len(), 1);
    assert_eq!(read(Span { limit: 0, ..ALL }).await, []);
}

async fn pages_through_a_crowded_second(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let bodies: Vec<String> = (0..25).map(|n| format!("m{n}")).collect();
    let began = Instant::now();
    for text in &bodies {
        // Both in one archive, of which the reader is shown one.
        for inner in [&*format!("<body>{text}</body>"), "<subject>s</subject><store xmlns='urn:xmpp:hints'/>"] {
            alice.send(stanza(&format!("<message to='{}' type='chat'>{inner}</message>", two.jid)));
        }
    }
    bob.wait_for("the last", says("m24")).await;
    assert!(began.elapsed() < Duration::from_secs(20), "no two need share a second");
    let (a, b) = (jid(&one.jid), jid(&two.jid));
    expect_pages(&bodies, async |span| {
        chat.histories.private_history(&call(), &b, &a, span, CARD).await.expect("the history")
    })
    .await;

    let room = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&room, "alice").await;
    for text in &bodies {
        alice.say(&room, text);
    }
    alice.wait_for("the last reflection", says("m24")).await;
    let (realm, room) = (realm(chat, rig), jid(&room));
    expect_pages(&bodies, async |span| {
        chat.histories.room_history(&call(), &realm, &room, span, CARD).await.expect("the history")
    })
    .await;
}
