//! Privileged entities (XEP-0356, `urn:xmpp:privilege:2`): what Prosody lets a component do in a user's name.

use crate::xml::element::{Build, client, el};
use crate::xml::{CLIENT, Element};
use crate::xmpp::iq;
use crate::xmpp::stanza_error::StanzaError;

/// The namespace.
pub const NS: &str = "urn:xmpp:privilege:2";
const FORWARD: &str = "urn:xmpp:forward:0";

/// A message that the server sends as if its sender had sent it: with a copy in their archive and to their devices.
/// The inner `from` must be a bare JID of `server`.
pub fn message(component: &str, server: &str, inner: Element) -> Element {
    let forwarded = el("forwarded", FORWARD).child(inner);
    client("message").with("from", component).with("to", server).child(el("privilege", NS).child(forwarded))
}

/// An IQ payload that the server handles as if `user` had sent it to their own account. `id` must be unique among all
/// inner ids in flight. The inner IQ carries no addresses: both are the user.
pub fn iq(component: &str, user: &str, kind: &str, id: &str, payload: Element) -> Element {
    let inner = client("iq").with("type", kind).with("id", id).child(payload);
    client("iq").with("type", kind).with("from", component).with("to", user).child(el("privileged_iq", NS).child(inner))
}

/// What a privileged IQ came to: what the user's own account answered, which may be an error too.
///
/// The type of the outer reply tells nothing where there is an inner one: newer servers give it the inner one's, without
/// an error of its own.
///
/// # Errors
/// The stanza error, when the privilege itself was refused.
pub fn outcome(reply: &Element) -> Result<Result<Element, StanzaError>, StanzaError> {
    inner_reply(reply).map_or_else(|| Err(StanzaError::read(reply)), |inner| Ok(iq::outcome(inner.clone())))
}

fn inner_reply(reply: &Element) -> Option<&Element> {
    reply.get_child("privilege", NS)?.get_child("forwarded", FORWARD)?.get_child("iq", CLIENT)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What answers a privileged IQ: the type of the outer reply, and what is in it.
    fn answered(kind: &str, content: &str) -> Result<Result<Element, StanzaError>, StanzaError> {
        outcome(&format!("<iq xmlns='jabber:client' type='{kind}' id='1'>{content}</iq>").parse().unwrap())
    }

    fn inner(kind: &str, content: &str) -> String {
        format!(
            "<privilege xmlns='{NS}'><forwarded xmlns='{FORWARD}'><iq xmlns='jabber:client' type='{kind}'>{content}</iq>\
             </forwarded></privilege>"
        )
    }

    #[test]
    fn the_inner_reply_counts_whatever_the_outer_type() {
        let missing = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        let forbidden = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        for kind in ["result", "error"] {
            assert!(answered(kind, &inner("error", missing)).unwrap().unwrap_err().is("item-not-found"), "{kind}");
            assert!(answered(kind, &inner("error", forbidden)).unwrap().unwrap_err().is("forbidden"), "{kind}");
        }
        assert_eq!(answered("result", &inner("result", "")).unwrap().unwrap().attr("type"), Some("result"));
        assert!(answered("error", forbidden).unwrap_err().is("forbidden"), "the privilege itself");
        for kind in ["result", "error"] {
            assert!(answered(kind, "").unwrap_err().is("undefined-condition"), "nothing is no answer");
        }
    }
}
