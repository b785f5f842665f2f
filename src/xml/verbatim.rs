//! A caller's element that is passed on as the text it is: what stands in it is neither built nor written anew.

use std::ops::Range;

use memchr::{memchr, memmem};
use rxml::Namespace;

use super::bounds::{Bounds, Weight};
use super::draft::{self, Draft, Part};
use super::plain::read_plain;
use super::received::Tag;
use super::scan::{Scan, Start, Token, Visitor, Weighed, place};
use super::token::{Stop, trim_start};
use super::{CLIENT, Element};

/// With what the namespaces begin that change from stream to stream.
const OF_STREAMS: &[u8] = b"jabber:c";
/// Room for the nodes, and for the attributes, of a usual message, so that most are kept with one allocation.
const USUAL: usize = 8;

/// An element as its own text, which says the same in a stanza on any stream.
#[derive(Debug, Clone)]
pub struct Verbatim {
    text: Box<str>,
    name: Range<usize>,
    /// Its own attributes, and after them those of its children.
    attributes: Vec<AttributeAt>,
    /// How many of them are its own.
    own: usize,
    nodes: Vec<Node>,
}

/// An attribute: where its name and its value stand.
#[derive(Debug, Clone)]
struct AttributeAt {
    xml: bool,
    name: Range<usize>,
    value: Range<usize>,
}

/// What stands in the element: where.
#[derive(Debug, Clone)]
enum Node {
    Text(Range<usize>),
    Child(Child),
}

/// A child: where it stands, and what of it.
#[derive(Debug, Clone)]
struct Child {
    whole: Range<usize>,
    name: Range<usize>,
    /// The namespace that it declares.
    ns: Option<Range<usize>>,
    /// Which of the attributes are its own.
    attributes: Range<usize>,
    content: Range<usize>,
}

impl Verbatim {
    /// The element that `text` is: plain, within `bounds`, in `jabber:client`, which nothing in it names, and without
    /// entities in its own start tag, those of its children, and namespaces. `None` does not say that it is wrong.
    /// Visits its tags in their order, each with the number of elements in which it stands.
    pub fn read(text: &str, bounds: Bounds, visit: impl FnMut(usize, Tag<'_>)) -> Option<Self> {
        if text.len() > bounds.bytes {
            return None;
        }
        let bytes = trim_start(text.as_bytes());
        let mut collector = Collector::new(bytes, visit);
        let mut weight = Weight::new(bounds);
        let length = Scan::default().walk(bytes, &mut Weighed::new(&mut weight, CLIENT.len(), &mut collector)).ok()?;
        let (element, rest) = bytes.split_at_checked(length)?;
        let Collector { inside, mut taken, .. } = collector;
        let inside = bytes.get(inside..length)?;
        if memmem::find(inside, OF_STREAMS).is_some() || !trim_start(rest).is_empty() {
            return None;
        }
        taken.text = std::str::from_utf8(element).ok()?.into();
        Some(taken)
    }

    /// The same as a draft.
    pub fn draft(&self) -> Draft<'_> {
        let mut draft = Draft::new(self.at(&self.name), CLIENT);
        draft.attributes.extend(self.attributes_at(0..self.own));
        draft.attributes.sort_unstable_by_key(|(ns, name, _)| (*ns, *name));
        draft.parts.reserve(USUAL);
        draft.parts.extend(self.nodes.iter().map(|node| match node {
            Node::Text(place) => Part::RawText(self.at(place)),
            Node::Child(child) => Part::RawElement(RawElement { of: self, child }),
        }));
        draft
    }

    /// The value of an attribute without namespace of the element itself.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attributes_at(0..self.own).find(|(ns, own, _)| ns.is_empty() && *own == name).map(|(_, _, value)| value)
    }

    fn at(&self, place: &Range<usize>) -> &str {
        self.text.get(place.clone()).unwrap_or_default()
    }

    fn attributes_at(&self, which: Range<usize>) -> impl Iterator<Item = draft::Attribute<'_>> {
        self.attributes.get(which).unwrap_or_default().iter().map(|at| {
            let ns = if at.xml { rxml::XMLNS_XML } else { "" };
            (ns, self.at(&at.name), self.at(&at.value))
        })
    }
}

