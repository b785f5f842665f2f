//! Messages of a service: a plain body that any client shows, and a child with JSON (XEP-0335); and what may stand beside
//! them: a nick (XEP-0172), links (XEP-0066), and the word that a body is no styled text (XEP-0393).

pub use xmpp_parsers::ns::JSON_CONTAINERS as JSON;

use super::message::HINTS;
use crate::xml::Element;
use crate::xml::element::{Build, client, el};

const NICK: &str = "http://jabber.org/protocol/nick";
const OOB: &str = "jabber:x:oob";
const STYLING: &str = "urn:xmpp:styling:0";

/// Between whom a message goes, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The sender.
    pub from: &'a str,
    /// The receiver.
    pub to: &'a str,
    /// The stanza's type.
    pub kind: &'a str,
    /// Whether it asks to be kept, or not to be (XEP-0334).
    pub store: bool,
}

/// A message with a body and a child `name` in `ns` that holds `json`.
pub fn message(head: Head<'_>, body: &str, (ns, name): (&str, &str), json: &str) -> Element {
    let hint = if head.store { "store" } else { "no-store" };
    client("message")
        .with("type", head.kind)
        .with("from", head.from)
        .with("to", head.to)
        .child(client("body").text_of(body))
        .child(el(name, ns).child(el("json", JSON).text_of(json)))
        .child(el(hint, HINTS))
}

/// The name of who speaks.
pub fn nick(name: &str) -> Element {
    el("nick", NICK).text_of(name)
}

/// A link, and what it is called.
pub fn link(url: &str, title: &str) -> Element {
    let link = el("x", OOB).child(el("url", OOB).text_of(url));
    if title.is_empty() { link } else { link.child(el("desc", OOB).text_of(title)) }
}

/// Says that asterisks and the like in the body mean themselves.
pub fn unstyled() -> Element {
    el("unstyled", STYLING)
}
