//! Result sets (XEP-0059): one page, and where the next begins.

pub use xmpp_parsers::ns::RSM as NS;
use xmpp_parsers::rsm::SetQuery;

use crate::xml::Element;

/// Asks for at most `max` items after `after`.
pub fn page(max: usize, after: Option<&str>) -> Element {
    SetQuery { max: Some(max), after: after.map(str::to_owned), before: None, index: None }.into()
}

/// Asks for the last `max` items before `before`, or of all.
pub fn page_before(max: usize, before: Option<&str>) -> Element {
    let before = Some(before.unwrap_or_default().to_owned());
    SetQuery { max: Some(max), after: None, before, index: None }.into()
}

/// The id of the page's last item, from the answer's `<set/>`; `None` when there is none, so nothing follows.
pub fn last(parent: &Element) -> Option<String> {
    parent.get_child("set", NS)?.get_child("last", NS).map(Element::text).filter(|last| !last.is_empty())
}
