//! The component link against a scripted server: what it promises its callers.

use std::time::Duration;

use stanzagate::link::{LinkError, LinkState};

use crate::link_support::*;
use crate::support::fake_server::FakeServer;

#[tokio::test]
async fn an_iq_gets_the_reply_of_whom_it_asked() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    let asked = tokio::spawn(async move { link.iq(&call(), get("room@rooms.example.org")).await });
    let iq = peer.next().await;
    assert_eq!(iq.attr("to"), Some("room@rooms.example.org"));
    peer.result(&iq).await;
    let reply = asked.await.expect("ran").expect("a reply");
    assert_eq!((reply.attr("type"), reply.attr("id")), (Some("result"), iq.attr("id")));
}

#[tokio::test]
async fn an_error_from_somebody_else_is_no_bounce() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    let sent = tokio::spawn(async move { link.send_routed(&call(), &message("m")).await });
    peer.next().await;
    let ping = peer.next().await;
    let error = |from, condition| {
        format!(
            "<message type='error' id='m' from='{from}' to='alice@example.org'><error type='cancel'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
    };
    peer.write(&error("Bob@example.org/phone", "gone")).await;
    peer.write(&error("mallory@example.org", "item-not-found")).await;
    peer.result(&ping).await;
    let bounce = sent.await.expect("ran").expect("confirmed").expect("a bounce");
    assert_eq!(bounce.attr("from"), Some("Bob@example.org/phone"));
}

#[tokio::test]
async fn one_ping_confirms_all_that_was_written_together() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    up(&link).await;
    let messages: Vec<_> = (0..300).map(|n| message(&format!("m{n}"))).collect();
    let sent = tokio::spawn(async move { link.send_all_routed(&call(), &messages).await });
    let mut pings = 0;
    let mut seen = 0;
    while seen < 300 {
        let stanza = peer.next().await;
        if stanza.name() == "message" {
            assert_eq!(stanza.attr("id"), Some(format!("m{seen}").as_str()));
            if seen == 7 {
                peer.write(
                    "<message type='error' id='m7' from='bob@example.org' to='alice@example.org'><error type='cancel'>\
                     <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
                )
                .await;
            }
            seen += 1;
        } else {
            pings += 1;
            peer.result(&stanza).await;
        }
    }
    let ping = peer.next().await;
    peer.result(&ping).await;
    let outcomes = sent.await.expect("ran");
    assert!(pings < 20, "{} pings for 300 messages", pings + 1);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let bounce = outcome.expect("confirmed");
        assert_eq!(bounce.is_some(), n == 7, "message {n}");
        assert!(bounce.is_none_or(|bounce| bounce.children().any(|child| child.name() == "error")));
    }
}

#[tokio::test]
async fn behind_unanswered_pings_each_stanza_still_gets_its_own_outcome() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    up(&link).await;
    let mut sent = Vec::new();
    let mut pings = Vec::new();
    for n in 0..5 {
        let link = link.clone();
        sent.push(tokio::spawn(async move { link.send_routed(&call(), &message(&format!("m{n}"))).await }));
        assert_eq!(peer.next().await.attr("id"), Some(format!("m{n}").as_str()));
        if n == 3 {
            // Its ping may not be written yet: what comes back belongs to it all the same.
            peer.write(
                "<message type='error' id='m3' from='bob@example.org' to='alice@example.org'><error type='cancel'>\
                 <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
            )
            .await;
        }
        pings.push(peer.next().await);
        assert_eq!(pings[n].name(), "iq", "none of them is answered, and the next one comes");
    }
    for n in [4, 3] {
        peer.result(&pings[n]).await;
        let outcome = sent.pop().expect("as many").await.expect("ran").expect("confirmed");
        assert_eq!(outcome.is_some(), n == 3, "message {n}");
    }
    drop(peer);
    for sent in sent {
        assert!(matches!(sent.await.expect("ran"), Err(LinkError::Unknown)));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_and_retried() {
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| config.secret = "wrong".into());
    server.accept().await;
    let cause = down(&link).await;
    assert!(cause.contains("not-authorized") && cause.contains("component.secret"), "{cause}");
    assert!(!cause.contains("wrong"), "{cause}");
    server.accept().await;
}

#[tokio::test]
async fn a_conflict_is_told_and_recovered_from() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    server.refuse("conflict", "Component already connected").await;
    let cause = down(&link).await;
    assert!(cause.contains("conflict: Component already connected"), "{cause}");
    let _peer = server.accept().await;
    up(&link).await;
}

#[tokio::test]
async fn what_was_written_and_not_answered_is_unknown_when_the_link_falls() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    let asked = {
        let link = link.clone();
        tokio::spawn(async move { link.iq(&call(), get("example.org")).await })
    };
    let sent = tokio::spawn(async move { link.send_routed(&call(), &message("m")).await });
    peer.take(3).await;
    drop(peer);
    assert!(matches!(asked.await.expect("ran"), Err(LinkError::Unknown)));
    assert!(matches!(sent.await.expect("ran"), Err(LinkError::Unknown)));
}

#[tokio::test]
async fn while_the_link_is_down_a_caller_waits_for_grace_only() {
    let (_socket, address) = closed_port();
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| {
        config.grace = Duration::from_millis(100);
        config.address = address.clone();
    });
    let begun = std::time::Instant::now();
    let outcome = link.iq(&call(), get("example.org")).await;
    assert!(matches!(&outcome, Err(LinkError::Down(cause)) if cause.contains(&address)), "{outcome:?}");
    assert!(begun.elapsed() >= Duration::from_millis(90) && begun.elapsed() < Duration::from_secs(2));
    assert!(matches!(&*link.state().borrow(), LinkState::Down(_)));
}
