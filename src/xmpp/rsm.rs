//! Result sets (XEP-0059): one page, and where the next begins.

use crate::xml::Element;
use crate::xml::element::{Build, el};

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/rsm";

/// Asks for at most `max` items after `after`.
pub fn page(max: usize, after: Option<&str>) -> Element {
    el("set", NS)
        .child(el("max", NS).text_of(max.to_string()))
        .children_from(after.map(|after| el("after", NS).text_of(after)))
}

/// The id of the page's last item, from the answer's `<set/>`; `None` when there is none, so nothing follows.
pub fn last(parent: &Element) -> Option<String> {
    parent.get_child("set", NS)?.get_child("last", NS).map(Element::text).filter(|last| !last.is_empty())
}
