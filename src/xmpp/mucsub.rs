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
    /// Whether they get all of the nodes that were asked for.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::bounds::Bounds;
    use crate::xml::plain::PlainReader;
    use crate::xml::read::read_one;
    use crate::xml::received::Received;
    use crate::xmpp::muc_admin;

    /// An answer with lists as servers give them, and as they do not.
    fn answers() -> impl Strategy<Value = String> {
        let pick = |of: &'static [&'static str]| prop::sample::select(of);
        let event = (
            pick(&["event", "event", "event", "other", "event xmlns='urn:x'"]),
            pick(&[" node='n1'", " node='n2'", " node=\"n2\"", " node='n3'", " xml:lang='n1'", ""]),
            pick(&["/>", "><event node='n1'/></event>"]),
        );
        let event = event.prop_map(|(name, node, rest)| match (rest, name) {
            ("/>", _) | (_, "other" | "event xmlns='urn:x'") => format!("<{name}{node}/>"),
            _ => format!("<{name}{node}{rest}"),
        });
        let entry = (
            pick(&["subscription", "subscription", "item", "item", "other"]),
            pick(&["", "", "", " xmlns='urn:x'"]),
            pick(&["", " jid='a@h'", " jid='A@H'", " jid='\u{e4}&amp;@h'", " jid='b@h'", " jid='b@h/r'", " jid='h'"]),
            pick(&["", " nick=''", " nick='a &lt;'", " nick='\u{4f60}'"]),
            prop::collection::vec(event, 0..4),
        );
        let entry = entry
            .prop_map(|(name, ns, jid, nick, events)| format!("<{name}{ns}{jid}{nick}> {}</{name}>", events.concat()));
        let list = (
            pick(&[
                "subscriptions xmlns='urn:xmpp:mucsub:0'",
                "query xmlns='http://jabber.org/protocol/muc#admin'",
                "query",
            ]),
            prop::collection::vec(entry, 0..6),
        );
        let list = list.prop_map(|(head, entries)| {
            let name = head.split(' ').next().unwrap_or_default();
            format!("<{head}>{}</{name}>", entries.concat())
        });
        prop::collection::vec(list, 0..3).prop_map(|lists| format!("<iq>{}</iq>", lists.concat()))
    }

    /// What the lists in a tree say, looked up there.
    fn looked_up(reply: &Element, list: (&str, &str), entry: &str) -> Vec<(BareJid, Option<String>, Vec<String>)> {
        let entries = reply.get_child(list.0, list.1).into_iter().flat_map(Element::children);
        let listed = entries.filter(|child| child.is(entry, list.1)).filter_map(|child| {
            let events = child.children().filter(|event| event.is("event", NS));
            let nodes = events.filter_map(|event| event.attr("node").map(str::to_owned)).collect();
            Some((BareJid::new(child.attr("jid")?).ok()?, child.attr("nick").map(str::to_owned), nodes))
        });
        listed.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_list_says_the_same_as_a_text_and_as_a_tree(answer in answers()) {
            let bounds = Bounds { depth: 9, bytes: 9999, elements: 999 };
            let tree = read_one(&answer, CLIENT, bounds).unwrap();
            let (text, length) = PlainReader::new(CLIENT, bounds).advance(answer.as_bytes(), |_| true).unwrap();
            prop_assert!(matches!(text, Received::Text(_)) && length == answer.len());
            let said: Vec<_> = looked_up(&tree, ("subscriptions", NS), "subscription")
                .into_iter()
                .map(|(jid, nick, nodes)| {
                    let gets = ["n1", "n2"].iter().all(|node| nodes.iter().any(|own| own == node));
                    Subscriber { jid, nick: nick.unwrap_or_default(), gets }
                })
                .collect();
            prop_assert_eq!(&subscribers(&text, &["n1", "n2"]), &said);
            prop_assert_eq!(&subscribers(&tree, &["n1", "n2"]), &said);
            let said: Vec<_> = looked_up(&tree, ("query", muc_admin::NS), "item")
                .into_iter()
                .map(|(jid, nick, _)| muc_admin::Item { jid, nick })
                .collect();
            prop_assert_eq!(&muc_admin::items(&text), &said);
            prop_assert_eq!(&muc_admin::items(&tree), &said);
        }
    }
}
