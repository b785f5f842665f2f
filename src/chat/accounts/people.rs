//! Steps of accounts and contact lists that both products take alike.

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::server::admin::{Refusal, unreadable};
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::session::RESOURCE_PREFIX;
use crate::xmpp::{commands, data_form};

impl Accounts {
    /// How many sessions each of `users` has, with presence or without, those of the gateway itself left out. None for
    /// one who has no account.
    pub(in crate::chat) async fn count_sessions(
        &self,
        call: &Call,
        users: &[BareJid],
    ) -> Vec<Result<usize, ChatError>> {
        let own = |resource: &String| resource.is_empty() || resource.starts_with(RESOURCE_PREFIX);
        let count = |resources: Vec<String>| resources.iter().filter(|name| !own(name)).count();
        if users.len() > 1
            && let Some(known) = self.resources(call, users).await
        {
            return known.into_iter().map(|known| Ok(known?.map_or(0, count))).collect();
        }
        let answers = self.server.command_for_each(call, users, commands::USER_STATS).await;
        answers
            .into_iter()
            .map(|answer| match answer? {
                Ok(answer) => {
                    let form = answer.form.ok_or_else(|| unreadable("user-stats"))?;
                    Ok(count(data_form::values(&form, "onlineresources")))
                }
                Err(Refusal::Note(_)) => Ok(0),
                Err(Refusal::Error(error)) if error.is("item-not-found") => Err(self.server.no_command()),
                Err(refusal) => Err(refusal.into()),
            })
            .collect()
    }

    /// Takes `contact` off the list of `user`, who has an account, and withdraws what they have asked of `contact`.
    pub(in crate::chat) async fn leave_roster(
        &self,
        call: &Call,
        user: &BareJid,
        contact: &BareJid,
    ) -> Result<(), ChatError> {
        let roster = self.roster(call, user).await?;
        let Some(item) = roster.iter().find(|item| item.jid == *contact) else { return Ok(()) };
        self.remove_contact(call, user, item).await
    }

    /// Makes an account; false when there is one.
    pub(in crate::chat) async fn add_account(
        &self,
        call: &Call,
        user: &BareJid,
        password: &str,
    ) -> Result<bool, ChatError> {
        let fields = [("accountjid", user.as_str()), ("password", password), ("password-verify", password)];
        let command = commands::execute_with(commands::ADD_USER, &fields);
        match self.server.command(call, user.domain().as_str(), command).await? {
            Ok(_) => {
                // What is still believed is of one that was deleted past the gateway.
                self.forget_user(user);
                Ok(true)
            }
            Err(refusal) if refusal.is("conflict") => Ok(false),
            Err(refusal) if refusal.is("item-not-found") => Err(self.server.no_command()),
            // Prosody says in words only why it did not.
            Err(refusal @ Refusal::Note(_)) if !self.has_account(call, user).await? => Err(refusal.into()),
            Err(Refusal::Note(_)) => Ok(false),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Deletes an account, and looks whether it is gone.
    pub(in crate::chat) async fn remove_account(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        let command = commands::execute_with(commands::DELETE_USER, &[("accountjids", user.as_str())]);
        let answer = self.server.command(call, user.domain().as_str(), command).await?;
        self.forget_user(user);
        self.server.sessions.forget(user).await;
        let there = self.has_account(call, user).await.map_err(|error| error.after("the account may be deleted"))?;
        match (there, answer) {
            (false, _) => Ok(()),
            (true, Err(refusal)) if refusal.is("item-not-found") => Err(self.server.no_command()),
            (true, Err(refusal)) => Err(refusal.into()),
            (true, Ok(_)) => Err(ChatError::refused_by(
                "the XMPP server",
                "not-allowed",
                format!("the account {user} is still there"),
            )),
        }
    }

    async fn has_account(&self, call: &Call, user: &BareJid) -> Result<bool, ChatError> {
        self.probe(call, std::slice::from_ref(user)).await.pop().unwrap_or(Ok(false))
    }
}
