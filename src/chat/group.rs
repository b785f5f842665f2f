//! Groups (members only, with an owner) and rooms (open, without one), as APIs know them: rooms with attributes.

use jid::BareJid;
use serde_json::{Map, Value};

use super::room::MemberOutcome;
use super::{Call, Chat, ChatError, Realm};

/// The two sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// Members only.
    Group,
    /// Open to everybody.
    Room,
}

/// A group or room to make.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Its address.
    pub room: BareJid,
    /// Which sort.
    pub kind: GroupKind,
    /// Its owner; `None` for a room.
    pub owner: Option<BareJid>,
    /// Its members beside the owner. All must have accounts.
    pub members: Vec<BareJid>,
    /// Its name, in the room's configuration and as the attribute `name`; empty for none.
    pub name: String,
}

/// A group or room, as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its address.
    pub room: BareJid,
    /// Which sort.
    pub kind: GroupKind,
    /// Its owner; the first in order of their addresses if there are several. Never the gateway.
    pub owner: Option<BareJid>,
    /// Its members, owners and admins among them, in order of their addresses.
    pub members: Vec<BareJid>,
    /// Its attributes. `name` is what the room's configuration says.
    pub attributes: Map<String, Value>,
    /// When it was made, in milliseconds since 1970; 0 when that is not known.
    pub created_ms: u64,
}

impl Chat {
    /// Makes a group or room whole, or not at all: what could not be finished is destroyed again.
    pub async fn make_group(&self, call: &Call, realm: &Realm, new: &NewGroup) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {new:?}")
    }

    /// Looks at a group or room of this sort; one of the other sort is [`ChatError::UnknownRoom`].
    pub async fn group(&self, call: &Call, realm: &Realm, room: &BareJid, kind: GroupKind) -> Result<Group, ChatError> {
        todo!("{call:?} {realm:?} {room} {kind:?}")
    }

    /// Looks at many, side by side, in their order.
    pub async fn groups(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        kind: GroupKind,
    ) -> Vec<Result<Group, ChatError>> {
        todo!("{call:?} {realm:?} {rooms:?} {kind:?}")
    }

    /// All groups or rooms of the realm with their attributes and the time they were made: what a search looks through.
    pub async fn all_groups(
        &self,
        call: &Call,
        realm: &Realm,
        kind: GroupKind,
    ) -> Result<Vec<(BareJid, Map<String, Value>, u64)>, ChatError> {
        todo!("{call:?} {realm:?} {kind:?}")
    }

    /// The groups or rooms to which a user belongs, in order of their addresses.
    pub async fn groups_of(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
        kind: GroupKind,
    ) -> Result<Vec<BareJid>, ChatError> {
        todo!("{call:?} {realm:?} {user} {kind:?}")
    }

    /// Gives a group another owner; the old ones become members.
    pub async fn set_owner(&self, call: &Call, room: &BareJid, owner: &BareJid) -> Result<(), ChatError> {
        todo!("{call:?} {room} {owner}")
    }

    /// Makes exactly `members` (and the owners) the members. One outcome for each who was added or removed.
    pub async fn set_members(
        &self,
        call: &Call,
        room: &BareJid,
        members: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        todo!("{call:?} {room} {members:?}")
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
        todo!("{call:?} {realm:?} {room} {attributes:?} {replace}")
    }

    /// Destroys a group or room, with its record.
    pub async fn destroy_group(&self, call: &Call, realm: &Realm, room: &BareJid) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {room}")
    }
}
