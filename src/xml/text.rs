//! A stanza as its own text, of which the tags are read without a tree.

use std::borrow::Cow;
use std::ops::Range;

use super::received::Tag;
use super::scan::{Scan, Start, Token, Visitor};
use super::token::{Stop, value};
use super::{CLIENT, COMPONENT};

/// A stanza of a stream that was read as plain XML (see [`super::plain`]), as its own text.
#[derive(Debug, Clone)]
pub struct Text(Box<[u8]>);

impl Text {
    pub(crate) fn new(stanza: &[u8]) -> Self {
        Self(stanza.into())
    }

    /// Visits its start tags in their order, each with the number of elements in which it stands.
    pub fn walk(&self, mut visit: impl FnMut(usize, Tag<'_>)) {
        self.visit(|level, tag| {
            visit(level, tag);
            Ok(())
        });
    }

    /// What `read` makes of the stanza's own tag.
    pub(super) fn head<T>(&self, mut read: impl FnMut(Tag<'_>) -> Option<T>) -> Option<T> {
        let mut found = None;
        self.visit(|_, tag| {
            found = read(tag);
            Err(Stop::NotPlain)
        });
        found
    }

    fn visit(&self, visit: impl FnMut(usize, Tag<'_>) -> Result<(), Stop>) {
        // It was walked through before, so that it ends only where the visitor ends it.
        let _ = Scan::default().walk(&self.0, &mut Tags { last_ns: b"", last_said: Cow::Borrowed(CLIENT), visit });
    }
}

/// Visits the start tags alone.
struct Tags<'a, F> {
    /// The last namespace as it is written, which most elements have from the one before.
    last_ns: &'a [u8],
    last_said: Cow<'a, str>,
    visit: F,
}

impl<'a, F: FnMut(usize, Tag<'_>) -> Result<(), Stop>> Visitor<'a> for Tags<'a, F> {
    #[inline]
    fn visit(&mut self, token: Token<'_, 'a>, level: usize, _: Range<usize>) -> Result<(), Stop> {
        let Token::Start(start) = token else { return Ok(()) };
        let ns = start.ns.unwrap_or_default();
        if !std::ptr::eq(ns, self.last_ns) {
            (self.last_ns, self.last_said) = (ns, namespace(start.ns)?);
        }
        (self.visit)(level, Tag::Text { name: start.name, ns: &self.last_said, attributes: start.attributes })
    }
}

/// What `read` makes of a start tag.
pub(super) fn read_tag<T>(start: &Start<'_, '_>, read: impl FnOnce(Tag<'_>) -> T) -> Result<T, Stop> {
    let ns = namespace(start.ns)?;
    Ok(read(Tag::Text { name: start.name, ns: &ns, attributes: start.attributes }))
}

/// A namespace as the builder has it: stanzas are in that of clients on whichever stream they come.
fn namespace(written: Option<&[u8]>) -> Result<Cow<'_, str>, Stop> {
    match written {
        Some(ns) if ns != COMPONENT.as_bytes() => value(ns),
        _ => Ok(Cow::Borrowed(CLIENT)),
    }
}
