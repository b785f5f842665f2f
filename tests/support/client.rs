//! An XMPP client for tests, independent of the gateway's own code: tokio-xmpp's streams, with every stanza kept as it
//! came. tokio-xmpp's `Client` parses stanzas into types that lose unknown attributes, which is what tests look at.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use sasl::common::{ChannelBinding, Credentials};
use stanzagate::dev::Rig;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_xmpp::minidom::Element;
use tokio_xmpp::minidom::rxml::{Namespace, xml_ncname};
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, XmppStream, initiate_stream};

use super::element::{BOOKMARKS, CLIENT, MAM, PUBSUB, child, forwarded, has_status, show, stanza};
use super::servers::Account;

/// Longest wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(10);

type Wire = XmlStream<BufStream<TcpStream>, Element>;

/// Why a log-in failed.
#[derive(Debug)]
pub enum LoginError {
    /// The server refused user and password.
    Refused(tokio_xmpp::Error),
    /// Anything else.
    Other(String),
}

/// A bookmark of a room (XEP-0402).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    pub room: String,
    pub name: Option<String>,
    pub nick: Option<String>,
    pub autojoin: bool,
}

/// A logged-in client. Dropping it cuts the connection.
pub struct Client {
    jid: String,
    outgoing: mpsc::UnboundedSender<Element>,
    /// All that came, in order; `None` where a wait has taken it.
    inbox: watch::Receiver<Inbox>,
    take: watch::Sender<Inbox>,
}

#[derive(Default)]
struct Inbox {
    arrived: Vec<(Element, bool)>,
    closed: Option<String>,
}

impl Client {
    /// Logs in and becomes available.
    pub async fn login(rig: &Rig, account: &Account) -> Client {
        let client = Client::connect(rig, account, None).await;
        client.send(stanza("<presence/>"));
        let own = client.jid.clone();
        client.wait_for("the own presence", |el| el.name() == "presence" && el.attr("from") == Some(&own)).await;
        client
    }

    /// Logs in without presence: the server treats the user as offline.
    pub async fn connect(rig: &Rig, account: &Account, resource: Option<&str>) -> Client {
        match Client::try_connect(rig, &account.name, &account.password, resource).await {
            Ok(client) => client,
            Err(error) => panic!("{} cannot log in: {error:?}", account.jid),
        }
    }

    /// As [`Client::connect`], for log-ins that may fail.
    pub async fn try_connect(
        rig: &Rig,
        user: &str,
        password: &str,
        resource: Option<&str>,
    ) -> Result<Client, LoginError> {
        Client::open(rig.c2s_addr(), rig.domain(), user, password, resource).await
    }

    /// Logs in, without TLS, to a server that is no rig.
    pub async fn open(
        address: SocketAddr,
        domain: &str,
        user: &str,
        password: &str,
        resource: Option<&str>,
    ) -> Result<Client, LoginError> {
        let header = || StreamHeader { to: Some(Cow::Borrowed(domain)), from: None, id: None };
        let socket = TcpStream::connect(address).await.map_err(other)?;
        socket.set_nodelay(true).map_err(other)?;
        let opened = initiate_stream(BufStream::new(socket), CLIENT, header(), Timeouts::default()).await;
        let (features, stream): (_, XmppStream<_>) = opened.map_err(other)?.recv_features().await.map_err(other)?;
        // Not the default, "supported, but not offered by the server", which ejabberd 24.12 takes for an attack.
        let credentials = Credentials::default().with_channel_binding(ChannelBinding::None);
        let credentials = credentials.with_username(user).with_password(password);
        let stream = tokio_xmpp::client_login(stream, features.sasl_mechanisms, credentials).await;
        let stream = stream.map_err(LoginError::Refused)?.send_header(header()).await.map_err(other)?;
        let (_, mut wire): (_, Wire) = stream.recv_features().await.map_err(other)?;

        let resource = resource.map(|name| format!("<resource>{name}</resource>")).unwrap_or_default();
        let bind =
            format!("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{resource}</bind></iq>");
        wire.send(&stanza(&bind)).await.map_err(other)?;
        let bound = match wire.next().await {
            Some(Ok(reply)) => reply,
            end => return Err(other(format!("no answer to bind: {end:?}"))),
        };
        let jid = child(&bound, "bind").and_then(|bind| child(bind, "jid")).map(Element::text);
        let jid = jid.ok_or_else(|| other(show(&bound)))?;

        let (take, inbox) = watch::channel(Inbox::default());
        let (outgoing, orders) = mpsc::unbounded_channel();
        tokio::spawn(run(wire, orders, take.clone()));
        Ok(Client { jid, outgoing, inbox, take })
    }

