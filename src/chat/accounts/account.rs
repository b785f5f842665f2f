//! Accounts: made, deleted and listed by the server's administrative commands (XEP-0133).

use std::collections::BTreeMap;

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::GATEWAY;

impl Accounts {
    /// True when `password` is the XMPP password of `user`.
    pub async fn check_password(&self, call: &Call, user: &BareJid, password: &str) -> Result<bool, ChatError> {
        Ok(self.server.sessions.check_password(call, user, password).await?)
    }

    /// The user at an address from outside, when it is of a served domain.
    pub(in crate::chat) fn served(&self, user: &BareJid) -> Option<BareJid> {
        self.server.addresses.user(user.as_str()).ok()
    }

    /// Makes an account. False when there is one already, which stays as it is.
    ///
    /// # Errors
    /// [`ChatError::Refused`] for a password that is empty or holds control characters, [`ChatError::Right`] when the
    /// server does not let the gateway do this.
    pub async fn create_account(&self, call: &Call, user: &BareJid, password: &str) -> Result<bool, ChatError> {
        if password.is_empty() || password.chars().any(char::is_control) {
            return Err(ChatError::refused_by(
                GATEWAY,
                "not-acceptable",
                "a password is neither empty nor holds control characters",
            ));
        }
        self.add_account(call, user, password).await
    }

    /// Deletes an account; one that is not there needs no deleting.
    ///
    /// # Errors
    /// [`ChatError::Right`] when the server does not let the gateway do this.
    pub async fn delete_account(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        self.remove_account(call, user).await
    }

    /// Whether an account exists.
    pub async fn account_exists(&self, call: &Call, user: &BareJid) -> Result<bool, ChatError> {
        self.exist(call, std::slice::from_ref(user)).await.pop().unwrap_or(Ok(false))
    }

    /// Whether each of `users` has an account, asked side by side.
    pub async fn accounts_exist(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        self.exist(call, users).await
    }

    /// All accounts of the realm's domain, in order of their addresses.
    ///
    /// # Errors
    /// [`ChatError::Right`] when the server does not let the gateway list them. More than 60,000 on ejabberd are more
    /// than the link takes in one answer: then there is none.
    pub async fn accounts(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        let mut all = self.all_accounts(call, &realm.domain).await?;
        all.sort_unstable();
        Ok(all)
    }

    /// When each of `users` was last online, in milliseconds since 1970: now for those who are; `None` where the server
    /// cannot tell, for want of mod_last (ejabberd) or the helper module (Prosody). Exact to the second, and where the
    /// server has daylight saving time to the hour. For one who was never online ejabberd tells when their account was made,
    /// Prosody 0. ejabberd takes for online whom the gateway has a session for: it did something in their name within the
    /// last `sessions.idle_seconds`.
    pub async fn last_online(&self, call: &Call, users: &[BareJid]) -> Vec<Result<Option<u64>, ChatError>> {
        let mut domains: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, user) in users.iter().enumerate() {
            domains.entry(user.domain().as_str()).or_default().push(n);
        }
        let mut seen: Vec<_> = users.iter().map(|_| Ok(None)).collect();
        for places in domains.into_values() {
            let asked: Vec<BareJid> = places.iter().filter_map(|n| users.get(*n)).cloned().collect();
            for (n, answer) in places.into_iter().zip(self.last_seen(call, &asked).await) {
                if let Some(place) = seen.get_mut(n) {
                    *place = answer;
                }
            }
        }
        seen
    }
}
