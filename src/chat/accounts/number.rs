//! Numbers of users, for APIs whose ids are integers: one for each user, and back.
//!
//! A localpart that is a number is its own, up to 2^52 - 1; nothing is asked or recorded. Any other user has one of a
//! few numbers from 2^52 to 2^53 - 1 that a hash of their address gives (in that range JavaScript is exact, and no phone
//! number meets them): the first that no other user holds. Who holds a number is recorded on the server when the user
//! is first asked about.
//!
//! Gateways need not know of each other. A number's record is made in one step that says whose it is, in which one of
//! many succeeds, and it never changes. So a number has one holder for ever. Whoever finds a number held by another
//! passes it over, and always will; whoever finds it free tries to take it and looks who has it then. So all who ask
//! for one user stop at the same number, at whatever step one of them fails. And two users whose hashes meet stop at
//! different ones.
//!
//! The number of an account that is deleted stays with its address: an account made anew at that address has it again.

use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::kit::cache::Cache;
use crate::chat::records::Holder;
use crate::chat::types::address::{AddressError, Realm};
use crate::chat::types::error::ChatError;
use crate::chat::types::number::derived;
use crate::chat::types::number::{DERIVED, TRIES};
use crate::link::Call;
use crate::xml::GATEWAY;

/// Numbers that are known without asking again, at most, and as many holders.
const KNOWN: usize = 100_000;

/// Numbers that were given out before. They never change, so they are believed for ever. Each pubsub service records its
/// own, so its name is part of both keys.
pub(in crate::chat) struct Known {
    numbers: Cache<(String, BareJid), u64>,
    users: Cache<(String, u64), BareJid>,
}

impl Default for Known {
    fn default() -> Self {
        Known { numbers: Cache::new(Duration::MAX, KNOWN), users: Cache::new(Duration::MAX, KNOWN) }
    }
}

impl Known {
    fn number(&self, service: &str, user: &BareJid) -> Option<u64> {
        self.numbers.get(&(service.to_owned(), user.clone()))
    }

    fn user(&self, service: &str, number: u64) -> Option<BareJid> {
        self.users.get(&(service.to_owned(), number))
    }

    fn learn(&self, service: &str, number: u64, user: &BareJid) {
        self.numbers.insert((service.to_owned(), user.clone()), number);
        self.users.insert((service.to_owned(), number), user.clone());
    }
}

impl Accounts {
    /// The numbers of users of the realm's domain, asked side by side, in their order: from 1 to 2^53 - 1. Whether they
    /// have accounts is not looked at. Those never asked about before are recorded.
    ///
    /// # Errors
    /// [`ChatError::Address`] for anybody else; a pubsub service that is missing or refuses, a node of that name that is
    /// not the gateway's, a link that fails.
    pub async fn numbers(&self, call: &Call, realm: &Realm, users: &[BareJid]) -> Vec<Result<u64, ChatError>> {
        let mut numbers: Vec<Result<Option<u64>, ChatError>> =
            users.iter().map(|user| self.number_at_hand(realm, user)).collect();
        for n in 0..TRIES {
            let open: Vec<(usize, &BareJid)> =
                users.iter().enumerate().filter(|(at, _)| matches!(numbers.get(*at), Some(Ok(None)))).collect();
            if open.is_empty() {
                break;
            }
            let claims: Vec<(u64, &BareJid)> = open.iter().map(|(_, user)| (derived(user, n), *user)).collect();
            let held = self.records.claim_numbers(call, &realm.pubsub, &claims).await;
            for (((at, _), (number, user)), holder) in open.iter().zip(claims).zip(held) {
                let found = holder.map(|holder| self.gained(realm, number, user, &holder));
                if let Some(place) = numbers.get_mut(*at) {
                    *place = found;
                }
            }
        }
        numbers.into_iter().zip(users).map(|(number, user)| number?.ok_or_else(|| none_left(user))).collect()
    }

