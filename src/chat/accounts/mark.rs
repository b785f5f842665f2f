//! Telling an account from a later one of the same name, for tokens that must not outlive it.
//!
//! No server tells a component when an account was made. So the gateway leaves a mark in the account itself, in a node of
//! the user's own PEP service, which the server deletes with the account, by whichever way that happens. A token that names
//! the mark is good for this account only.
//!
//! Tokens that others sign know no mark, only when they were issued. For those the gateway also records that it has seen
//! an account of the name. An account without a mark whose name was seen before has been made since: tokens that were issued
//! before it was found are not for it. An account whose name is seen for the first time may be of any age, and so may its
//! tokens; nobody can tell those apart.

use std::time::Duration;

use jid::BareJid;
use serde_json::Value;

use crate::chat::accounts::Accounts;
use crate::chat::records::Subject;
use crate::chat::types::address::{AddressError, Realm};
use crate::chat::types::error::{ChatError, Kind};
use crate::clock::now_ms;
use crate::link::Call;
use crate::xml::Element;
use crate::xml::element::Build as _;
use crate::xmpp::account_mark::Item;
use crate::xmpp::{account_mark, iq};

/// Calls of a user that come to several gateways within so many milliseconds may be their first ones.
const AT_ONCE_MS: u64 = 10_000;
/// The note that an account of a name was seen.
const SEEN: &str = "account";
/// By how much the clocks of who issues tokens may differ from the gateway's, in milliseconds.
const LEEWAY_MS: f64 = 5_000.0;
/// How long to wait before each further look for a mark that was put down: some servers lose what is made at the same moment.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(400)];

/// The mark of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    items: Vec<Item>,
}

impl Mark {
    /// What a token names, so that it is good for this account only.
    pub fn id(&self) -> Option<&str> {
        self.items.first().map(|item| item.id.as_str())
    }

    /// Whether a token is for this account: by the mark that it names, else by when it was issued, in seconds since 1970.
    fn covers(&self, id: Option<&str>, issued: Option<f64>) -> bool {
        match id {
            Some(id) => self.items.iter().any(|item| item.id == id),
            None => {
                let since = self.items.iter().map(|item| item.since_ms).min().unwrap_or_default();
                since == 0 || issued.unwrap_or_default() * 1000.0 + LEEWAY_MS >= since as f64
            }
        }
    }
}

/// Whether a token is for the account with this mark; where the server keeps no marks, one that names a mark is for none.
pub fn is_for(mark: Option<&Mark>, id: Option<&str>, issued: Option<f64>) -> bool {
    match mark {
        Some(mark) => mark.covers(id, issued),
        None => id.is_none(),
    }
}

impl Accounts {
    /// The mark of a user's account, made where there is none; `None` where the server keeps no PEP nodes for users, so that
    /// accounts cannot be told apart. Believed for `server.cache_seconds`. That names were seen is recorded in `realm`.
    ///
    /// # Errors
    /// [`ChatError::UnknownUser`] for one without an account; records that cannot be read or written, a link that fails.
    pub async fn account_mark(&self, call: &Call, realm: &Realm, user: &BareJid) -> Result<Option<Mark>, ChatError> {
        if let Some(mark) = self.marks.get(user) {
            return Ok(mark);
        }
        let mark = Box::pin(self.find_mark(call, realm, user)).await?;
        self.marks.insert(user.clone(), mark.clone());
        Ok(mark)
    }

    /// As [`Accounts::account_mark`], in the realm of the user's domain.
    ///
    /// # Errors
    /// As [`Accounts::account_mark`]; also for a user of no served domain.
    pub async fn mark_of(&self, call: &Call, user: &BareJid) -> Result<Option<Mark>, ChatError> {
        let domain = user.domain().as_str();
        let realm = self.server.addresses.realms().find(|realm| realm.domain == domain);
        let realm = realm.ok_or_else(|| AddressError::Domain(domain.to_owned()))?;
        self.account_mark(call, realm, user).await
    }

