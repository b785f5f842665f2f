//! MUC/Sub (ejabberd, `urn:xmpp:mucsub:0`): membership of a room without presence.

use jid::BareJid;
use xmpp_parsers::ns::PUBSUB_EVENT as EVENT;

use super::addresses::Addresses;
use crate::xml::element::{Build, el};
use crate::xml::received::Walk;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Who; in a service's answer to a user, which room.
    pub jid: BareJid,
    /// Under which nick.
    pub nick: String,
    /// Whether he gets all of the nodes that were asked for.
    pub gets: bool,
}

/// The subscribers in an answer to [`subscriptions`], and whether each gets all of `nodes`; those whose address is not a
/// JID are left out.
pub fn subscribers(reply: &impl Walk, nodes: &[&str]) -> Vec<Subscriber> {
    let mut subscribers: Vec<Subscriber> = Vec::new();
    let (mut addresses, mut listed, mut missing) = (Addresses::default(), false, Vec::new());
    reply.walk_child("subscriptions", NS, |level, tag| match level {
        0 => {
            let jid = tag.attr("jid").filter(|_| tag.is("subscription", NS)).and_then(|jid| addresses.read(&jid));
            let nick = tag.attr("nick").unwrap_or_default();
            listed = jid.is_some();
            missing.clear();
            missing.extend_from_slice(nodes);
            let gets = missing.is_empty();
            subscribers.extend(jid.map(|jid| Subscriber { jid, nick: nick.into_owned(), gets }));
        }
        1 if listed && tag.is("event", NS) => {
            let node = tag.attr("node").unwrap_or_default();
            missing.retain(|missing| *missing != node);
            if let Some(subscriber) = subscribers.last_mut() {
                subscriber.gets = missing.is_empty();
            }
        }
        _ => {}
    });
    subscribers
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
