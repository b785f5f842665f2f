//! A stanza ready for the queue: checked, encoded, and with what is needed to recognise its answer.

use std::sync::Arc;

use rxml::{Namespace, xml_ncname};

use super::id::{is_own, new_id};
use crate::xml::draft::Draft;
use crate::xml::encode::{EncodeError, encode, encode_draft};
use crate::xml::{CLIENT, Element, StreamKind};

/// Bytes of one encoded stanza at most. Over their own limit servers close the stream, with everybody's requests on it:
/// c2s 256 KiB on both by default, components 512 KiB on Prosody.
pub(super) const LARGEST: usize = 250_000;
/// The namespace of XEP-0199.
const PING: &str = "urn:xmpp:ping";

/// A stanza that is checked and encoded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prepared(Arc<Ready>);

#[derive(Debug)]
struct Ready {
    bytes: Vec<u8>,
    id: String,
    to: Option<String>,
    /// Whom it says it is from, where the id is not one of the gateway's own, which are enough to tell stanzas apart.
    from: Option<String>,
}

impl Prepared {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Its id; empty when it has none.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    pub(super) fn to(&self) -> Option<&str> {
        self.0.to.as_deref()
    }

    /// From whom it is; `None` where the id alone tells, and on a stream of one account.
    pub(super) fn from(&self) -> Option<&str> {
        self.0.from.as_deref()
    }

    /// Encodes a stanza for the component stream as it is.
    ///
    /// # Errors
    /// When it cannot be written, or is one for which a server would close the stream.
    pub fn element(stanza: &Element) -> Result<Self, EncodeError> {
        Self::plain(stanza, StreamKind::Component)
    }

    /// As [`Prepared::element`], of a draft.
    ///
    /// # Errors
    /// As [`Prepared::element`].
    pub fn draft(stanza: &Draft<'_>) -> Result<Self, EncodeError> {
        let (name, client) = (stanza.name(), stanza.has_ns(CLIENT));
        let [id, from, to] = ["id", "from", "to"].map(|name| stanza.attr(name));
        let head = Head { name, client, id, from, to };
        head.guard(StreamKind::Component)?;
        head.prepared(encode_draft(stanza, StreamKind::Component)?)
    }

    /// Encodes a stanza as it is.
    pub(super) fn plain(stanza: &Element, kind: StreamKind) -> Result<Self, EncodeError> {
        let (name, client) = (stanza.name(), stanza.has_ns(CLIENT));
        let [id, from, to] = ["id", "from", "to"].map(|name| stanza.attr(name));
        let head = Head { name, client, id, from, to };
        head.guard(kind)?;
        head.prepared(encode(stanza, kind)?)
    }

    /// Encodes a stanza, with a new id if it has none: without one its bounce could not be told from others.
    pub(super) fn routed(stanza: &Element, kind: StreamKind, request: &str) -> Result<Self, EncodeError> {
        if stanza.attr("id").is_some_and(|id| !id.is_empty()) {
            return Self::plain(stanza, kind);
        }
        Self::plain(&with_id(stanza.clone(), request), kind)
    }

    /// Encodes an IQ with a new id.
    pub(super) fn iq(iq: Element, kind: StreamKind, request: &str) -> Result<Self, EncodeError> {
        Self::plain(&with_id(iq, request), kind)
    }
}

/// The ping of a stream, as keep-alive and as barrier: encoded once, all but its id.
pub(super) struct Ping {
    before: String,
    after: String,
}

impl Ping {
    pub(super) fn new(from: Option<&str>, to: &str, kind: StreamKind) -> Result<Self, EncodeError> {
        let ping = Element::builder("iq", CLIENT)
            .attr(xml_ncname!("type").into(), "get")
            .attr(xml_ncname!("from").into(), from)
            .attr(xml_ncname!("to").into(), to)
            .append(Element::bare("ping", PING));
        let ping = Prepared::iq(ping.build(), kind, "ping")?;
        let text = String::from_utf8_lossy(ping.bytes());
        let (before, after) =
            text.split_once(ping.id()).ok_or_else(|| EncodeError::Invalid("a ping without its id".to_owned()))?;
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// A ping whose answer nobody waits for.
    pub(super) fn alone(&self, id: String) -> Prepared {
        let mut bytes = Vec::new();
        self.write(&id, &mut bytes);
        Prepared(Arc::new(Ready { bytes, id, to: None, from: None }))
    }

    /// Appends a ping to `out`. The id is one of [`new_id`], which needs no escaping.
    pub(super) fn write(&self, id: &str, out: &mut Vec<u8>) {
        for part in [&self.before, id, &self.after] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

fn with_id(mut stanza: Element, request: &str) -> Element {
    stanza.attrs_mut().insert(Namespace::NONE, xml_ncname!("id").into(), new_id(request));
    stanza
}

/// What a stanza says of itself.
struct Head<'a> {
    name: &'a str,
    /// It is in the namespace of stanzas.
    client: bool,
    id: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

impl Head<'_> {
    /// Refuses what would make a server close the stream, and so harm every other request: any top-level element but the
    /// three stanzas, and on a component stream a missing `from` or `to` (RFC 6120 section 4.9.3).
    fn guard(&self, kind: StreamKind) -> Result<(), EncodeError> {
        if !self.client || !matches!(self.name, "message" | "presence" | "iq") {
            return Err(EncodeError::Invalid(format!("<{}> is no stanza", self.name)));
        }
        if kind == StreamKind::Component {
            for (name, value) in [("from", self.from), ("to", self.to)] {
                if value.is_none_or(str::is_empty) {
                    return Err(EncodeError::Invalid(format!("a stanza of a component needs '{name}'")));
                }
            }
        }
        Ok(())
    }

    fn prepared(&self, bytes: Vec<u8>) -> Result<Prepared, EncodeError> {
        if bytes.len() > LARGEST {
            return Err(EncodeError::TooLarge(bytes.len(), LARGEST));
        }
        let id = self.id.unwrap_or_default().to_owned();
        let from = self.from.filter(|_| !is_own(&id)).map(str::to_owned);
        Ok(Prepared(Arc::new(Ready { bytes, id, to: self.to.map(str::to_owned), from })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_the_stream_is_refused_in_either_form() {
        let stanza = |xml: &str| -> Element { xml.parse().unwrap() };
        let long = "x".repeat(LARGEST);
        for (xml, refusal) in [
            ("<message xmlns='jabber:client' from='a@h' to='b@h' id='1'/>", None),
            ("<message xmlns='urn:a' from='a@h' to='b@h'/>", Some("<message> is no stanza")),
            ("<handshake xmlns='jabber:client' from='a@h' to='b@h'/>", Some("<handshake> is no stanza")),
            ("<message xmlns='jabber:client' to='b@h'/>", Some("a stanza of a component needs 'from'")),
            ("<message xmlns='jabber:client' from='a@h' to=''/>", Some("a stanza of a component needs 'to'")),
            (
                &format!("<message xmlns='jabber:client' from='a@h' to='b@h'>{long}</message>"),
                Some("servers take 250000"),
            ),
        ] {
            let element = stanza(xml);
            let namespace = element.ns();
            let draft = Draft::like(&element, element.name(), &namespace);
            for prepared in [Prepared::element(&element), Prepared::draft(&draft)] {
                match (prepared, refusal) {
                    (Ok(prepared), None) => assert_eq!((prepared.id(), prepared.to()), ("1", Some("b@h"))),
                    (Err(error), Some(refusal)) => assert!(error.to_string().contains(refusal), "{error}"),
                    (prepared, _) => panic!("{xml:.80}: {prepared:?}"),
                }
            }
        }
    }
}
