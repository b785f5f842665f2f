//! Messages read back from the archives of each of the four servers: what ordinary clients and the gateway said, in the
//! one order, however it is paged, and nothing that somebody else made up.

mod support;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jid::BareJid;
use serde_json::json;
use stanzagate::chat::card::CardChild;
use stanzagate::chat::error::Kind;
use stanzagate::chat::history::{Span, Stored};
use stanzagate::chat::message::{Bounds, Content, Fragment, MarksChild, Message, Target};
use stanzagate::chat::room::NewRoom;
use stanzagate::chat::{Call, Chat, ChatError, LinkState, Realm};
use stanzagate::config::Config;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;
use support::element::{body, child, says, show};
use support::room::SILENCE;
use support::{Account, Client, Server, account, fresh, stanza};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

on_all_servers!(
    reads_what_two_users_said,
    pages_through_a_crowded_second,
    reads_what_was_said_in_a_room,
    clears_a_room,
    lists_those_with_whom_a_user_spoke,
    believes_no_forged_results,
    knows_who_does_not_exist,
    names_what_is_missing,
);

const CARD: CardChild = CardChild { ns: "urn:example:card:0", name: "card" };
const ALL: Span = Span { since_ms: 0, before_ms: u64::MAX, limit: 100 };

/// The verbs on the server that all tests share.
async fn shared(server: Server) -> (&'static Rig, &'static Chat) {
    static CHATS: [OnceCell<Chat>; 4] = [const { OnceCell::const_new() }; 4];
    let rig = server.shared();
    let chat = CHATS[server as usize].get_or_init(|| start(rig.gateway_config())).await;
    (rig, chat)
}

/// Starts the verbs on a runtime that outlasts the single test's, and waits for their link.
async fn start(config: Config) -> Chat {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    let started = runtime.spawn(async move { Chat::start(Arc::new(config), Metrics::new()) });
    let chat = started.await.unwrap().unwrap();
    let mut state = chat.link_state();
    let up = state.wait_for(|state| *state == LinkState::Up);
    tokio::time::timeout(Duration::from_secs(20), up).await.expect("a link in time").expect("a link");
    chat
}

fn call() -> Call {
    Call { request: "test".into(), deadline: Instant::now() + Duration::from_secs(30) }
}

fn jid(jid: &str) -> BareJid {
    BareJid::new(jid).unwrap()
}

fn realm(chat: &Chat, rig: &Rig) -> Realm {
    chat.addresses().realm_of_room(&jid(&format!("any@{}", rig.rooms()))).expect("the rig's realm").clone()
}

/// Sends from a client to a user, who has it then.
async fn tell(from: &Client, to: &Client, text: &str) {
    from.send(stanza(&format!("<message to='{}' type='chat' id='{text}'><body>{text}</body></message>", to.bare())));
    to.wait_for(text, says(text)).await;
}

/// What the gateway sends in a user's name: a body and a card.
fn card(from: &Account, to: Target, text: &str) -> Message {
    let bounds = Bounds { depth: 32, bytes: 65_536, elements: 1000 };
    let xml = format!(
        "<message type='chat'><body>{text}</body><card xmlns='{}'><json xmlns='urn:xmpp:json:0'>{{\"media\":1,\"of\":\
         [\"{text}\"]}}</json></card></message>",
        CARD.ns
    );
    let child = MarksChild { ns: "urn:example:marks:0", name: "marks" };
    let content = Content::Fragment(Fragment::parse(&xml, bounds, child).unwrap());
    Message { from: jid(&from.jid), to, content, sender_copy: true }
}

fn lines(found: &[Stored]) -> Vec<(&str, &str)> {
    found.iter().map(|stored| (stored.from.as_str(), stored.body.as_str())).collect()
}

