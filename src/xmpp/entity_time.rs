//! Entity time (XEP-0202): in which time zone a server writes the times that it tells as text.

use xmpp_parsers::date::DateTime;
pub use xmpp_parsers::ns::TIME as NS;

use crate::xml::Element;
use crate::xml::element::{child_text, el};

/// Asks for an entity's time.
pub fn query() -> Element {
    el("time", NS)
}

/// The offset of its zone, such as `+02:00`.
pub fn offset(reply: &Element) -> Option<String> {
    child_text(reply.get_child("time", NS)?, "tzo", NS)
}

/// Reads `2026-11-21 12:07:15` in the zone of the given offset, in milliseconds since 1970.
pub fn local_ms(text: &str, offset: &str) -> Option<u64> {
    let time: DateTime = format!("{}{offset}", text.trim().replacen(' ', "T", 1)).parse().ok()?;
    u64::try_from(time.0.timestamp_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_zone_is_read_in_the_servers() {
        assert_eq!(local_ms("1970-01-02 00:00:00", "+00:00"), Some(86_400_000));
        assert_eq!(local_ms("1970-01-02 00:00:00", "+02:00"), Some(79_200_000));
        assert_eq!(local_ms("1970-01-02 00:00:00", "Z"), Some(86_400_000));
        for bad in ["Never", "Online", "", "2026-13-40 00:00:00", "1969-01-01 00:00:00"] {
            assert_eq!(local_ms(bad, "Z"), None, "{bad}");
        }
    }
}
