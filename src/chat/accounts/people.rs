//! Accounts, contact lists and announcements: each step, by product.

use jid::BareJid;

use crate::chat::Call;
use crate::chat::accounts::{ejabberd, prosody};
use crate::chat::server::Product;
use crate::chat::server::admin::Refusal;
use crate::chat::server::core::Core;
use crate::chat::types::error::ChatError;
use crate::xml::Element;
use crate::xmpp::commands;
use crate::xmpp::roster::Item;

impl Core {
    /// The contact list of a user who has an account.
    pub(in crate::chat) async fn roster(&self, call: &Call, user: &BareJid) -> Result<Vec<Item>, ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::roster(self, call, user).await,
            Product::Prosody => prosody::roster(self, call, user).await,
        }
    }

    /// Takes the steps after which two users are on each other's lists with the subscription `both`, whatever was there
    /// before. On ejabberd the lists may show it a moment later.
    pub(in crate::chat) async fn join_rosters(
        &self,
        call: &Call,
        one: &BareJid,
        other: &BareJid,
    ) -> Result<(), ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::join(self, call, one, other).await,
            Product::Prosody => prosody::join(self, call, one, other).await,
        }
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
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::leave(self, call, user, item).await,
            Product::Prosody => prosody::leave(self, call, user, item).await,
        }
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
        match self.command(call, user.domain().as_str(), command).await? {
            Ok(_) => {
                // What is still believed is of one that was deleted past the gateway.
                self.forget_user(user);
                Ok(true)
            }
            Err(refusal) if refusal.is("conflict") => Ok(false),
            Err(refusal) if refusal.is("item-not-found") => Err(self.no_command(self.product(call).await?)),
            // Prosody says in words only why it did not.
            Err(refusal @ Refusal::Note(_)) if !self.has_account(call, user).await? => Err(refusal.into()),
            Err(Refusal::Note(_)) => Ok(false),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Deletes an account, and looks whether it is gone.
    pub(in crate::chat) async fn remove_account(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        let command = commands::execute_with(commands::DELETE_USER, &[("accountjids", user.as_str())]);
        let answer = self.command(call, user.domain().as_str(), command).await?;
        self.forget_user(user);
        self.sessions.forget(user).await;
        let there = self.has_account(call, user).await.map_err(|error| error.after("the account may be deleted"))?;
        match (there, answer) {
            (false, _) => Ok(()),
            (true, Err(refusal)) if refusal.is("item-not-found") => Err(self.no_command(self.product(call).await?)),
            (true, Err(refusal)) => Err(refusal.into()),
            (true, Ok(_)) => Err(ChatError::Refused {
                by: "the XMPP server".into(),
                condition: "not-allowed".into(),
                text: Some(format!("the account {user} is still there")),
            }),
        }
    }

    async fn has_account(&self, call: &Call, user: &BareJid) -> Result<bool, ChatError> {
        self.probe(call, std::slice::from_ref(user)).await.pop().unwrap_or(Ok(false))
    }

    /// All accounts of a domain, in no order.
    pub(in crate::chat) async fn all_accounts(&self, call: &Call, domain: &str) -> Result<Vec<BareJid>, ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::accounts(self, call, domain).await,
            Product::Prosody => prosody::accounts(self, call, domain).await,
        }
    }

    /// When each of `users` of one domain was last online, in milliseconds since 1970.
    pub(in crate::chat) async fn last_seen(
        &self,
        call: &Call,
        users: &[BareJid],
    ) -> Vec<Result<Option<u64>, ChatError>> {
        match self.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::last_seen(self, call, users).await,
            Ok(Product::Prosody) => prosody::last_seen(self, call, users).await,
            Err(error) => users.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Has the server pass a message on to everybody who is online on the domain it is addressed to.
    pub(in crate::chat) async fn announce(&self, call: &Call, domain: &str, message: Element) -> Result<(), ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::announce(self, call, domain, message).await,
            Product::Prosody => prosody::announce(self, call, message).await,
        }
    }
}
