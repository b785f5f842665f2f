//! One element to bytes, with a fresh encoder each time so that a failure harms nobody else.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use minidom::Node;
use rxml::writer::{Encoder, Item, SimpleNamespaces, TrackNamespace};
use rxml::{Namespace, NcNameStr};

use super::{CLIENT, COMPONENT, Element, STREAMS, StreamKind};

/// Room for a usual stanza, so that most are encoded with one allocation.
const USUAL_STANZA: usize = 512;

/// An element that cannot be written, or must not be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EncodeError {
    /// Not XML 1.0 (a control character, an invalid name), or in a namespace that is reserved.
    #[error("cannot be written as XML: {0}")]
    Invalid(String),
    /// Larger than servers take: they would close the stream.
    #[error("the stanza has {0} bytes, servers take {1}")]
    TooLarge(usize, usize),
}

impl From<rxml::Error> for EncodeError {
    fn from(error: rxml::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl StreamKind {
    /// The namespace of stanzas on the wire.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Client => CLIENT,
            Self::Component => COMPONENT,
        }
    }
}

/// Encodes one stanza for a stream of the given kind.
///
/// The root, if it is in `jabber:client`, and its descendants in `jabber:client` down to the first element of another
/// namespace are written in the stream's own namespace; what is below (a forwarded message, say) stays as it is.
///
/// # Errors
/// When a text or an attribute holds a character that XML 1.0 forbids, a name is not a valid XML name, or an element
/// is in a namespace that belongs to XML or to the stream itself.
pub fn encode(stanza: &Element, kind: StreamKind) -> Result<Bytes, EncodeError> {
    let stream = shared(kind);
    let mut out = BytesMut::with_capacity(USUAL_STANZA);
    let mut encoder = Encoder::new();
    // As if inside the stream's element: its namespace is the default one already.
    let names = encoder.ns_tracker_mut();
    names.declare_fixed(None, stream.clone());
    names.push();

    let mut open = vec![Level::enter(stanza, stream, true, &mut encoder, &mut out)?];
    while let Some(level) = open.last_mut() {
        match level.rest.next() {
            Some(Node::Text(text)) => encoder.encode(Item::Text(text), &mut out)?,
            Some(Node::Element(child)) => {
                let child = Level::enter(child, &level.namespace, level.swapped, &mut encoder, &mut out)?;
                open.push(child);
            }
            None => {
                encoder.encode(Item::ElementFoot, &mut out)?;
                open.pop();
            }
        }
    }
    Ok(out.freeze())
}

/// The namespace of stanzas on the wire, in the form that is cheap to clone: the encoder copies a borrowed one each time.
fn shared(kind: StreamKind) -> &'static Namespace<'static> {
    static NAMES: LazyLock<[Namespace<'static>; 2]> =
        LazyLock::new(|| [StreamKind::Client, StreamKind::Component].map(|kind| kind.namespace().to_owned().into()));
    let [client, component] = &*NAMES;
    match kind {
        StreamKind::Client => client,
        StreamKind::Component => component,
    }
}

/// Encodes a stream header: `<stream:stream>` with the kind's namespace as the default and the given attributes.
///
/// # Errors
/// When an attribute cannot be written as XML.
pub fn header(kind: StreamKind, attributes: &[(&str, &str)]) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::with_capacity(USUAL_STANZA);
    let mut encoder = Encoder::new();
    let names = encoder.ns_tracker_mut();
    names.declare_fixed(None, Namespace::from_str(kind.namespace()));
    names.declare_fixed(Some(name("stream")?), Namespace::from_str(STREAMS));
    encoder.encode(Item::XmlDeclaration(rxml::XmlVersion::V1_0), &mut out)?;
    encoder.encode(Item::ElementHeadStart(Namespace::from_str(STREAMS), name("stream")?), &mut out)?;
    for (key, value) in attributes {
        encoder.encode(Item::Attribute(Namespace::NONE, name(key)?, value), &mut out)?;
    }
    encoder.encode(Item::ElementHeadEnd, &mut out)?;
    Ok(out.freeze())
}

/// An encoder inside an element whose namespace is the default one; that element's head is appended to `out`.
pub(super) fn inside(
    namespace: &Namespace<'static>,
    out: &mut BytesMut,
) -> Result<Encoder<SimpleNamespaces>, EncodeError> {
    let mut encoder = Encoder::new();
    encoder.encode(Item::ElementHeadStart(namespace.clone(), name("x")?), out)?;
    encoder.encode(Item::ElementHeadEnd, out)?;
    Ok(encoder)
}

/// An element whose head is written and whose nodes are being written.
struct Level<'a> {
    rest: std::slice::Iter<'a, Node>,
    /// Its namespace on the wire.
    namespace: Namespace<'static>,
    /// True on the unbroken chain of `jabber:client` elements from the root.
    swapped: bool,
}

impl<'a> Level<'a> {
    fn enter(
        element: &'a Element,
        parent: &Namespace<'static>,
        swap: bool,
        encoder: &mut Encoder<SimpleNamespaces>,
        out: &mut BytesMut,
    ) -> Result<Self, EncodeError> {
        let swapped = swap && element.has_ns(CLIENT);
        let namespace =
            if swapped || (!swap && element.has_ns(parent.as_str())) { parent.clone() } else { allowed(element.ns())? };
        encoder.encode(Item::ElementHeadStart(namespace.clone(), name(element.name())?), out)?;
        for ((attribute_namespace, key), value) in element.attrs() {
            if *attribute_namespace == Namespace::XMLNS || (attribute_namespace.is_none() && key.as_str() == "xmlns") {
                return Err(EncodeError::Invalid("a namespace declaration given as an attribute".into()));
            }
            encoder.encode(Item::Attribute(attribute_namespace.clone(), key, value), out)?;
        }
        let rest = element.nodes();
        if rest.len() > 0 {
            encoder.encode(Item::ElementHeadEnd, out)?;
        }
        Ok(Self { rest, namespace, swapped })
    }
}

fn allowed(namespace: String) -> Result<Namespace<'static>, EncodeError> {
    match namespace.as_str() {
        rxml::XMLNS_XML | rxml::XMLNS_XMLNS | STREAMS | COMPONENT => {
            Err(EncodeError::Invalid(format!("an element in the reserved namespace {namespace}")))
        }
        _ => Ok(Namespace::from(namespace)),
    }
}

fn name(text: &str) -> Result<&NcNameStr, EncodeError> {
    <&NcNameStr>::try_from(text).map_err(|error| EncodeError::Invalid(format!("the name {text:?}: {error}")))
}
