//! Which rooms are a user's own: one question for each.

use std::collections::BTreeSet;

use jid::BareJid;

use super::super::core::{Core, WINDOW};
use super::super::room::Affiliation;
use super::super::rooms::LISTS;
use super::super::{Call, ChatError, Realm};
use crate::xmpp::{iq, muc_admin};

impl Core {
    pub(super) async fn owned_rooms(
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
        let answers = self.ask_all(call, rooms.iter().map(owners).collect(), WINDOW).await;
        let mut owned = Vec::new();
        for (room, answer) in rooms.into_iter().zip(answers) {
            match self.read_lists(&room, std::iter::once(answer)) {
                Ok(lists) if lists.of(user) == Affiliation::Owner => owned.push(room),
                Ok(_) | Err(ChatError::UnknownRoom(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(owned)
    }
}
