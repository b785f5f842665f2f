//! Reads many addresses of few domains: what is acceptable as a domain is looked at once for each.

use jid::{BareJid, DomainPart};

/// Reads addresses, one after the other.
#[derive(Debug, Default)]
pub struct Addresses {
    /// The last domain, as it was written and as it is.
    last: Option<(String, DomainPart)>,
}

impl Addresses {
    /// `text` as a bare JID; `None` when it is none.
    pub fn read(&mut self, text: &str) -> Option<BareJid> {
        let parts = text.split_once('@').filter(|(node, _)| !node.contains('/'));
        match (parts, &self.last) {
            (Some((node, written)), Some((last, domain))) if written == last => domain.with_node_str(node).ok(),
            (parts, _) => {
                let jid = BareJid::new(text).ok()?;
                // jid 0.12 takes the root's dot off a domain or leaves it, by what the node is like.
                self.last = parts
                    .filter(|(_, written)| !written.ends_with('.'))
                    .map(|(_, written)| (written.to_owned(), jid.domain().to_owned()));
                Some(jid)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the property below found, in either order.
    #[test]
    fn a_domain_with_the_dot_of_the_root_is_read_anew_for_each_node() {
        for texts in [["\u{e4}@h.", "a@h."], ["a@h.", "\u{e4}@h."]] {
            let mut addresses = Addresses::default();
            let read = texts.map(|text| addresses.read(text));
            assert_eq!(read, texts.map(|text| BareJid::new(text).ok()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn each_address_is_read_as_it_is_by_itself(
            texts in prop::collection::vec("[aB \u{e4}/@]{0,3}(@|/|)(h\\.org|H\\.org|\u{e4}|h|)\\.?(@|/a|)", 0..8),
        ) {
            let mut addresses = Addresses::default();
            for text in texts {
                prop_assert_eq!(addresses.read(&text), BareJid::new(&text).ok(), "{}", text);
            }
        }
    }
}
