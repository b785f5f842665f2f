//! Messages read back from the archives of each of the four servers: what ordinary clients and the gateway said, in the
//! one order, however it is paged, and nothing that somebody else made up.

mod paging;
mod private;
mod room;
mod trust;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jid::BareJid;
use stanzagate::chat::archive::history::{Span, Stored};
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::types::card::CardChild;
use stanzagate::chat::types::message::{Bounds, Content, Fragment, MarksChild, Message, Target};
use stanzagate::chat::types::room::NewRoom;
use stanzagate::chat::{Call, Chat, LinkState};
use stanzagate::config::Config;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

use crate::support::element::says;
use crate::support::{Account, Client, Server, Servers, fresh, stanza};

const CARD: CardChild = CardChild { ns: "urn:example:card:0", name: "card" };
const ALL: Span = Span { since_ms: 0, before_ms: u64::MAX, limit: 100 };

/// The verbs on the server that these tests share.
async fn shared(server: Server) -> (&'static Rig, &'static Chat) {
    static CHATS: [OnceCell<Chat>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
    static SERVERS: Servers = Servers::new();
    let rig = SERVERS.get(server);
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
    Call::new("test".into(), Instant::now() + Duration::from_secs(30))
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

/// A members-only room of the gateway's with these members, the first its owner.
async fn room_of(chat: &Chat, rig: &Rig, members: &[&Account]) -> BareJid {
    let room = jid(&format!("{}@{}", fresh("room"), rig.rooms()));
    let users: Vec<BareJid> = members.iter().map(|member| jid(&member.jid)).collect();
    let new = NewRoom {
        room: room.clone(),
        owner: users.first().cloned(),
        name: "A room".into(),
        description: String::new(),
        members_only: true,
    };
    chat.rooms.create_room(&call(), &new).await.expect("a room");
    for outcome in chat.rooms.add_members(&call(), &room, None, &users[1..]).await.expect("members") {
        outcome.result.expect("a member");
    }
    room
}
