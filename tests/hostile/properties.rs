//! Properties of what reads addresses, whatever callers send.

use jid::BareJid;
use proptest::prelude::*;
use stanzagate::chat::types::address::Addresses;
use stanzagate::config::server::Server;

fn addresses() -> Addresses {
    let served =
        Server { domain: "example.org".into(), domains: vec!["b\u{fc}cher.example".into()], ..Server::default() };
    Addresses::new(&served).expect("valid domains")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn addresses_are_of_served_domains_and_have_one_form(text in address_text()) {
        let all = addresses();
        for found in [all.user(&text), all.user_at(&text, "example.org")].into_iter().flatten() {
            prop_assert!(all.domains().any(|domain| domain == found.domain().as_str()), "{found}");
            prop_assert_eq!(all.user(found.as_str()), Ok(found.clone()));
            prop_assert_eq!(BareJid::new(found.as_str()).ok(), Some(found.clone()));
            prop_assert!(!found.as_str().contains(char::is_whitespace) && !found.as_str().contains('\0'));
        }
        for found in [all.room(&text), all.room_at(&text, "conference.example.org")].into_iter().flatten() {
            prop_assert!(all.domain_of(found.domain().as_str()).is_some(), "{found}");
            prop_assert_eq!(all.room(found.as_str()), Ok(found.clone()));
        }
    }

    #[test]
    fn spellings_that_differ_in_case_are_one_account(local in "[a-zA-Z0-9._-]{1,20}|\\p{Lu}\\p{Ll}{1,6}") {
        let all = addresses();
        if let Ok(found) = all.user_at(&local, "example.org") {
            for other in [local.to_lowercase(), local.to_uppercase()] {
                // Not every upper-case form has the same folding (U+0131); what is accepted in ASCII has.
                if local.is_ascii() {
                    prop_assert_eq!(all.user_at(&other, "EXAMPLE.org"), Ok(found.clone()));
                }
            }
            prop_assert_eq!(all.user_at(found.node().map_or("", |node| node.as_str()), "example.org"), Ok(found));
        }
    }
}

fn address_text() -> impl Strategy<Value = String> {
    let local = prop_oneof!["[a-z0-9._-]{1,8}".boxed(), "\\PC{0,6}".boxed(), ".{0,5}".boxed()];
    let domain = prop_oneof![
        Just("example.org".to_owned()),
        Just("EXAMPLE.ORG".to_owned()),
        Just("conference.example.org".to_owned()),
        Just("b\u{fc}cher.example".to_owned()),
        Just("evil.example".to_owned()),
        Just(String::new()),
        ".{0,6}".boxed(),
    ];
    let join = prop_oneof![Just("@"), Just("/"), Just(""), Just("@@"), Just("\0@")];
    let rest = prop_oneof![Just(String::new()), Just("/gw-1".to_owned()), "/.{0,4}".boxed()];
    (local, join, domain, rest).prop_map(|(local, join, domain, rest)| format!("{local}{join}{domain}{rest}"))
}
