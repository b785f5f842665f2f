//! Stanza errors (RFC 6120 section 8.3).

use std::fmt;

use crate::xml::element::{Build, client, el};
use crate::xml::{CLIENT, Element, GATEWAY};

pub use xmpp_parsers::ns::XMPP_STANZAS as NS;

/// An error that came back instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StanzaError {
    /// `cancel`, `modify`, `auth`, `wait` or `continue`, as sent.
    pub kind: String,
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
                kind: String::new(),
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
            kind: error.attr("type").unwrap_or_default().to_owned(),
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
