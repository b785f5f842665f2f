//! One element to bytes, with a fresh encoder each time so that a failure harms nobody else.
use super::{Element, StreamKind};

/// An element that cannot be written as XML 1.0 (a control character, an invalid name).
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot be written as XML: {0}")]
pub struct EncodeError(pub String);

/// Encodes one stanza for a stream of the given kind.
///
/// # Errors
/// When a text or an attribute holds a character that XML 1.0 forbids, or a name is not a valid XML name.
pub fn encode(_stanza: &Element, _kind: StreamKind) -> Result<bytes::Bytes, EncodeError> {
    todo!()
}
