//! Looks through the next element of a stream, as far as it has come, or through a caller's, without building anything.

use std::borrow::Cow;
use std::ops::Range;

use super::bounds::Bounds;
use super::build::weight;
use super::token::{Attribute, Stop, after, attributes, content, is_literal, name, tag_end, until_tag, value};

/// Attributes of one tag at most: each is compared with those before it.
const ATTRIBUTES: usize = 24;
/// Bytes of a token that has not ended at most: it is looked at again when more has come.
const UNFINISHED: usize = 64 * 1024;

/// How far an element is looked through.
#[derive(Debug)]
pub struct Scan {
    bounds: Bounds,
    /// Bytes of the tokens so far.
    at: usize,
    open: Vec<Open>,
    /// Names, values and texts as [`super::build::Builder`] weighs them.
    weight: usize,
    elements: usize,
}

#[derive(Debug)]
struct Open {
    name: Range<usize>,
    /// Bytes of its namespace.
    namespace: usize,
}

/// What is looked through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    /// A start tag, after its attributes: its name, and the namespace that it declares.
    Start(&'a [u8], Option<&'a [u8]>),
    /// An end tag.
    End,
    /// A text.
    Text,
}

/// Who is told of it.
pub(super) trait Look<'a> {
    /// The next attribute of the start tag that comes next.
    fn attribute(&mut self, attribute: Attribute<'a>);

    /// The next token: in how many elements it stands, and from where to where.
    ///
    /// # Errors
    /// Why no more is to be looked through.
    fn token(&mut self, token: Token<'a>, level: usize, place: Range<usize>) -> Result<(), Stop>;
}

/// Nobody.
impl Look<'_> for () {
    fn attribute(&mut self, _: Attribute<'_>) {}

    fn token(&mut self, _: Token<'_>, _: usize, _: Range<usize>) -> Result<(), Stop> {
        Ok(())
    }
}

impl Scan {
    /// Nothing is looked through yet.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, at: 0, open: Vec::new(), weight: 0, elements: 0 }
    }

    /// True before anything is looked through.
    pub fn is_new(&self) -> bool {
        self.at == 0
    }

    /// Looks further through an element with which `bytes` begin, more of them than before: its length, when it is whole,
    /// plain and within the builder's bounds.
    ///
    /// # Errors
    /// Why there is no length.
    pub fn advance(&mut self, bytes: &[u8], default_ns: &str) -> Result<usize, Stop> {
        match self.tokens(bytes, default_ns, &mut ()) {
            Err(Stop::More) if bytes.len().saturating_sub(self.at) > UNFINISHED => Err(Stop::Other),
            scanned => scanned,
        }
    }

    /// As [`Scan::advance`], of bytes that are all there are, telling `look` of each token.
    ///
    /// # Errors
    /// As [`Scan::advance`].
    pub(super) fn tokens<'a>(
        &mut self,
        bytes: &'a [u8],
        default_ns: &str,
        look: &mut impl Look<'a>,
    ) -> Result<usize, Stop> {
        loop {
            let level = self.open.len();
            let (token, level, rest) = match bytes.get(self.at..).unwrap_or_default() {
                [] | [b'<'] => return Err(Stop::More),
                [b'<', b'/', tag @ ..] => (Token::End, level.saturating_sub(1), self.end(bytes, tag)?),
                [b'<', tag @ ..] => {
                    let (token, rest) = self.start(bytes, tag, default_ns, look)?;
                    (token, level, rest)
                }
                _ if level == 0 => return Err(Stop::Other),
                text => (Token::Text, level, self.text(text)?),
            };
            let place = self.at..bytes.len() - rest.len();
            self.at = place.end;
            look.token(token, level, place)?;
            if self.weight > self.bounds.bytes || self.elements > self.bounds.elements {
                return Err(Stop::Other);
            }
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    fn start<'a>(
        &mut self,
        bytes: &[u8],
        tag: &'a [u8],
        default_ns: &str,
        look: &mut impl Look<'a>,
    ) -> Result<(Token<'a>, &'a [u8]), Stop> {
        let (name, rest) = name(tag)?;
        let mut seen = [(false, &b""[..]); ATTRIBUTES];
        let (mut count, mut weighed) = (0, 0);
        let (ns, rest) = attributes(rest, |attribute| {
            let one = (attribute.xml, attribute.name);
            if seen.iter().take(count).any(|other| *other == one) {
                return Err(Stop::Other);
            }
            *seen.get_mut(count).ok_or(Stop::Other)? = one;
            count += 1;
            weighed += weight::of_attribute(attribute.name.len(), length(attribute.value, value)?);
            look.attribute(attribute);
            Ok(())
        })?;
        let (empty, rest) = tag_end(rest)?;
        let inherited = self.open.last().map_or(default_ns.len(), |open| open.namespace);
        let namespace = ns.map_or(Ok(inherited), |ns| length(ns, value))?;
        self.weight += weight::of_tag(namespace, name.len()) + weighed;
        self.elements += 1;
        if self.open.len() >= self.bounds.depth {
            return Err(Stop::Other);
        }
        if !empty {
            let from = bytes.len() - tag.len();
            self.open.push(Open { name: from..from + name.len(), namespace });
        }
        Ok((Token::Start(name, ns), rest))
    }

    fn end<'a>(&mut self, bytes: &[u8], tag: &'a [u8]) -> Result<&'a [u8], Stop> {
        let (name, rest) = name(tag)?;
        let rest = after(b'>', rest)?;
        let opened = self.open.pop().and_then(|open| bytes.get(open.name)).ok_or(Stop::Other)?;
        if opened == name { Ok(rest) } else { Err(Stop::Other) }
    }

    fn text<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Stop> {
        let (text, rest) = until_tag(bytes)?;
        self.weight += length(text, content)?;
        Ok(rest)
    }
}

