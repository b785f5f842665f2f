//! Settings, stanzas and waits that the tests of the link share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stanzagate::link::{Call, Link, LinkConfig, LinkState};
use stanzagate::metrics::LinkMetrics;
use stanzagate::xml::Element;
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::read::read_one;

use crate::support::fake_server::{FakeServer, PATIENCE, SECRET};

pub const BOUNDS: Bounds = Bounds { depth: 64, bytes: 1 << 20, elements: 10_000 };

/// What the on_stanza handler was given.
pub type Seen = Arc<Mutex<Vec<Element>>>;

pub fn start(server: &FakeServer) -> (Link, Seen) {
    start_with(server, |_| {})
}

pub fn start_with(server: &FakeServer, change: impl FnOnce(&mut LinkConfig)) -> (Link, Seen) {
    let (link, seen, _) = start_counted(server, change);
    (link, seen)
}

pub fn start_counted(server: &FakeServer, change: impl FnOnce(&mut LinkConfig)) -> (Link, Seen, LinkMetrics) {
    let mut config = config(server);
    change(&mut config);
    let seen = Seen::default();
    let kept = seen.clone();
    let metrics = LinkMetrics::default();
    let on_stanza = Arc::new(move |_: &_, stanza| kept.lock().expect("not poisoned").push(stanza));
    (Link::start(config, on_stanza, metrics.clone()), seen, metrics)
}

pub fn config(server: &FakeServer) -> LinkConfig {
    LinkConfig {
        address: server.address(),
        name: "gw.example.org".into(),
        secret: SECRET.into(),
        server: "example.org".into(),
        connect_timeout: Duration::from_secs(5),
        queue_stanzas: 1000,
        queue_bytes: 1 << 20,
        busy_wait: Duration::from_millis(50),
        grace: Duration::from_secs(2),
        iq_timeout: Duration::from_secs(5),
        pending: 1000,
        keepalive: Duration::from_secs(30),
        keepalive_timeout: Duration::from_secs(15),
        // No ping but those that a test asks for.
        stall: Duration::from_secs(600),
        backoff: (Duration::from_millis(10), Duration::from_millis(50)),
        bounds: BOUNDS,
        looks: None,
    }
}

/// An address that refuses connections for as long as the socket is kept.
pub fn closed_port() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = socket.local_addr().expect("bound").to_string();
    (socket, address)
}

pub fn call() -> Call {
    call_for(PATIENCE)
}

pub fn call_for(time: Duration) -> Call {
    Call::new("r1".into(), Instant::now() + time)
}

pub fn stanza(text: &str) -> Element {
    read_one(text, "jabber:client", BOUNDS).expect("a stanza")
}

pub fn get(to: &str) -> Element {
    stanza(&format!("<iq type='get' from='gw.example.org' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"))
}

pub fn message(id: &str) -> Element {
    stanza(&format!("<message id='{id}' from='alice@example.org' to='bob@example.org'><body>hi</body></message>"))
}

/// Waits until the link is up.
pub async fn up(link: &Link) {
    let mut state = link.state();
    let up = state.wait_for(|state| *state == LinkState::Up);
    tokio::time::timeout(PATIENCE, up).await.expect("in time").expect("running");
}

/// Waits until the link is down for a reason, and returns that.
pub async fn down(link: &Link) -> String {
    let mut state = link.state();
    let down = state.wait_for(|state| matches!(state, LinkState::Down(cause) if !cause.is_empty()));
    match &*tokio::time::timeout(PATIENCE, down).await.expect("in time").expect("running") {
        LinkState::Down(cause) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}
