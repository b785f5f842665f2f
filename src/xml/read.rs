//! Parses one complete element from text, within bounds.
use super::Element;

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

/// Why a text is not one acceptable element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not well-formed, or uses what XMPP forbids (doctype, entities, comments, processing instructions).
    #[error("not well-formed XML: {0}")]
    Malformed(String),
    /// Over the bound of nesting.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Over the bound of bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Over the bound of elements.
    #[error("more than {0} elements")]
    TooMany(usize),
    /// Something other than white space follows the element.
    #[error("something follows the element")]
    Trailing,
}

/// Parses exactly one element. An element without a namespace declaration gets `default_ns`.
///
/// # Errors
/// [`ReadError`] says which rule the text breaks.
pub fn read_one(_text: &str, _default_ns: &str, _bounds: Bounds) -> Result<Element, ReadError> {
    todo!()
}