/// Fails unless moments ascend and archive ids differ.
fn expect_order(found: &[Stored]) {
    assert!(found.windows(2).all(|pair| pair[0].ms < pair[1].ms), "{found:?}");
    assert!(found.windows(2).all(|pair| pair[0].archive_id != pair[1].archive_id), "{found:?}");
}

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
    chat.send(&call(), card(&one, Target::User(jid(&two.jid)), "third")).await.expect("the card is sent");
    bob.wait_for("the card", says("third")).await;
    tell(&bob, &alice, "fourth").await;

    let (a, b, c) = (jid(&one.jid), jid(&two.jid), jid(&three.jid));
    let expected = [(&*one.jid, "first"), (&*two.jid, "second"), (&*one.jid, "third"), (&*two.jid, "fourth")];
    for (user, peer) in [(&a, &b), (&b, &a)] {
        let found = chat.private_history(&call(), user, peer, ALL, CARD).await.expect("the history");
        assert_eq!(lines(&found), expected);
        expect_order(&found);
        assert!(found.iter().all(|s| s.ms + 1000 > before && s.ms < before + 60_000), "{before} {found:?}");
        let jsons: Vec<_> = found.iter().map(|stored| stored.json.clone()).collect();
        assert_eq!(jsons, [None, None, Some(json!({"media": 1, "of": ["third"]})), None]);
    }
    let found = chat.private_history(&call(), &a, &c, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*three.jid, "between alice and carol")]);
    let found = chat.private_history(&call(), &b, &c, ALL, CARD).await.expect("the history");
    assert_eq!(found, [], "they never spoke");
}

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
    assert!(began.elapsed() < Duration::from_secs(3), "they are to crowd one or two seconds");
    let (a, b) = (jid(&one.jid), jid(&two.jid));
    expect_pages(&bodies, async |span| chat.private_history(&call(), &b, &a, span, CARD).await.expect("the history"))
        .await;

    let room = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&room, "alice").await;
    for text in &bodies {
        alice.say(&room, text);
    }
    alice.wait_for("the last reflection", says("m24")).await;
    let (realm, room) = (realm(chat, rig), jid(&room));
    expect_pages(&bodies, async |span| {
        chat.room_history(&call(), &realm, &room, span, CARD).await.expect("the history")
    })
    .await;
}

/// A members-only room of the gateway's with these members, the first its owner.
async fn room_of(chat: &Chat, rig: &Rig, members: &[&Account]) -> BareJid {
    let room = jid(&format!("{}@{}", fresh("room"), rig.rooms()));
    let users: Vec<BareJid> = members.iter().map(|member| jid(&member.jid)).collect();
    let new = NewRoom {
        room: room.clone(),
        owner: users[0].clone(),
        name: "A room".into(),
        description: String::new(),
        members_only: true,
    };
    chat.create_room(&call(), new).await.expect("a room");
    for outcome in chat.add_members(&call(), &room, None, &users[1..]).await.expect("members") {
        outcome.result.expect("a member");
    }
    room
}

async fn reads_what_was_said_in_a_room(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let (room, realm) = (room_of(chat, rig, &[&one, &two]).await, realm(chat, rig));
    alice.join(room.as_str(), "Al").await.expect("the owner gets in");
    alice.say_aloud(room.as_str(), "first").await;
    chat.send(&call(), card(&two, Target::Room(room.clone()), "second")).await.expect("the card is sent");
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'><subject>a subject</subject></message>")));
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>";
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'>{typing}</message>")));
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='mallory@example.org'/></x>";
    alice.send(stanza(&format!("<message to='{room}' type='groupchat'><body>third</body>{forged}</message>")));
    alice.wait_for("the third", says("third")).await;

    let found = chat.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*one.jid, "first"), (&*two.jid, "second"), (&*one.jid, "third")]);
    expect_order(&found);
    assert_eq!(found[1].json, Some(json!({"media": 1, "of": ["second"]})));
    let newest = chat.room_history(&call(), &realm, &room, Span { limit: 1, ..ALL }, CARD).await.expect("the history");
    assert_eq!(newest, found[2..]);

    // Where addresses are hidden from occupants, the archive shows none: only the room can be named.
    let hidden = format!("{}@{}", fresh("room"), rig.rooms());
    alice.make_room(&hidden, "Al").await;
    alice.say_aloud(&hidden, "hidden").await;
    let found = chat.room_history(&call(), &realm, &jid(&hidden), ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*hidden, "hidden")]);
}

