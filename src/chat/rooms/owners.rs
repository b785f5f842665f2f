//! Who owns rooms, as far as it is known.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::kit::cache::Cache;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::types::room::Affiliation;

/// Rooms whose owners are remembered.
const REMEMBERED: usize = 100_000;

/// Who owns rooms, as the gateway has last seen it or changed it itself. What others change is seen a cache's life later.
pub(in crate::chat) struct Owners(Cache<BareJid, Arc<HashSet<BareJid>>>);

impl Owners {
    pub(in crate::chat) fn new(life: Duration) -> Owners {
        Owners(Cache::new(life, REMEMBERED))
    }

    /// Learns who is an owner by the lists of a room.
    pub(in crate::chat) fn learn(&self, room: &BareJid, lists: &RoomLists) {
        let owners = lists.affiliated().filter(|(_, affiliation)| *affiliation == Affiliation::Owner);
        self.0.insert(room.clone(), Arc::new(owners.map(|(user, _)| user.clone()).collect()));
    }

    /// The room is gone, or its owners have been changed.
    pub(in crate::chat) fn forget(&self, room: &BareJid) {
        self.0.remove(room);
    }

    /// Whether `user` is an owner; `None` when that is not known.
    pub(in crate::chat) fn holds(&self, room: &BareJid, user: &BareJid) -> Option<bool> {
        self.0.get(room).map(|owners| owners.contains(user))
    }
}
