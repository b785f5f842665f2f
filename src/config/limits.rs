//! `[limits]`: bounds of what a caller may send.
use serde::{Deserialize, Serialize};

use super::error::Problems;

/// `[limits]`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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

/// Nesting beyond this is a danger to the servers themselves.
const MAX_DEPTH: usize = 100;

impl Limits {
    pub(super) fn validate(&self, problems: &mut Problems) {
        problems.not_zero("limits.xml_bytes", self.xml_bytes as u64);
        problems.not_zero("limits.xml_elements", self.xml_elements as u64);
        problems.not_zero("limits.list", self.list as u64);
        if !(2..=MAX_DEPTH).contains(&self.xml_depth) {
            problems
                .add("limits.xml_depth", format!("must be 2 to {MAX_DEPTH}: deeper stanzas endanger the XMPP server"));
        }
    }
}