/// A child of such an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawElement<'a> {
    of: &'a Verbatim,
    child: &'a Child,
}

impl<'a> RawElement<'a> {
    /// From its start tag to its end tag.
    pub(super) fn text(&self) -> &'a str {
        self.of.at(&self.child.whole)
    }

    fn name(&self) -> &'a str {
        self.of.at(&self.child.name)
    }

    fn ns(&self) -> &'a str {
        self.child.ns.as_ref().map_or(CLIENT, |ns| self.of.at(ns))
    }

    /// True when it is `name` in `namespace`.
    pub(super) fn is(&self, name: &str, namespace: &str) -> bool {
        self.name() == name && self.ns() == namespace
    }

    /// Its attributes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = draft::Attribute<'a>> {
        self.of.attributes_at(self.child.attributes.clone())
    }

    /// The same without attributes but those of a namespace.
    pub(super) fn bare(&self) -> Draft<'a> {
        let attributes = self.attributes().filter(|(ns, ..)| !ns.is_empty()).collect();
        let content = self.of.at(&self.child.content);
        let parts = if content.is_empty() { Vec::new() } else { vec![Part::RawText(content)] };
        Draft { name: self.name(), namespace: self.ns(), attributes, parts }
    }

    /// The same as a tree.
    pub(super) fn element(&self) -> Element {
        // It is within the bounds that it was read with.
        read_plain(self.text().as_bytes(), Namespace::from(self.ns().to_owned()), Bounds::NONE)
            .map_or_else(|| Element::bare(self.name(), self.ns()), |(element, _)| element)
    }
}

/// Collects what is taken of a text while it is walked through.
struct Collector<'a, V> {
    bytes: &'a [u8],
    /// Who is told of the tags.
    told: V,
    /// Where the outermost element's start tag ends.
    inside: usize,
    /// What was taken, but for the text.
    taken: Verbatim,
}

impl<'a, V: FnMut(usize, Tag<'_>)> Collector<'a, V> {
    fn new(bytes: &'a [u8], told: V) -> Self {
        let taken = Verbatim {
            text: Box::default(),
            name: 0..0,
            attributes: Vec::with_capacity(USUAL),
            own: 0,
            nodes: Vec::with_capacity(USUAL),
        };
        Self { bytes, told, inside: 0, taken }
    }

    fn start(&mut self, start: Start<'_, 'a>, level: usize, whole: Range<usize>) -> Result<(), Stop> {
        let Start { name, ns, declares, attributes, .. } = start;
        let ns = ns.map(literal).transpose()?;
        (self.told)(level, Tag::Text { name, ns: ns.unwrap_or(CLIENT), attributes });
        if level > 1 {
            return Ok(());
        }
        let place = |part| place(self.bytes, part);
        let before = self.taken.attributes.len();
        for attribute in attributes {
            literal(attribute.value)?;
            let (name, value) = (place(attribute.name), place(attribute.value));
            self.taken.attributes.push(AttributeAt { xml: attribute.xml, name, value });
        }
        let (attributes, name) = (before..self.taken.attributes.len(), place(name));
        if level == 1 {
            let ns = ns.filter(|_| declares).map(|ns| place(ns.as_bytes()));
            let content = whole.end..whole.end;
            self.taken.nodes.push(Node::Child(Child { whole, name, ns, attributes, content }));
        } else if ns.is_none_or(|ns| ns == CLIENT) {
            (self.taken.name, self.taken.own, self.inside) = (name, attributes.end, whole.end);
        } else {
            return Err(Stop::NotPlain);
        }
        Ok(())
    }
}

