//! Full queues, silence, loss and shutdown: nothing is lost silently, nothing grows, nothing hangs.

use std::time::{Duration, Instant};

use stanzagate::link::frame::Frame;
use stanzagate::link::{LinkError, LinkState};
use stanzagate::xml::Element;
use tokio::time::{sleep, timeout};

use crate::link_support::*;
use crate::support::fake_server::{FakeServer, PATIENCE};

const MS: Duration = Duration::from_millis(1);

fn big(id: &str) -> Element {
    let mut message = message(id);
    message.append_text("a".repeat(200_000));
    message
}

/// More stanzas of one task than tokio lets a task wait for in a row, and a queue with room for all of them.
#[tokio::test]
async fn a_free_queue_is_busy_for_nobody() {
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| config.busy_wait = Duration::ZERO);
    let _peer = server.accept().await;
    up(&link).await;
    let (call, message) = (call(), message("m"));
    let sent = futures::future::join_all((0..600).map(|_| link.send(&call, &message))).await;
    let busy = sent.iter().filter(|sent| sent.is_err()).count();
    assert_eq!(busy, 0, "of 600");
}

#[tokio::test]
async fn a_server_that_stops_reading_makes_callers_busy_and_nothing_grow() {
    let server = FakeServer::start().await;
    let (link, _, metrics) = start_counted(&server, |config| config.busy_wait = 100 * MS);
    let mut peer = server.accept().await;
    up(&link).await;
    let stanza = std::sync::Arc::new(big("m"));
    let send = || {
        let (link, stanza) = (link.clone(), stanza.clone());
        tokio::spawn(async move { link.send(&call_for(2 * PATIENCE), &stanza).await })
    };
    // Until the socket's buffers and the queue are full: five stanzas fit the latter.
    let mut callers = Vec::new();
    let mut full_since = Instant::now();
    while full_since.elapsed() < 300 * MS {
        if metrics.queue_bytes.get() < 1_000_000 {
            full_since = Instant::now();
        }
        assert!(callers.len() < 500, "never full");
        callers.push(send());
        sleep(10 * MS).await;
    }
    let begun = Instant::now();
    let outcome = send().await.expect("ran");
    assert!(matches!(outcome, Err(LinkError::Busy)), "{outcome:?}");
    assert!(begun.elapsed() >= 100 * MS, "{:?}", begun.elapsed());
    let (bytes, stanzas) = (metrics.queue_bytes.get(), metrics.queue_stanzas.get());
    assert!(bytes <= 1 << 20 && stanzas <= 5, "{stanzas} stanzas of {bytes} bytes");

    let reading = tokio::spawn(async move {
        let mut read = 0;
        while let Ok(Ok(Frame::Element(_))) = timeout(1000 * MS, peer.frames.next()).await {
            read += 1;
        }
        read
    });
    let mut written = 0;
    for caller in callers {
        match caller.await.expect("ran") {
            Ok(()) => written += 1,
            Err(LinkError::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(reading.await.expect("ran"), written, "each stanza is either written or refused");
    assert_eq!((metrics.queue_bytes.get(), metrics.queue_stanzas.get()), (0, 0));
}

#[tokio::test]
async fn when_the_link_falls_the_unwritten_go_out_on_the_next_and_the_written_do_not() {
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| {
        config.queue_bytes = 64 << 20;
        config.busy_wait = PATIENCE;
    });
    let peer = server.accept().await;
    up(&link).await;
    let callers: Vec<_> = (0..100)
        .map(|n| {
            let link = link.clone();
            tokio::spawn(async move { link.send_routed(&call(), &big(&n.to_string())).await })
        })
        .collect();
    sleep(300 * MS).await;
    drop(peer);

    let mut peer = server.accept().await;
    let serving = tokio::spawn(async move {
        let mut again = Vec::new();
        while let Ok(Ok(Frame::Element(stanza))) = timeout(1000 * MS, peer.frames.next()).await {
            match stanza.name() {
                "message" => again.push(stanza.attr("id").unwrap_or_default().to_owned()),
                _ => peer.result(&stanza).await,
            }
        }
        again
    });
    let (mut unknown, mut confirmed) = (Vec::new(), Vec::new());
    for (n, caller) in callers.into_iter().enumerate() {
        match caller.await.expect("ran") {
            Ok(None) => confirmed.push(n.to_string()),
            Err(LinkError::Unknown) => unknown.push(n.to_string()),
            other => panic!("{n}: {other:?}"),
        }
    }
    let mut again = serving.await.expect("ran");
    again.sort_by_key(|id| id.parse::<usize>().ok());
    assert_eq!(again, confirmed, "what was never written goes out exactly once");
    assert!(!unknown.is_empty() && !confirmed.is_empty(), "{} unknown, {} confirmed", unknown.len(), confirmed.len());
}

#[tokio::test]
async fn what_is_sent_together_keeps_its_order_when_the_link_falls() {
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| {
        // Full when the link falls, so that the rest is not queued yet.
        config.queue_bytes = 4 << 20;
        config.busy_wait = PATIENCE;
    });
    let peer = server.accept().await;
    up(&link).await;
    let mut sent = tokio::spawn(async move {
        let stanzas: Vec<_> = (0..100).map(|n| big(&n.to_string())).collect();
        link.send_all_routed(&call(), &stanzas).await
    });
    sleep(300 * MS).await;
    drop(peer);

    let mut peer = server.accept().await;
    let mut again = Vec::new();
    let outcomes = loop {
        let frame = tokio::select! {
            outcomes = &mut sent => break outcomes.expect("ran"),
            frame = peer.frames.next() => frame,
        };
        match frame.expect("a stream") {
            Frame::Element(stanza) if stanza.name() == "message" => {
                again.push(stanza.attr("id").unwrap_or_default().to_owned());
            }
            Frame::Element(ping) => peer.result(&ping).await,
            other => panic!("{other:?}"),
        }
    };
    let outcome = |n: usize| outcomes.get(n).expect("one each");
    let confirmed: Vec<String> = (0..100).filter(|n| matches!(outcome(*n), Ok(None))).map(|n| n.to_string()).collect();
    assert_eq!(again, confirmed, "what was never written goes out exactly once, in order");
    assert!(!confirmed.is_empty() && matches!(outcome(0), Err(LinkError::Unknown)));
}

#[tokio::test]
async fn a_call_made_while_the_link_is_down_is_served_within_grace() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let asked = tokio::spawn(async move { link.iq(&call(), get("example.org")).await });
    sleep(50 * MS).await;
    let mut peer = server.accept().await;
    let iq = peer.next().await;
    peer.result(&iq).await;
    asked.await.expect("ran").expect("a reply");
}

