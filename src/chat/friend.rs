//! Friendships: entries on the rosters of both sides (RFC 6121 section 2), and who is online.

use jid::BareJid;

use super::{Call, Chat, ChatError, Realm};

/// A friendship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Friendship {
    /// Who began it.
    pub from: BareJid,
    /// With whom.
    pub to: BareJid,
    /// When, in milliseconds since 1970; 0 when that is not known (made by XMPP clients).
    pub since_ms: u64,
}

impl Chat {
    /// Makes two users friends: each on the other's roster with subscription `both`. Does nothing when they are.
    pub async fn befriend(
        &self,
        call: &Call,
        realm: &Realm,
        from: &BareJid,
        to: &BareJid,
    ) -> Result<Friendship, ChatError> {
        todo!("{call:?} {realm:?} {from} {to}")
    }

    /// The friendship of two users, in either order; `None` when they are no friends. Both must have accounts.
    pub async fn friendship(
        &self,
        call: &Call,
        realm: &Realm,
        one: &BareJid,
        other: &BareJid,
    ) -> Result<Option<Friendship>, ChatError> {
        todo!("{call:?} {realm:?} {one} {other}")
    }

    /// Ends a friendship: each is off the other's roster. Does nothing when there is none, or no such account.
    pub async fn unfriend(&self, call: &Call, realm: &Realm, one: &BareJid, other: &BareJid) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {one} {other}")
    }

    /// The friends of a user (subscription `both`), in order of their addresses.
    pub async fn friends(&self, call: &Call, user: &BareJid) -> Result<Vec<BareJid>, ChatError> {
        todo!("{call:?} {user}")
    }

    /// How many sessions each of `users` has, those of the gateway itself not counted; asked side by side.
    pub async fn sessions(&self, call: &Call, users: &[BareJid]) -> Vec<Result<usize, ChatError>> {
        todo!("{call:?} {users:?}")
    }
}
