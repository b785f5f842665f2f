//! Shorthands for building and reading elements.

use minidom::rxml::{Namespace, NcName};

use super::{CLIENT, Element};

/// Starts an element.
pub fn el(name: &str, ns: &str) -> Element {
    Element::bare(name, ns)
}

/// Starts a stanza (`message`, `presence`, `iq`) or a child of one that lives in the stanzas' own namespace (`body`).
pub fn client(name: &str) -> Element {
    Element::bare(name, CLIENT)
}

/// Builder methods for [`Element`].
pub trait Build: Sized {
    /// Sets an attribute. `name` is a literal of ours; one that is not a valid XML name is left out.
    fn with(self, name: &str, value: impl Into<String>) -> Self;
    /// Sets an attribute when there is a value.
    fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self;
    /// Appends a child.
    fn child(self, child: Element) -> Self;
    /// Appends children.
    fn children_from(self, children: impl IntoIterator<Item = Element>) -> Self;
    /// Appends text.
    fn text_of(self, text: impl Into<String>) -> Self;
}

impl Build for Element {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        set(&mut self, name, value);
        self
    }

    fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn child(mut self, child: Element) -> Self {
        self.append_child(child);
        self
    }

    fn children_from(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        for child in children {
            self.append_child(child);
        }
        self
    }

    fn text_of(mut self, text: impl Into<String>) -> Self {
        self.append_text(text);
        self
    }
}

/// Sets or replaces an attribute without namespace; nothing when `name` is not a valid XML name.
pub fn set(element: &mut Element, name: &str, value: impl Into<String>) {
    if let Ok(name) = NcName::try_from(name) {
        element.attrs_mut().insert(Namespace::NONE, name, value.into());
    }
}

/// The text of the first child `name` in `ns`.
pub fn child_text(element: &Element, name: &str, ns: &str) -> Option<String> {
    element.get_child(name, ns).map(Element::text)
}
