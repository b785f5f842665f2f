//! throw-away
mod support;
use jid::BareJid;
use stanzagate::chat::card::CardChild;
use stanzagate::chat::history::Span;
use stanzagate::chat::{Call, Chat, LinkState};
use stanzagate::config::sessions::Grant;
use stanzagate::metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::element::says;
use support::{Client, Server, account, fresh, stanza};
on_all_servers!(measure);
const CARD: CardChild = CardChild { ns: "urn:example:card:0", name: "card" };
fn call() -> Call {
    Call { request: "test".into(), deadline: Instant::now() + Duration::from_secs(60) }
}
async fn measure(server: Server) {
    let rig = server.start(Grant::Oauth);
    let chat = Chat::start(Arc::new(rig.gateway_config()), Metrics::new()).unwrap();
    chat.link_state().wait_for(|s| *s == LinkState::Up).await.unwrap();
    let (one, two) = (account(&rig, "alice"), account(&rig, "bob"));
    let (alice, bob) = (Client::login(&rig, &one).await, Client::login(&rig, &two).await);
    for n in 0..1000 {
        alice.send(stanza(&format!("<message to='{}' type='chat'><body>m{n}</body></message>", two.jid)));
        if n % 50 == 49 {
            bob.wait_for("x", says(&format!("m{n}"))).await;
        }
    }
    let room = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&room, "a").await;
    for n in 0..1000 {
        alice.say(&room, &format!("r{n}"));
        if n % 50 == 49 {
            alice.wait_for("x", says(&format!("r{n}"))).await;
        }
    }
    let (a, b) = (BareJid::new(&one.jid).unwrap(), BareJid::new(&two.jid).unwrap());
    let room = BareJid::new(&room).unwrap();
    let realm = chat.addresses().realm_of_room(&room).unwrap().clone();
    let span = Span { since_ms: 0, before_ms: u64::MAX, limit: 100 };
    for round in 0..4 {
        let t = Instant::now();
        let n = chat.private_history(&call(), &a, &b, span, CARD).await.unwrap();
        let private = t.elapsed();
        let mid = Span { before_ms: n[0].ms, ..span };
        let t = Instant::now();
        let m = chat.private_history(&call(), &a, &b, mid, CARD).await.unwrap();
        let private2 = t.elapsed();
        let t = Instant::now();
        let r = chat.room_history(&call(), &realm, &room, span, CARD).await.unwrap();
        let roomt = t.elapsed();
        let t = Instant::now();
        let p = chat.peers(&call(), &a, 0, CARD).await.unwrap();
        let peers = t.elapsed();
        println!(
            "MEASURE {server:?} round {round}: private {private:?} ({}) next {private2:?} ({}) room {roomt:?} ({}) peers {peers:?} ({})",
            n.len(),
            m.len(),
            r.len(),
            p.len()
        );
    }
    let t = Instant::now();
    let mut before = u64::MAX;
    let mut total = 0;
    loop {
        let page = chat.private_history(&call(), &a, &b, Span { before_ms: before, ..span }, CARD).await.unwrap();
        let Some(f) = page.first() else { break };
        before = f.ms;
        total += page.len();
    }
    println!("MEASURE {server:?} all in hundreds: {total} in {:?}", t.elapsed());
    let t = Instant::now();
    chat.clear_room_history(&call(), &realm, &room).await.unwrap();
    println!("MEASURE {server:?} clear {:?}", t.elapsed());
    chat.drain(Duration::from_secs(2)).await;
}
