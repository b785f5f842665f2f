//! Members who have left in a client of their own.
//!
//! On Prosody a client that unregisters (XEP-0045 section 7.10) loses its affiliation, and that is all. On ejabberd the same
//! request, or the end of the MUC/Sub subscription, leaves the affiliation as it is; nothing else there tells that a member
//! has gone. So a member whom the gateway subscribed, and who is subscribed no more, has left, and is removed for good.

use std::time::Duration;

use jid::BareJid;
use serde_json::Value;

use crate::chat::groups::Groups;
use crate::chat::groups::look::Look;
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;
use crate::link::Call;

/// Members without a subscription that are looked into in one call. A room of an XMPP client's own has many of them, and
/// none was ever subscribed by the gateway.
const SUSPECTS: usize = 200;
/// Longest time between the two steps that make a member.
const SETTLING: Duration = Duration::from_millis(500);

impl Groups {
    /// Takes those off who have left, in what was seen and on the server.
    pub(in crate::chat) async fn part_with_those_who_left(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        looks: &mut [Result<Look, ChatError>],
    ) {
        let mut suspects = Vec::new();
        for (index, look) in looks.iter().enumerate() {
            let Ok(look) = look else { continue };
            if look.subscribers_known {
                let members = self.belonging(&look.lists).into_iter();
                let plain = members.filter(|(_, affiliation)| *affiliation == Affiliation::Member);
                let unsubscribed = plain.filter(|(user, _)| !look.lists.is_subscribed(user));
                suspects.extend(unsubscribed.map(|(user, _)| (index, user)));
            }
        }
        if suspects.is_empty() || suspects.len() > SUSPECTS {
            return;
        }
        let subjects: Vec<Subject> = suspects.iter().map(|(_, user)| Subject::RoomsOf(user.clone())).collect();
        let records = self.records.records(call, realm, &subjects).await;
        for ((index, user), record) in suspects.into_iter().zip(records) {
            let (Some(room), Some(Ok(look))) = (rooms.get(index), looks.get_mut(index)) else { continue };
            let subscribed =
                |record: crate::chat::records::Record| record.notes.get(room.as_str()) == Some(&Value::Bool(true));
            if !record.is_ok_and(subscribed) {
                continue;
            }
            if !self.has_left(call, room, &user).await {
                continue;
            }
            look.lists.part_with(&user);
            match self.rooms.remove_members(call, room, std::slice::from_ref(&user)).await {
                Ok(_) => tracing::info!(request = %call.request, %room, %user, "has left the room in their client"),
                Err(error) => tracing::warn!(request = %call.request, %room, %user, %error, "left, and stays a member"),
            }
        }
    }

    /// Looks again: somebody may be adding them at this moment, and affiliation comes before subscription.
    async fn has_left(&self, call: &Call, room: &BareJid, user: &BareJid) -> bool {
        tokio::time::sleep(SETTLING).await;
        let lists = self.rooms.lists(call, room).await;
        lists.is_ok_and(|lists| lists.of(user) == Affiliation::Member && !lists.is_subscribed(user))
    }
}