#[tokio::test]
async fn as_many_as_fit_the_queue_may_wait_for_the_link() {
    let (_socket, address) = closed_port();
    let server = FakeServer::start().await;
    let (link, _) = start_with(&server, |config| {
        config.queue_stanzas = 3;
        config.address = address;
    });
    let callers: Vec<_> = (0..5)
        .map(|_| {
            let link = link.clone();
            tokio::spawn(async move { link.send(&call_for(300 * MS), &message("m")).await })
        })
        .collect();
    let mut busy = 0;
    for caller in callers {
        match caller.await.expect("ran") {
            Err(LinkError::Busy) => busy += 1,
            Err(LinkError::Down(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(busy, 2);
}

#[tokio::test]
async fn silence_is_answered_with_a_ping_then_with_a_new_connection() {
    let server = FakeServer::start().await;
    let (link, _, metrics) = start_counted(&server, |config| {
        config.keepalive = 200 * MS;
        config.keepalive_timeout = 200 * MS;
    });
    let mut peer = server.accept().await;
    // White space is a sign of life.
    for _ in 0..8 {
        sleep(60 * MS).await;
        peer.write(" ").await;
    }
    assert!(timeout(100 * MS, peer.frames.next()).await.is_err(), "no ping while there was input");
    let ping = peer.next().await;
    assert!(ping.children().any(|child| child.is("ping", "urn:xmpp:ping")), "{ping:?}");
    assert_eq!((ping.attr("to"), ping.attr("from")), (Some("example.org"), Some("gw.example.org")));
    peer.result(&ping).await;
    let again = peer.next().await;
    assert_ne!(again.attr("id"), ping.attr("id"));
    assert_eq!(down(&link).await, "the server is silent");
    let _peer = server.accept().await;
    up(&link).await;
    assert_eq!(metrics.reconnects.get(), 1);
}

#[tokio::test]
async fn pending_iqs_are_bounded_and_forgotten_when_the_caller_leaves() {
    let server = FakeServer::start().await;
    let (link, _, metrics) = start_counted(&server, |config| config.pending = 2);
    let mut peer = server.accept().await;
    let ask = || {
        let link = link.clone();
        tokio::spawn(async move { link.iq(&call(), get("example.org")).await })
    };
    let (one, two) = (ask(), ask());
    peer.take(2).await;
    assert!(matches!(ask().await.expect("ran"), Err(LinkError::Busy)));
    one.abort();
    two.abort();
    assert!(one.await.is_err() && two.await.is_err());
    assert_eq!(metrics.pending_iqs.get(), 0);
    let three = ask();
    let iq = peer.next().await;
    peer.result(&iq).await;
    three.await.expect("ran").expect("a reply");
}

#[tokio::test]
async fn many_iqs_go_out_in_a_window_and_come_back_in_order() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    let iqs = (0..10).map(|n| get(&format!("u{n}@example.org"))).collect();
    let asked = tokio::spawn(async move { link.iq_all(&call(), iqs, 4).await });
    let mut first = peer.take(4).await;
    assert!(timeout(100 * MS, peer.frames.next()).await.is_err(), "four may be unanswered, not five");
    first.reverse();
    for iq in &first {
        peer.result(iq).await;
    }
    for _ in 0..6 {
        let iq = peer.next().await;
        peer.result(&iq).await;
    }
    let from: Vec<_> =
        asked.await.expect("ran").into_iter().map(|r| r.expect("a reply").attr("from").map(str::to_owned)).collect();
    assert_eq!(from, (0..10).map(|n| Some(format!("u{n}@example.org"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_closes_the_stream() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let mut peer = server.accept().await;
    let asking = link.clone();
    let asked = tokio::spawn(async move { asking.iq(&call(), get("example.org")).await });
    let iq = peer.next().await;
    let draining = link.clone();
    let drained = tokio::spawn(async move { draining.drain(PATIENCE).await });
    sleep(50 * MS).await;
    assert_eq!(*link.state().borrow(), LinkState::Draining);
    assert!(matches!(link.send(&call(), &message("m")).await, Err(LinkError::Draining)));
    assert!(timeout(200 * MS, peer.frames.next()).await.is_err(), "an IQ is pending: the stream is not ended");
    assert!(!drained.is_finished());
    peer.result(&iq).await;
    asked.await.expect("ran").expect("a reply");
    assert!(matches!(peer.frame().await, Frame::End));
    peer.write("</stream:stream>").await;
    timeout(PATIENCE, drained).await.expect("in time").expect("ran");
    assert!(peer.frames.next().await.is_err(), "the connection is closed");
}

#[tokio::test]
async fn draining_does_not_wait_for_a_server_that_says_nothing() {
    let server = FakeServer::start().await;
    let (link, _) = start(&server);
    let _peer = server.accept().await;
    up(&link).await;
    let begun = Instant::now();
    link.drain(PATIENCE).await;
    assert!(begun.elapsed() < 3000 * MS, "{:?}", begun.elapsed());
}
