//! Groups (members only, with an owner) and rooms (open, without one), as APIs know them: rooms with attributes.

mod change;
mod left;
mod look;
mod names;
mod owned;

use bytes::Bytes;
use jid::BareJid;
use serde_json::{Map, Value};

pub(in crate::chat) use self::owned::Owners;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::MemberOutcome;
use crate::chat::{Call, Chat};

/// The attribute that the room's configuration holds too.
const NAME: &str = "name";
/// The note of what sort it is.
const KIND: &str = "kind";
/// The note of when it was made, in milliseconds since 1970.
const CREATED: &str = "created";
/// Characters of a name in a room's configuration.
const NAME_CHARS: usize = 256;

/// The two sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// Members only.
    Group,
    /// Open to everybody.
    Room,
}

impl GroupKind {
    fn write(self) -> Value {
        Value::from(match self {
            Self::Group => "group",
            Self::Room => "room",
        })
    }

    fn read(note: &Value) -> Option<GroupKind> {
        match note.as_str()? {
            "group" => Some(Self::Group),
            "room" => Some(Self::Room),
            _ => None,
        }
    }
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
    /// What an API notes of it from the start, by the API's name.
    pub note: Option<(&'static str, Value)>,
    /// Its picture, which is small: media type and content.
    pub avatar: Option<(&'static str, Bytes)>,
}

/// A group or room, as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its address.
    pub room: BareJid,
    /// Which sort.
    pub kind: GroupKind,
    /// Its owner; the first in order of their addresses if the realm's domain has several. Never the gateway.
    pub owner: Option<BareJid>,
    /// Its members, owners and admins among them, in order of their addresses.
    pub members: Vec<BareJid>,
    /// Its attributes. `name` is what the room's configuration says.
    pub attributes: Map<String, Value>,
    /// What is noted of it, what APIs noted among it.
    pub notes: Map<String, Value>,
    /// When it was made, in milliseconds since 1970; 0 when that is not known.
    pub created_ms: u64,
    /// Until when its history was cleared, in milliseconds since 1970; `None` when it never was.
    pub cleared_ms: Option<u64>,
}

impl Chat {
    /// Makes a group or room whole, or not at all: what could not be finished is destroyed again.
    ///
    /// # Errors
    /// An unknown owner or member, found before anything is made; a room of that address; what a step was refused with.
    /// [`ChatError::Partial`] when what was made could not be destroyed.
    pub async fn make_group(&self, call: &Call, realm: &Realm, new: &NewGroup) -> Result<(), ChatError> {
        self.core.make_group(call, realm, new).await
    }

    /// Looks at a group or room of this sort; one of the other sort is [`ChatError::UnknownRoom`].
    pub async fn group(&self, call: &Call, realm: &Realm, room: &BareJid, kind: GroupKind) -> Result<Group, ChatError> {
        let mut groups = self.core.groups(call, realm, std::slice::from_ref(room), kind).await;
        groups.pop().unwrap_or_else(|| Err(ChatError::UnknownRoom(room.clone())))
    }

    /// Looks at many, side by side, in their order.
    pub async fn groups(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        kind: GroupKind,
    ) -> Vec<Result<Group, ChatError>> {
        self.core.groups(call, realm, rooms, kind).await
    }

    /// The addresses of all groups and rooms of the realm, in no order.
    pub async fn all_rooms(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        self.core.rooms(call, &realm.rooms).await
    }

    /// Those of `rooms` that are of this sort and still there, in their order, with their attributes: what a search looks
    /// through, at a smaller price than [`Chat::groups`].
    pub async fn described(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        kind: GroupKind,
    ) -> Result<Vec<(BareJid, Map<String, Value>)>, ChatError> {
        self.core.described(call, realm, rooms, kind).await
    }

    /// Every room of a realm, hidden ones too, with its name, in order of their addresses. A room without a name is called
    /// by its localpart.
    pub async fn room_names(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        self.core.room_names(call, &realm.rooms).await
    }

    /// Who belongs to a room, and what each calls themselves (vCard), in order of their addresses. Never the gateway.
    ///
    /// # Errors
    /// An unknown room; a server that does not answer.
    pub async fn people(&self, call: &Call, room: &BareJid) -> Result<Vec<(BareJid, String)>, ChatError> {
        self.core.room_info(call, room).await?;
        let lists = self.core.lists(call, room).await?;
        let people = self.core.people(&lists).into_iter().map(|(user, _)| user).collect();
        self.core.with_names(call, people).await
    }

    /// Whoever belongs to any room of a realm, and what each calls themselves (vCard), in order of their addresses.
    pub async fn everybody_in_rooms(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        self.core.everybody_in_rooms(call, &realm.rooms).await
    }

    /// All accounts of the realm's domain, and what each calls themselves (vCard), in order of their addresses.
    ///
    /// # Errors
    /// As [`Chat::accounts`].
    pub async fn everybody(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        let accounts = self.accounts(call, realm).await?;
        self.core.with_names(call, accounts).await
    }

    /// The groups and rooms to which a user belongs, in order of their addresses: of those that the gateway noted or that
    /// their clients show (MUC/Sub, bookmarks), the ones whose lists name them.
    ///
    /// # Errors
    /// An unknown user, a room or a service that does not answer.
    pub async fn groups_of(&self, call: &Call, realm: &Realm, user: &BareJid) -> Result<Vec<Group>, ChatError> {
        self.core.groups_of(call, realm, user).await
    }

    /// Those of the rooms to which a user belongs, as [`Chat::groups_of`] knows them, whose owner they are and whose localpart
    /// `wanted` takes, in no order.
    ///
    /// # Errors
    /// As [`Chat::groups_of`].
    pub async fn owned_rooms(
        &self,
        call: &Call,
        realm: &Realm,
        user: &BareJid,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<BareJid>, ChatError> {
        self.core.owned_rooms(call, realm, user, wanted).await
    }

    /// Gives a group another owner; the old ones become members.
    pub async fn set_owner(&self, call: &Call, room: &BareJid, owner: &BareJid) -> Result<(), ChatError> {
        self.core.set_owner(call, room, owner).await
    }

    /// Makes exactly `members` (and the owners) the members. One outcome for each who was added or removed.
    pub async fn set_members(
        &self,
        call: &Call,
        room: &BareJid,
        members: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        self.core.set_members(call, room, members).await
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
        self.core.set_group_attributes(call, realm, room, attributes, replace).await
    }

    /// Destroys a group or room, with its record.
    pub async fn destroy_group(&self, call: &Call, realm: &Realm, room: &BareJid) -> Result<(), ChatError> {
        self.core.destroy_group(call, realm, room).await
    }
}

/// An attribute's value as a name: what is no text is written as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A name as a room's configuration holds it: one line, of characters that XML carries.
fn shown_name(name: &str) -> String {
    let shown = name.chars().take(NAME_CHARS).map(|c| match c {
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => ' ',
        c => c,
    });
    shown.collect::<String>().trim().to_owned()
}
