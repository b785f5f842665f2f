//! The namespaces that are declared where an element stands, and what a name with a prefix says there.

use memchr::memchr;
use rxml::{Namespace, NcName, QName};

use super::tag::{self, RawTag};

/// Namespaces that are declared at once, at most: a prefix is looked for among all of them.
const DECLARED: usize = 256;

/// The namespaces that are declared around an element, by prefix; the empty prefix is the default.
#[derive(Debug, Clone, Default)]
pub struct Enclosing {
    name: Box<[u8]>,
    spaces: Vec<(Box<[u8]>, Namespace<'static>)>,
}

impl Enclosing {
    /// What the start tag declares with which `bytes` begin.
    pub fn new(bytes: &[u8]) -> Self {
        let (tag, mut spaces) = (RawTag::read(bytes), Namespaces(Vec::new()));
        spaces.declare(0, &tag);
        let spaces = spaces.0.into_iter().map(|(_, prefix, space)| (prefix.into(), space)).collect();
        Self { name: tag.name.into(), spaces }
    }

    /// True for the end tag that belongs to that start tag.
    pub fn is_ended_by(&self, bytes: &[u8]) -> bool {
        bytes.strip_prefix(b"</").is_some_and(|tag| RawTag::read(tag).name == &*self.name)
    }

    /// The namespace of what has no prefix.
    pub fn default_ns(&self) -> &str {
        self.spaces.iter().rev().find(|(prefix, _)| prefix.is_empty()).map_or("", |(_, space)| space)
    }
}

/// The prefix for which an attribute of this name declares a namespace.
pub(super) fn declared_prefix(name: &[u8]) -> Option<&[u8]> {
    match name.strip_prefix(b"xmlns") {
        Some(b"") => Some(b""),
        Some([b':', prefix @ ..]) => Some(prefix),
        _ => None,
    }
}

/// The namespaces that are declared, outermost first: in how many elements, for which prefix.
pub(super) struct Namespaces<'a>(Vec<(usize, &'a [u8], Namespace<'static>)>);

impl<'a> Namespaces<'a> {
    pub(super) fn inside(enclosing: &'a Enclosing) -> Self {
        Self(enclosing.spaces.iter().map(|(prefix, space)| (0, &**prefix, space.clone())).collect())
    }

    /// Takes what a start tag declares that stands in so many elements; false when it is not taken as it is written.
    pub(super) fn declare(&mut self, level: usize, tag: &RawTag<'a>) -> bool {
        let mut whole = true;
        for (name, value) in tag.attributes() {
            let Some(prefix) = declared_prefix(name) else { continue };
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
    pub(super) fn leave(&mut self, level: usize) {
        while self.0.pop_if(|(declared, ..)| *declared > level).is_some() {}
    }

    /// What a name on the wire says; an element's without prefix is in the default namespace. `None` when it cannot be
    /// expressed.
    pub(super) fn name(&self, name: &[u8], element: bool) -> Option<QName> {
        let (prefix, local) = match memchr(b':', name) {
            // Not a name with an empty prefix: written anew, `:xmlns` would declare a namespace.
            Some(0) => return None,
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
