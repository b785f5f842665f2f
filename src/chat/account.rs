//! Accounts: made, deleted and listed by the server's administrative commands (XEP-0133).

use jid::BareJid;

use super::{Call, Chat, ChatError, Realm};

impl Chat {
    /// Makes an account. False when there is one already, which stays as it is.
    pub async fn create_account(&self, call: &Call, user: &BareJid, password: &str) -> Result<bool, ChatError> {
        todo!("{call:?} {user} {}", password.len())
    }

    /// Deletes an account; one that is not there needs no deleting.
    pub async fn delete_account(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        todo!("{call:?} {user}")
    }

    /// Whether an account exists.
    pub async fn account_exists(&self, call: &Call, user: &BareJid) -> Result<bool, ChatError> {
        todo!("{call:?} {user}")
    }

    /// All accounts of the realm's domain, in order of their addresses.
    pub async fn accounts(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        todo!("{call:?} {realm:?}")
    }

    /// When each of `users` was last online, in milliseconds since 1970: now for those who are; `None` where the server
    /// cannot tell.
    pub async fn last_online(&self, call: &Call, users: &[BareJid]) -> Vec<Result<Option<u64>, ChatError>> {
        todo!("{call:?} {users:?}")
    }
}
