//! What a server, or a caller, may send: none of it closes the link or harms another request.

use std::time::Duration;

use stanzagate::link::{Link, LinkError, LinkState};
use stanzagate::metrics::LinkMetrics;
use stanzagate::metrics::link::{Dropped, DroppedLabels};
use stanzagate::xml::received::{Received, Walk as _};
use stanzagate::xml::{CLIENT, Element};

use crate::link_support::*;
use crate::support::fake_server::{FakeServer, PATIENCE, Peer};

struct Rig {
    _server: FakeServer,
    link: Link,
    seen: Seen,
    metrics: LinkMetrics,
    peer: Peer,
}

async fn rig() -> Rig {
    let server = FakeServer::start().await;
    let (link, seen, metrics) = start_counted(&server, |_| {});
    let peer = server.accept().await;
    up(&link).await;
    Rig { _server: server, link, seen, metrics, peer }
}

impl Rig {
    /// Shows that the same connection still answers.
    async fn still_up(&mut self) {
        let link = self.link.clone();
        let asked = tokio::spawn(async move { link.iq(&call(), get("example.org")).await });
        let iq = self.peer.next().await;
        self.peer.result(&iq).await;
        asked.await.expect("ran").expect("a reply");
        assert_eq!(*self.link.state().borrow(), LinkState::Up);
        assert_eq!(self.metrics.reconnects.get(), 0);
    }

