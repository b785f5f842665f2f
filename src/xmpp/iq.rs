//! Info/query stanzas (RFC 6120 section 8.2.3).

use super::stanza_error::StanzaError;
use crate::xml::Element;
use crate::xml::element::{Build, client};
use crate::xml::received::Received;

/// `<iq type='get'>`; the link sets the id.
pub fn get(from: &str, to: &str, payload: Element) -> Element {
    client("iq").with("type", "get").with("from", from).with("to", to).child(payload)
}

/// `<iq type='set'>`; the link sets the id.
pub fn set(from: &str, to: &str, payload: Element) -> Element {
    client("iq").with("type", "set").with("from", from).with("to", to).child(payload)
}

/// The result that answers `request`.
pub fn result(request: &Element, payload: Option<Element>) -> Element {
    client("iq")
        .with("type", "result")
        .maybe("id", request.attr("id"))
        .maybe("to", request.attr("from"))
        .maybe("from", request.attr("to"))
        .children_from(payload)
}

/// Splits a reply into result and error.
///
/// # Errors
/// The stanza error, when the reply is one.
pub fn outcome(reply: Element) -> Result<Element, StanzaError> {
    if reply.attr("type") == Some("error") { Err(StanzaError::read(&reply)) } else { Ok(reply) }
}

/// As [`outcome`], of a reply that may be its own text: an error never is.
///
/// # Errors
/// As [`outcome`].
pub fn received_outcome(reply: Received) -> Result<Received, StanzaError> {
    match reply {
        Received::Tree(reply) => outcome(reply).map(Received::Tree),
        Received::Text(_) => Ok(reply),
    }
}
