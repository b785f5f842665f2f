//! Making, changing and destroying groups and rooms.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jid::BareJid;
use serde_json::{Map, Value};

use crate::chat::groups::{CREATED, Groups, KIND, NAME, NewGroup, shown_name, text_of};
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::{all, summary};
use crate::chat::types::room::{Affiliation, MemberOutcome, NewRoom};
use crate::clock::now_ms;
use crate::link::Call;
use crate::xmpp::{iq, muc};

/// How long destroying what could not be finished may take.
const UNDO: Duration = Duration::from_secs(10);

impl Groups {
    /// Makes a group or room whole, or not at all: what could not be finished is destroyed again.
    ///
    /// # Errors
    /// An unknown owner or member, found before anything is made; a room of that address; what a step was refused with.
    /// [`ChatError::Partial`] when what was made could not be destroyed.
    pub async fn make_group(&self, call: &Call, realm: &Realm, new: &NewGroup) -> Result<(), ChatError> {
        let people: Vec<&BareJid> = new.owner.iter().chain(&new.members).collect();
        self.accounts.require_users(call, &people).await?;
        let room = NewRoom {
            room: new.room.clone(),
            owner: new.owner.clone(),
            name: shown_name(&new.name),
            description: String::new(),
            members_only: new.kind == super::GroupKind::Group,
        };
        self.rooms.make_room(call, &room).await?;
        let Err(error) = self.furnish_group(call, realm, new).await else { return Ok(()) };
        // The caller's time may be what has run out.
        let last = Call::new(call.request.clone(), Instant::now() + UNDO);
        match self.destroy_group(&last, realm, &new.room).await {
            Ok(()) => Err(error),
            Err(left) => Err(ChatError::Partial(format!("{error}; what was made of {} is left: {left}", new.room))),
        }
    }

    /// Records what a new room is, and adds its members.
    async fn furnish_group(&self, call: &Call, realm: &Realm, new: &NewGroup) -> Result<(), ChatError> {
        let subject = Subject::Room(new.room.clone());
        // Of a room of that name which ended without the gateway.
        self.records.forget(call, realm, &subject).await?;
        let mut notes = vec![(KIND, new.kind.write()), (CREATED, Value::from(now_ms()))];
        notes.extend(new.note.clone());
        self.records.set_notes(call, realm, &subject, &notes).await?;
        if !new.name.is_empty() {
            let name = Map::from_iter([(NAME.to_owned(), Value::from(new.name.as_str()))]);
            self.records.merge_attributes(call, realm, &subject, &name).await?;
        }
        if let Some((content_type, image)) = &new.avatar {
            // A server whose rooms have no vCards shows none: that is no reason to have no group.
            self.rooms.set_room_avatar(call, &new.room, content_type, image).await?;
        }
        let members: Vec<BareJid> =
            new.members.iter().filter(|member| Some(*member) != new.owner.as_ref()).cloned().collect();
        let outcomes = self.rooms.add_members(call, &new.room, new.owner.as_ref(), &members).await?;
        outcomes.into_iter().try_for_each(|outcome| outcome.result)
    }

    /// Destroys a group or room, with its record.
    pub async fn destroy_group(&self, call: &Call, realm: &Realm, room: &BareJid) -> Result<(), ChatError> {
        self.rooms.destroy_room(call, room, "").await?;
        let forgotten = self.records.forget(call, realm, &Subject::Room(room.clone())).await;
        forgotten.map_err(|error| error.after("the room is destroyed"))
    }

    /// Gives a group another owner; the old ones become members.
    pub async fn set_owner(&self, call: &Call, room: &BareJid, owner: &BareJid) -> Result<(), ChatError> {
        self.accounts.require_users(call, &[owner]).await?;
        let lists = self.rooms.lists(call, room).await?;
        if lists.of(owner) < Affiliation::Member {
            let added = self.rooms.add_members(call, room, None, std::slice::from_ref(owner)).await?;
            added.into_iter().try_for_each(|outcome| outcome.result)?;
        }
        if lists.of(owner) < Affiliation::Owner {
            let raised =
                async { all(self.rooms.set_affiliations(call, room, "owner", &[(owner.clone(), None)]).await?) };
            let member = |error: ChatError| match lists.of(owner) < Affiliation::Member {
                true => error.after("the new owner is a member"),
                false => error,
            };
            raised.await.map_err(member)?;
        }
        let old = |(user, affiliation): &(BareJid, Affiliation)| *affiliation == Affiliation::Owner && user != owner;
        let old: Vec<_> = self.belonging(&lists).into_iter().filter(old).map(|(user, _)| (user, None)).collect();
        let lowered = async { all(self.rooms.set_affiliations(call, room, "member", &old).await?) };
        lowered.await.map_err(|error| error.after("the new owner is one, the old ones still are"))
    }

    /// Makes exactly `members` (and the owners) the members. One outcome for each who was added or removed.
    pub async fn set_members(
        &self,
        call: &Call,
        room: &BareJid,
        members: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        let people = self.belonging(&self.rooms.lists(call, room).await?);
        let before: HashSet<&BareJid> = people.iter().map(|(user, _)| user).collect();
        let wanted: HashSet<&BareJid> = members.iter().collect();
        let new: Vec<BareJid> = members.iter().filter(|member| !before.contains(member)).cloned().collect();
        let gone =
            |(user, affiliation): &&(BareJid, Affiliation)| *affiliation < Affiliation::Owner && !wanted.contains(user);
        let gone: Vec<BareJid> = people.iter().filter(gone).map(|(user, _)| user.clone()).collect();
        // Nobody else's address may the gateway write as the sender of an invitation.
        let served = |user: &BareJid| self.server.addresses.user(user.as_str()).is_ok();
        let owner = people.iter().find(|(user, affiliation)| *affiliation == Affiliation::Owner && served(user));
        let owner = owner.map(|(user, _)| user);
        let mut outcomes = Vec::with_capacity(new.len() + gone.len());
        if !new.is_empty() {
            outcomes = self.rooms.add_members(call, room, owner, &new).await?;
        }
        if !gone.is_empty() {
            match self.rooms.remove_members(call, room, &gone).await {
                Ok(removed) => outcomes.extend(removed),
                // Some were added: whoever hears of a failure alone would think that nothing was done.
                Err(error) => {
                    outcomes.extend(gone.into_iter().map(|user| MemberOutcome { user, result: Err(error.clone()) }));
                }
            }
        }
        Ok(outcomes)
    }

    /// Sets attributes of a group or room, merging (`replace` false) or replacing, and its name with them.
    pub async fn set_group_attributes(
        &self,
        call: &Call,
        realm: &Realm,
        room: &BareJid,
        attributes: &Map<String, Value>,
        replace: bool,
    ) -> Result<(), ChatError> {
        let before = self.rooms.room_info(call, room).await?.name;
        let subject = Subject::Room(room.clone());
        match replace {
            true => self.records.replace_attributes(call, realm, &subject, attributes).await?,
            false => self.records.merge_attributes(call, realm, &subject, attributes).await?,
        }
        let name = match attributes.get(NAME) {
            Some(name) => shown_name(&text_of(name)),
            None if replace => String::new(),
            None => return Ok(()),
        };
        if name == before {
            return Ok(());
        }
        // The other settings stay: servers take a form that holds but one.
        let rename = muc::configure([("muc#roomconfig_roomname", name.as_str())]);
        let renamed = self.server.require(call, iq::set(&self.server.component, room.as_str(), rename)).await;
        renamed.map(drop).map_err(|error| {
            ChatError::Partial(summary(&["the attributes are set, but not the room's name".into(), error.to_string()]))
        })
    }
}
