//! Whether accounts exist, which is believed for a while.

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::types::error::ChatError;
use crate::link::Call;

impl Accounts {
    /// Fails for the first of `users` that has no account.
    pub(in crate::chat) async fn require_users(&self, call: &Call, users: &[&BareJid]) -> Result<(), ChatError> {
        if users.iter().all(|user| self.known.get(*user).is_some()) {
            return Ok(());
        }
        let users: Vec<BareJid> = users.iter().map(|user| (*user).clone()).collect();
        // In a box: it is seldom needed, and every call would carry the room for it.
        for (user, exists) in users.iter().zip(Box::pin(self.exist(call, &users)).await) {
            if !exists? {
                return Err(ChatError::UnknownUser(user.clone()));
            }
        }
        Ok(())
    }

    /// Whether each of `users` has an account, side by side; what is known already is not asked.
    pub(in crate::chat) async fn exist(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        // Looked at once: what others learn or forget meanwhile must not shift the answers.
        let known: Vec<bool> = users.iter().map(|user| self.known.get(user).is_some()).collect();
        let unknown: Vec<BareJid> =
            users.iter().zip(&known).filter(|(_, known)| !**known).map(|(user, _)| user.clone()).collect();
        let answers = self.probe(call, &unknown).await;
        for (user, answer) in unknown.into_iter().zip(&answers) {
            if matches!(answer, Ok(true)) {
                self.known.insert(user, ());
            }
        }
        placed(&known, answers)
    }

    /// Forgets that an account exists.
    pub(in crate::chat) fn forget_user(&self, user: &BareJid) {
        self.known.remove(user);
        self.marks.remove(user);
    }

    /// Whether each account exists; asks the server every time.
    pub(in crate::chat) async fn probe(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        if users.is_empty() {
            return Vec::new();
        }
        self.probe_each(call, users).await
    }
}

/// The answers in the places of those who were asked about; whoever was known already exists.
fn placed(known: &[bool], answers: Vec<Result<bool, ChatError>>) -> Vec<Result<bool, ChatError>> {
    let mut answers = answers.into_iter();
    known.iter().map(|known| if *known { Ok(true) } else { answers.next().unwrap_or(Ok(false)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_stays_with_the_one_it_is_about() {
        let answers = vec![Ok(false), Err(ChatError::Config("x".into())), Ok(true)];
        let placed = placed(&[true, false, false, true, false], answers);
        let said: Vec<Option<bool>> = placed.into_iter().map(Result::ok).collect();
        assert_eq!(said, [Some(true), Some(false), None, Some(true), Some(true)]);
    }
}
