//! Messages to users over several links (`component.extra_links`): spread, in order, and none lost by a link that falls or
//! that lets nothing through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use jid::BareJid;
use parking_lot::Mutex;
use stanzagate::chat::check::Finding;
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::message::{Content, MarksChild, Message, Receipt, Target};
use stanzagate::chat::types::right::Right;
use stanzagate::chat::{Chat, LinkError, LinkState};
use stanzagate::config::Config;
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig};
use stanzagate::link::frame::Frame;
use stanzagate::metrics::Metrics;
use stanzagate::metrics::link::UpLabels;
use tokio::time::sleep;

use crate::on_oldest_and_newest;
use crate::support::element::body;
use crate::support::fake_server::{FakeServer, PATIENCE, Peer, SECRET};
use crate::support::people::until;
use crate::support::verbs::call;
use crate::support::{Client, Server, account, fresh};

on_oldest_and_newest!(a_users_messages_keep_their_order, what_the_server_does_not_grant_is_named);

const FIRST: &str = "gw.example.org";
const EXTRA: &str = "gw2.example.org";
const MS: Duration = Duration::from_millis(1);

fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.org")).expect("a JID")
}

/// Those to whom the tests without a real server write: of an odd number, so that turns at the links do not part them.
fn users() -> Vec<BareJid> {
    (0..15).map(|number| user(&format!("user{number}"))).collect()
}

fn message(to: &BareJid, text: &str) -> Message {
    Message {
        from: user("alice"),
        to: Target::User(to.clone()),
        content: Content::Text {
            body: text.to_owned(),
            kind: "chat".to_owned(),
            message: Vec::new(),
            marks: Vec::new(),
            child: MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" },
        },
        sender_copy: false,
    }
}

/// Sends a text to each user in turn, all in the same moment, after the accounts have become known.
async fn send_in_turn(chat: &Chat, users: &[BareJid], texts: &[String]) -> Vec<Result<Receipt, ChatError>> {
    for user in users {
        let hello = chat.messages.send(&call(), &message(user, "hello")).await;
        assert!(hello.is_ok(), "{hello:?}");
    }
    let call = call();
    let messages = texts.iter().zip(users.iter().cycle()).map(|(text, user)| message(user, text));
    join_all(messages.map(async |message| chat.messages.send(&call, &message).await)).await
}

