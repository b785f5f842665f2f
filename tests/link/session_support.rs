//! What the tests of sessions share: servers of both generations, an independent client, a proxy that counts.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jid::BareJid;
use stanzagate::config::Config;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig, RigOptions};
use stanzagate::link::Call;
use stanzagate::metrics::SessionMetrics;
use stanzagate::session::Sessions;
use stanzagate::xml::{CLIENT, Element};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, Stanza};

/// The root of the newest generation of servers; there is no test without it.
pub fn newest() -> Option<PathBuf> {
    Some(std::env::var_os("STANZAGATE_BACKPORTS_ROOT").expect("STANZAGATE_BACKPORTS_ROOT: a Debian 13 root").into())
}

pub fn start(server: Product, root: Option<PathBuf>, grant: Grant) -> Rig {
    Rig::start(RigOptions { server, root, grant, ..RigOptions::default() }).unwrap_or_else(|e| panic!("{e}"))
}

pub fn sessions(config: Config) -> Sessions {
    Sessions::new(Arc::new(config), SessionMetrics::default(), Arc::new(|_, _| {})).expect("a valid configuration")
}

pub fn jid(user: &str) -> BareJid {
    BareJid::new(&format!("{user}@example.org")).expect("a JID")
}

pub fn call_within(limit: Duration) -> Call {
    Call::new("test".into(), Instant::now() + limit)
}

pub fn call() -> Call {
    call_within(Duration::from_secs(20))
}

/// An element from its text; the text is the test's own.
pub fn xml(text: &str) -> Element {
    text.parse().expect("an element")
}

pub fn roster() -> Element {
    xml(&format!("<iq xmlns='{CLIENT}' type='get'><query xmlns='jabber:iq:roster'/></iq>"))
}

/// How many messages the archive of whoever asks holds.
pub fn archive_count() -> Element {
    xml(&format!(
        "<iq xmlns='{CLIENT}' type='set'><query xmlns='urn:xmpp:mam:2'>\
         <set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set></query></iq>"
    ))
}

pub fn counted(reply: &Element) -> String {
    let fin = reply.get_child("fin", "urn:xmpp:mam:2").expect("the end of the archive");
    let set = fin.get_child("set", "http://jabber.org/protocol/rsm").expect("a result set");
    set.get_child("count", "http://jabber.org/protocol/rsm").expect("a count").text()
}

pub fn message(kind: &str, to: &str, body: &str) -> Element {
    xml(&format!("<message xmlns='{CLIENT}' type='{kind}' to='{to}'><body>{body}</body></message>"))
}

/// An ordinary client that is online.
pub async fn client(rig: &Rig, user: &str) -> Client {
    let dns = DnsConfig::addr(&rig.c2s_addr().to_string());
    let mut client = Client::new_plaintext(jid(user), rig.users()[user].clone(), dns, Timeouts::default());
    loop {
        match client.next().await.expect("the client stays") {
            Event::Online { .. } => break,
            Event::Disconnected(error) => panic!("{error}"),
            Event::Stanza(_) => {}
        }
    }
    client.send_stanza(tokio_xmpp::parsers::presence::Presence::available().into()).await.expect("presence");
    client
}

/// The sender and body of the next message that has a body.
pub async fn next_body(client: &mut Client) -> (String, String) {
    let wait = async {
        loop {
            if let Event::Stanza(Stanza::Message(message)) = client.next().await.expect("the client stays")
                && let Some((_, body)) = message.get_best_body(vec![])
            {
                return (message.from.clone().map(|from| from.to_string()).unwrap_or_default(), body.to_string());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("a message arrives")
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("did not come true: {what}");
}

/// A TCP proxy that counts connections and can hold traffic back.
pub struct Proxy {
    pub address: SocketAddr,
    pub total: Arc<AtomicUsize>,
    pub live: Arc<AtomicUsize>,
    pub peak: Arc<AtomicUsize>,
    pub paused: watch::Sender<bool>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (paused, held) = watch::channel(false);
        let proxy = Proxy {
            address: listener.local_addr().expect("an address"),
            total: Arc::default(),
            live: Arc::default(),
            peak: Arc::default(),
            paused,
        };
        let (total, live, peak) = (Arc::clone(&proxy.total), Arc::clone(&proxy.live), Arc::clone(&proxy.peak));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                total.fetch_add(1, Ordering::SeqCst);
                peak.fetch_max(live.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (live, held) = (Arc::clone(&live), held.clone());
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(server).await {
                        let (near_in, near_out) = near.into_split();
                        let (far_in, far_out) = far.into_split();
                        tokio::join!(pump(near_in, far_out, held.clone()), pump(far_in, near_out, held));
                    }
                    live.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        proxy
    }

    pub fn count(&self) -> (usize, usize) {
        (self.total.load(Ordering::SeqCst), self.live.load(Ordering::SeqCst))
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut held: watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if held.wait_for(|held| !held).await.is_err() || to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
