//! Reading and writing stanzas in tests.

use tokio_xmpp::minidom::Element;

pub const CLIENT: &str = "jabber:client";
pub const MUC: &str = "http://jabber.org/protocol/muc";
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
pub const MAM: &str = "urn:xmpp:mam:2";
pub const FORWARD: &str = "urn:xmpp:forward:0";
pub const RSM: &str = "http://jabber.org/protocol/rsm";

/// Parses a stanza written in a test; `jabber:client` need not be declared.
pub fn stanza(xml: &str) -> Element {
    match Element::from_reader_with_prefixes(xml.as_bytes(), CLIENT.to_owned()) {
        Ok(element) => element,
        Err(error) => panic!("{error} in {xml}"),
    }
}

/// A stanza as text, for messages of failing tests.
pub fn show(element: &Element) -> String {
    String::from(element)
}

/// The child with this name, whatever its namespace.
pub fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.children().find(|child| child.name() == name)
}

/// The text of a message's body.
pub fn body(message: &Element) -> Option<String> {
    child(message, "body").map(Element::text)
}

/// True for a message with this body.
pub fn says(text: &str) -> impl Fn(&Element) -> bool + '_ {
    move |element| element.name() == "message" && body(element).as_deref() == Some(text)
}

/// True when a groupchat presence carries this status code (XEP-0045, section 15.6).
pub fn has_status(presence: &Element, code: &str) -> bool {
    presence
        .get_child("x", MUC_USER)
        .is_some_and(|x| x.children().any(|child| child.name() == "status" && child.attr("code") == Some(code)))
}

/// The messages in forwarded wrappers of archive results, carbons and MucSub events, at any depth.
pub fn forwarded(element: &Element) -> Option<&Element> {
    if element.is("forwarded", FORWARD) {
        return child(element, "message");
    }
    element.children().find_map(forwarded)
}
