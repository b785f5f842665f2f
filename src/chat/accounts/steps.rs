//! The steps of accounts in which ejabberd and Prosody differ.

use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::{Accounts, ejabberd, prosody};
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::Call;
use crate::session::LoginToken;
use crate::xml::Element;
use crate::xmpp::roster::Item;

impl Accounts {
    /// Whether each of `users`, who are some, has an account.
    pub(super) async fn probe_each(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        match self.server.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::probe(self, call, users).await,
            Ok(Product::Prosody) => prosody::probe(self, call, users).await,
            Err(error) => users.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// The contact list of a user who has an account.
    pub(in crate::chat) async fn roster(&self, call: &Call, user: &BareJid) -> Result<Vec<Item>, ChatError> {
        match self.server.product(call).await? {
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
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::join(self, call, one, other).await,
            Product::Prosody => prosody::join(self, call, one, other).await,
        }
    }

    /// Takes a contact off a user's list.
    pub(super) async fn remove_contact(&self, call: &Call, user: &BareJid, item: &Item) -> Result<(), ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::leave(self, call, user, item).await,
            Product::Prosody => prosody::leave(self, call, user, item).await,
        }
    }

    /// All accounts of a domain, in no order.
    pub(in crate::chat) async fn all_accounts(&self, call: &Call, domain: &str) -> Result<Vec<BareJid>, ChatError> {
        match self.server.product(call).await? {
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
        match self.server.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::last_seen(self, call, users).await,
            Ok(Product::Prosody) => prosody::last_seen(self, call, users).await,
            Err(error) => users.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Has the server pass a message on to everybody who is online on the domain it is addressed to.
    pub(in crate::chat) async fn announce(&self, call: &Call, domain: &str, message: Element) -> Result<(), ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::announce(self, call, domain, message).await,
            Product::Prosody => prosody::announce(self, call, message).await,
        }
    }

    /// The resources of the sessions of each of `users`, all in one answer; `None` where the server gives no such answer, and
    /// for a user without an account. On ejabberd each is asked for by itself.
    pub(in crate::chat) async fn resources(
        &self,
        call: &Call,
        users: &[BareJid],
    ) -> Option<Vec<Result<Option<Vec<String>>, ChatError>>> {
        match self.server.product(call).await {
            Ok(Product::Prosody) => prosody::resources(self, call, users).await,
            Ok(Product::Ejabberd) | Err(_) => None,
        }
    }

    /// A log-in token for a client of `user`.
    pub(super) async fn make_token(
        &self,
        call: &Call,
        user: &BareJid,
        life: Duration,
    ) -> Result<LoginToken, ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::login_token(self, call, user, life).await,
            Product::Prosody => prosody::login_token(self, call, user, life).await,
        }
    }
}
