//! Friendships: entries on the rosters of both sides (RFC 6121 section 2), and who is online.

use std::time::Duration;

use futures::future::try_join;
use jid::BareJid;
use serde_json::{Value, json};

use crate::chat::accounts::Accounts;
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::clock::now_ms;
use crate::link::Call;
use crate::xml::GATEWAY;
use crate::xmpp::roster::Item;

/// How long lists are given to become what they should be before the steps are taken once more.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1000)];

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

impl Accounts {
    /// Makes two users friends: each on the other's roster with subscription `both`. Does nothing when they are. Names
    /// and groups that they gave each other stay.
    ///
    /// # Errors
    /// [`ChatError::UnknownUser`], a missing right or session grant, [`ChatError::Refused`] when one of them does not let
    /// it come about, for instance by blocking the other.
    pub async fn befriend(
        &self,
        call: &Call,
        realm: &Realm,
        from: &BareJid,
        to: &BareJid,
    ) -> Result<Friendship, ChatError> {
        if from == to {
            return Err(refused("nobody is a friend of their own"));
        }
        self.require_users(call, &[from, to]).await?;
        if self.are_friends(call, from, to).await? {
            return self.noted(call, realm, from, to).await;
        }
        self.make_friends(call, from, to).await?;
        let since_ms = now_ms();
        let note = json!({ "from": from.as_str(), "ms": since_ms });
        let (subject, key) = place(from, to);
        self.records
            .set_note(call, realm, &subject, key.as_str(), Some(&note))
            .await
            .map_err(|error| error.after("they are friends"))?;
        Ok(Friendship { from: from.clone(), to: to.clone(), since_ms })
    }

    /// The friendship of two users, in either order; `None` when they are no friends. Both must have accounts.
    pub async fn friendship(
        &self,
        call: &Call,
        realm: &Realm,
        one: &BareJid,
        other: &BareJid,
    ) -> Result<Option<Friendship>, ChatError> {
        self.require_users(call, &[one, other]).await?;
        if one == other || !self.are_friends(call, one, other).await? {
            return Ok(None);
        }
        self.noted(call, realm, one, other).await.map(Some)
    }

    /// Ends a friendship: each is off the other's roster. Does nothing when there is none, or no such account.
    pub async fn unfriend(&self, call: &Call, realm: &Realm, one: &BareJid, other: &BareJid) -> Result<(), ChatError> {
        if one == other {
            return Ok(());
        }
        let users = [one.clone(), other.clone()];
        let exist: Vec<bool> = self.exist(call, &users).await.into_iter().collect::<Result<_, _>>()?;
        // One after the other: what the server does to the second list on account of the first must not cross ours.
        for ((user, contact), exists) in [(one, other), (other, one)].into_iter().zip(exist) {
            if exists {
                let left = self.leave_roster(call, user, contact).await;
                left.map_err(|error| error.after("the two contact lists may be half changed"))?;
            }
        }
        let (subject, key) = place(one, other);
        self.records
            .set_note(call, realm, &subject, key.as_str(), None)
            .await
            .map_err(|error| error.after("they are friends no longer"))
    }

    /// The friends of a user (subscription `both`) on the served domains, in order of their addresses.
    pub async fn friends(&self, call: &Call, user: &BareJid) -> Result<Vec<BareJid>, ChatError> {
        self.require_users(call, &[user]).await?;
        let served = |jid: &BareJid| self.server.addresses.user(jid.as_str()).is_ok();
        let roster = self.roster(call, user).await?;
        let mut friends: Vec<BareJid> =
            roster.into_iter().filter(|item| item.is_mutual()).map(|item| item.jid).filter(served).collect();
        friends.sort_unstable();
        Ok(friends)
    }

    /// How many sessions each of `users` has, those of the gateway itself not counted; asked side by side. A session
    /// counts from its log-in on, with presence or without. Whoever has no account has none.
    pub async fn sessions(&self, call: &Call, users: &[BareJid]) -> Vec<Result<usize, ChatError>> {
        self.count_sessions(call, users).await
    }

    /// Who began a friendship, and when, as far as the gateway made it.
    async fn noted(&self, call: &Call, realm: &Realm, one: &BareJid, other: &BareJid) -> Result<Friendship, ChatError> {
        let (subject, key) = place(one, other);
        let note = self.records.note(call, realm, &subject, key.as_str()).await?;
        Ok(read(note.as_ref(), one, other))
    }
}

/// Where the note of a friendship is: with whoever's address sorts first, under the other's.
fn place<'a>(one: &'a BareJid, other: &'a BareJid) -> (Subject, &'a BareJid) {
    if one <= other { (Subject::FriendsOf(one.clone()), other) } else { (Subject::FriendsOf(other.clone()), one) }
}

fn read(note: Option<&Value>, one: &BareJid, other: &BareJid) -> Friendship {
    let began = note.and_then(|note| note.get("from")).and_then(Value::as_str);
    let (from, to) = if began == Some(other.as_str()) { (other, one) } else { (one, other) };
    let since_ms = note.and_then(|note| note.get("ms")).and_then(Value::as_u64).unwrap_or(0);
    Friendship { from: from.clone(), to: to.clone(), since_ms }
}

fn refused(text: &str) -> ChatError {
    ChatError::refused_by(GATEWAY, "not-acceptable", text)
}

impl Accounts {
    /// True when each has the other on their list with the subscription `both`.
    async fn are_friends(&self, call: &Call, one: &BareJid, other: &BareJid) -> Result<bool, ChatError> {
        let (ours, theirs) = try_join(self.roster(call, one), self.roster(call, other)).await?;
        let on = |roster: &[Item], jid: &BareJid| roster.iter().any(|item| item.jid == *jid && item.is_mutual());
        Ok(on(&ours, other) && on(&theirs, one))
    }

    async fn make_friends(&self, call: &Call, one: &BareJid, other: &BareJid) -> Result<(), ChatError> {
        for pause in PAUSES {
            let joined = self.join_rosters(call, one, other).await;
            joined.map_err(|error| error.after("the two contact lists may be half changed"))?;
            let friends = self.are_friends(call, one, other).await;
            if friends.map_err(|error| error.after("the two contact lists are changed"))? {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            let friends = self.are_friends(call, one, other).await;
            if friends.map_err(|error| error.after("the two contact lists are changed"))? {
                return Ok(());
            }
        }
        Err(refused("the two contact lists did not take the friendship: one may block the other"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_friendship_is_the_same_from_both_sides() {
        let (a, b) = (BareJid::new("a@x").expect("a JID"), BareJid::new("b@x").expect("a JID"));
        assert_eq!(place(&a, &b), place(&b, &a));
        let note = json!({"from": "b@x", "ms": 7});
        let seen = Friendship { from: b.clone(), to: a.clone(), since_ms: 7 };
        assert_eq!((read(Some(&note), &a, &b), read(Some(&note), &b, &a)), (seen.clone(), seen));
        for bad in [None, Some(&json!({"from": 1, "ms": "x"})), Some(&json!([]))] {
            assert_eq!(read(bad, &a, &b), Friendship { from: a.clone(), to: b.clone(), since_ms: 0 });
        }
    }
}
