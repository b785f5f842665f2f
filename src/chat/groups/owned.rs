//! Which rooms are a user's own: one question for each whose owners are not known. A list in pages would ask them all for
//! every page.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::kit::cache::Cache;
use crate::chat::rooms::lifecycle::LISTS;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::server::core::Core;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;
use crate::xmpp::{iq, muc_admin};

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
    fn holds(&self, room: &BareJid, user: &BareJid) -> Option<bool> {
        self.0.get(room).map(|owners| owners.contains(user))
    }
}

impl Core {
    pub(in crate::chat) async fn owned_rooms(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<BareJid>, ChatError> {
        self.require_users(call, &[user]).await?;
        let (noted, shown) =
            tokio::join!(self.noted_rooms(call, realm, user), self.shown_rooms(call, user, &realm.rooms));
        let known: BTreeSet<BareJid> = noted?.into_iter().chain(shown?).collect();
        let rooms: Vec<BareJid> =
            known.into_iter().filter(|room| room.node().is_some_and(|node| wanted(node.as_str()))).collect();
        let [(owner, _), ..] = LISTS;
        let owners = |room: &BareJid| iq::get(&self.component, room.as_str(), muc_admin::list(owner));
        // That they are none is asked anew: a group that they were just given must not be missing.
        let (mut owned, open): (Vec<BareJid>, Vec<BareJid>) =
            rooms.into_iter().partition(|room| self.owners.holds(room, user) == Some(true));
        let answers = self.ask_lists(call, open.iter().map(owners).collect()).await;
        for (room, answer) in open.into_iter().zip(answers) {
            match self.read_lists(&room, std::iter::once(answer)) {
                Ok(lists) => {
                    self.owners.learn(&room, &lists);
                    if lists.of(user) == Affiliation::Owner {
                        owned.push(room);
                    }
                }
                Err(ChatError::UnknownRoom(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(owned)
    }
}
