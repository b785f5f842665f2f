//! Elements from parser events: no recursion, no unbounded memory.

use rxml::{AttrMap, Event, QName};

use super::bounds::{Bounds, Over, Weight};
use super::{CLIENT, COMPONENT, Element};

/// A finished top-level element.
#[derive(Debug)]
pub enum Built {
    /// The whole element.
    Whole(Element),
    /// The name and attributes of an element that exceeded a bound.
    Head(Element, Over),
}

/// The elements that are open, of a tree that is built.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Outermost first.
    open: Vec<Element>,
}

impl Tree {
    /// Opens an element.
    pub(super) fn start(&mut self, (namespace, name): QName, attributes: AttrMap) {
        let mut element = Element::bare(name, namespace);
        *element.attrs_mut() = attributes;
        self.open.push(element);
    }

    /// Adds text to the innermost open element; text between elements is ignored.
    pub(super) fn text(&mut self, text: String) {
        if let Some(innermost) = self.open.last_mut() {
            innermost.append_text(text);
        }
    }

    /// Closes the innermost open element; yields it when it was the outermost.
    pub(super) fn end(&mut self) -> Option<Element> {
        let closed = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.append_child(closed);
                None
            }
            None => Some(closed),
        }
    }

    /// Forgets what is open.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Keeps of all that is open the outermost element's name and attributes.
    fn keep_head(&mut self) {
        self.open.truncate(1);
        if let Some(head) = self.open.first_mut() {
            head.take_nodes();
        }
    }
}

/// Builds one element after another from the events of a namespace-aware parser, in constant work per event.
///
/// An element over a bound is followed to its end, keeping only its name and attributes.
#[derive(Debug)]
pub struct Builder {
    weight: Weight,
    /// Elements of a component stream's namespace are built in `jabber:client`.
    swap: bool,
    /// Only the outermost element once a bound was exceeded.
    tree: Tree,
}

impl Builder {
    /// A builder with no element open.
    pub fn new(bounds: Bounds) -> Self {
        Self { weight: Weight::new(bounds), swap: false, tree: Tree::default() }
    }

    /// As [`Builder::new`], for what a stream brings: elements of a component stream's namespace are built in
    /// `jabber:client`.
    pub fn for_stream(bounds: Bounds) -> Self {
        Self { swap: true, ..Self::new(bounds) }
    }

    /// True between two elements.
    pub fn is_idle(&self) -> bool {
        self.weight.is_outside()
    }

    /// The bound that the open element has exceeded.
    pub fn over(&self) -> Option<Over> {
        self.weight.over()
    }

    /// Opens an element.
    pub fn start(&mut self, (mut namespace, name): QName, attributes: AttrMap) {
        let was_over = self.over().is_some() && !self.is_idle();
        self.weight.start(namespace.len(), name.len(), weight(&attributes));
        if was_over {
            return;
        }
        if self.swap && namespace.as_str() == COMPONENT {
            namespace = CLIENT.into();
        }
        self.tree.start((namespace, name), attributes);
        self.check();
    }

    /// Adds text to the innermost open element; text between elements is ignored.
    pub fn text(&mut self, text: String) {
        if self.is_idle() || self.over().is_some() {
            return;
        }
        self.weight.text(text.len());
        self.tree.text(text);
        self.check();
    }

    /// Closes the innermost open element; yields it when it was the outermost.
    pub fn end(&mut self) -> Option<Built> {
        self.weight.end();
        match self.over() {
            None => self.tree.end().map(Built::Whole),
            Some(over) if self.is_idle() => self.tree.end().map(|head| Built::Head(head, over)),
            Some(_) => None,
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

    fn check(&mut self) {
        if self.over().is_some() {
            self.tree.keep_head();
        }
    }
}

fn weight(attributes: &AttrMap) -> usize {
    attributes.iter().map(|((_, name), value)| Weight::of_attribute(name.len(), value.len())).sum()
}
