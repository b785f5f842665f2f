//! What the server sends to a session unasked: pushes are declined, messages are handed back to their user, everything
//! else is dropped.
//!
//! A session takes no mail, but a client that answers a message to the very address it came from sends to the session
//! while that is open (RFC 6121 section 5.1 has clients do so). Such a message belongs on the user's own devices.

use std::sync::Arc;

use jid::BareJid;

use super::nonza::NS_STANZA_ERROR;
use crate::link::{LinkHandle, OnStanza};
use crate::xml::element::{Build, client, el};
use crate::xml::{CLIENT, Element};

/// Takes a message that came to a session of the given user: mail, or what their archive says in answer to a query
/// (XEP-0313), which comes before the reply to that. Runs on the reading task: it must not block.
pub type OnMisdelivered = Arc<dyn Fn(&BareJid, Element) + Send + Sync>;

/// The handler of a session's unclaimed stanzas. A roster push declined this way harms nobody: the server keeps the
/// roster, and the user's own devices get the same push.
pub(super) fn handler(user: &BareJid, misdelivered: &OnMisdelivered) -> OnStanza {
    let (user, misdelivered) = (user.clone(), misdelivered.clone());
    Arc::new(move |handle: &LinkHandle, stanza: Element| {
        if let Some(answer) = declined(&stanza) {
            handle.try_send(&answer);
        } else if stanza.is("message", CLIENT) && matches!(stanza.attr("type"), None | Some("chat" | "normal")) {
            misdelivered(&user, stanza);
        }
    })
}

/// The error that answers a request (RFC 6120 section 8.2.3); nothing answers anything else.
fn declined(stanza: &Element) -> Option<Element> {
    if !stanza.is("iq", CLIENT) || !matches!(stanza.attr("type"), Some("get" | "set")) {
        return None;
    }
    let error = client("error").with("type", "cancel").child(el("service-unavailable", NS_STANZA_ERROR));
    let answer = client("iq").with("type", "error").with("id", stanza.attr("id")?);
    Some(answer.maybe("to", stanza.attr("from")).child(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::element::set;

    #[test]
    fn declines_requests_and_answers_nothing_else() {
        let mut iq = Element::bare("iq", CLIENT);
        set(&mut iq, "type", "set");
        set(&mut iq, "id", "push1");
        let answer = declined(&iq).expect("a request wants an answer");
        assert_eq!((answer.attr("type"), answer.attr("id"), answer.attr("to")), (Some("error"), Some("push1"), None));
        set(&mut iq, "type", "error");
        assert!(declined(&iq).is_none(), "errors are never answered");
        assert!(declined(&Element::bare("message", CLIENT)).is_none());
    }
}
