//! Reads what a server passes on, well-formed or not: what cannot be expressed is left out, and the rest is kept.
//!
//! Servers pass on what some user has sent. Prosody writes an attribute of the xml namespace with a prefix of its own,
//! which XML forbids, and a reader that refuses it takes the whole of somebody's card, archive or bookmarks for unreadable.
//! Of what is well-formed the same is read as by the general parser, but of the xml namespace only `xml:lang`.

use memchr::{memchr, memmem};
use rxml::{AttrMap, Namespace, NcName, QName};

use super::Element;
use super::bounds::Bounds;
use super::build::{Builder, Built, weight};
use super::said::{expressed, said};
use super::tag::{self, Tag};

/// Namespaces that are declared at once, at most: a prefix is looked for among all of them.
const DECLARED: usize = 256;

/// What came of an element.
#[derive(Debug, PartialEq)]
pub enum Reading {
    /// The whole of it.
    Whole(Element),
    /// What is left after something was left out.
    Mended(Element),
    /// It is over a bound.
    Over,
    /// Not even its name can be expressed.
    Nothing,
}

/// The namespaces that are declared around an element, by prefix; the empty prefix is the default.
#[derive(Debug, Clone, Default)]
pub struct Around {
    name: Box<[u8]>,
    spaces: Vec<(Box<[u8]>, Namespace<'static>)>,
}

impl Around {
    /// What the start tag declares with which `bytes` begin.
    pub fn new(bytes: &[u8]) -> Self {
        let (tag, mut spaces) = (Tag::read(bytes), Spaces(Vec::new()));
        spaces.declare(0, &tag);
        let spaces = spaces.0.into_iter().map(|(_, prefix, space)| (prefix.into(), space)).collect();
        Self { name: tag.name.into(), spaces }
    }

    /// True for the end tag that belongs to that start tag.
    pub fn is_ended_by(&self, bytes: &[u8]) -> bool {
        bytes.strip_prefix(b"</").is_some_and(|tag| Tag::read(tag).name == &*self.name)
    }

    /// The namespace of what has no prefix.
    pub fn default_ns(&self) -> &str {
        self.spaces.iter().rev().find(|(prefix, _)| prefix.is_empty()).map_or("", |(_, space)| space)
    }
}

/// Reads the element that `bytes` are, from its start tag to its end tag as [`super::split`] finds them.
pub fn read(bytes: &[u8], around: &Around, bounds: Bounds) -> Reading {
    let builder = Builder::for_stream(bounds);
    let mut lenient = Lenient { builder, spaces: Spaces::inside(around), flawed: false, level: 0, left_out: None };
    let mut rest = bytes;
    while let Some((text, markup)) = memchr(b'<', rest).and_then(|at| rest.split_at_checked(at)) {
        lenient.text(text, false);
        let mut closed = None;
        rest = match markup {
            [b'<', b'/', ..] => {
                closed = lenient.end();
                until(b">", markup).1
            }
            [b'<', b'!', b'[', ..] => {
                let (section, rest) = until(b"]]>", markup);
                lenient.text(section.get(b"<![CDATA[".len()..).unwrap_or_default(), true);
                rest
            }
            [b'<', b'!', ..] => until(b"-->", markup.get(b"<!--".len()..).unwrap_or_default()).1,
            [b'<', b'?', ..] => until(b"?>", markup).1,
            _ => {
                let tag = Tag::read(markup);
                if !lenient.start(&tag, bounds) {
                    return Reading::Nothing;
                }
                if tag.empty {
                    closed = lenient.end();
                }
                tag.after
            }
        };
        if lenient.builder.over().is_some() {
            return Reading::Over;
        }
        if let Some(element) = closed {
            return if lenient.flawed { Reading::Mended(element) } else { Reading::Whole(element) };
        }
    }
    Reading::Nothing
}

/// The name and the attributes of the element with which `bytes` begin, as far as they go.
pub fn read_head(bytes: &[u8], around: &Around) -> Option<Element> {
    let any = Bounds { depth: usize::MAX, bytes: usize::MAX, elements: usize::MAX };
    let builder = Builder::for_stream(any);
    let mut lenient = Lenient { builder, spaces: Spaces::inside(around), flawed: false, level: 0, left_out: None };
    if !lenient.start(&Tag::read(bytes), any) {
        return None;
    }
    lenient.end()
}

/// What comes before `end`, and what behind it.
fn until<'a>(end: &[u8], bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let at = memmem::find(bytes, end).unwrap_or(bytes.len());
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + end.len()..).unwrap_or_default())
}

struct Lenient<'a> {
    builder: Builder,
    spaces: Spaces<'a>,
    /// Something was left out, or replaced.
    flawed: bool,
    /// Open elements.
    level: usize,
    /// Set while an element is left out: in how many it stands.
    left_out: Option<usize>,
}

impl<'a> Lenient<'a> {
    fn text(&mut self, bytes: &[u8], literal: bool) {
        if self.left_out.is_none() && !bytes.is_empty() {
            let text = if literal { expressed(bytes, &mut self.flawed) } else { said(bytes, &mut self.flawed) };
            self.builder.text(text.into_owned());
        }
    }

