//! A bounded builder of elements from parser events: no recursion, no unbounded memory.

use rxml::{AttrMap, Event, QName};

use super::bounds::Bounds;
use super::{CLIENT, COMPONENT, Element};

/// Namespace bytes that are part of an element's fixed cost, bounded by the number of elements. Beyond them the
/// namespace counts: the tree copies it into every element, so a long inherited one would multiply.
const FREE_NAMESPACE: usize = 128;

/// Which bound was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// [`Bounds::depth`].
    Depth,
    /// [`Bounds::bytes`].
    Bytes,
    /// [`Bounds::elements`].
    Elements,
}

/// A finished top-level element.
#[derive(Debug)]
pub enum Built {
    /// The whole element.
    Whole(Element),
    /// The name and attributes of an element that exceeded a bound.
    Head(Element, Over),
}

/// Builds one element after another from the events of a namespace-aware parser, in constant work per event.
///
/// An element over a bound is followed to its end, keeping only its name and attributes.
#[derive(Debug)]
pub struct Builder {
    bounds: Bounds,
    /// Elements of a component stream's namespace are built in `jabber:client`.
    swap: bool,
    /// The open elements, outermost first; only the outermost once a bound was exceeded.
    open: Vec<Element>,
    depth: usize,
    bytes: usize,
    elements: usize,
    over: Option<Over>,
}

impl Builder {
    /// A builder with no element open.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, swap: false, open: Vec::new(), depth: 0, bytes: 0, elements: 0, over: None }
    }

    /// As [`Builder::new`], for what a stream brings: elements of a component stream's namespace are built in
    /// `jabber:client`.
    pub fn for_stream(bounds: Bounds) -> Self {
        Self { swap: true, ..Self::new(bounds) }
    }

    /// True between two elements.
    pub fn is_idle(&self) -> bool {
        self.depth == 0
    }

    /// The bound that the open element has exceeded.
    pub fn over(&self) -> Option<Over> {
        self.over
    }

    /// Opens an element.
    pub fn start(&mut self, name: QName, attributes: AttrMap) {
        if self.depth == 0 {
            (self.bytes, self.elements, self.over) = (0, 0, None);
        }
        self.depth += 1;
        if self.over.is_some() {
            return;
        }
        self.elements += 1;
        self.bytes += weight(&name, &attributes);
        self.open.push(self.element(name, attributes));
        self.check();
    }

    /// Adds text to the innermost open element; text between elements is ignored.
    pub fn text(&mut self, text: String) {
        if self.over.is_some() {
            return;
        }
        if let Some(innermost) = self.open.last_mut() {
            self.bytes += text.len();
            innermost.append_text(text);
            self.check();
        }
    }

    /// Closes the innermost open element; yields it when it was the outermost.
    pub fn end(&mut self) -> Option<Built> {
        self.depth = self.depth.saturating_sub(1);
        if let Some(over) = self.over {
            return if self.depth == 0 { self.open.pop().map(|head| Built::Head(head, over)) } else { None };
        }
        let closed = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.append_child(closed);
                None
            }
            None => Some(Built::Whole(closed)),
        }
    }

    /// Takes one parser event.
    pub fn feed(&mut self, event: Event) -> Option<Built> {
        match event {
            Event::XmlDeclaration(..) => None,
            Event::StartElement(_, name, attributes) => {
                self.start(name, attributes);
                None
            }
            Event::Text(_, text) => {
                self.text(text);
                None
            }
            Event::EndElement(_) => self.end(),
        }
    }

    fn element(&self, (namespace, name): QName, attributes: AttrMap) -> Element {
        let client = self.swap && namespace.as_str() == COMPONENT;
        let mut element = if client { Element::bare(name, CLIENT) } else { Element::bare(name, namespace) };
        *element.attrs_mut() = attributes;
        element
    }

    fn check(&mut self) {
        self.over = if self.depth > self.bounds.depth {
            Some(Over::Depth)
        } else if self.elements > self.bounds.elements {
            Some(Over::Elements)
        } else if self.bytes > self.bounds.bytes {
            Some(Over::Bytes)
        } else {
            return;
        };
        self.open.truncate(1);
        if let Some(head) = self.open.first_mut() {
            head.take_nodes();
        }
    }
}

fn weight((namespace, name): &QName, attributes: &AttrMap) -> usize {
    let attributes: usize =
        attributes.iter().map(|((_, name), value)| weight::of_attribute(name.len(), value.len())).sum();
    weight::of_tag(namespace.len(), name.len()) + attributes
}

/// What counts as [`Bounds::bytes`], beside text.
pub(super) mod weight {
    pub(in super::super) fn of_tag(namespace: usize, name: usize) -> usize {
        namespace.saturating_sub(super::FREE_NAMESPACE) + name + 2
    }

    pub(in super::super) fn of_attribute(name: usize, value: usize) -> usize {
        name + value + 4
    }
}
