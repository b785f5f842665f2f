//! Reads plain XML, as callers and servers usually write it, several times as fast as the general parser, and leaves all
//! else to it.

use std::ops::Range;

use rxml::{AttrMap, Namespace, NcName};

use super::bounds::{Bounds, Weight};
use super::build::Tree;
use super::received::{Received, Tag};
use super::scan::{Scan, Start, Token, Visitor, Weighed};
use super::text::{Text, read_tag};
use super::token::{Stop, content, value};
use super::{CLIENT, COMPONENT, Element};

/// The element with which `bytes` begin, when it is whole, plain and within bounds; and what follows it.
pub fn read_plain<'a>(bytes: &'a [u8], default_ns: Namespace<'static>, bounds: Bounds) -> Option<(Element, &'a [u8])> {
    let mut weight = Weight::new(bounds);
    let default_length = default_ns.len();
    let mut building = Building::new(default_ns, false);
    let mut visitor = Weighed::new(&mut weight, default_length, &mut building);
    let length = Scan::default().walk(bytes, &mut visitor).ok()?;
    Some((building.built?, bytes.get(length..)?))
}

/// Reads the plain elements of a stream, each as it arrives.
#[derive(Debug)]
pub struct PlainReader {
    default_ns: &'static str,
    scan: Scan,
    weight: Weight,
    building: Building,
    /// The element is wanted as its own text.
    as_text: bool,
}

impl PlainReader {
    /// Of a stream whose default namespace is `default_ns`.
    pub fn new(default_ns: &'static str, bounds: Bounds) -> Self {
        let (scan, weight) = (Scan::default(), Weight::new(bounds));
        Self { default_ns, scan, weight, building: Building::new(default_ns.into(), true), as_text: false }
    }

    /// The namespace of what declares no other.
    pub fn default_ns(&self) -> &'static str {
        self.default_ns
    }

    /// True before anything of the next element is read.
    pub fn is_new(&self) -> bool {
        self.scan.is_new()
    }

    /// Begins with the next element.
    pub fn restart(&mut self) {
        self.scan.restart();
        self.weight.restart();
        self.building.restart();
        self.as_text = false;
    }

    /// Reads further in an element with which `bytes` begin, more of them than before: the whole and its length, when it is
    /// plain and within bounds; as its own text where that is `wanted` by its start tag.
    ///
    /// # Errors
    /// Why there is none.
    pub fn advance(&mut self, bytes: &[u8], wanted: impl Fn(Tag<'_>) -> bool) -> Result<(Received, usize), Stop> {
        let building = TreeOrText { building: &mut self.building, as_text: &mut self.as_text, wanted };
        let mut visitor = Weighed::new(&mut self.weight, self.default_ns.len(), building);
        let length = self.scan.advance(bytes, &mut visitor)?;
        let received = match self.building.built.take() {
            Some(element) => Received::Tree(element),
            None => Received::Text(Text::new(bytes.get(..length).unwrap_or_default())),
        };
        Ok((received, length))
    }
}

/// A tree, as far as it is walked through.
#[derive(Debug)]
struct Building {
    /// Elements of a component stream's namespace are built in `jabber:client`.
    swap: bool,
    default_ns: Namespace<'static>,
    /// The namespaces of the open elements, outermost first.
    namespaces: Vec<Namespace<'static>>,
    tree: Tree,
    built: Option<Element>,
}

impl Building {
    fn new(default_ns: Namespace<'static>, swap: bool) -> Self {
        let default_ns = if swap && default_ns.as_str() == COMPONENT { CLIENT.into() } else { default_ns };
        Self { swap, default_ns, namespaces: Vec::new(), tree: Tree::default(), built: None }
    }

    fn restart(&mut self) {
        self.namespaces.clear();
        self.tree.clear();
        self.built = None;
    }