    async fn find_mark(&self, call: &Call, realm: &Realm, user: &BareJid) -> Result<Option<Mark>, ChatError> {
        if let Some(mark) = self.read_mark(call, user).await? {
            return Ok(Some(mark));
        }
        // Another gateway's may be there, or this one's under another name: a user lets in whom they like, unasked.
        self.as_user(call, user, account_mark::admit(self.gateways())).await?;
        if let Some(mark) = self.read_mark(call, user).await? {
            return Ok(Some(mark));
        }
        self.must_be_there(call, user).await?;
        // Written down before the mark is, or a name might have been marked that counts as never seen.
        let since_ms = match self.was_seen(call, realm, user).await? {
            None => 0,
            Some(seen_ms) => {
                // By another gateway, perhaps, to which the user's first calls came as well: its mark is about to be there.
                if now_ms().saturating_sub(seen_ms) < AT_ONCE_MS
                    && let Some(mark) = self.await_mark(call, user).await?
                {
                    return Ok(Some(mark));
                }
                now_ms()
            }
        };
        let item = Item { id: format!("{:032x}", rand::random::<u128>()), since_ms };
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            for step in [account_mark::create(), account_mark::admit(self.gateways()), account_mark::publish(&item)] {
                self.as_user(call, user, step).await?;
            }
            if let Some(mark) = self.read_mark(call, user).await? {
                // One that went meanwhile must not leave its mark to the next.
                if let Err(error) = self.must_be_there(call, user).await {
                    self.as_user(call, user, account_mark::delete()).await?;
                    return Err(error);
                }
                return Ok(Some(mark));
            }
        }
        tracing::warn!(%user, "the server keeps no mark of an account (PEP): tokens of this user will outlive it");
        Ok(None)
    }

    async fn await_mark(&self, call: &Call, user: &BareJid) -> Result<Option<Mark>, ChatError> {
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            if let Some(mark) = self.read_mark(call, user).await? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// Notes that an account of this name was seen, and says when one was before.
    async fn was_seen(&self, call: &Call, realm: &Realm, user: &BareJid) -> Result<Option<u64>, ChatError> {
        let subject = Subject::Seen(user.clone());
        match self.records.record(call, realm, &subject).await {
            Ok(record) if record.notes.contains_key(SEEN) => {
                Ok(Some(record.notes.get(SEEN).and_then(Value::as_u64).unwrap_or_default()))
            }
            Ok(_) => {
                self.records.set_note(call, realm, &subject, SEEN, Some(&Value::from(now_ms()))).await?;
                Ok(None)
            }
            // Without a place for records nothing is known of names.
            Err(error) if error.kind() == Kind::MissingRight => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn must_be_there(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        match self.probe(call, std::slice::from_ref(user)).await.pop() {
            Some(Ok(true)) => Ok(()),
            Some(Err(error)) => Err(error),
            Some(Ok(false)) | None => {
                self.forget_user(user);
                Err(ChatError::UnknownUser(user.clone()))
            }
        }
    }

    async fn read_mark(&self, call: &Call, user: &BareJid) -> Result<Option<Mark>, ChatError> {
        let answer =
            self.server.ask(call, iq::get(&self.server.component, user.as_str(), account_mark::query())).await?;
        // Whatever the refusal says: servers say the same of a node that is not there and of one that others may read.
        let items = answer.map(|reply| account_mark::read(&reply)).unwrap_or_default();
        Ok((!items.is_empty()).then_some(Mark { items }))
    }

    /// Sends a request in the user's own name to their own account. Its answer goes to them, if anywhere: what came of it is
    /// looked at afterwards.
    async fn as_user(&self, call: &Call, user: &BareJid, payload: Element) -> Result<(), ChatError> {
        let request = iq::set(user.as_str(), user.as_str(), payload).with("id", self.server.link.new_id(call));
        Ok(self.server.link.send(call, &request).await?)
    }

    fn gateways(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.server.component.as_str()).chain(self.server.siblings.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_account_by_its_mark_or_by_its_age() {
        let mark = |items: &[(&str, u64)]| Mark {
            items: items.iter().map(|(id, since_ms)| Item { id: (*id).to_owned(), since_ms: *since_ms }).collect(),
        };
        let (old, new) = (mark(&[("a", 0)]), mark(&[("b", 2_000_000_000_000), ("c", 2_000_000_001_000)]));
        assert!(old.covers(Some("a"), None) && new.covers(Some("b"), None) && new.covers(Some("c"), Some(1.0)));
        assert!(!old.covers(Some("b"), None) && !new.covers(Some("a"), Some(2_000_000_100.0)));
        // Of any age, when nobody knows how old the account is.
        assert!(old.covers(None, None) && old.covers(None, Some(1.5)));
        assert!(new.covers(None, Some(2_000_000_000.25)) && new.covers(None, Some(1_999_999_995.5)));
        assert!(!new.covers(None, Some(1_999_999_994.5)) && !new.covers(None, None));
    }
}
