//! The gateway's own helper module for Prosody (`config/mod_stanzagate.lua`).

use crate::xml::Element;
use crate::xml::element::el;

/// The namespace.
pub const NS: &str = "urn:stanzagate:helper:0";

/// Asks a room to empty its archive.
pub fn purge() -> Element {
    el("purge", NS)
}
