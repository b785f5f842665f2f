//! Reads what a server passes on, well-formed or not: what cannot be expressed is left out, and the rest is kept.
//!
//! Servers pass on what some user has sent. Prosody writes an attribute of the xml namespace with a prefix of its own,
//! which XML forbids, and a reader that refuses it takes the whole of somebody's card, archive or bookmarks for unreadable.
//! Of what is well-formed the same is read as by the general parser, but of the xml namespace only `xml:lang`.

use memchr::{memchr, memmem};
use rxml::{AttrMap, Namespace, QName};

use super::Element;
use super::bounds::{Bounds, Weight};
use super::build::{Builder, Built};
use super::namespaces::{Enclosing, Namespaces, declared_prefix};
use super::tag::{self, RawTag};
use super::unescape::{unescape, with_valid_characters};

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

/// Reads the element that `bytes` are, from its start tag to its end tag as [`super::split`] finds them.
pub fn read(bytes: &[u8], enclosing: &Enclosing, bounds: Bounds) -> Reading {
    let builder = Builder::for_stream(bounds);
    let mut lenient =
        Lenient { builder, namespaces: Namespaces::inside(enclosing), flawed: false, level: 0, left_out: None };
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
                let tag = RawTag::read(markup);
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
pub fn read_head(bytes: &[u8], enclosing: &Enclosing) -> Option<Element> {
    let any = Bounds::NONE;
    let builder = Builder::for_stream(any);
    let mut lenient =
        Lenient { builder, namespaces: Namespaces::inside(enclosing), flawed: false, level: 0, left_out: None };
    if !lenient.start(&RawTag::read(bytes), any) {
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
    namespaces: Namespaces<'a>,
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
            let text = if literal {
                with_valid_characters(bytes, &mut self.flawed)
            } else {
                unescape(bytes, &mut self.flawed)
            };
            self.builder.text(text.into_owned());
        }
    }

    /// Opens an element; false when it is the outermost and cannot be expressed.
    fn start(&mut self, tag: &RawTag<'a>, bounds: Bounds) -> bool {
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
        self.flawed |= !self.namespaces.declare(level, tag);
        match self.namespaces.name(tag.name, true) {
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
        self.namespaces.leave(self.level);
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

    fn attributes(&mut self, tag: &RawTag<'a>, bounds: Bounds) -> AttrMap {
        let mut attributes = AttrMap::new();
        let mut weighed = 0;
        for (name, value) in tag.attributes() {
            // The builder will find that it is too much: no need to keep more.
            if weighed > bounds.bytes {
                break;
            }
            if declared_prefix(name).is_some() {
                continue;
            }
            let expressible = |(space, name): &QName| *space != Namespace::XML || name.as_str() == "lang";
            let (Some((space, name)), Some(value)) = (self.namespaces.name(name, false).filter(expressible), value)
            else {
                self.flawed = true;
                continue;
            };
            let value = tag::value(value, &mut self.flawed);
            weighed += Weight::of_attribute(name.len(), value.len());
            if attributes.contains_key(&space, name.as_str()) {
                self.flawed = true;
            } else {
                attributes.insert(space, name, value);
            }
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::read::read_general;
    use crate::xml::samples::{BOUNDS, almost_documents};
    use crate::xml::split::{Item, Split};

    fn enclosing() -> Enclosing {
        Enclosing::new(b"<s:s xmlns='urn:default' xmlns:s='urn:s'>")
    }

    fn lenient(text: &str) -> Reading {
        read(text.as_bytes(), &enclosing(), Bounds { bytes: 1000, ..BOUNDS })
    }

    /// What the general parser reads of XML that it takes.
    fn general(text: &str) -> Element {
        read_general("", text, "urn:default", Bounds { bytes: 1000, ..BOUNDS }).expect(text)
    }

    /// Whether something is in the xml namespace, beside `xml:lang`.
    fn has_reserved(element: &Element) -> bool {
        [Namespace::XML, Namespace::XMLNS].iter().any(|reserved| element.ns() == reserved.as_str())
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
            let read = read(text.as_bytes(), &enclosing(), BOUNDS);
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
            ("<a :xmlns='urn:b' :b='1' c='2'><:d/></a>", "<a c='2'/>"),
            ("<a><1/><b:c:d/><\u{fffe}/>e</a>", "<a>e</a>"),
            ("<a b='&none;&#0;&'>&#xd800;&;\u{1}</a>", "<a b='&amp;none;\u{fffd}&amp;'>\u{fffd}&amp;;\u{fffd}</a>"),
        ] {
            assert_eq!(lenient(text), Reading::Mended(general(left)), "{text}");
        }
        let latin = read(b"<a b='\xe4'>\xff</a>", &enclosing(), BOUNDS);
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
        let Reading::Mended(element) = read(text.as_bytes(), &enclosing(), wide) else { panic!("not what was left") };
        assert_eq!(element.children().count(), 20_000, "one of too many prefixes is not known");
        let many: String = (0..200_000).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(read(format!("<a{many}/>").as_bytes(), &enclosing(), wide), Reading::Over);
        assert!(
            read_head(format!("<a id='1'{many}/>").as_bytes(), &enclosing()).is_some_and(|a| a.attr("id") == Some("1"))
        );
    }
}
