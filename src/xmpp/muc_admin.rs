//! Affiliations of a room (XEP-0045 sections 9 and 10): lists, and changes without joining.

use std::borrow::Cow;

use jid::BareJid;

use super::addresses::Addresses;
use crate::xml::Element;
use crate::xml::element::{Build, el};
use crate::xml::received::Walk;

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/muc#admin";

/// One entry of an affiliation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Who.
    pub jid: BareJid,
    /// The reserved nick, where the server keeps one.
    pub nick: Option<String>,
}

/// Asks for all of one affiliation: `owner`, `admin`, `member` or `outcast`.
pub fn list(affiliation: &str) -> Element {
    el("query", NS).child(el("item", NS).with("affiliation", affiliation))
}

/// The entries of a list; those whose address is not a JID are left out.
pub fn items(reply: &impl Walk) -> Vec<Item> {
    let (mut items, mut addresses) = (Vec::new(), Addresses::default());
    reply.walk_child("query", NS, |level, tag| {
        if level == 0 && tag.is("item", NS) {
            let jid = tag.attr("jid").and_then(|jid| addresses.read(&jid));
            items.extend(jid.map(|jid| Item { jid, nick: tag.attr("nick").map(Cow::into_owned) }));
        }
    });
    items
}

/// Sets an affiliation for several users, with reserved nicks where given.
pub fn set<'a>(affiliation: &str, users: impl IntoIterator<Item = (&'a BareJid, Option<&'a str>)>) -> Element {
    el("query", NS).children_from(users.into_iter().map(|(user, nick)| {
        el("item", NS).with("affiliation", affiliation).with("jid", user.as_str()).maybe("nick", nick)
    }))
}
