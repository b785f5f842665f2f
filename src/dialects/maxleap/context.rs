//! What every endpoint is given: the verbs, the call, the app that calls; and its ids as addresses.

use std::sync::Arc;

use axum::http::StatusCode;
use jid::BareJid;

use super::error::{Code, Failure};
use crate::chat::kit::keyed_locks::{KeyGuard, KeyedLocks};
use crate::chat::types::address::Realm;
use crate::chat::types::user_id;
use crate::chat::{Call, Chat};
use crate::config::Config;

/// An app, as it was admitted.
#[derive(Debug, Clone)]
pub struct App {
    /// Its id.
    pub id: Arc<str>,
    /// Its hosts.
    pub realm: Realm,
}

/// One call.
pub struct Context<'a> {
    /// The verbs.
    pub chat: &'a Chat,
    /// Request id and deadline.
    pub call: &'a Call,
    /// The configuration.
    pub config: &'a Config,
    /// Who calls.
    pub app: &'a App,
    /// What is being changed.
    pub locks: &'a KeyedLocks,
}

/// Longest id, in characters.
const ID: usize = 128;

impl Context<'_> {
    /// The address of a user id.
    ///
    /// # Errors
    /// 5010 for one that is too long, 5001 for one that nobody can have.
    pub fn user(&self, id: &str) -> Result<BareJid, Failure> {
        self.local(id).and_then(|local| Ok(self.chat.addresses().user_at(&local, &self.app.realm.domain)?))
    }

    /// The address of a group or room id.
    ///
    /// # Errors
    /// As [`Context::user`].
    pub fn room(&self, id: &str) -> Result<BareJid, Failure> {
        self.local(id).and_then(|local| Ok(self.chat.addresses().room_at(&local, &self.app.realm.rooms)?))
    }

    /// Waits until no other call changes the group, room or user at `address`.
    ///
    /// # Errors
    /// 5002 when that is not within the call's time.
    pub async fn lock(&self, address: &BareJid) -> Result<KeyGuard, Failure> {
        self.lock_key(address.to_string()).await
    }

    /// As [`Context::lock`], for what is no address.
    pub async fn lock_key(&self, what: String) -> Result<KeyGuard, Failure> {
        self.locks.take(what, self.call.deadline).await.ok_or_else(|| {
            let text = "other calls are changing the same thing: nothing was done";
            Failure::new(Code::Server, text).with_status(StatusCode::SERVICE_UNAVAILABLE)
        })
    }

    /// The id of a user, group or room.
    pub fn id(&self, address: &BareJid) -> String {
        address.node().map(|node| user_id::id(node.as_str())).unwrap_or_default()
    }

    /// True for a user of the app's domain. Whoever else is in a room, an archive or on a roster has no id.
    pub fn is_user(&self, address: &BareJid) -> bool {
        address.node().is_some() && address.domain().as_str() == self.app.realm.domain
    }

    fn local(&self, id: &str) -> Result<String, Failure> {
        if id.chars().count() > ID {
            return Err(Failure::too_long("the id"));
        }
        user_id::localpart(id).ok_or_else(|| Failure::parameter(format!("{id:?} is not an id")))
    }
}