async fn clears_a_room(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let (room, realm) = (room_of(chat, rig, &[&one, &two]).await, realm(chat, rig));
    let other = room_of(chat, rig, &[&one]).await;
    let read = async || chat.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    chat.clear_room_history(&call(), &realm, &room).await.expect("an empty history is clear");
    for room in [&room, &other] {
        alice.join(room.as_str(), "Al").await.expect("the owner gets in");
        for text in ["old 1", "old 2", "old 3"] {
            alice.say_aloud(room.as_str(), text).await;
        }
    }
    for round in ["new 1", "new 2"] {
        assert!(!read().await.is_empty());
        chat.clear_room_history(&call(), &realm, &room).await.expect("it is cleared");
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
    let found = chat.room_history(&call(), &realm, &other, ALL, CARD).await.expect("the history");
    assert_eq!(found.len(), 3, "the other room keeps its own");

    let purge = stanza(&format!("<iq type='set' to='{room}'><purge xmlns='urn:stanzagate:helper:0'/></iq>"));
    let refused = alice.iq(purge).await;
    assert_eq!(refused.attr("type"), Some("error"), "only the component may ask for it");
    assert_eq!(read().await.len(), 1);
}

async fn lists_those_with_whom_a_user_spoke(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob, carol) =
        (Client::login(rig, &one).await, Client::login(rig, &two).await, Client::login(rig, &three).await);
    let user = jid(&one.jid);
    let peers = async |since| chat.peers(&call(), &user, since, CARD).await.expect("the peers");
    assert_eq!(peers(0).await, []);
    tell(&alice, &bob, "to bob").await;
    tell(&carol, &alice, "from carol 1").await;
    tell(&alice, &carol, "to carol").await;
    tell(&bob, &alice, "from bob").await;
    let silent = "<subject>s</subject><store xmlns='urn:xmpp:hints'/>";
    carol.send(stanza(&format!("<message to='{}' type='chat'>{silent}</message>", one.jid)));
    // A room of which alice is a member: on ejabberd it sends to her archive too.
    let room = room_of(chat, rig, &[&two, &one]).await;
    chat.send(&call(), card(&two, Target::Room(room), "in the room")).await.expect("the card is sent");
    if server.is_ejabberd() {
        alice.wait_for("the room's message", |message| show(message).contains("in the room")).await;
    }
    alice.send(stanza(&format!("<message to='{}' type='chat'><body>to the server</body></message>", rig.domain())));
    alice.ping().await;
    let found = peers(0).await;
    let shown: Vec<_> = found.iter().map(|(peer, last)| (peer.as_str(), last.from.as_str(), &*last.body)).collect();
    assert_eq!(shown, [(&*two.jid, &*two.jid, "from bob"), (&*three.jid, &*one.jid, "to carol")]);
    for (peer, last) in &found {
        let talk = chat.private_history(&call(), &user, peer, ALL, CARD).await.expect("the history");
        assert_eq!(talk.last(), Some(last), "one moment for one message");
    }
    let latest = found.iter().map(|(_, last)| last.ms).max().expect("two");
    let since: Vec<_> = found.iter().filter(|(_, last)| last.ms == latest).cloned().collect();
    assert_eq!(peers(latest).await, since);
    assert_eq!(peers(latest + 1).await, []);
    let other = chat.peers(&call(), &jid(&two.jid), 0, CARD).await.expect("the peers");
    assert_eq!(other.iter().map(|(peer, _)| peer.as_str()).collect::<Vec<_>>(), [&*one.jid]);
}

async fn believes_no_forged_results(server: Server) {
    let (rig, chat) = shared(server).await;
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, mallory) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let (user, peer) = (jid(&one.jid), jid(&two.jid));
    // From it mallory learns where the gateway's own session of alice is, on ejabberd.
    chat.send(&call(), card(&one, Target::User(peer.clone()), "true")).await.expect("the card is sent");
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
        let found = chat.private_history(&call(), &user, &peer, ALL, CARD).await.expect("the history");
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
        let error = chat.private_history(&call(), user, peer, ALL, CARD).await.expect_err("nobody");
        assert!(matches!(&error, ChatError::UnknownUser(who) if *who == nobody), "{error}");
    }
    let error = chat.peers(&call(), &nobody, 0, CARD).await.expect_err("nobody");
    assert!(matches!(error, ChatError::UnknownUser(_)), "{error}");
    let error = chat.room_history(&call(), &realm, &nowhere, ALL, CARD).await.expect_err("no room");
    assert!(matches!(error, ChatError::UnknownRoom(_)), "{error}");
    let error = chat.clear_room_history(&call(), &realm, &nowhere).await.expect_err("no room");
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
        let without = shipped.replace("; \"stanzagate\" }", " }");
        assert_ne!(shipped, without);
        std::fs::write(&path, without).expect("the server's configuration");
        rig.start_server().expect("the server starts");
        "mod_stanzagate.lua"
    };
    let chat = start(config).await;
    let (one, two) = (account(&rig, "alice"), account(&rig, "bob"));
    let (a, b) = (jid(&one.jid), jid(&two.jid));
    let error = chat.private_history(&call(), &a, &b, ALL, CARD).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    let error = chat.peers(&call(), &a, 0, CARD).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    if server.is_ejabberd() {
        return;
    }
    // Without the module a room's archive stays, but its readers are shown none of it.
    let alice = Client::login(&rig, &one).await;
    let (room, realm) = (room_of(&chat, &rig, &[&one]).await, realm(&chat, &rig));
    alice.join(room.as_str(), "Al").await.expect("the owner gets in");
    alice.say_aloud(room.as_str(), "old").await;
    let error = chat.clear_room_history(&call(), &realm, &room).await.expect_err("no right");
    assert!(error.kind() == Kind::MissingRight && error.to_string().contains(expected), "{error}");
    assert_eq!(chat.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history"), []);
    alice.say_aloud(room.as_str(), "new").await;
    let found = chat.room_history(&call(), &realm, &room, ALL, CARD).await.expect("the history");
    assert_eq!(lines(&found), [(&*one.jid, "new")]);
}
