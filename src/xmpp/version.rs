//! Software version (XEP-0092).

pub use xmpp_parsers::ns::VERSION as NS;
use xmpp_parsers::version::{VersionQuery, VersionResult};

use crate::xml::Element;
use crate::xml::element::child_text;

/// Asks for name and version.
pub fn query() -> Element {
    VersionQuery.into()
}

/// Name and version of an answer.
pub fn read(reply: &Element) -> Option<(String, String)> {
    let query = reply.get_child("query", NS)?;
    Some((child_text(query, "name", NS)?, child_text(query, "version", NS).unwrap_or_default()))
}

/// Our own answer.
pub fn answer(name: &str, version: &str) -> Element {
    VersionResult { name: name.into(), version: version.into(), os: None }.into()
}
