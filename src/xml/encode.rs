//! Elements to bytes, each by itself so that a failure harms nobody else.

use std::fmt::Write as _;
use std::slice::Iter;

use minidom::Node;
use rxml::Namespace;

use super::draft::{Attribute, Draft, Part, attributes};
use super::escape::{Context, check_name, escape};
use super::{CLIENT, COMPONENT, Element, STREAMS, StreamKind};

/// Room for a usual stanza, so that most are encoded with one allocation.
const USUAL_STANZA: usize = 768;

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
pub fn encode(stanza: &Element, kind: StreamKind) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.element(stanza, &Level::stream(kind))?;
    Ok(writer.out.into_bytes())
}

/// As [`encode`], of a draft: the bytes are those of [`Draft::element`].
///
/// # Errors
/// As [`encode`].
pub fn encode_draft(stanza: &Draft<'_>, kind: StreamKind) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.draft(stanza, &Level::stream(kind))?;
    Ok(writer.out.into_bytes())
}

/// Encodes a stream header: `<stream:stream>` with the kind's namespace as the default and the given attributes.
///
/// # Errors
/// When an attribute cannot be written as XML.
pub fn header(kind: StreamKind, attributes: &[(&str, &str)]) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    writer.out.push_str("<?xml version='1.0' encoding='utf-8'?>\n<stream:stream");
    writer.attribute(" xmlns", kind.namespace())?;
    writer.attribute(" xmlns:stream", STREAMS)?;
    for (name, value) in attributes {
        check_name(name)?;
        writer.out.push(' ');
        writer.attribute(name, value)?;
    }
    writer.out.push('>');
    Ok(writer.out.into_bytes())
}

/// The start tag of an element `x` whose namespace is the default one.
pub(super) fn inside(namespace: &str) -> Result<String, EncodeError> {
    let mut writer = Writer::new();
    writer.out.push_str("<x");
    writer.attribute(" xmlns", namespace)?;
    writer.out.push('>');
    Ok(writer.out)
}

/// An element whose start tag is written.
struct Level<'a> {
    name: &'a str,
    /// Its namespace on the wire.
    namespace: Namespace<'a>,
    /// True on the unbroken chain of `jabber:client` elements from the root.
    swapped: bool,
}

impl Level<'static> {
    /// The stream's element: its namespace is the default one already.
    fn stream(kind: StreamKind) -> Self {
        Self { name: "stream", namespace: kind.namespace().into(), swapped: true }
    }
}

impl Level<'_> {
    /// The namespace whose elements need no declaration in this one.
    fn inherited(&self) -> &str {
        if self.swapped { CLIENT } else { &self.namespace }
    }
}

struct Writer {
    out: String,
}

impl Writer {
    fn new() -> Self {
        Self { out: String::with_capacity(USUAL_STANZA) }
    }

    /// Drafts nest as deep as the code that makes them.
    fn draft<'a>(&mut self, draft: &Draft<'a>, parent: &Level<'a>) -> Result<(), EncodeError> {
        let own = (draft.namespace != parent.inherited()).then(|| draft.namespace.into());
        let level = self.start(draft.name, own, parent)?;
        self.attributes(draft.attributes.iter().copied())?;
        if draft.parts.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        for part in &draft.parts {
            match part {
                Part::Text(text) => escape(text, Context::Content, &mut self.out)?,
                Part::Draft(child) => self.draft(child, &level)?,
                Part::Element(child) => self.element(child, &level)?,
                Part::RawText(text) => self.out.push_str(text),
                Part::RawElement(piece) => self.out.push_str(piece.text()),
            }
        }
        self.end(&level);
        Ok(())
    }

    /// Elements nest as deep as a caller likes: they are written without recursion.
    fn element<'a>(&mut self, element: &'a Element, parent: &Level<'a>) -> Result<(), EncodeError> {
        let Some(first) = self.enter(element, parent)? else { return Ok(()) };
        let mut open = vec![first];
        while let Some((level, rest)) = open.last_mut() {
            match rest.next() {
                Some(Node::Text(text)) => escape(text, Context::Content, &mut self.out)?,
                Some(Node::Element(child)) => {
                    let child = self.enter(child, level)?;
                    open.extend(child);
                }
                None => {
                    self.end(level);
                    open.pop();
                }
            }
        }
        Ok(())
    }

    /// Writes an element that has no nodes, or the start tag of one that has, which are left to be written.
    fn enter<'a>(
        &mut self,
        element: &'a Element,
        parent: &Level<'a>,
    ) -> Result<Option<(Level<'a>, Iter<'a, Node>)>, EncodeError> {
        let own = (!element.has_ns(parent.inherited())).then(|| element.ns().into());
        let level = self.start(element.name(), own, parent)?;
        self.attributes(attributes(element))?;
        let nodes = element.nodes();
        let empty = nodes.len() == 0;
        self.out.push_str(if empty { "/>" } else { ">" });
        Ok((!empty).then_some((level, nodes)))
    }

    /// Begins a start tag. An element without a namespace of its own is in its parent's.
    fn start<'a>(
        &mut self,
        name: &'a str,
        own: Option<Namespace<'a>>,
        parent: &Level<'a>,
    ) -> Result<Level<'a>, EncodeError> {
        if let Some(reserved @ (rxml::XMLNS_XML | rxml::XMLNS_XMLNS | STREAMS | COMPONENT)) = own.as_deref() {
            return Err(EncodeError::Invalid(format!("an element in the reserved namespace {reserved}")));
        }
        check_name(name)?;
        self.out.push('<');
        self.out.push_str(name);
        if let Some(own) = &own {
            self.attribute(" xmlns", own)?;
        }
        let swapped = parent.swapped && own.is_none();
        Ok(Level { name, namespace: own.unwrap_or_else(|| parent.namespace.clone()), swapped })
    }

    /// Writes attributes whose names are XML names. Those of one namespace follow each other.
    fn attributes<'a>(&mut self, attributes: impl Iterator<Item = Attribute<'a>>) -> Result<(), EncodeError> {
        let (mut declared, mut prefixes) = ("", 0);
        for (namespace, name, value) in attributes {
            if namespace == rxml::XMLNS_XMLNS || (namespace.is_empty() && name == "xmlns") {
                return Err(EncodeError::Invalid("a namespace declaration given as an attribute".into()));
            }
            match namespace {
                "" => self.out.push(' '),
                rxml::XMLNS_XML if name == "lang" => self.out.push_str(" xml:"),
                // Prosody passes any other on with a prefix of its own, which XML forbids: whoever gets it would refuse
                // the whole, and end their stream.
                rxml::XMLNS_XML => continue,
                _ => {
                    if namespace != declared {
                        (declared, prefixes) = (namespace, prefixes + 1);
                        let _ = write!(self.out, " xmlns:tns{}", prefixes - 1);
                        self.attribute("", namespace)?;
                    }
                    let _ = write!(self.out, " tns{}:", prefixes - 1);
                }
            }
            self.attribute(name, value)?;
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), EncodeError> {
        self.out.push_str(name);
        self.out.push_str("='");
        escape(value, Context::Attribute, &mut self.out)?;
        self.out.push('\'');
        Ok(())
    }

    fn end(&mut self, level: &Level<'_>) {
        self.out.push_str("</");
        self.out.push_str(level.name);
        self.out.push('>');
    }
}
