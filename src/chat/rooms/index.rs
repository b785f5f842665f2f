//! The index of each user's rooms: kept up by whoever changes members, for servers tell nobody's rooms to a component.
//!
//! It is no truth: rooms change without the gateway. Whoever reads it asks the rooms themselves, and mends it.

use jid::BareJid;
use serde_json::Value;

use crate::chat::records::Subject;
use crate::chat::rooms::Rooms;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::link::Call;

impl Rooms {
    /// Notes that `users` belong to `room`, for an API that asks for the rooms of a user, and whether all that makes them
    /// members was done (a subscription, on ejabberd). The membership itself is done: what fails here is logged.
    pub(in crate::chat) async fn note_members(&self, call: &Call, room: &BareJid, users: &[BareJid], whole: bool) {
        let Some(realm) = self.indexed(room, users) else { return };
        let subjects = subjects(users);
        let noted = self.records.set_note_of_each(call, realm, &subjects, room.as_str(), &Value::Bool(whole)).await;
        report(call, room, "was not noted among the rooms of its members", noted);
    }

    /// Notes that `users` do not belong to `room` any more.
    pub(in crate::chat) async fn unnote_members(&self, call: &Call, room: &BareJid, users: &[BareJid]) {
        let Some(realm) = self.indexed(room, users) else { return };
        let cleared = self.records.clear_note_of_each(call, realm, &subjects(users), room.as_str()).await;
        report(call, room, "stays noted among the rooms of former members", cleared);
    }

    /// Forgets what is recorded of a room that is gone.
    pub(in crate::chat) async fn forget_room(&self, call: &Call, room: &BareJid, members: &[BareJid]) {
        self.unnote_members(call, room, members).await;
        if let Some(realm) = self.indexed(room, std::slice::from_ref(room)) {
            let forgotten = self.records.forget(call, realm, &Subject::Room(room.clone())).await;
            report(call, room, "is gone, but not its record", vec![forgotten]);
        }
    }

    /// The rooms noted for a user.
    pub(in crate::chat) async fn noted_rooms(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
    ) -> Result<Vec<BareJid>, ChatError> {
        let record = self.records.record(call, realm, &Subject::RoomsOf(user.clone())).await?;
        let rooms = record.notes.keys().filter_map(|room| BareJid::new(room).ok());
        Ok(rooms.filter(|room| room.domain().as_str() == realm.rooms).collect())
    }

    /// Corrects what is noted for a user.
    pub(in crate::chat) async fn mend_rooms(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
        (found, stale): (&[BareJid], &[BareJid]),
    ) {
        let subject = Subject::RoomsOf(user.clone());
        for (rooms, value) in [(found, Some(Value::Bool(false))), (stale, None)] {
            for room in rooms {
                let mended = self.records.set_note(call, realm, &subject, room.as_str(), value.as_ref()).await;
                report(call, room, "is noted wrongly among a user's rooms", vec![mended]);
            }
        }
    }

    /// Where members of `room` are noted; `None` when there is nothing to note, or no API that asks.
    fn indexed(&self, room: &BareJid, users: &[BareJid]) -> Option<&Realm> {
        let asked = self.server.config.maxleap.enabled || self.server.config.rongcloud.enabled;
        self.server.addresses.realm_of_room(room).filter(|_| asked && !users.is_empty())
    }
}

fn subjects(users: &[BareJid]) -> Vec<Subject> {
    users.iter().cloned().map(Subject::RoomsOf).collect()
}

fn report(call: &Call, room: &BareJid, what: &str, outcomes: Vec<Result<(), ChatError>>) {
    let total = outcomes.len();
    let mut failed = outcomes.into_iter().filter_map(Result::err);
    if let Some(error) = failed.next() {
        let failed = failed.count() + 1;
        tracing::warn!(request = %call.request, %room, %error, "the room {what} ({failed} of {total})");
    }
}
