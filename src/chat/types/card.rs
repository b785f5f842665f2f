//! What the service itself says: a plain body that any client shows, and a child with JSON for apps that know it.

use jid::BareJid;
use serde_json::Value;

use crate::xml::Element;
use crate::xml::element::Build as _;
use crate::xmpp::card;

/// Namespace and name of the child that holds JSON (in `<json xmlns='urn:xmpp:json:0'/>`, XEP-0335).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardChild {
    /// Namespace.
    pub ns: &'static str,
    /// Local name.
    pub name: &'static str,
}

/// A message of the service.
#[derive(Debug, Clone)]
pub struct Card {
    /// What any client shows.
    pub body: String,
    /// The child.
    pub child: CardChild,
    /// What it holds.
    pub json: Value,
    /// Whether it is kept for those who are offline. If not, it is a headline that only online devices get.
    pub store: bool,
    /// What is beside.
    pub extras: Extras,
}

/// What may be beside a card's body and child.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// The user in whose name it is sent, in a chat of their own with each receiver; without them the service itself.
    pub from: Option<BareJid>,
    /// The name of who speaks (XEP-0172).
    pub nick: Option<String>,
    /// Links with their titles (XEP-0066).
    pub links: Vec<(String, String)>,
    /// Whether the body is no styled text (XEP-0393), so that clients show it as it is.
    pub unstyled: bool,
}

impl Card {
    pub(in crate::chat) fn message(&self, from: &str, to: &str, json: &str, store: bool) -> Element {
        let kind = match (store, &self.extras.from) {
            (false, _) => "headline",
            (true, None) => "normal",
            (true, Some(_)) => "chat",
        };
        self.element(card::Head { from, to, kind, store }, json)
    }

    /// As it is said in a room.
    pub(in crate::chat) fn spoken(&self, from: &str, room: &str) -> Element {
        let head = card::Head { from, to: room, kind: "groupchat", store: true };
        self.element(head, &self.json.to_string())
    }

    fn element(&self, head: card::Head<'_>, json: &str) -> Element {
        let Extras { nick, links, unstyled, .. } = &self.extras;
        let mut beside: Vec<Element> = nick.iter().map(|nick| card::nick(nick)).collect();
        beside.extend(links.iter().map(|(url, title)| card::link(url, title)));
        beside.extend(unstyled.then(card::unstyled));
        let message = card::message(head, &self.body, (self.child.ns, self.child.name), json);
        beside.into_iter().fold(message, |message, child| message.child(child))
    }
}
