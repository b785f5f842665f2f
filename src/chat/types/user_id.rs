//! User ids of HTTP APIs, in which case counts, as localparts, in which it does not: one localpart for each id and back.
//!
//! An id of letters, digits, `_` and `-` is its own localpart, but for its capitals: `X` is written `~x`. `~` stands in no
//! id, so that no id is another's localpart. Accounts that were not made for such ids (`john.doe`, `张三`) are shown, and
//! may be named, by their localpart as it is.

use jid::NodePart;

/// Longest id that is written so, in characters.
const LONGEST: usize = 128;

/// Before a letter that is a capital in the id.
const CAPITAL: char = '~';

/// The localpart of an id; `None` when no account can have that id. Different ids have different localparts.
pub fn localpart(id: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=LONGEST).contains(&id.len()) && id.chars().all(plain) {
        return Some(escaped(id));
    }
    let foreign = !id.contains(|c: char| c == CAPITAL || c.is_uppercase());
    (foreign && NodePart::new(id).is_ok_and(|normal| normal.as_str() == id)).then(|| id.to_owned())
}

/// The id of a localpart: the one whose localpart it is, and where there is none, itself. One with capitals is in no normal
/// form, though characters younger than stringprep (Unicode 3.2) can fold to it, and is marked: it would be another's id.
pub fn id(localpart: &str) -> String {
    match unescaped(localpart) {
        Some(id) => id,
        None if localpart.contains(|c: char| c.is_ascii_uppercase()) => format!("{CAPITAL}{localpart}"),
        None => localpart.to_owned(),
    }
}

fn escaped(id: &str) -> String {
    let mut localpart = String::with_capacity(id.len().saturating_mul(2));
    for c in id.chars() {
        if c.is_ascii_uppercase() {
            localpart.push(CAPITAL);
        }
        localpart.push(c.to_ascii_lowercase());
    }
    localpart
}

/// The id that is written so; `None` for what [`escaped`] never writes.
fn unescaped(localpart: &str) -> Option<String> {
    let mut id = String::with_capacity(localpart.len());
    let mut rest = localpart.chars();
    while let Some(c) = rest.next() {
        id.push(match c {
            'a'..='z' | '0'..='9' | '_' | '-' => c,
            CAPITAL => rest.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase(),
            _ => return None,
        });
    }
    (id.len() <= LONGEST).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jid::BareJid;
    use proptest::prelude::*;

    use super::*;

    /// Texts that come near to ids: of the grammar, with what escapes and folds, and anything at all.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[A-Za-z0-9_-]{1,140}", "[aA~.é_É-]{1,6}", "[~a-z]{120,260}", "\\PC{0,12}", any::<String>()]
    }

    #[test]
    fn lower_case_ids_are_localparts_and_capitals_are_marked() {
        for (id, expected) in [
            ("testuser1", Some("testuser1")),
            ("a_b-9", Some("a_b-9")),
            ("Bob", Some("~bob")),
            ("BOB", Some("~b~o~b")),
            ("john.doe", Some("john.doe")),
            ("张三", Some("张三")),
            ("", None),
            ("~bob", None),
            ("John.Doe", None),
            ("É", None),
            ("Ⅷ", None),
            ("ﬁ", None),
            ("a@b", None),
            ("a/b", None),
            ("a b", None),
            ("a\0", None),
        ] {
            assert_eq!(localpart(id).as_deref(), expected, "{id:?}");
        }
        assert_eq!(localpart(&"A".repeat(128)).map(|local| local.len()), Some(256));
        assert_eq!(localpart(&"A".repeat(129)), None);
        assert_eq!(localpart(&"a".repeat(1024)), None);
    }

    #[test]
    fn a_localpart_that_no_id_gives_is_shown_as_it_is() {
        for as_it_is in ["~", "a~", "~1", "~~a", "~a.b", "john.doe", "~é"] {
            assert_eq!(id(as_it_is), as_it_is);
        }
        let too_long = "~a".repeat(129);
        assert_eq!(id(&too_long), too_long);
    }

    #[test]
    fn a_localpart_with_capitals_is_shown_as_nobodys_id() {
        let folded = NodePart::new("\u{1d2e}").unwrap();
        assert_eq!(folded.as_str(), "B");
        assert_eq!(id(&folded), "~B");
        assert_eq!(localpart("~B"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn an_id_comes_back(given in text()) {
            if let Some(local) = localpart(&given) {
                prop_assert_eq!(id(&local), given);
                let normal = BareJid::new(&format!("{local}@example.org")).unwrap();
                prop_assert_eq!(normal.node().unwrap().as_str(), local.as_str());
            }
        }

        #[test]
        fn every_id_of_the_grammar_has_a_localpart(given in "[A-Za-z0-9_-]{1,128}") {
            prop_assert_eq!(localpart(&given).map(|local| id(&local)), Some(given));
        }

        #[test]
        fn an_account_is_reached_by_no_id_but_its_own(given in text()) {
            if let Ok(normal) = NodePart::new(&given) {
                let shown = id(normal.as_str());
                prop_assert!(localpart(&shown).is_none_or(|local| local == normal.as_str()), "{}", shown);
            }
        }

        #[test]
        fn no_two_ids_share_a_localpart(ids in prop::collection::vec("[aA~_.é]{1,3}", 2..40)) {
            let mut owners = HashMap::new();
            for id in ids {
                if let Some(local) = localpart(&id) {
                    prop_assert_eq!(owners.entry(local).or_insert_with(|| id.clone()), &id);
                }
            }
        }
    }
}