fn texts(count: usize) -> Vec<String> {
    let prefix = fresh("text");
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

/// The verbs, connected.
async fn start(config: Config, metrics: &Metrics) -> Chat {
    let chat = Chat::start(Arc::new(config), metrics.clone()).expect("the verbs");
    let mut state = chat.link_state();
    let up = tokio::time::timeout(PATIENCE, state.wait_for(|state| *state == LinkState::Up)).await;
    assert!(up.is_ok_and(|up| up.is_ok()), "no link");
    chat
}

fn is_up(metrics: &Metrics, link: &str) -> bool {
    metrics.link.up.get_or_create(&UpLabels { component: link.to_owned() }).get() == 1
}

/// A server that takes messages and says over which link each has come.
#[derive(Clone, Default)]
struct Board(Arc<Seen>);

#[derive(Default)]
struct Seen {
    /// Link, recipient and text of each message, as they came.
    messages: Mutex<Vec<(String, String, String)>>,
    /// Queries wait for their answers.
    held: AtomicBool,
    /// The extra link is to be closed, once.
    closing: AtomicBool,
}

impl Board {
    /// A running one, and the verbs with an extra link to it, which has not been tried yet.
    async fn start(closing: bool) -> (Board, Chat, Metrics) {
        let (board, server) = (Board::default(), FakeServer::start().await);
        board.0.closing.store(closing, Ordering::Relaxed);
        let mut config = Config::default();
        config.server.domain = "example.org".into();
        config.server.kind = stanzagate::config::server::Kind::Ejabberd;
        config.component.address = server.address();
        config.component.name = FIRST.into();
        config.component.extra_links = vec![EXTRA.into()];
        config.component.secret = Some(Secret::new(SECRET));
        let accepting = board.clone();
        tokio::spawn(async move {
            loop {
                let peer = server.accept().await;
                let board = accepting.clone();
                tokio::spawn(async move { board.serve(peer).await });
            }
        });
        let metrics = Metrics::new();
        let chat = start(config, &metrics).await;
        (board, chat, metrics)
    }

    /// Serves a link until it ends. Whose it is the first query says, which stands behind the first messages.
    async fn serve(&self, mut peer: Peer) {
        let (mut extra, mut waiting, mut unanswered) = (false, Vec::new(), Vec::new());
        loop {
            if extra && self.0.closing.swap(false, Ordering::Relaxed) {
                return;
            }
            if !self.0.held.load(Ordering::Relaxed) {
                for query in unanswered.drain(..) {
                    peer.result(&query).await;
                }
            }
            let frame = tokio::select! {
                frame = peer.frames.next() => frame,
                () = sleep(MS) => continue,
            };
            let Ok(Frame::Element(stanza)) = frame else { return };
            let of = |name| stanza.attr(name).unwrap_or_default().to_owned();
            if stanza.name() == "message" {
                let text = stanza.get_child("body", "jabber:client").map(|body| body.text()).unwrap_or_default();
                waiting.push((of("to"), text));
                continue;
            }
            let link = of("from");
            extra = link == EXTRA;
            let came = waiting.drain(..).map(|(to, text)| (link.clone(), to, text));
            self.0.messages.lock().extend(came);
            unanswered.push(stanza);
        }
    }

    /// `Some` once the extra link has been closed as it was to be.
    async fn closed(&self) -> Option<()> {
        (!self.0.closing.load(Ordering::Relaxed)).then_some(())
    }

    /// How many texts, of those given, have come over each link.
    fn came(&self, texts: &[String]) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for (link, ..) in self.0.messages.lock().iter().filter(|(.., text)| texts.contains(text)) {
            *count.entry(link.clone()).or_default() += 1;
        }
        count
    }

    /// Waits until messages take the extra link.
    async fn open(&self, chat: &Chat) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sent = texts(15);
            assert!(send_in_turn(chat, &users(), &sent).await.iter().all(Result::is_ok));
            if self.came(&sent).contains_key(EXTRA) {
                return;
            }
            assert!(Instant::now() < deadline, "the extra link is never used");
        }
    }
}

/// Users to whom some of `texts` went, and the texts, by link.
fn by_user(board: &Board, texts: &[String]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut users: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (link, to, text) in board.0.messages.lock().iter().filter(|(.., text)| texts.contains(text)) {
        users.entry(to.clone()).or_default().push((link.clone(), text.clone()));
    }
    users
}

