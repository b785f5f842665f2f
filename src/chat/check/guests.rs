//! Throw-away accounts: what cannot be tried in nobody's name is tried in theirs, and no user has any of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jid::BareJid;
use tokio::runtime::Handle;

use crate::chat::accounts::Accounts;
use crate::chat::check::Check;
use crate::chat::server::Server;
use crate::chat::types::error::ChatError;
use crate::chat::types::trial;
use crate::link::Call;

/// Longest wait until one is deleted, even where the time for trying is over.
const DELETING: Duration = Duration::from_secs(5);

/// In whose name something is tried.
pub(in crate::chat) struct Who {
    /// Whom the operator named.
    given: Option<BareJid>,
    guests: Guests,
    /// Why there is none on some domain.
    refused: Option<String>,
}

/// One account of each domain on which the gateway may make any. They are deleted, also when whoever made them has left.
struct Guests {
    server: Arc<Server>,
    accounts: Arc<Accounts>,
    made: Vec<BareJid>,
}

impl Who {
    /// Somebody of the domain who has an account: whom the operator named, else a guest.
    pub(in crate::chat) fn at(&self, domain: &str) -> Option<&BareJid> {
        self.given.as_ref().filter(|user| user.domain().as_str() == domain).or_else(|| self.guest(domain))
    }

    /// A guest of the domain, to whom may be done what no user would like.
    pub(in crate::chat) fn guest(&self, domain: &str) -> Option<&BareJid> {
        self.guests.made.iter().find(|user| user.domain().as_str() == domain)
    }

    /// Whether they could be made.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::chat) fn made(&self) -> Result<(), String> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// Deletes the guests with all that belongs to them. Tells whether they could be made and deleted, and who is left.
    pub(in crate::chat) async fn leave(mut self) -> (Result<String, String>, Vec<String>) {
        let Guests { server, accounts, made } = &self.guests;
        let left = delete(server, accounts, made).await;
        self.guests.made.clear();
        let made = match self.refused.as_ref().or(left.first()) {
            None => Ok("an account was made and deleted".into()),
            Some(why) => Err(why.clone()),
        };
        (made, left)
    }
}

impl Check<'_> {
    /// Makes the guests. Where that is not allowed there is none.
    pub(in crate::chat) async fn receive(&self, given: Option<&BareJid>) -> Who {
        let domains: BTreeSet<&str> = self.server.addresses.realms().map(|realm| realm.domain.as_str()).collect();
        let name = trial::name();
        let users: Vec<BareJid> =
            domains.into_iter().filter_map(|domain| self.server.addresses.user_at(&name, domain).ok()).collect();
        // All of them from the start: who leaves in the middle, or hears nothing, may have made one.
        let mut guests =
            Guests { server: Arc::clone(self.server), accounts: Arc::clone(self.accounts), made: users.clone() };
        let made = join_all(users.iter().map(|user| async move {
            let password = format!("{:032x}", rand::random::<u128>());
            (user, self.accounts.create_account(&self.call(), user, &password).await)
        }));
        let mut refused = None;
        for (user, made) in made.await {
            let why = match made {
                Ok(true) => continue,
                Ok(false) => format!("{user} exists already: try again"),
                Err(error) => {
                    if matches!(error, ChatError::Link(_)) {
                        // It may come about after all. The server answers nothing now: this waits for nobody.
                        let mut unsure = guests.empty();
                        unsure.made.push(user.clone());
                        drop(unsure);
                    }
                    error.to_string()
                }
            };
            guests.made.retain(|known| known != user);
            refused.get_or_insert(why);
        }
        Who { given: given.cloned(), guests, refused }
    }
}

impl Guests {
    /// None of them, on the same server.
    fn empty(&self) -> Guests {
        Guests { server: Arc::clone(&self.server), accounts: Arc::clone(&self.accounts), made: Vec::new() }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        let users = std::mem::take(&mut self.made);
        if users.is_empty() {
            return;
        }
        let (server, accounts) = (Arc::clone(&self.server), Arc::clone(&self.accounts));
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { drop(delete(&server, &accounts, &users).await) });
        }
    }
}

impl Check<'_> {
    /// Deletes those among `accounts` whose trial was killed before it could. Tells who is left.
    pub(in crate::chat) async fn sweep(&self, accounts: &[BareJid]) -> Vec<String> {
        let is_left = |user: &&BareJid| user.node().is_some_and(|node| trial::is_left_behind(node));
        let left: Vec<BareJid> = accounts.iter().filter(is_left).cloned().collect();
        delete(self.server, self.accounts, &left).await
    }
}

async fn delete(server: &Server, accounts: &Accounts, users: &[BareJid]) -> Vec<String> {
    let deleted = users.iter().map(|user| async move {
        let call = Call::new("check".into(), Instant::now() + DELETING);
        // The link may have fallen meanwhile.
        let _ = server.link.back(call.deadline).await;
        server.sessions.forget(user).await;
        let deleted = accounts.delete_account(&call, user).await;
        deleted.err().map(|error| format!("the throw-away account {user} could not be deleted, delete it: {error}"))
    });
    let left: Vec<String> = join_all(deleted).await.into_iter().flatten().collect();
    left.iter().for_each(|left| tracing::warn!("{left}"));
    left
}
