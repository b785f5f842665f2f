//! Privileged entities (XEP-0356, `urn:xmpp:privilege:2`): what Prosody lets a component do in a user's name.

use crate::xml::element::{Build, client, el};
use crate::xml::{CLIENT, Element};

/// The namespace.
pub const NS: &str = "urn:xmpp:privilege:2";
const FORWARD: &str = "urn:xmpp:forward:0";

/// A message that the server sends as if its sender had sent it: with a copy in his archive and to his devices.
/// The inner `from` must be a bare JID of `server`.
pub fn message(component: &str, server: &str, inner: Element) -> Element {
    let forwarded = el("forwarded", FORWARD).child(inner);
    client("message").with("from", component).with("to", server).child(el("privilege", NS).child(forwarded))
}

/// An IQ payload that the server handles as if `user` had sent it to his own account. `id` must be unique among all
/// inner ids in flight. The inner IQ carries no addresses: both are the user.
pub fn iq(component: &str, user: &str, kind: &str, id: &str, payload: Element) -> Element {
    let inner = client("iq").with("type", kind).with("id", id).child(payload);
    client("iq").with("type", kind).with("from", component).with("to", user).child(el("privileged_iq", NS).child(inner))
}

/// The inner reply of a privileged IQ's result.
pub fn inner_reply(reply: &Element) -> Option<Element> {
    reply.get_child("privilege", NS)?.get_child("forwarded", FORWARD)?.get_child("iq", CLIENT).cloned()
}

/// What the server says it grants: access and type of each permission, such as `("message", "outgoing")`. Prosody 0.12
/// nests the IQ namespaces wrongly, so they are collected at any depth of `<namespace>`.
pub fn advertised(message: &Element) -> Option<Vec<(String, String)>> {
    let privilege = message.get_child("privilege", NS)?;
    let mut granted = Vec::new();
    for perm in privilege.children().filter(|child| child.is("perm", NS)) {
        let access = perm.attr("access").unwrap_or_default();
        if access == "iq" {
            let mut next = perm.get_child("namespace", NS);
            for namespace in perm.children().filter(|child| child.is("namespace", NS)) {
                granted.extend(
                    namespace
                        .attr("ns")
                        .map(|ns| (format!("iq {ns}"), namespace.attr("type").unwrap_or_default().to_owned())),
                );
            }
            while let Some(nested) = next.and_then(|outer| outer.get_child("namespace", NS)) {
                granted.extend(
                    nested
                        .attr("ns")
                        .map(|ns| (format!("iq {ns}"), nested.attr("type").unwrap_or_default().to_owned())),
                );
                next = Some(nested);
            }
        } else {
            granted.push((access.to_owned(), perm.attr("type").unwrap_or_default().to_owned()));
        }
    }
    Some(granted)
}