    fn seen(&self) -> Vec<Element> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn what_stands_too_deep_is_left_out() {
    let mut rig = rig().await;
    let (open, close) = ("<x>".repeat(30_000), "</x>".repeat(30_000));
    rig.peer.write(&format!("<message from='eve@example.org' id='deep'>{open}{close}</message>")).await;
    rig.still_up().await;
    assert_eq!((rig.metrics.mended.get(), rig.seen().len()), (1, 1));
    // Within the bound of elements, but not of depth: what crashes recursive readers from 4,000 levels on.
    let (open, close) = ("<x>".repeat(6_000), "</x>".repeat(6_000));
    rig.peer.write(&format!("<message from='eve@example.org' id='deep'>{open}{close}</message>")).await;
    rig.still_up().await;
    assert_eq!((rig.metrics.mended.get(), rig.seen().len(), rig.metrics.oversize.get()), (2, 2, 0));
    for message in rig.seen() {
        let (mut levels, mut innermost) = (1, &message);
        while let Some(child) = innermost.children().next() {
            (levels, innermost) = (levels + 1, child);
        }
        assert_eq!((message.attr("id"), levels), (Some("deep"), 64));
    }
}

#[tokio::test]
async fn a_long_attribute_arrives() {
    let mut rig = rig().await;
    let long = "a".repeat(100_000);
    rig.peer.write(&format!("<message from='eve@example.org' long='{long}'/>")).await;
    rig.still_up().await;
    assert_eq!(rig.seen()[0].attr("long"), Some(long.as_str()));
}

#[tokio::test]
async fn five_megabytes_of_text_are_skipped() {
    let mut rig = rig().await;
    rig.peer.write(&format!("<message><body>{}</body></message>", "a".repeat(5 << 20))).await;
    rig.still_up().await;
    assert_eq!((rig.metrics.oversize.get(), rig.seen().len()), (1, 0));
}

/// An attribute, an id and a name that are each longer than a parser takes by default, and than all of a stanza may be.
#[tokio::test]
async fn what_is_long_costs_its_own_stanza_at_most() {
    let mut rig = rig().await;
    for (length, skipped) in [(300_000, false), (2 << 20, true), (9 << 20, true)] {
        let long = "a".repeat(length);
        for stanza in [
            format!("<message from='eve@example.org' long='{long}'/>"),
            format!("<message from='eve@example.org' id='{long}'/>"),
            format!("<message from='eve@example.org'><{long} xmlns='urn:a'/></message>"),
            format!("<message from='eve@example.org'><a xmlns='urn:{long}'/></message>"),
            format!("<{long}/>"),
        ] {
            let before = (rig.metrics.oversize.get() + rig.metrics.mended.get(), rig.seen().len());
            rig.peer.write(&stanza).await;
            rig.still_up().await;
            let after = (rig.metrics.oversize.get() + rig.metrics.mended.get(), rig.seen().len());
            let come = usize::from(!skipped && !stanza.starts_with("<a"));
            assert_eq!(after.1, before.1 + come, "{length} {stanza:.60}");
            assert_eq!(after.0 > before.0, skipped, "{length} {stanza:.60}");
        }
    }
}

/// As Prosody and ejabberd pass them on.
#[tokio::test]
async fn what_xml_cannot_say_is_left_out() {
    let mut rig = rig().await;
    let xml = "http://www.w3.org/XML/1998/namespace";
    for stanza in [
        format!("<message from='eve@example.org'><a xmlns='{xml}'/><body>b</body></message>"),
        "<message from='eve@example.org'><xml:a><c/></xml:a><body>b</body></message>".to_owned(),
        format!("<message from='eve@example.org' xmlns:ns1='{xml}' ns1:foo='b'><body>b</body></message>"),
        format!("<message from='eve@example.org'><body xmlns:ns1='{xml}' ns1:foo='b'>b</body></message>"),
        "<message from='eve@example.org'><none:a/><body>b</body></message>".to_owned(),
    ] {
        let before = (rig.metrics.mended.get(), rig.seen().len());
        rig.peer.write(&stanza).await;
        rig.still_up().await;
        assert_eq!((rig.metrics.mended.get(), rig.seen().len()), (before.0 + 1, before.1 + 1), "{stanza}");
        let message = rig.seen().pop().expect("a message");
        assert_eq!(message.get_child("body", CLIENT).map(Element::text).as_deref(), Some("b"), "{stanza}");
        assert_eq!(message.children().count(), 1, "{stanza}");
    }
    rig.peer.write(&format!("<message xmlns='{xml}'/>")).await;
    rig.still_up().await;
    assert_eq!(rig.metrics.dropped.get_or_create(&DroppedLabels { reason: Dropped::Unreadable }).get(), 1);
}

#[tokio::test]
async fn a_reply_with_what_xml_cannot_say_is_a_reply() {
    let mut rig = rig().await;
    let link = rig.link.clone();
    let asked = tokio::spawn(async move { link.iq_as_text(&call(), get("eve@example.org")).await });
    let id = rig.peer.next().await.attr("id").expect("stamped").to_owned();
    let card = "<vCard xmlns='vcard-temp'><xml:a/><NICKNAME xml:foo='b'>Eve</NICKNAME></vCard>";
    rig.peer.write(&format!("<iq type='result' id='{id}' from='eve@example.org' xml:b='c'>{card}</iq>")).await;
    let Ok(Received::Tree(reply)) = asked.await.expect("ran") else { panic!("no tree") };
    let card = reply.get_child("vCard", "vcard-temp").expect("a card");
    assert_eq!(card.get_child("NICKNAME", "vcard-temp").map(Element::text).as_deref(), Some("Eve"));
}

/// Where one stanza ends and the next begins cannot be told any more.
#[tokio::test]
async fn what_is_no_tree_is_left_for_a_new_stream_at_once() {
    let server = FakeServer::start().await;
    // An outage would have to be waited for.
    let (link, _, metrics) =
        start_counted(&server, |config| config.backoff = (Duration::from_secs(60), Duration::from_secs(60)));
    let mut peer = server.accept().await;
    up(&link).await;
    peer.write("<message from='eve@example.org'><a></message>").await;
    let begun = std::time::Instant::now();
    let _again = server.accept().await;
    up(&link).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(metrics.reconnects.get(), 1);
}

#[tokio::test]
async fn too_many_elements_are_skipped() {
    let mut rig = rig().await;
    rig.peer.write(&format!("<message>{}</message>", "<a/>".repeat(20_000))).await;
    rig.still_up().await;
    assert_eq!(rig.metrics.oversize.get(), 1);
}

#[tokio::test]
async fn a_reply_over_the_bounds_is_an_error_at_once() {
    let mut rig = rig().await;
    let link = rig.link.clone();
    let asked = tokio::spawn(async move { link.iq(&call(), get("example.org")).await });
    let id = rig.peer.next().await.attr("id").expect("stamped").to_owned();
    let items = "<item/>".repeat(20_000);
    rig.peer.write(&format!("<iq type='result' id='{id}' from='example.org'><query>{items}</query></iq>")).await;
    let reply = asked.await.expect("ran").expect("a reply");
    assert_eq!(reply.attr("type"), Some("error"));
    assert!(reply.get_child("error", "jabber:client").is_some_and(|error| error.children().count() == 2));
}

#[tokio::test]
async fn a_stanza_that_cannot_be_written_harms_only_its_caller() {
    let mut rig = rig().await;
    for poison in ["\u{0}", "\u{fffe}", "\u{1b}"] {
        let mut bad = message("bad");
        bad.append_text(poison);
        assert!(matches!(rig.link.send(&call(), &bad).await, Err(LinkError::Encode(_))), "{poison:?}");
        rig.still_up().await;
    }
}

#[tokio::test]
async fn what_would_make_the_server_close_the_stream_is_refused() {
    let mut rig = rig().await;
    for bad in [
        "<message to='bob@example.org'/>",
        "<message from='alice@example.org'/>",
        "<message from='' to='bob@example.org'/>",
        "<note from='alice@example.org' to='bob@example.org'/>",
        "<message xmlns='urn:x' from='alice@example.org' to='bob@example.org'/>",
        "<message from='a@example.org' to='b@example.org'><e xmlns='http://etherx.jabber.org/streams'/></message>",
        "<message from='a@example.org' to='b@example.org'><e xmlns='jabber:component:accept'/></message>",
    ] {
        let bad = stanza(bad);
        assert!(matches!(rig.link.send(&call(), &bad).await, Err(LinkError::Encode(_))), "{bad:?}");
    }
    rig.still_up().await;
}

#[tokio::test]
async fn stanzas_may_come_in_any_segments() {
    let server = FakeServer::start().await;
    let (link, seen) = start(&server);
    let mut peer = server.accept_then("<message id='one'/><message id='two'><bo").await;
    up(&link).await;
    for byte in "dy>h\u{e9}llo</body></message> \n <message id='three'/>".as_bytes() {
        use tokio::io::AsyncWriteExt;
        peer.out.write_all(&[*byte]).await.expect("connected");
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(PATIENCE, async {
        while seen.lock().expect("not poisoned").len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("three stanzas");
    let seen = seen.lock().expect("not poisoned");
    let ids: Vec<_> = seen.iter().map(|stanza| stanza.attr("id")).collect();
    assert_eq!(ids, [Some("one"), Some("two"), Some("three")]);
    assert_eq!(seen[1].get_child("body", "jabber:client").map(Element::text).as_deref(), Some("h\u{e9}llo"));
}

#[tokio::test]
async fn odd_stanzas_and_unknown_elements_are_survived() {
    let mut rig = rig().await;
    rig.peer
        .write(
            "<note/><x xmlns='urn:x'/><message type='bogus'/><message from='@@'/><iq/><iq type='get'/>\
             <iq type='result'/><iq type='error' id='none'/><presence/>between<message><thread/><thread/></message>",
        )
        .await;
    rig.still_up().await;
    assert_eq!(rig.seen().len(), 6);
}

#[tokio::test]
async fn a_panicking_handler_does_not_stop_the_link() {
    let server = FakeServer::start().await;
    let config = config(&server);
    let link = Link::start(config, std::sync::Arc::new(|_, _| panic!("on purpose")), LinkMetrics::default());
    let mut peer = server.accept().await;
    peer.write("<message/>").await;
    let asked = tokio::spawn(async move { link.iq(&call(), get("example.org")).await });
    let iq = peer.next().await;
    peer.result(&iq).await;
    asked.await.expect("ran").expect("a reply");
}

#[tokio::test]
async fn malformed_xml_ends_the_stream_with_its_cause_and_a_new_one_follows() {
    let mut rig = rig().await;
    rig.peer.write("<message></presence>").await;
    let cause = down(&rig.link).await;
    assert!(cause.contains("does not match its start tag"), "{cause}");
    let _again = rig._server.accept().await;
    up(&rig.link).await;
    assert_eq!(rig.metrics.reconnects.get(), 1);
}

#[tokio::test]
async fn a_stream_error_is_told() {
    let mut rig = rig().await;
    rig.peer.refuse("policy-violation", "too fast").await;
    let cause = down(&rig.link).await;
    assert_eq!(cause, "stream error policy-violation: too fast");
}

#[tokio::test]
async fn only_the_peer_that_was_asked_can_answer() {
    let mut rig = rig().await;
    let link = rig.link.clone();
    let asked = tokio::spawn(async move { link.iq(&call(), get("Room@rooms.example.org")).await });
    let iq = rig.peer.next().await;
    let id = iq.attr("id").expect("stamped");
    for forged in [
        format!("<iq type='result' id='{id}' from='eve@example.org'/>"),
        format!("<iq type='result' id='{id}' from='room@rooms.example.org/eve'/>"),
        format!("<iq type='result' id='{id}' from='example.org'/>"),
        format!("<iq type='result' id='{id}'/>"),
        format!("<iq type='get' id='{id}' from='room@rooms.example.org'/>"),
        format!("<message type='result' id='{id}' from='room@rooms.example.org'/>"),
        format!("<iq type='result' id='{id}x' from='room@rooms.example.org'/>"),
    ] {
        rig.peer.write(&forged).await;
    }
    // Normalised, it is whom was asked; `to` may be anybody (Prosody answers a borrowed address on our stream).
    rig.peer
        .write(&format!("<iq type='error' id='{id}' from='room@rooms.example.org' to='alice@example.org/x'/>"))
        .await;
    let reply = asked.await.expect("ran").expect("a reply");
    assert_eq!((reply.attr("type"), reply.attr("to")), (Some("error"), Some("alice@example.org/x")));
}

#[tokio::test]
async fn a_large_result_comes_as_its_text_and_of_the_peer_that_was_asked_alone() {
    const ITEMS: usize = 8000;
    let mut rig = rig().await;
    let items = "<item jid='a@b'/>".repeat(ITEMS);
    let query = |content: &str| format!("<query xmlns='urn:a'>{content}</query>");
    for (kind, content, is_text) in [
        ("result", items.clone(), true),
        // What is not plain comes as a tree, as an error does.
        ("result", format!("{items}<![CDATA[ ]]>"), false),
        ("error", items.clone(), false),
    ] {
        let link = rig.link.clone();
        let asked = tokio::spawn(async move { link.iq_as_text(&call(), get("room@rooms.example.org")).await });
        let iq = rig.peer.next().await;
        let id = iq.attr("id").expect("stamped");
        for from in ["", " from='eve@example.org'", " from='room@rooms.example.org/eve'"] {
            rig.peer.write(&format!("<iq type='result' id='{id}'{from}>{}</iq>", query("<forged/>"))).await;
        }
        rig.peer
            .write(&format!("<iq type='{kind}' id='{id}' from='room@rooms.example.org'>{}</iq>", query(&content)))
            .await;
        let reply = asked.await.expect("ran").expect("a reply");
        assert_eq!(matches!(reply, Received::Text(_)), is_text, "{kind}");
        let mut listed = 0;
        reply.walk_child("query", "urn:a", |_, tag| {
            listed += usize::from(tag.is("item", "urn:a") && tag.attr("jid").is_some_and(|jid| jid == "a@b"));
        });
        assert_eq!(listed, ITEMS, "{kind}");
    }
    assert!(rig.seen().is_empty());
    rig.peer.write(&format!("<iq type='result' id='x' from='example.org'><query>{items}</iq>")).await;
    let cause = down(&rig.link).await;
    assert!(cause.contains("does not match its start tag"), "{cause}");
}

#[tokio::test]
async fn a_forged_answer_to_a_barrier_confirms_nothing() {
    let mut rig = rig().await;
    let link = rig.link.clone();
    let sent = tokio::spawn(async move { link.send_routed(&call(), &message("m")).await });
    let both = rig.peer.take(2).await;
    let id = both[1].attr("id").expect("stamped");
    rig.peer.write(&format!("<iq type='result' id='{id}' from='eve@example.org'/>")).await;
    rig.peer
        .write("<message type='error' id='m' from='bob@example.org' to='alice@example.org'><error/></message>")
        .await;
    // An error answer proves the processing as well as a result.
    rig.peer.write(&format!("<iq type='error' id='{id}' from='example.org'/>")).await;
    assert!(sent.await.expect("ran").expect("confirmed").is_some());
}

#[tokio::test]
async fn a_late_reply_is_ignored() {
    let mut rig = rig().await;
    let outcome = rig.link.iq(&call_for(std::time::Duration::from_millis(50)), get("example.org")).await;
    assert!(matches!(outcome, Err(LinkError::Timeout)), "{outcome:?}");
    assert_eq!(rig.metrics.pending_iqs.get(), 0);
    let iq = rig.peer.next().await;
    rig.peer.result(&iq).await;
    rig.still_up().await;
    assert_eq!(rig.seen().len(), 0);
}
