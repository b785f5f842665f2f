//! Stanza errors (RFC 6120 section 8.3).

use std::fmt;
use std::str::FromStr;

use crate::xml::element::{Build, client, el};
use crate::xml::{CLIENT, Element, GATEWAY};

pub use xmpp_parsers::ns::XMPP_STANZAS as NS;
pub use xmpp_parsers::stanza_error::ErrorType;

/// An error that came back instead of what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct StanzaError {
    /// What the sender of the request may do about it (RFC 6120 section 8.3.2). An error without a type, or with one that is
    /// none, is of type `cancel`: nobody promised that it will go away.
    pub error_type: ErrorType,
    /// The defined condition, such as `item-not-found`; `undefined-condition` when there is none.
    pub condition: String,
    /// The text for people.
    pub text: Option<String>,
    /// Who says so: the `from` of the error stanza.
    pub from: Option<String>,
    /// Who made the error, where that is somebody else (RFC 6120 section 8.3.1).
    pub by: Option<String>,
}

impl StanzaError {
    /// Reads the error of a stanza of type `error`.
    pub fn read(stanza: &Element) -> StanzaError {
        let from = stanza.attr("from").map(str::to_owned);
        let Some(error) = stanza.get_child("error", CLIENT) else {
            return StanzaError {
                error_type: ErrorType::Cancel,
                condition: "undefined-condition".into(),
                text: None,
                from,
                by: None,
            };
        };
        let mut condition = None;
        let mut text = None;
        for child in error.children().filter(|child| child.has_ns(NS)) {
            match child.name() {
                "text" => text = Some(child.text()).filter(|text| !text.is_empty()),
                name => condition = condition.or_else(|| Some(name.to_owned())),
            }
        }
        StanzaError {
            error_type: error.attr("type").and_then(|text| ErrorType::from_str(text).ok()).unwrap_or(ErrorType::Cancel),
            condition: condition.unwrap_or_else(|| "undefined-condition".into()),
            text,
            from,
            by: error.attr("by").map(str::to_owned),
        }
    }

    /// True when what was asked is not there, or (RFC 6120 section 8.3.3.5) is there no more: a room that was destroyed, of
    /// which the server keeps that it was.
    pub fn is_absent(&self) -> bool {
        self.is("item-not-found") || self.is("gone")
    }

    /// True for the error that stands for an answer over the gateway's own bounds, which a user can make as large as they like.
    pub fn is_too_big(&self) -> bool {
        self.is("policy-violation") && self.by.as_deref() == Some(GATEWAY)
    }

    /// An error that `by` did not send as such: what they answered otherwise, or what the gateway finds itself.
    pub fn new(by: impl Into<String>, error_type: ErrorType, condition: &str, text: Option<String>) -> StanzaError {
        StanzaError { error_type, condition: condition.to_owned(), text, from: None, by: Some(by.into()) }
    }

    /// Who refused: whoever made the error, or else whoever sent it.
    pub fn source(&self) -> &str {
        self.by.as_deref().or(self.from.as_deref()).unwrap_or("the XMPP server")
    }

    /// The type as it stands in the stanza.
    pub fn type_name(&self) -> &'static str {
        match self.error_type {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }

    /// True when nothing was done and the same request may succeed later: type `wait`, or the condition `resource-constraint`,
    /// to which RFC 6120 section 8.3.3.18 gives that type and servers do not always.
    pub fn is_temporary(&self) -> bool {
        self.error_type == ErrorType::Wait || self.is("resource-constraint")
    }

    /// True for the given defined condition.
    pub fn is(&self, condition: &str) -> bool {
        self.condition == condition
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.condition)?;
        match &self.text {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}

/// The answer to `request` that refuses it.
pub fn reply(request: &Element, kind: &str, condition: &str) -> Element {
    Element::bare(request.name(), CLIENT)
        .with("type", "error")
        .maybe("id", request.attr("id"))
        .maybe("to", request.attr("from"))
        .maybe("from", request.attr("to"))
        .child(client("error").with("type", kind).child(el(condition, NS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_whole_whatever_it_lacks() {
        let read = |error: &str| {
            let text = format!("<message xmlns='jabber:client' type='error' from='a@h'>{error}</message>");
            let error = StanzaError::read(&text.parse().unwrap());
            (error.type_name(), error.condition.clone(), error.text.clone(), error.source().to_owned())
        };
        let said = format!("<text xmlns='{NS}'>said</text>");
        for (given, expected) in [
            ("auth", "auth"),
            ("cancel", "cancel"),
            ("continue", "continue"),
            ("modify", "modify"),
            ("wait", "wait"),
            ("", "cancel"),
            ("none", "cancel"),
        ] {
            let seen = read(&format!("<error type='{given}' by='h'><conflict xmlns='{NS}'/>{said}</error>"));
            assert_eq!(seen, (expected, "conflict".to_owned(), Some("said".to_owned()), "h".to_owned()));
        }
        for bare in ["", "<error/>", "<error><text/></error>"] {
            assert_eq!(read(bare), ("cancel", "undefined-condition".to_owned(), None, "a@h".to_owned()));
        }
    }
}