    /// Whose number it is: the account at a number below 2^52, whoever it was given to above, whether they still have an
    /// account or not. None when it is nobody's of the realm's domain.
    ///
    /// # Errors
    /// As [`Accounts::numbers`].
    pub async fn user_of_number(&self, call: &Call, realm: &Realm, number: u64) -> Result<Option<BareJid>, ChatError> {
        if number == 0 || number >= DERIVED << 1 {
            return Ok(None);
        }
        if number < DERIVED {
            let user = BareJid::new(&format!("{number}@{}", realm.domain));
            let user = user.map_err(|error| AddressError::Invalid(realm.domain.clone(), error.to_string()))?;
            return Ok(self.account_exists(call, &user).await?.then_some(user));
        }
        let here = |user: &BareJid| user.domain().as_str() == realm.domain;
        if let Some(user) = self.numbers.user(&realm.pubsub, number) {
            return Ok(Some(user).filter(here));
        }
        match self.records.number_holders(call, &realm.pubsub, &[number]).await.pop().transpose()?.flatten() {
            Some(Holder::User(user)) => {
                self.numbers.learn(&realm.pubsub, number, &user);
                Ok(Some(user).filter(here))
            }
            Some(Holder::Nobody | Holder::Unsaid) | None => Ok(None),
        }
    }

    /// A number for which nothing need be asked; `None` when there is none.
    fn number_at_hand(&self, realm: &Realm, user: &BareJid) -> Result<Option<u64>, ChatError> {
        if user.domain().as_str() != realm.domain {
            return Err(AddressError::Domain(user.domain().to_string()).into());
        }
        let Some(local) = user.node() else { return Err(AddressError::NoLocalpart(user.to_string()).into()) };
        Ok(canonical(local.as_str()).or_else(|| self.numbers.number(&realm.pubsub, user)))
    }

    /// The number, when it is `user` who holds it.
    fn gained(&self, realm: &Realm, number: u64, user: &BareJid, holder: &Holder) -> Option<u64> {
        if !matches!(holder, Holder::User(other) if other == user) {
            tracing::info!(%user, number, ?holder, "another holds a number that the user might have had");
            return None;
        }
        self.numbers.learn(&realm.pubsub, number, user);
        Some(number)
    }
}

fn none_left(user: &BareJid) -> ChatError {
    ChatError::refused_by(GATEWAY, "conflict", format!("others hold all {TRIES} numbers that {user} might have"))
}

/// The number that a localpart is: decimal as one writes it, from 1 to 2^52 - 1. What is longer is a name like any other.
fn canonical(local: &str) -> Option<u64> {
    let digits = !local.starts_with('0') && local.bytes().all(|byte| byte.is_ascii_digit());
    local.parse().ok().filter(|number| digits && (1..DERIVED).contains(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_localpart_is_a_number_when_it_is_written_as_one() {
        for (local, number) in [
            ("1", Some(1)),
            ("13800138000", Some(13_800_138_000)),
            ("4503599627370495", Some((1 << 52) - 1)),
            ("4503599627370496", None),
            ("9007199254740991", None),
            ("99999999999999999999999", None),
            ("0", None),
            ("007", None),
            ("+7", None),
            ("-7", None),
            ("7.0", None),
            ("1e3", None),
            ("٣", None),
            ("alice", None),
            ("", None),
        ] {
            assert_eq!(canonical(local), number, "{local:?}");
        }
    }

    #[test]
    fn derived_numbers_are_those_of_all_versions() {
        let alice = BareJid::new("alice@example.org").unwrap();
        assert_eq!(
            [0, 1, 7].map(|n| derived(&alice, n)),
            [7_188_742_581_568_562, 4_980_489_288_655_713, 7_524_004_322_055_877]
        );
    }

    proptest! {
        #[test]
        fn a_number_and_its_localpart_are_one(number in 1..DERIVED) {
            prop_assert_eq!(canonical(&number.to_string()), Some(number));
        }

        #[test]
        fn a_text_that_is_a_number_is_written_back_the_same(local in "[0-9]{1,17}|\\PC{0,4}|[+-]?[0-9]{1,3}") {
            if let Some(number) = canonical(&local) {
                prop_assert_eq!(number.to_string(), local);
            }
        }

        #[test]
        fn derived_numbers_meet_neither_small_ones_nor_each_other(one in "[a-z0-9.]{1,20}", other in "[a-z0-9.]{1,20}") {
            let jid = |local: &str| BareJid::new(&format!("{local}@example.org")).unwrap();
            let all = |local: &str| (0..TRIES).map(|n| derived(&jid(local), n)).collect::<Vec<_>>();
            let (ours, theirs) = (all(&one), all(&other));
            prop_assert!(ours.iter().all(|number| (DERIVED..DERIVED << 1).contains(number)), "{:?}", ours);
            prop_assert!(ours.iter().enumerate().all(|(n, number)| !ours[..n].contains(number)), "{:?}", ours);
            prop_assert_eq!(one == other, ours.iter().any(|number| theirs.contains(number)));
        }
    }
}
