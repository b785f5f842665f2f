//! Names of the records' nodes and items: any text as one that XML carries unchanged, and back.

use std::fmt::Write as _;

use jid::BareJid;
use sha2::{Digest as _, Sha256};

use crate::chat::records::Subject;

const USERS: &str = "stanzagate/user/";
const NUMBERS: &str = "stanzagate/number/";
/// Bytes of a node's name as Prosody's internal storage writes it into a file name, which takes 255 with what belongs
/// to it.
const LONGEST: usize = 220;

/// The node of a subject. Where its address would make the name too long, a digest stands for it.
pub(in crate::chat) fn node(subject: &Subject) -> String {
    let (prefix, jid) = match subject {
        Subject::User(jid) => (USERS, jid),
        Subject::Room(jid) => ("stanzagate/room/", jid),
        Subject::RoomsOf(jid) => ("stanzagate/rooms-of/", jid),
        Subject::FriendsOf(jid) => ("stanzagate/friends-of/", jid),
        Subject::Seen(jid) => ("stanzagate/seen/", jid),
    };
    let name = format!("{prefix}{}", escape(jid.as_str()));
    let stored: usize = name.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
    if stored <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(jid.as_str()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("{prefix}{digest}")
}

/// The node of a user's number.
pub(in crate::chat) fn number(number: u64) -> String {
    format!("{NUMBERS}{number}")
}

/// Whose number's node this is; `None` when it is no number's.
pub(in crate::chat) fn number_of(node: &str) -> Option<u64> {
    node.strip_prefix(NUMBERS)?.parse().ok()
}

/// True for a name of the gateway's.
pub(in crate::chat) fn is_record(node: &str) -> bool {
    node.starts_with("stanzagate/")
}

/// What the name of a user's node says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::chat) enum UserNode {
    /// Whose it is.
    Of(BareJid),
    /// That only its record says whose it is.
    Digest,
}

/// Whose node this is; `None` when it is not a user's.
pub(in crate::chat) fn user(node: &str) -> Option<UserNode> {
    let name = node.strip_prefix(USERS)?;
    if !name.contains('@') {
        return Some(UserNode::Digest);
    }
    BareJid::new(&unescape(name)?).ok().map(UserNode::Of)
}

/// True when a node's name does not say itself whose it is.
pub(in crate::chat) fn is_digest(node: &str) -> bool {
    !node.contains('@')
}

/// Writes the bytes of characters that XML attributes lose, or that servers give a meaning, as `%` and two digits.
pub(in crate::chat) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        if is_plain(c) {
            escaped.push(c);
        } else {
            for byte in c.encode_utf8(&mut buffer).bytes() {
                let _ = write!(escaped, "%{byte:02x}");
            }
        }
    }
    escaped
}

/// Not control characters and white space, which XML refuses or normalises; not the code points that are no
/// characters; not `!`, at which ejabberd parts a node's name from an item's.
fn is_plain(c: char) -> bool {
    !(c.is_control() || c.is_whitespace() || matches!(c, '%' | '!' | '\u{fffe}' | '\u{ffff}'))
}

/// Undoes [`escape`]; `None` for what it never writes.
pub(in crate::chat) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = escaped.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = escaped.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::StreamKind;
    use crate::xml::bounds::Bounds;
    use crate::xml::element::{Build, el};
    use crate::xml::encode::encode;
    use crate::xml::read::read_one;

    proptest! {
        #[test]
        fn any_text_travels_in_an_attribute(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert_eq!(unescape(&escaped), Some(text));
            let bytes = encode(&el("x", "urn:x").with("id", escaped.as_str()), StreamKind::Component).unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            let read = read_one(text, "urn:y", Bounds { depth: 2, bytes: 1 << 20, elements: 2 }).unwrap();
            prop_assert_eq!(read.attr("id"), Some(escaped.as_str()));
        }

        #[test]
        fn every_user_has_a_node_of_his_own(one in "[a-z!%~.]{1,30}", other in "[a-z!%~.]{1,30}") {
            let jid = |local: &str| BareJid::new(&format!("{local}@example.org")).unwrap();
            let node_of = |local: &str| node(&Subject::User(jid(local)));
            prop_assert_eq!(one == other, node_of(&one) == node_of(&other));
            prop_assert_eq!(user(&node_of(&one)), Some(UserNode::Of(jid(&one))));
        }
    }

    #[test]
    fn what_xml_or_a_server_would_change_is_escaped() {
        assert_eq!(escape("a \0\n%!\u{ffff}é😀"), "a%20%00%0a%25%21%ef%bf%bfé😀");
        for bad in ["%", "%4", "%zz", "%+1", "%ff", "a%é"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_long_address_has_a_node_of_bounded_length() {
        let jid = |local: &str| BareJid::new(&format!("{local}@example.org")).unwrap();
        let long = node(&Subject::User(jid(&"語".repeat(60))));
        assert!(long.len() < 100 && is_digest(&long), "{long}");
        assert_eq!(user(&long), Some(UserNode::Digest));
        assert_ne!(long, node(&Subject::User(jid(&"語".repeat(61)))));
        assert_eq!(user(&node(&Subject::RoomsOf(jid("alice")))), None);
    }
}