impl<'a, V: FnMut(usize, Tag<'_>)> Visitor<'a> for &mut Collector<'a, V> {
    fn visit(&mut self, token: Token<'_, 'a>, level: usize, place: Range<usize>) -> Result<(), Stop> {
        match (token, level) {
            (Token::Start(start), _) => self.start(start, level, place)?,
            (Token::Text(_), 1) => self.taken.nodes.push(Node::Text(place)),
            (Token::End, 1) => {
                if let Some(Node::Child(child)) = self.taken.nodes.last_mut() {
                    (child.content.end, child.whole.end) = (place.start, place.end);
                }
            }
            (Token::Text(_) | Token::End, _) => {}
        }
        Ok(())
    }
}

/// What is written without entities.
fn literal(bytes: &[u8]) -> Result<&str, Stop> {
    if memchr(b'&', bytes).is_some() {
        Err(Stop::NotPlain)
    } else {
        std::str::from_utf8(bytes).map_err(|_| Stop::NotPlain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::encode::{encode, encode_draft};
    use crate::xml::read::read_one;
    use crate::xml::received::tests::{seen, seen_tag};
    use crate::xml::samples::{BOUNDS, almost_documents};
    use crate::xml::{COMPONENT, StreamKind};

    const WIDE: Bounds = Bounds { bytes: 1000, ..BOUNDS };

    fn read(text: &str) -> Option<Verbatim> {
        Verbatim::read(text, WIDE, |_, _| {})
    }

    /// What a server reads that gets what is written.
    fn arrived(written: &[u8], kind: StreamKind) -> Element {
        read_one(std::str::from_utf8(written).unwrap(), kind.namespace(), WIDE).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn what_is_passed_on_as_it_is_says_what_its_tree_says(
            text in almost_documents(),
            ns in prop::sample::select(vec!["urn:a", CLIENT, COMPONENT]),
        ) {
            let text = text.replace("urn:a", ns);
            let mut tags = Vec::new();
            if let Some(verbatim) = Verbatim::read(&text, WIDE, |level, tag| tags.push(seen_tag(level, tag))) {
                let tree = read_one(&text, CLIENT, WIDE).expect(&text);
                prop_assert_eq!(verbatim.draft().element(), tree.clone());
                prop_assert_eq!(tags, seen(&tree));
                for kind in [StreamKind::Client, StreamKind::Component] {
                    let [given, built] =
                        [encode_draft(&verbatim.draft(), kind), encode(&tree, kind)].map(|written| written.expect(&text));
                    prop_assert_eq!(arrived(&given, kind), arrived(&built, kind));
                }
            }
        }
    }

    #[test]
    fn what_callers_send_is_passed_on_as_it_is() {
        for text in [
            "<message type='chat'><body id='m1'>Tom &amp; \u{4f60}\u{597d}</body></message>",
            "\n<message xmlns=\"jabber:client\" xml:lang='en'> <body/><x xmlns='urn:a'><y z='a > b'/></x>.</message>\n",
        ] {
            let verbatim = read(text).expect(text);
            let written = encode_draft(&verbatim.draft(), StreamKind::Component).unwrap();
            let inside = text.trim().split_once('>').unwrap().1.rsplit_once("</").unwrap().0;
            assert!(String::from_utf8(written).unwrap().contains(inside), "{text}");
        }
    }

    #[test]
    fn what_would_change_its_meaning_is_left_to_the_tree() {
        for text in [
            "<message xmlns='jabber:component:accept'/>",
            "<message xmlns='jabber:server'/>",
            "<message><x xmlns='urn:a'><body xmlns='jabber:client'/></x></message>",
            "<message><body xmlns='jabber:component:accept'/></message>",
            "<message><body id='a&amp;b'/></message>",
            "<message><x xmlns='urn:&amp;'/></message>",
            "<message><p:x xmlns:p='urn:p'/></message>",
            "<message/><message/>",
            "<message>\r</message>",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&format!("<message>{}</message>", " ".repeat(1000))).is_none());
    }
}