#[tokio::test]
async fn messages_take_all_links_and_those_to_one_user_the_same() {
    let (board, chat, metrics) = Board::start(false).await;
    board.open(&chat).await;
    let users = users();
    let sent = texts(800);
    let outcomes = send_in_turn(&chat, &users, &sent).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let came = board.came(&sent);
    assert!(came.values().all(|count| *count >= 200) && came.len() == 2, "spread unevenly: {came:?}");
    for (to, came) in by_user(&board, &sent) {
        let links: BTreeSet<&String> = came.iter().map(|(link, _)| link).collect();
        assert_eq!(links.len(), 1, "{to} was written to over several links at once");
        let texts: Vec<&String> = came.iter().map(|(_, text)| text).collect();
        let place = users.iter().position(|user| user.as_str() == to).expect("a recipient");
        let wanted: Vec<&String> = sent.iter().skip(place).step_by(users.len()).collect();
        assert_eq!(texts, wanted, "{to}");
    }
    for link in [FIRST, EXTRA] {
        assert!(is_up(&metrics, link), "{link}");
    }

    // One after the other they need no second link.
    let sent = texts(40);
    for text in &sent {
        chat.messages.send(&call(), &message(&users[0], text)).await.expect("sent");
    }
    assert_eq!(board.came(&sent), BTreeMap::from([(FIRST.to_owned(), 40)]));
    chat.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_link_that_falls_costs_no_message_that_was_not_on_it() {
    let (board, chat, _) = Board::start(false).await;
    board.open(&chat).await;
    let users = users();
    board.0.held.store(true, Ordering::Relaxed);
    let sent = texts(15);
    let (sending, call) = (chat.clone(), call());
    let messages: Vec<Message> = users.iter().zip(&sent).map(|(user, text)| message(user, text)).collect();
    let outcomes =
        tokio::spawn(
            async move { join_all(messages.iter().map(|message| sending.messages.send(&call, message))).await },
        );
    until("all under way", || async { (board.came(&sent).values().sum::<usize>() == sent.len()).then_some(()) }).await;
    let on_extra = board.came(&sent)[EXTRA];
    board.0.closing.store(true, Ordering::Relaxed);
    until("the fall of the extra link", || board.closed()).await;
    board.0.held.store(false, Ordering::Relaxed);
    let outcomes = outcomes.await.expect("ran");
    let unknown = |outcome: &Result<_, _>| matches!(outcome, Err(ChatError::Link(LinkError::Unknown)));
    assert_eq!(outcomes.iter().filter(|outcome| unknown(outcome)).count(), on_extra, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), sent.len() - on_extra, "{outcomes:?}");

    // What comes now finds one link, then two again, and is never refused.
    board.open(&chat).await;
    chat.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_link_over_which_nothing_passes_is_not_used() {
    let (board, chat, _) = Board::start(true).await;
    let users = users();
    until("the trial of the link", || board.closed()).await;
    let sent = texts(200);
    let outcomes = send_in_turn(&chat, &users, &sent).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(board.came(&sent), BTreeMap::from([(FIRST.to_owned(), sent.len())]));
    chat.drain(PATIENCE).await;
}

/// A gateway's configuration with an extra link.
fn with_extra(rig: &Rig) -> Config {
    let mut config = rig.gateway_config();
    config.component.siblings.clear();
    config.component.extra_links = vec![EXTRA.into()];
    config
}

async fn a_users_messages_keep_their_order(server: Server) {
    let rig = server.start_with(Grant::Oauth, 1);
    let metrics = Metrics::new();
    let chat = start(with_extra(&rig), &metrics).await;
    let clients = join_all((0..5).map(async |_| Client::login(&rig, &account(&rig, "reader")).await)).await;
    let users: Vec<BareJid> = clients.iter().map(|client| BareJid::new(client.bare()).expect("a JID")).collect();
    until("both links up", || async { [FIRST, EXTRA].iter().all(|link| is_up(&metrics, link)).then_some(()) }).await;
    // The trial of the second one takes a moment.
    for round in 0..5 {
        let sent = texts(300);
        let outcomes = send_in_turn(&chat, &users, &sent).await;
        assert!(outcomes.iter().all(Result::is_ok), "round {round}: {outcomes:?}");
        for (place, client) in clients.iter().enumerate() {
            let wanted: Vec<&String> = sent.iter().skip(place).step_by(clients.len()).collect();
            let last = *wanted.last().expect("some");
            client.wait_for("the last", |element| body(element).as_ref() == Some(last)).await;
            let received = client.received();
            let got: Vec<String> = received.iter().filter_map(body).filter(|text| sent.contains(text)).collect();
            assert_eq!(got.iter().collect::<Vec<_>>(), wanted, "round {round}");
        }
    }
    chat.drain(PATIENCE).await;
}

async fn finding(rig: &Rig) -> Finding {
    let chat = start(with_extra(rig), &Metrics::new()).await;
    let findings = chat.check().run(None, [Right::SendAs]).await.findings;
    chat.drain(PATIENCE).await;
    findings.into_iter().find(|finding| finding.right == Right::ExtraLinks).expect("a finding")
}

async fn what_the_server_does_not_grant_is_named(server: Server) {
    let rig = server.start_with(Grant::Oauth, 1);
    let granted = finding(&rig).await;
    assert!(granted.verdict.is_ok(), "{:?}", granted.verdict);
    let unknown = finding(server.shared()).await;
    assert!(unknown.verdict.as_ref().is_err_and(|why| why.starts_with(EXTRA)), "{:?}", unknown.verdict);
    if server.product() == Product::Prosody {
        let file = rig.dir().join("prosody.cfg.lua");
        let config = std::fs::read_to_string(&file).expect("the server's configuration");
        let (before, after) =
            config.rsplit_once("validate_from_addresses = false").expect("the line of the second name");
        rig.stop_server().expect("the server stops");
        std::fs::write(&file, format!("{before}{after}")).expect("the server's configuration");
        rig.start_server().expect("the server starts");
        let refused = finding(&rig).await;
        let refused = refused.verdict.expect_err("it may not send as users");
        assert!(["closed", "invalid-from"].iter().any(|why| refused.contains(why)), "{refused}");
    }
}
