//! An element as its own text, of which the tags are read without a tree.

use std::borrow::Cow;

use memchr::memchr;

use super::received::Tag;
use super::token::{Attribute, attributes, name, value};
use super::{CLIENT, COMPONENT};

/// A stanza of a stream that was looked through (see [`super::scan`]), as its own text.
#[derive(Debug, Clone)]
pub struct Text(Box<[u8]>);

impl Text {
    pub(crate) fn new(stanza: &[u8]) -> Self {
        Self(stanza.into())
    }

    /// Its start tags.
    pub fn tags(&self) -> Tags<'_> {
        Tags::new(&self.0)
    }
}

/// The start tags in the text of a stanza that was looked through, in their order.
#[derive(Debug)]
pub struct Tags<'a> {
    rest: &'a [u8],
    /// The namespaces of the open elements, outermost first.
    open: Vec<Cow<'a, str>>,
    /// The last tag was an end tag, too.
    empty: bool,
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(stanza: &'a [u8]) -> Self {
        Self { rest: stanza, open: Vec::new(), empty: false, attributes: Vec::new() }
    }

    /// The next one, and in how many elements it stands.
    pub fn next_tag(&mut self) -> Option<(usize, Tag<'_>)> {
        if self.empty {
            self.open.pop();
        }
        loop {
            let tag = self.rest.get(memchr(b'<', self.rest)? + 1..)?;
            if tag.first() != Some(&b'/') {
                return self.start(tag);
            }
            self.open.pop();
            self.rest = tag;
        }
    }

    fn start(&mut self, tag: &'a [u8]) -> Option<(usize, Tag<'_>)> {
        let (name, rest) = name(tag).ok()?;
        let found = &mut self.attributes;
        found.clear();
        let declared = attributes(rest, |attribute| {
            found.push(attribute);
            Ok(())
        });
        let (ns, rest) = declared.ok()?;
        // As the builder has it: stanzas are in the namespace of clients on whichever stream they come.
        let ns = match ns {
            Some(ns) if ns == COMPONENT.as_bytes() => Cow::Borrowed(CLIENT),
            Some(ns) => value(ns).ok()?,
            None => self.open.last().cloned().unwrap_or(Cow::Borrowed(CLIENT)),
        };
        let level = self.open.len();
        self.rest = rest;
        self.empty = rest.first() == Some(&b'/');
        self.open.push(ns);
        Some((level, Tag::Text { name, ns: self.open.last()?, attributes: &self.attributes }))
    }
}
