//! An element of borrowed parts, to be written at once: a tree of its own would cost more than the writing.

use minidom::Node;
use rxml::{Namespace, NcName};

use super::Element;
use super::escape::check_name;
use super::token::content;
use super::verbatim::RawElement;

/// Room for the attributes of a usual element, so that most are kept with one allocation.
const USUAL_ATTRIBUTES: usize = 8;

/// Namespace, name and value of an attribute.
pub type Attribute<'a> = (&'a str, &'a str, &'a str);

/// An element of borrowed parts.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    /// By namespace and name, each once: the order in which an [`Element`] has them.
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) parts: Vec<Part<'a>>,
}

/// What stands in a draft.
#[derive(Debug, Clone)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Draft(Draft<'a>),
    Element(&'a Element),
    /// Text as it is written.
    RawText(&'a str),
    /// An element as it is written.
    RawElement(RawElement<'a>),
}

impl<'a> Draft<'a> {
    /// An element without anything.
    pub fn new(name: &'a str, namespace: &'a str) -> Self {
        Self { name, namespace, attributes: Vec::with_capacity(USUAL_ATTRIBUTES), parts: Vec::new() }
    }

    /// What `element` is, by another name.
    pub fn like(element: &'a Element, name: &'a str, namespace: &'a str) -> Self {
        let parts = element.nodes().map(|node| match node {
            Node::Text(text) => Part::Text(text),
            Node::Element(child) => Part::Element(child),
        });
        Self { name, namespace, attributes: attributes(element).collect(), parts: parts.collect() }
    }

    /// Sets or replaces an attribute without namespace; nothing when `name` is not a valid XML name.
    pub fn set(&mut self, name: &'a str, value: &'a str) {
        if check_name(name).is_ok() {
            self.put(name, value);
        }
    }

    /// As [`Draft::set`], of a name that is known to be a valid XML name: one of the code's own, or of what was read.
    pub(crate) fn put(&mut self, name: &'a str, value: &'a str) {
        debug_assert!(check_name(name).is_ok(), "{name:?}");
        let key = |(namespace, name, _): &Attribute<'a>| (*namespace, *name);
        match self.attributes.binary_search_by_key(&("", name), key) {
            Ok(at) => {
                if let Some(found) = self.attributes.get_mut(at) {
                    found.2 = value;
                }
            }
            Err(at) => self.attributes.insert(at, ("", name, value)),
        }
    }

    /// As [`Draft::set`], in a chain.
    pub fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.set(name, value);
        self
    }

    /// Appends a text.
    pub fn text_of(mut self, text: &'a str) -> Self {
        self.parts.push(Part::Text(text));
        self
    }

    /// Appends a child.
    pub fn child(mut self, child: Draft<'a>) -> Self {
        self.parts.push(Part::Draft(child));
        self
    }

    /// True when there is a child `name` in `namespace`.
    pub fn has_child(&self, name: &str, namespace: &str) -> bool {
        self.parts.iter().any(|part| part.is(name, namespace))
    }

    /// Removes all children `name` in `namespace`.
    pub fn remove(&mut self, name: &str, namespace: &str) {
        self.parts.retain(|part| !part.is(name, namespace));
    }

    /// Removes the attributes without namespace but those named in `kept`.
    pub fn keep(&mut self, kept: &[&str]) {
        self.attributes.retain(|(namespace, name, _)| !namespace.is_empty() || kept.contains(name));
    }

    /// As [`Draft::keep`] with nothing to be kept, of all children `name` in `namespace`.
    pub fn bare_children(&mut self, name: &'a str, namespace: &'a str) {
        for part in self.parts.iter_mut().filter(|part| part.is(name, namespace)) {
            match *part {
                Part::Element(element) => *part = Part::Draft(Draft::like(element, name, namespace)),
                Part::RawElement(piece) => *part = Part::Draft(piece.bare()),
                Part::Text(_) | Part::Draft(_) | Part::RawText(_) => {}
            }
            if let Part::Draft(child) = part {
                child.keep(&[]);
            }
        }
    }

    /// The value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<&'a str> {
        self.plain().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The value of an attribute without namespace of the first child `name` in `namespace`.
    pub fn child_attr(&self, name: &str, namespace: &str, attribute: &str) -> Option<&'a str> {
        let wanted = |(ns, name, _): &Attribute<'a>| ns.is_empty() && *name == attribute;
        let value = |(_, _, value)| value;
        match self.parts.iter().find(|part| part.is(name, namespace))? {
            Part::Draft(draft) => draft.attr(attribute),
            Part::Element(element) => attributes(element).find(wanted).map(value),
            Part::RawElement(piece) => piece.attributes().find(wanted).map(value),
            Part::Text(_) | Part::RawText(_) => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// True when it is in `namespace`.
    pub fn has_ns(&self, namespace: &str) -> bool {
        self.namespace == namespace
    }

    /// Names and values of the attributes without namespace.
    pub fn plain(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.attributes.iter().filter(|(namespace, ..)| namespace.is_empty()).map(|(_, name, value)| (*name, *value))
    }

    /// Sets the attributes without namespace that the first child `name` in `namespace` has on `other`, too.
    pub fn repeat_child(&self, name: &str, namespace: &str, other: &mut Draft<'a>) {
        let child = self.parts.iter().find(|part| part.is(name, namespace));
        let repeat = |(namespace, name, value): Attribute<'a>| {
            if namespace.is_empty() {
                other.put(name, value);
            }
        };
        match child {
            Some(Part::Draft(draft)) => draft.attributes.iter().copied().for_each(repeat),
            Some(Part::Element(element)) => attributes(element).for_each(repeat),
            Some(Part::RawElement(piece)) => piece.attributes().for_each(repeat),
            Some(Part::Text(_) | Part::RawText(_)) | None => {}
        }
    }

    /// The same as a tree.
    pub fn element(&self) -> Element {
        let mut element = Element::bare(self.name, self.namespace);
        for (namespace, name, value) in &self.attributes {
            if let Ok(name) = NcName::try_from(*name) {
                element.attrs_mut().insert(Namespace::from((*namespace).to_owned()), name, (*value).to_owned());
            }
        }
        for part in &self.parts {
            element.append_node(match part {
                Part::Text(text) => Node::Text((*text).to_owned()),
                Part::Draft(draft) => Node::Element(draft.element()),
                Part::Element(child) => Node::Element((*child).clone()),
                Part::RawText(text) => Node::Text(content(text.as_bytes()).unwrap_or_default().into_owned()),
                Part::RawElement(piece) => Node::Element(piece.element()),
            });
        }
        element
    }
}

impl<'a> Part<'a> {
    fn is(&self, name: &str, namespace: &str) -> bool {
        match self {
            Self::Text(_) | Self::RawText(_) => false,
            Self::Draft(draft) => draft.name == name && draft.namespace == namespace,
            Self::Element(element) => element.is(name, namespace),
            Self::RawElement(piece) => piece.is(name, namespace),
        }
    }
}

/// The attributes of an element, by namespace and name.
pub(super) fn attributes(element: &Element) -> impl Iterator<Item = Attribute<'_>> {
    element.attrs().iter().map(|((namespace, name), value)| (namespace.as_str(), name.as_str(), value.as_str()))
}
