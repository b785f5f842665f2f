//! Which rooms are a user's own: one question for each whose owners are not known. A list in pages would ask them all for
//! every page.

use std::collections::BTreeSet;

use jid::BareJid;

use crate::chat::groups::Groups;
use crate::chat::rooms::affiliations::LISTS;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;
use crate::link::Call;
use crate::xmpp::{iq, muc_admin};

impl Groups {
    /// Those of the rooms to which a user belongs, as [`Groups::groups_of`] knows them, whose owner they are and whose localpart
    /// `wanted` takes, in no order.
    ///
    /// # Errors
    /// As [`Groups::groups_of`].
    pub async fn owned_rooms(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<BareJid>, ChatError> {
        self.accounts.require_users(call, &[user]).await?;
        let (noted, shown) =
            tokio::join!(self.rooms.noted_rooms(call, realm, user), self.rooms.shown_rooms(call, user, &realm.rooms));
        let known: BTreeSet<BareJid> = noted?.into_iter().chain(shown?).collect();
        let rooms: Vec<BareJid> =
            known.into_iter().filter(|room| room.node().is_some_and(|node| wanted(node.as_str()))).collect();
        let [(owner, _), ..] = LISTS;
        let owners = |room: &BareJid| iq::get(&self.server.component, room.as_str(), muc_admin::list(owner));
        // That they are none is asked anew: a group that they were just given must not be missing.
        let (mut owned, open): (Vec<BareJid>, Vec<BareJid>) =
            rooms.into_iter().partition(|room| self.rooms.owners.holds(room, user) == Some(true));
        let answers = self.rooms.ask_lists(call, open.iter().map(owners).collect()).await;
        for (room, answer) in open.into_iter().zip(answers) {
            match self.rooms.read_lists(&room, std::iter::once(answer)) {
                Ok(lists) => {
                    self.rooms.owners.learn(&room, &lists);
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
