//! `[limits]`: bounds of what a caller may send.
use serde::Deserialize;

/// `[limits]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of XML in one message.
    pub xml_bytes: usize,
    /// Levels of nesting in one message.
    pub xml_depth: usize,
    /// Elements in one message.
    pub xml_elements: usize,
    /// Entries of one list (recipients, members, messages of a batch).
    pub list: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { xml_bytes: 65_536, xml_depth: 32, xml_elements: 1_000, list: 10_000 }
    }
}
