//! A stanza ready for the queue: checked, encoded, and with what is needed to recognise its answer.

use bytes::{Bytes, BytesMut};
use rxml::{Namespace, xml_ncname};

use super::id::new_id;
use crate::xml::encode::{EncodeError, encode};
use crate::xml::{CLIENT, Element, StreamKind};

/// Bytes of one encoded stanza at most. Over their own limit servers close the stream, with everybody's requests on it:
/// c2s 256 KiB on both by default, components 512 KiB on Prosody.
pub(super) const LARGEST: usize = 250_000;
/// The namespace of XEP-0199.
const PING: &str = "urn:xmpp:ping";

/// An encoded stanza. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) bytes: Bytes,
    /// Its id; empty when it has none.
    pub(super) id: String,
    pub(super) to: Option<String>,
}

impl Prepared {
    /// Encodes a stanza as it is.
    pub(super) fn plain(stanza: &Element, kind: StreamKind) -> Result<Self, EncodeError> {
        guard(stanza, kind)?;
        let bytes = encode(stanza, kind)?;
        if bytes.len() > LARGEST {
            return Err(EncodeError::TooLarge(bytes.len(), LARGEST));
        }
        let own = |name: &str| stanza.attr(name).map(str::to_owned);
        Ok(Self { bytes, id: own("id").unwrap_or_default(), to: own("to") })
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
        let Prepared { bytes, id, .. } = Prepared::iq(ping.build(), kind, "ping")?;
        let text = String::from_utf8_lossy(&bytes);
        let (before, after) =
            text.split_once(&id).ok_or_else(|| EncodeError::Invalid("a ping without its id".to_owned()))?;
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// Appends a ping to `out`. The id is one of [`new_id`], which needs no escaping.
    pub(super) fn write(&self, id: &str, out: &mut BytesMut) {
        for part in [&self.before, id, &self.after] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

fn with_id(mut stanza: Element, request: &str) -> Element {
    stanza.attrs_mut().insert(Namespace::NONE, xml_ncname!("id").into(), new_id(request));
    stanza
}

/// Refuses what would make a server close the stream, and so harm every other request: any top-level element but the
/// three stanzas, and on a component stream a missing `from` or `to` (RFC 6120 section 4.9.3).
fn guard(stanza: &Element, kind: StreamKind) -> Result<(), EncodeError> {
    if !stanza.has_ns(CLIENT) || !matches!(stanza.name(), "message" | "presence" | "iq") {
        return Err(EncodeError::Invalid(format!("<{}> is no stanza", stanza.name())));
    }
    if kind == StreamKind::Component {
        for name in ["from", "to"] {
            if stanza.attr(name).is_none_or(str::is_empty) {
                return Err(EncodeError::Invalid(format!("a stanza of a component needs '{name}'")));
            }
        }
    }
    Ok(())
}
