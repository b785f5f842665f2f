//! The few elements that a client stream exchanges before stanzas flow, built and read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::xml::Element;
use crate::xml::element::{Build, client};

/// RFC 6120 section 5.
pub(super) const NS_TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// RFC 6120 section 6.
pub(super) const NS_SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// RFC 6120 section 7.
pub(super) const NS_BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// RFC 3921 section 3, which RFC 6121 dropped.
pub(super) const NS_SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// RFC 6120 section 4.9.3.
pub(super) const NS_STREAM_ERROR: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120 section 8.3.3.
pub(super) const NS_STANZA_ERROR: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// An element with nothing but a text.
pub(super) fn text(name: &str, ns: &str, text: &str) -> Element {
    let mut element = Element::bare(name, ns);
    element.append_text(text);
    element
}

/// A SASL element that carries data in base64. None of our mechanisms has an empty first message, which would be `=`.
pub(super) fn sasl(name: &str, data: &[u8]) -> Element {
    text(name, NS_SASL, &BASE64.encode(data))
}

/// The data of a SASL element; `None` when it is not base64.
pub(super) fn sasl_data(element: &Element) -> Option<Vec<u8>> {
    let text = element.text();
    match text.trim() {
        "" | "=" => Some(Vec::new()),
        data => BASE64.decode(data).ok(),
    }
}

/// An IQ of type `set`.
pub(super) fn iq_set(id: &str, payload: Element) -> Element {
    client("iq").with("type", "set").with("id", id).child(payload)
}

/// What a stream offers after its header.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// STARTTLS is offered.
    pub starttls: bool,
    /// The SASL mechanisms offered.
    pub mechanisms: Vec<String>,
    /// The old session request is demanded after the resource is bound.
    pub session: bool,
}

impl Features {
    /// Reads `<stream:features/>`.
    pub fn read(element: &Element) -> Features {
        Features {
            starttls: element.has_child("starttls", NS_TLS),
            mechanisms: element
                .get_child("mechanisms", NS_SASL)
                .map(|list| list.children().filter(|m| m.is("mechanism", NS_SASL)).map(|m| m.text()).collect())
                .unwrap_or_default(),
            session: element.get_child("session", NS_SESSION).is_some_and(|s| !s.has_child("optional", NS_SESSION)),
        }
    }
}

/// The defined condition in an element of error children, with the server's text when it gives one.
pub(super) fn condition(error: &Element, ns: &str) -> (String, String) {
    let name = error
        .children()
        .find(|child| child.has_ns(ns) && child.name() != "text")
        .map_or_else(|| "undefined-condition".to_owned(), |child| child.name().to_owned());
    let text = error.get_child("text", ns).map(Element::text).unwrap_or_default();
    let described = if text.is_empty() { name.clone() } else { format!("{name} ({text})") };
    (name, described)
}