    /// Opens an element; false when it is the outermost and cannot be expressed.
    fn start(&mut self, tag: &Tag<'a>, bounds: Bounds) -> bool {
        let level = self.level;
        self.level += 1;
        if self.left_out.is_some() {
            return true;
        }
        // Nothing that anybody reads stands so deep: one stanza of a user would cost all that an answer holds beside it.
        if level >= bounds.depth {
            (self.left_out, self.flawed) = (Some(level), true);
            return true;
        }
        self.flawed |= !self.spaces.declare(level, tag);
        match self.spaces.name(tag.name, true) {
            Some(name) => {
                let attributes = self.attributes(tag, bounds);
                self.builder.start(name, attributes);
            }
            None if level == 0 => return false,
            None => (self.left_out, self.flawed) = (Some(level), true),
        }
        true
    }

    /// Closes the innermost element; yields it when it was the outermost.
    fn end(&mut self) -> Option<Element> {
        self.level = self.level.saturating_sub(1);
        self.spaces.leave(self.level);
        match self.left_out {
            None => match self.builder.end() {
                Some(Built::Whole(element)) => Some(element),
                Some(Built::Head(..)) | None => None,
            },
            Some(level) => {
                self.left_out = Some(level).filter(|level| *level < self.level);
                None
            }
        }
    }

    fn attributes(&mut self, tag: &Tag<'a>, bounds: Bounds) -> AttrMap {
        let mut attributes = AttrMap::new();
        let mut weighed = 0;
        for (name, value) in tag.attributes() {
            // The builder will find that it is too much: no need to keep more.
            if weighed > bounds.bytes {
                break;
            }
            if declared(name).is_some() {
                continue;
            }
            let expressible = |(space, name): &QName| *space != Namespace::XML || name.as_str() == "lang";
            let (Some((space, name)), Some(value)) = (self.spaces.name(name, false).filter(expressible), value) else {
                self.flawed = true;
                continue;
            };
            let value = tag::value(value, &mut self.flawed);
            weighed += weight::of_attribute(name.len(), value.len());
            if attributes.contains_key(&space, name.as_str()) {
                self.flawed = true;
            } else {
                attributes.insert(space, name, value);
            }
        }
        attributes
    }
}

/// The prefix for which an attribute of this name declares a namespace.
fn declared(name: &[u8]) -> Option<&[u8]> {
    match name.strip_prefix(b"xmlns") {
        Some(b"") => Some(b""),
        Some([b':', prefix @ ..]) => Some(prefix),
        _ => None,
    }
}

/// The namespaces that are declared, outermost first: in how many elements, for which prefix.
struct Spaces<'a>(Vec<(usize, &'a [u8], Namespace<'static>)>);

impl<'a> Spaces<'a> {
    fn inside(around: &'a Around) -> Self {
        Self(around.spaces.iter().map(|(prefix, space)| (0, &**prefix, space.clone())).collect())
    }

    /// Takes what a start tag declares that stands in so many elements; false when it is not taken as it is written.
    fn declare(&mut self, level: usize, tag: &Tag<'a>) -> bool {
        let mut whole = true;
        for (name, value) in tag.attributes() {
            let Some(prefix) = declared(name) else { continue };
            let mut flawed = false;
            let space = value.map(|value| tag::value(value, &mut flawed)).filter(|_| !flawed);
            match space {
                // What belongs to XML can neither be bound to anything else nor unbound.
                _ if matches!(prefix, b"xml" | b"xmlns") => {}
                Some(space) if self.0.len() < DECLARED && (prefix.is_empty() || !space.is_empty()) => {
                    self.0.push((level + 1, prefix, Namespace::from(space)));
                }
                _ => whole = false,
            }
        }
        whole
    }

    /// Forgets what was declared in more than so many elements.
    fn leave(&mut self, level: usize) {
        while self.0.pop_if(|(declared, ..)| *declared > level).is_some() {}
    }