    fn start(&mut self, start: Start<'_, '_>) -> Result<(), Stop> {
        let mut attributes = AttrMap::new();
        for attribute in start.attributes {
            let space = if attribute.xml { Namespace::XML } else { Namespace::NONE };
            attributes.insert(space, nc_name(attribute.name)?, value(attribute.value)?.into_owned());
        }
        let namespace = match start.ns.filter(|_| start.declares) {
            Some(ns) if self.swap && ns == COMPONENT.as_bytes() => CLIENT.into(),
            Some(ns) => Namespace::from(value(ns)?.into_owned()),
            None => self.namespaces.last().unwrap_or(&self.default_ns).clone(),
        };
        if !start.empty {
            self.namespaces.push(namespace.clone());
        }
        self.tree.start((namespace, nc_name(start.name)?), attributes);
        if start.empty {
            self.built = self.tree.end();
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for &mut Building {
    #[inline]
    fn visit(&mut self, token: Token<'_, 'a>, _: usize, _: Range<usize>) -> Result<(), Stop> {
        match token {
            Token::Start(start) => self.start(start)?,
            Token::End => {
                self.namespaces.pop();
                self.built = self.tree.end();
            }
            Token::Text(text) => self.tree.text(content(text)?.into_owned()),
        }
        Ok(())
    }
}

/// Builds a tree, unless the element is wanted as its own text.
struct TreeOrText<'b, F> {
    building: &'b mut Building,
    as_text: &'b mut bool,
    wanted: F,
}

impl<'a, F: Fn(Tag<'_>) -> bool> Visitor<'a> for TreeOrText<'_, F> {
    #[inline]
    fn visit(&mut self, token: Token<'_, 'a>, level: usize, place: Range<usize>) -> Result<(), Stop> {
        if let (Token::Start(start), 0) = (token, level) {
            *self.as_text = read_tag(&start, &self.wanted)?;
        }
        if *self.as_text { Ok(()) } else { self.building.visit(token, level, place) }
    }
}

fn nc_name(name: &[u8]) -> Result<NcName, Stop> {
    let name = std::str::from_utf8(name).map_err(|_| Stop::NotPlain)?;
    NcName::try_from(name).map_err(|_| Stop::NotPlain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::read::{ReadError, read_general};
    use crate::xml::samples::{BOUNDS, almost_documents};
    use crate::xml::scan::{ATTRIBUTES, UNFINISHED};
    use crate::xml::token::trim_start;

    fn plain(text: &str, bounds: Bounds) -> Option<Element> {
        let (element, rest) = read_plain(text.as_bytes(), Namespace::from("urn:default"), bounds)?;
        trim_start(rest).is_empty().then_some(element)
    }

    fn general(text: &str, bounds: Bounds) -> Result<Element, ReadError> {
        read_general("", text, "urn:default", bounds)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn what_is_read_fast_is_what_the_general_parser_reads(text in almost_documents()) {
            if let Some(element) = plain(&text, BOUNDS) {
                prop_assert_eq!(Ok(element), general(&text, BOUNDS));
            }
        }
    }

    #[test]
    fn what_callers_send_is_read_fast() {
        for text in [
            "<message type='chat'><body id='m1' msgType='1' maType='20'>Tom &amp; \u{4f60}\u{597d}\u{ff01}</body></message>",
            "<message type=\"note\" client_ver=\"0\"><body>a > b</body><stime xmlns='jabber:stime:delay' stamp='1'/>\n</message>\n",
        ] {
            let bounds = Bounds { bytes: 1000, ..BOUNDS };
            assert_eq!(plain(text, bounds), general(text, bounds).ok());
            assert!(plain(text, bounds).is_some(), "{text}");
        }
    }

    const NS: &str = "urn:default";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn an_element_is_read_the_same_however_it_arrives(text in almost_documents(), piece in 1..40usize) {
            let bytes = text.as_bytes();
            let read = read_plain(bytes, Namespace::from(NS), BOUNDS);
            let whole = read.map(|(element, rest)| (element, bytes.len() - rest.len()));
            let mut reader = PlainReader::new(NS, BOUNDS);
            let mut come = 0;
            let arrived = loop {
                match reader.advance(&bytes[..come], |_| false) {
                    Err(Stop::Incomplete) if come < bytes.len() => come = (come + piece).min(bytes.len()),
                    Ok((Received::Tree(element), length)) => break Some((element, length)),
                    Ok((Received::Text(text), _)) => panic!("not wanted: {text:?}"),
                    Err(_) => break None,
                }
            };
            prop_assert_eq!(arrived, whole);
        }
    }

    #[test]
    fn what_takes_long_to_look_through_again_is_left_to_others() {
        let read = |text: &str| {
            let mut reader = PlainReader::new(NS, Bounds { bytes: 1 << 20, ..BOUNDS });
            reader.advance(text.as_bytes(), |_| false).map(|_| ())
        };
        for unfinished in ["<a b='", "<a>", "<a "] {
            assert_eq!(read(&format!("{unfinished}{}", "x".repeat(1000))), Err(Stop::Incomplete), "{unfinished}");
            assert_eq!(
                read(&format!("{unfinished}{}", "x".repeat(UNFINISHED + 1))),
                Err(Stop::NotPlain),
                "{unfinished}"
            );
        }
        let many = |count| (0..count).map(|n| format!(" a{n}=''")).collect::<String>();
        assert!(read(&format!("<a{}/>", many(ATTRIBUTES))).is_ok());
        assert_eq!(read(&format!("<a{}/>", many(ATTRIBUTES + 1))), Err(Stop::NotPlain));
    }
}
