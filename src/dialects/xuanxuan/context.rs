//! What every method is given: the verbs, the call, the hosts; and a group's address.

use jid::BareJid;

use super::error::Failure;
use super::sender::Sender;
use crate::chat::types::address::Realm;
use crate::chat::{Call, Chat};
use crate::config::Config;

/// What every method is given.
pub struct Context<'a> {
    /// The verbs.
    pub chat: &'a Chat,
    /// Request id and deadline.
    pub call: &'a Call,
    /// The configuration.
    pub config: &'a Config,
    /// The hosts.
    pub realm: &'a Realm,
    /// The user in whose name users are notified.
    pub sender: &'a Sender,
}

impl Context<'_> {
    /// The address of a group.
    ///
    /// # Errors
    /// For an id that no group can have, as for one that none has.
    pub fn room(&self, gid: &str) -> Result<BareJid, Failure> {
        self.chat.addresses().room_at(gid, &self.realm.rooms).map_err(|_| Failure::unknown_group(gid))
    }
}