    /// What a name on the wire says; an element's without prefix is in the default namespace. `None` when it cannot be
    /// expressed.
    fn name(&self, name: &[u8], element: bool) -> Option<QName> {
        let (prefix, local) = match memchr(b':', name) {
            Some(at) => (name.get(..at)?, name.get(at + 1..)?),
            None => (&b""[..], name),
        };
        let space = match prefix {
            b"xml" => Namespace::XML,
            b"" if !element => Namespace::NONE,
            _ => match self.0.iter().rev().find(|(_, declared, _)| *declared == prefix) {
                Some((.., space)) => space.clone(),
                None if prefix.is_empty() => Namespace::NONE,
                None => return None,
            },
        };
        let reserved = space == Namespace::XMLNS || (element && space == Namespace::XML);
        let local = NcName::try_from(std::str::from_utf8(local).ok()?).ok()?;
        (!reserved).then_some((space, local))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::plain::tests::{BOUNDS, almost_documents};
    use crate::xml::read::read_general;
    use crate::xml::split::{Item, Split};

    fn around() -> Around {
        Around::new(b"<s:s xmlns='urn:default' xmlns:s='urn:s'>")
    }

    fn lenient(text: &str) -> Reading {
        read(text.as_bytes(), &around(), Bounds { bytes: 1000, ..BOUNDS })
    }

    /// What the general parser reads of XML that it takes.
    fn general(text: &str) -> Element {
        read_general("", text, "urn:default", Bounds { bytes: 1000, ..BOUNDS }).expect(text)
    }

    /// Whether something is in the xml namespace, beside `xml:lang`.
    fn has_reserved(element: &Element) -> bool {
        element.ns().starts_with("http://www.w3.org/")
            || element.attrs().iter().any(|((ns, name), _)| *ns == Namespace::XML && name.as_str() != "lang")
            || element.children().any(has_reserved)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn what_is_well_formed_is_read_as_the_general_parser_reads_it(text in almost_documents()) {
            let Ok(element) = read_general("", &text, "urn:default", BOUNDS) else { return Ok(()) };
            let reserved = has_reserved(&element);
            let text = text.trim();
            prop_assert_eq!(Split::new().advance(text.as_bytes()), Ok(Some((Item::Element, text.len()))));
            let read = read(text.as_bytes(), &around(), BOUNDS);
            if reserved {
                prop_assert!(!matches!(read, Reading::Whole(_) | Reading::Over), "{read:?}");
            } else {
                prop_assert_eq!(read, Reading::Whole(element));
            }
        }
    }

    #[test]
    fn well_formed_xml_is_read_whole() {
        for text in [
            "<s:a xmlns:s='urn:other' s:b='1' c='2'><s:d/></s:a>",
            "<a xmlns:p='urn:p'><p:b xmlns:p='urn:q' p:c='1'/><p:b/></a>",
            "<a><![CDATA[<b/>&amp;]]>&#x4f60;&#38;</a>",
            "<a b = '1\t2\n3' xml:lang='en'>\t\n</a\n>",
            "<a xmlns=''><b xmlns='urn:b'/></a>",
            "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
        ] {
            assert_eq!(lenient(text), Reading::Whole(general(text)), "{text}");
        }
        let commented = lenient("<a>1<!-- <b> -->2<?c <d>?></a>");
        assert_eq!(commented, Reading::Whole(general("<a>12</a>")));
    }

    #[test]
    fn what_cannot_be_expressed_is_left_out_and_the_rest_is_kept() {
        let xml = "http://www.w3.org/XML/1998/namespace";
        for (text, left) in [
            ("<a><xml:b><c/></xml:b><d/></a>", "<a><d/></a>"),
            (&*format!("<a><b xmlns='{xml}'>x<c xmlns='urn:c'/></b>y</a>"), "<a>y</a>"),
            (&format!("<a xmlns:n='{xml}' n:foo='1' n:lang='en' b='2'><c/></a>"), "<a xml:lang='en' b='2'><c/></a>"),
            ("<a xml:foo='1'/>", "<a/>"),
            ("<a><p:b/><c p:d='1' e='2'/></a>", "<a><c e='2'/></a>"),
            ("<a b='1' b='2'/>", "<a b='1'/>"),
            ("<a xmlns:p='' 1='2' b c='3' 'd'/>", "<a c='3'/>"),
            ("<a><1/><b:c:d/><\u{fffe}/>e</a>", "<a>e</a>"),
            ("<a b='&none;&#0;&'>&#xd800;&;\u{1}</a>", "<a b='&amp;none;\u{fffd}&amp;'>\u{fffd}&amp;;\u{fffd}</a>"),
        ] {
            assert_eq!(lenient(text), Reading::Mended(general(left)), "{text}");
        }
        let latin = read(b"<a b='\xe4'>\xff</a>", &around(), BOUNDS);
        assert_eq!(latin, Reading::Mended(general("<a b='\u{fffd}'>\u{fffd}</a>")));
        for text in ["<xml:a/>", "<1/>", "<p:a/>", "<>", "<a>"] {
            assert_eq!(lenient(text), Reading::Nothing, "{text}");
        }
    }

    #[test]
    fn no_number_of_declarations_or_attributes_takes_long() {
        let wide = Bounds { depth: 64, bytes: 1 << 20, elements: 1 << 17 };
        let declared: String = (0..20_000).map(|n| format!(" xmlns:p{n}='urn:{n}'")).collect();
        let text = format!("<a{declared}>{}</a>", "<p0:b/><p19999:c/>".repeat(20_000));
        let Reading::Mended(element) = read(text.as_bytes(), &around(), wide) else { panic!("not what was left") };
        assert_eq!(element.children().count(), 20_000, "one of too many prefixes is not known");
        let many: String = (0..200_000).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(read(format!("<a{many}/>").as_bytes(), &around(), wide), Reading::Over);
        assert!(
            read_head(format!("<a id='1'{many}/>").as_bytes(), &around()).is_some_and(|a| a.attr("id") == Some("1"))
        );
    }
}
