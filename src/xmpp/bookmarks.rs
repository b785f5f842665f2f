//! Bookmarks (XEP-0402): rooms that a user's clients show and join, in their own PEP node.

use jid::{BareJid, ResourcePart};
use xmpp_parsers::bookmarks2::Conference;
use xmpp_parsers::ns::PUBSUB;
pub use xmpp_parsers::ns::{BOOKMARKS2 as NS, BOOKMARKS2_COMPAT as COMPAT};

use super::data_form;
use crate::xml::Element;
use crate::xml::element::{Build, el};

const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// What is asked of the node when a bookmark is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Options {
    /// To keep every bookmark, and privately (XEP-0402 section 4.1).
    All,
    /// To keep every bookmark: for a node that the user's own client made with other options, and publishing here must
    /// not push its other bookmarks out.
    Kept,
    /// Nothing: for servers whose configuration sees to it and which refuse the options (ejabberd 23).
    None,
}

impl Options {
    fn fields(self) -> &'static [(&'static str, &'static str)] {
        const ALL: &[(&str, &str)] = &[
            ("pubsub#persist_items", "true"),
            ("pubsub#max_items", "max"),
            ("pubsub#send_last_published_item", "never"),
            ("pubsub#access_model", "whitelist"),
        ];
        match self {
            Self::All => ALL,
            Self::Kept => ALL.get(..2).unwrap_or_default(),
            Self::None => &[],
        }
    }
}

/// A room, as its members' lists show it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Its address.
    pub room: &'a BareJid,
    /// Its name; empty when it has none.
    pub name: &'a str,
    /// What clients need to enter it.
    pub password: Option<&'a str>,
}

/// Publishes a bookmark with autojoin.
pub fn publish(shown: &Shown<'_>, nick: &str, options: Options) -> Element {
    let conference = Conference {
        autojoin: true,
        name: Some(shown.name.to_owned()).filter(|name| !name.is_empty()),
        nick: ResourcePart::new(nick).ok().map(|nick| nick.into_owned()),
        password: shown.password.map(str::to_owned),
        ..Conference::default()
    };
    let item = el("item", PUBSUB).with("id", shown.room.as_str()).child(conference.into());
    let publish = el("publish", PUBSUB).with("node", NS).child(item);
    let fields = options.fields();
    let options = (!fields.is_empty())
        .then(|| el("publish-options", PUBSUB).child(data_form::submit(PUBLISH_OPTIONS, fields.iter().copied())));
    el("pubsub", PUBSUB).child(publish).children_from(options)
}

/// Removes a bookmark and tells the user's clients.
pub fn retract(room: &BareJid) -> Element {
    let item = el("item", PUBSUB).with("id", room.as_str());
    el("pubsub", PUBSUB).child(el("retract", PUBSUB).with("node", NS).with("notify", "true").child(item))
}

/// Asks for all bookmarks.
pub fn query() -> Element {
    el("pubsub", PUBSUB).child(el("items", PUBSUB).with("node", NS))
}

/// The rooms of an answer to [`query`]; those whose address is not a JID are left out.
pub fn rooms(reply: &Element) -> Vec<BareJid> {
    let items = reply.get_child("pubsub", PUBSUB).and_then(|pubsub| pubsub.get_child("items", PUBSUB));
    let items = items.into_iter().flat_map(Element::children).filter(|child| child.is("item", PUBSUB));
    items.filter_map(|item| BareJid::new(item.attr("id")?).ok()).collect()
}