    /// The full JID that the server gave.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// The account's bare JID.
    pub fn bare(&self) -> &str {
        self.jid.split('/').next().unwrap_or_default()
    }

    /// Sends a stanza.
    pub fn send(&self, element: Element) {
        if self.outgoing.send(element).is_err() {
            panic!("{} is not connected any more", self.jid);
        }
    }

    /// Waits for a stanza that nobody has taken yet, the oldest first, and takes it.
    pub async fn wait_for(&self, what: impl Display, matches: impl Fn(&Element) -> bool) -> Element {
        match self.wait_within(PATIENCE, &matches).await {
            Some(element) => element,
            None => panic!("{} did not get {what}; it got:\n{}", self.jid, self.transcript()),
        }
    }

    /// As [`Client::wait_for`], with a time of the caller's own and without failing the test.
    pub async fn wait_within(&self, time: Duration, matches: &impl Fn(&Element) -> bool) -> Option<Element> {
        let deadline = Instant::now() + time;
        let mut inbox = self.inbox.clone();
        loop {
            inbox.borrow_and_update();
            let mut found = None;
            self.take.send_if_modified(|inbox| {
                if let Some((element, taken)) = inbox.arrived.iter_mut().find(|(el, taken)| !*taken && matches(el)) {
                    *taken = true;
                    found = Some(element.clone());
                }
                false
            });
            if found.is_some() {
                return found;
            }
            if !matches!(timeout_at(deadline, inbox.changed()).await, Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// Fails when a matching stanza came that nobody has taken, or comes within `time`.
    pub async fn expect_none(&self, what: impl Display, time: Duration, matches: impl Fn(&Element) -> bool) {
        if let Some(element) = self.wait_within(time, &matches).await {
            panic!("{} got {what}: {}", self.jid, show(&element));
        }
    }

    /// All stanzas in order of arrival, taken or not.
    pub fn received(&self) -> Vec<Element> {
        self.inbox.borrow().arrived.iter().map(|(element, _)| element.clone()).collect()
    }

    /// Why the stream ended, if it did.
    pub fn closed(&self) -> Option<String> {
        self.inbox.borrow().closed.clone()
    }

    /// Sends an IQ under an id of its own and returns the reply, result or error.
    pub async fn iq(&self, iq: Element) -> Element {
        let id = next_id();
        let mut iq = iq;
        iq.set_attr(Namespace::NONE, xml_ncname!("id").to_owned(), id.as_str());
        self.send(iq);
        self.wait_for(format!("the reply {id}"), |el| el.name() == "iq" && el.attr("id") == Some(&id)).await
    }

    /// Everything sent before this is processed, and what it caused here has arrived.
    pub async fn ping(&self) {
        self.iq(stanza("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
    }

    /// Enters a room; `Err` is the room's refusal.
    pub async fn join(&self, room: &str, nick: &str) -> Result<Element, Element> {
        let occupant = format!("{room}/{nick}");
        let x = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
        self.send(stanza(&format!("<presence to='{occupant}'>{x}</presence>")));
        let answer = self
            .wait_for(format!("the answer of {occupant}"), |el| {
                let ours = el.attr("from").is_some_and(|from| from.split('/').next() == Some(room));
                el.name() == "presence" && ours && (has_status(el, "110") || el.attr("type") == Some("error"))
            })
            .await;
        if answer.attr("type") == Some("error") { Err(answer) } else { Ok(answer) }
    }

    /// Makes a room as any client does: enters it and accepts its default configuration.
    pub async fn make_room(&self, room: &str, nick: &str) {
        match self.join(room, nick).await {
            Ok(presence) if has_status(&presence, "201") => {}
            Ok(presence) | Err(presence) => panic!("{room} was not made: {}", show(&presence)),
        }
        let form =
            "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>";
        let reply = self.iq(stanza(&format!("<iq type='set' to='{room}'>{form}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// Asks the server for copies of what the account's other devices send and get (XEP-0280).
    pub async fn carbons_enable(&self) {
        let reply = self.iq(stanza("<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>")).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// All messages of an archive, oldest first (XEP-0313): the account's own, or that of a room.
    pub async fn mam(&self, room: Option<&str>) -> Vec<Element> {
        let to = room.map(|room| format!(" to='{room}'")).unwrap_or_default();
        let (mut messages, mut after) = (Vec::new(), String::new());
        loop {
            let query = next_id();
            let set = format!("<set xmlns='http://jabber.org/protocol/rsm'><max>50</max>{after}</set>");
            let iq = format!("<iq type='set'{to}><query xmlns='{MAM}' queryid='{query}'>{set}</query></iq>");
            let reply = self.iq(stanza(&iq)).await;
            let Some(fin) = reply.get_child("fin", MAM) else { panic!("no archive: {}", show(&reply)) };
            let result = |el: &Element| el.get_child("result", MAM).is_some_and(|r| r.attr("queryid") == Some(&query));
            messages.extend(self.received().into_iter().filter(result).filter_map(|el| forwarded(&el).cloned()));
            let last = child(fin, "set").and_then(|set| child(set, "last")).map(Element::text);
            match last {
                Some(last) if fin.attr("complete") != Some("true") => after = format!("<after>{last}</after>"),
                _ => return messages,
            }
        }
    }

    /// The account's bookmarks (XEP-0402), in the server's order.
    pub async fn bookmarks(&self) -> Vec<Bookmark> {
        let items = format!("<iq type='get'><pubsub xmlns='{PUBSUB}'><items node='{BOOKMARKS}'/></pubsub></iq>");
        let reply = self.iq(stanza(&items)).await;
        // No such node: nothing was ever bookmarked.
        let items = child(&reply, "pubsub").and_then(|pubsub| child(pubsub, "items"));
        let items = items.map(|items| items.children().collect::<Vec<_>>()).unwrap_or_default();
        let bookmark = |item: &Element| {
            let conference = child(item, "conference")?;
            Some(Bookmark {
                room: item.attr("id")?.to_owned(),
                name: conference.attr("name").map(str::to_owned),
                nick: child(conference, "nick").map(Element::text),
                autojoin: matches!(conference.attr("autojoin"), Some("true" | "1")),
            })
        };
        items.into_iter().filter_map(bookmark).collect()
    }

    /// Logs out in order.
    pub async fn close(self) {
        let Client { outgoing, mut inbox, .. } = self;
        drop(outgoing);
        let deadline = Instant::now() + PATIENCE;
        while inbox.borrow_and_update().closed.is_none() {
            if !matches!(timeout_at(deadline, inbox.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn transcript(&self) -> String {
        let inbox = self.inbox.borrow();
        let mut lines: Vec<_> = inbox.arrived.iter().map(|(element, _)| show(element)).collect();
        lines.extend(inbox.closed.as_ref().map(|why| format!("(closed: {why})")));
        lines.join("\n")
    }
}

/// Owns the stream: writes what the client sends, files what arrives. Ends when the client is dropped.
async fn run(mut wire: Wire, mut orders: mpsc::UnboundedReceiver<Element>, inbox: watch::Sender<Inbox>) {
    let why = loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(element) => if let Err(error) = wire.send(&element).await { break error.to_string() },
                None => {
                    // The footer first, then whatever the server still sends up to its own.
                    let _ = wire.shutdown().await;
                    while let Some(Ok(_)) = wire.next().await {}
                    break "logged out".to_owned();
                }
            },
            item = wire.next() => match item {
                Some(Ok(element)) => inbox.send_modify(|inbox| inbox.arrived.push((element, false))),
                Some(Err(ReadError::SoftTimeout)) => {}
                Some(Err(error)) => break error.to_string(),
                None => break "end of stream".to_owned(),
            },
        }
    };
    inbox.send_modify(|inbox| inbox.closed = Some(why));
}

fn other(error: impl Display) -> LoginError {
    LoginError::Other(error.to_string())
}

fn next_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
