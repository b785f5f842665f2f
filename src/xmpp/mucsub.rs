//! MUC/Sub (ejabberd, `urn:xmpp:mucsub:0`): membership of a room without presence.

use jid::BareJid;
use xmpp_parsers::ns::PUBSUB_EVENT as EVENT;

use crate::xml::element::{Build, el};
use crate::xml::{CLIENT, Element};

/// The namespace.
pub const NS: &str = "urn:xmpp:mucsub:0";
/// Messages of the room.
pub const MESSAGES: &str = "urn:xmpp:mucsub:nodes:messages";
/// Changes of affiliations.
pub const AFFILIATIONS: &str = "urn:xmpp:mucsub:nodes:affiliations";
/// Changes of the subject.
pub const SUBJECT: &str = "urn:xmpp:mucsub:nodes:subject";
/// The room's end, among others.
pub const SYSTEM: &str = "urn:xmpp:mucsub:nodes:system";

/// Subscribes `user` (another than the asker: a moderator's right) under `nick` to the given nodes.
pub fn subscribe(user: Option<&BareJid>, nick: &str, nodes: &[&str]) -> Element {
    el("subscribe", NS)
        .with("nick", nick)
        .maybe("jid", user.map(|user| user.as_str()))
        .children_from(nodes.iter().map(|node| el("event", NS).with("node", *node)))
}

/// Ends the subscription of `user`.
pub fn unsubscribe(user: &BareJid) -> Element {
    el("unsubscribe", NS).with("jid", user.as_str())
}

/// Asks a room for its subscribers.
pub fn subscriptions() -> Element {
    el("subscriptions", NS)
}

/// One entry of an answer to [`subscriptions`].
#[derive(Debug)]
pub struct Subscriber<'a> {
    /// Who; in a service's answer to a user, which room.
    pub jid: BareJid,
    /// Under which nick.
    pub nick: &'a str,
    entry: &'a Element,
}

impl Subscriber<'_> {
    /// True when he gets all of `nodes`.
    pub fn gets(&self, nodes: &[&str]) -> bool {
        let gets =
            |node: &str| self.entry.children().any(|event| event.is("event", NS) && event.attr("node") == Some(node));
        nodes.iter().all(|node| gets(node))
    }
}

/// The subscribers in an answer to [`subscriptions`].
pub fn subscribers(reply: &Element) -> impl Iterator<Item = Subscriber<'_>> {
    let list = reply.get_child("subscriptions", NS).into_iter().flat_map(Element::children);
    list.filter(|child| child.is("subscription", NS)).filter_map(|entry| {
        let jid = BareJid::new(entry.attr("jid")?).ok()?;
        Some(Subscriber { jid, nick: entry.attr("nick").unwrap_or_default(), entry })
    })
}

/// What a subscriber was sent.
#[derive(Debug)]
pub struct Event<'a> {
    /// The node.
    pub node: &'a str,
    /// The item's id: on [`MESSAGES`] of an archived room, the archive id.
    pub item: Option<&'a str>,
    /// The message inside.
    pub message: Option<&'a Element>,
}

/// Reads an event; `None` when the message is none.
pub fn event(message: &Element) -> Option<Event<'_>> {
    let items = message.get_child("event", EVENT)?.get_child("items", EVENT)?;
    let item = items.get_child("item", EVENT);
    Some(Event {
        node: items.attr("node")?,
        item: item.and_then(|item| item.attr("id")),
        message: item.and_then(|item| item.get_child("message", CLIENT)),
    })
}
