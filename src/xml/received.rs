//! A stanza as it was received, a tree or a text, and its tags, which are the same in either.

use std::borrow::Cow;

use rxml::Namespace;

use super::Element;
use super::text::Text;
use super::token::{Attribute, value};

/// A stanza as it was received.
#[derive(Debug, Clone)]
pub enum Received {
    /// As a tree.
    Tree(Element),
    /// As its own text.
    Text(Text),
}

impl Received {
    /// The value of an attribute without namespace of the stanza itself.
    pub fn attr(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Tree(element) => Tag::Tree(element).attr(name),
            Self::Text(text) => text.head(|tag| tag.attr(name).map(|value| Cow::Owned(value.into_owned()))),
        }
    }
}

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub enum Tag<'a> {
    /// Of an element of a tree.
    Tree(&'a Element),
    /// In a text.
    Text {
        /// Its name.
        name: &'a [u8],
        /// Its namespace.
        ns: &'a str,
        /// Its attributes.
        attributes: &'a [Attribute<'a>],
    },
}

impl<'a> Tag<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        match *self {
            Self::Tree(element) => element.name(),
            Self::Text { name, .. } => std::str::from_utf8(name).unwrap_or_default(),
        }
    }

    /// Its namespace.
    pub fn ns(&self) -> Cow<'a, str> {
        match *self {
            Self::Tree(element) => Cow::Owned(element.ns()),
            Self::Text { ns, .. } => Cow::Borrowed(ns),
        }
    }

    /// True when it is `name` in `ns`.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        match self {
            Self::Tree(element) => element.is(name, ns),
            Self::Text { name: own, ns: own_ns, .. } => *own == name.as_bytes() && *own_ns == ns,
        }
    }

    /// The value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<Cow<'a, str>> {
        match self {
            Self::Tree(element) => element.attrs().get(&Namespace::NONE, name).map(Cow::from),
            Self::Text { attributes, .. } => {
                let found = attributes.iter().find(|found| !found.xml && found.name == name.as_bytes());
                value(found?.value).ok()
            }
        }
    }
}

/// What has start tags to visit.
pub trait Walk {
    /// Visits all of them in their order, each with the number of elements in which it stands.
    fn walk(&self, visit: impl FnMut(usize, Tag<'_>));

    /// Visits what stands in the first child `name` in `ns`, each with the number of elements of that child in which it
    /// stands.
    fn walk_child(&self, name: &str, ns: &str, mut visit: impl FnMut(usize, Tag<'_>)) {
        let (mut found, mut inside) = (false, false);
        self.walk(|level, tag| match level {
            0 => {}
            1 => {
                inside = !found && tag.is(name, ns);
                found |= inside;
            }
            _ if inside => visit(level - 2, tag),
            _ => {}
        });
    }
}

impl Walk for Element {
    fn walk(&self, mut visit: impl FnMut(usize, Tag<'_>)) {
        visit(0, Tag::Tree(self));
        let mut open = vec![self.children()];
        while let Some(innermost) = open.last_mut() {
            match innermost.next() {
                Some(child) => {
                    let children = child.children();
                    visit(open.len(), Tag::Tree(child));
                    open.push(children);
                }
                None => drop(open.pop()),
            }
        }
    }
}

impl Walk for Received {
    fn walk(&self, visit: impl FnMut(usize, Tag<'_>)) {
        match self {
            Self::Tree(element) => element.walk(visit),
            Self::Text(text) => text.walk(visit),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::CLIENT;
    use crate::xml::plain::PlainReader;
    use crate::xml::samples::{BOUNDS, almost_documents};

    /// All that there is to see of the tags.
    pub(crate) fn seen(received: &impl Walk) -> Vec<String> {
        let mut seen = Vec::new();
        received.walk(|level, tag| seen.push(seen_tag(level, tag)));
        seen
    }

    /// All that there is to see of one.
    pub(crate) fn seen_tag(level: usize, tag: Tag<'_>) -> String {
        let (name, ns) = (tag.name(), tag.ns());
        let mut attributes: Vec<String> = match tag {
            Tag::Tree(element) => {
                let attributes = element.attrs().iter().filter(|((ns, _), _)| ns.is_none());
                attributes.map(|((_, name), _)| name.to_string()).collect()
            }
            Tag::Text { attributes, .. } => {
                let names = attributes.iter().filter(|attribute| !attribute.xml);
                names.map(|attribute| String::from_utf8_lossy(attribute.name).into_owned()).collect()
            }
        };
        attributes.sort_unstable();
        assert!(tag.is(name, &ns) && !tag.is(name, "urn:other") && !tag.is("other", &ns));
        let values: Vec<_> = attributes.iter().map(|name| (name, tag.attr(name))).collect();
        format!("{level} {name} {ns} {values:?} {:?}", tag.attr("lang"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn the_tags_of_a_text_are_those_of_its_tree(text in almost_documents()) {
            let text = text.replace("urn:a", crate::xml::COMPONENT);
            let [tree, text] = [false, true].map(|as_text| {
                PlainReader::new(CLIENT, BOUNDS).advance(text.as_bytes(), |_| as_text).ok()
            });
            match (tree, text) {
                (None, None) => {}
                (Some((tree @ Received::Tree(_), length)), Some((text @ Received::Text(_), same))) => {
                    prop_assert_eq!(length, same);
                    prop_assert_eq!(seen(&text), seen(&tree));
                }
                others => panic!("{others:?}"),
            }
        }
    }
}
