//! Why the server ends a stream (RFC 6120 section 4.9), and what an operator can do about it.

use crate::xml::{Element, STREAMS};

/// The namespace of the conditions (RFC 6120 section 4.9.2).
const CONDITIONS: &str = "urn:ietf:params:xml:ns:xmpp-streams";

/// A stream error, in the server's words and ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream error {condition}{}{text}{}", if .text.is_empty() { "" } else { ": " }, advice(.condition, .text))]
pub(super) struct StreamError {
    pub(super) condition: String,
    /// The server's explanation; often empty.
    pub(super) text: String,
}

impl StreamError {
    /// Reads a `<stream:error>`; `None` when the element is something else.
    pub(super) fn read(element: &Element) -> Option<Self> {
        if !element.is("error", STREAMS) {
            return None;
        }
        let mut conditions = element.children().filter(|child| child.has_ns(CONDITIONS) && child.name() != "text");
        let condition = conditions.next().map_or("undefined-condition", Element::name).to_owned();
        let text = element.get_child("text", CONDITIONS).map(Element::text).unwrap_or_default();
        Some(Self { condition, text })
    }

    /// True when the server will say the same again until somebody changes something.
    pub(super) fn is_refusal(&self) -> bool {
        !advice(&self.condition, &self.text).is_empty()
    }
}

fn advice(condition: &str, text: &str) -> &'static str {
    match condition {
        "conflict" if text.contains("local domain") => {
            " (component.name is a host of the server itself: give the gateway a name of its own)"
        }
        "conflict" => " (another connection uses this component name: stop it, or give each gateway its own name)",
        "not-authorized" => {
            " (component.secret differs from the secret in the server's configuration; or component.name does, which ejabberd \
             refuses in the same words: it must stand under `hosts` of the ejabberd_service listener)"
        }
        "host-unknown" | "host-gone" | "invalid-namespace" => {
            " (component.name is not configured on the server as an external component)"
        }
        "invalid-from" => " (the server does not let the component speak for its users: see the server-side settings)",
        _ => "",
    }
}
