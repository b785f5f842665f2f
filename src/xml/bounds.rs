//! Bounds of one element that is read, and its weight, which must stay within them.

/// Namespace bytes that are part of an element's fixed cost, bounded by the number of elements. Beyond them the
/// namespace counts: the tree copies it into every element, so a long inherited one would multiply.
const FREE_NAMESPACE: usize = 128;

/// Bounds of what is read. Over a bound the element is refused (fragments) or skipped and counted (streams).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Levels of nesting, the root being level 1.
    pub depth: usize,
    /// Bytes of names, attribute values and text.
    pub bytes: usize,
    /// Number of elements.
    pub elements: usize,
}

impl Bounds {
    /// No bounds, for what is known to be within some.
    pub(super) const NONE: Self = Self { depth: usize::MAX, bytes: usize::MAX, elements: usize::MAX };
}

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

/// What an element weighs as far as it is read. Over a bound it is followed to its end, but weighed no more.
#[derive(Debug)]
pub(super) struct Weight {
    bounds: Bounds,
    depth: usize,
    bytes: usize,
    elements: usize,
    over: Option<Over>,
}

impl Weight {
    /// No element is open.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, depth: 0, bytes: 0, elements: 0, over: None }
    }

    /// Begins with another element.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.bounds);
    }

    /// What an attribute weighs.
    pub(super) fn of_attribute(name: usize, value: usize) -> usize {
        name + value + 4
    }

    /// Opens an element with attributes of so much weight; the outermost one begins anew.
    pub(super) fn start(&mut self, namespace: usize, name: usize, attributes: usize) {
        if self.depth == 0 {
            (self.bytes, self.elements, self.over) = (0, 0, None);
        }
        self.depth += 1;
        if self.over.is_none() {
            self.elements += 1;
            self.bytes += namespace.saturating_sub(FREE_NAMESPACE) + name + 2 + attributes;
            self.check();
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, length: usize) {
        if self.over.is_none() {
            self.bytes += length;
            self.check();
        }
    }

    /// Closes the innermost open element.
    pub(super) fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// True between two elements.
    pub(super) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    /// The bound that the element has exceeded.
    pub(super) fn over(&self) -> Option<Over> {
        self.over
    }

    fn check(&mut self) {
        if self.depth > self.bounds.depth {
            self.over = Some(Over::Depth);
        } else if self.elements > self.bounds.elements {
            self.over = Some(Over::Elements);
        } else if self.bytes > self.bounds.bytes {
            self.over = Some(Over::Bytes);
        }
    }
}
