//! Software version (XEP-0092).

use crate::xml::Element;
use crate::xml::element::{Build, child_text, el};

/// The namespace.
pub const NS: &str = "jabber:iq:version";

/// Asks for name and version.
pub fn query() -> Element {
    el("query", NS)
}

/// Name and version of an answer.
pub fn read(reply: &Element) -> Option<(String, String)> {
    let query = reply.get_child("query", NS)?;
    Some((child_text(query, "name", NS)?, child_text(query, "version", NS).unwrap_or_default()))
}

/// Our own answer.
pub fn answer(name: &str, version: &str) -> Element {
    el("query", NS).child(el("name", NS).text_of(name)).child(el("version", NS).text_of(version))
}