/// The length of what `read` finds that `bytes` say.
fn length(bytes: &[u8], read: fn(&[u8]) -> Result<Cow<'_, str>, Stop>) -> Result<usize, Stop> {
    if is_literal(bytes) { Ok(bytes.len()) } else { Ok(read(bytes)?.len()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rxml::Namespace;

    use super::*;
    use crate::xml::build::Builder;
    use crate::xml::plain::read_plain;
    use crate::xml::samples::{BOUNDS, almost_documents};

    const NS: &str = "urn:default";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn an_element_is_whole_when_the_plain_reader_reads_it(text in almost_documents(), piece in 1..40usize) {
            let bytes = text.as_bytes();
            let read = read_plain(bytes, Namespace::from(NS), Builder::new(BOUNDS));
            let read = read.map(|(_, rest)| bytes.len() - rest.len());
            let mut scan = Scan::new(BOUNDS);
            let mut come = 0;
            let scanned = loop {
                match scan.advance(&bytes[..come], NS) {
                    Err(Stop::More) if come < bytes.len() => come = (come + piece).min(bytes.len()),
                    scanned => break scanned,
                }
            };
            prop_assert_eq!(scanned.ok(), read);
        }
    }

    #[test]
    fn what_takes_long_to_look_through_again_is_left_to_others() {
        let scan = |text: &str| Scan::new(Bounds { bytes: 1 << 20, ..BOUNDS }).advance(text.as_bytes(), NS);
        for unfinished in ["<a b='", "<a>", "<a "] {
            assert_eq!(scan(&format!("{unfinished}{}", "x".repeat(1000))), Err(Stop::More), "{unfinished}");
            assert_eq!(scan(&format!("{unfinished}{}", "x".repeat(UNFINISHED + 1))), Err(Stop::Other), "{unfinished}");
        }
        let many = |count| (0..count).map(|n| format!(" a{n}=''")).collect::<String>();
        assert!(scan(&format!("<a{}/>", many(ATTRIBUTES))).is_ok());
        assert_eq!(scan(&format!("<a{}/>", many(ATTRIBUTES + 1))), Err(Stop::Other));
    }
}
