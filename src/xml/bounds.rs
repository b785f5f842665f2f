//! Bounds of one element that is read.

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
