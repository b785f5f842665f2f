//! Messages of a service: a plain body that any client shows, and a child with JSON (XEP-0335).

pub use xmpp_parsers::ns::JSON_CONTAINERS as JSON;

use crate::xml::Element;
use crate::xml::element::{Build, client, el};

const HINTS: &str = "urn:xmpp:hints";

/// A message with a body and a child `name` in `ns` that holds `json`. With `store` it is a plain message, archived and
/// kept for a user who is offline; without, a headline that no server keeps (XEP-0334).
pub fn message(from: &str, to: &str, body: &str, ns: &str, name: &str, json: &str, store: bool) -> Element {
    let (kind, hint) = if store { ("normal", "store") } else { ("headline", "no-store") };
    client("message")
        .with("type", kind)
        .with("from", from)
        .with("to", to)
        .child(client("body").text_of(body))
        .child(el(name, ns).child(el("json", JSON).text_of(json)))
        .child(el(hint, HINTS))
}
