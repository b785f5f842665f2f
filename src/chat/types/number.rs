//! The numbers that a hash of a user's address gives.

use jid::BareJid;
use sha2::{Digest as _, Sha256};

/// Numbers below are those of numeric localparts; those from here up to twice as much are derived.
pub(in crate::chat) const DERIVED: u64 = 1 << 52;
/// Numbers that a user may have. Two would do: of a billion users hardly a hundred meet in the first.
pub(in crate::chat) const TRIES: u8 = 8;

/// The numbers that a user might have had before `number`, if that is one of theirs.
pub(in crate::chat) fn numbers_before(user: &BareJid, number: u64) -> impl Iterator<Item = u64> {
    let at = (0..TRIES).find(|n| derived(user, *n) == number).unwrap_or(0);
    (0..at).map(|n| derived(user, n))
}

/// The number that a user has when others hold the `n` before it. It must stay the same in all versions of the gateway.
pub(in crate::chat) fn derived(user: &BareJid, n: u8) -> u64 {
    let digest = Sha256::new().chain_update(user.as_str()).chain_update([0, n]).finalize();
    let hash = digest.iter().take(8).fold(0, |hash: u64, byte| hash << 8 | u64::from(*byte));
    DERIVED | hash >> 12
}
