//! Groups (members only, with an owner) and rooms (open, without one), as APIs know them: rooms with attributes.

mod change;
mod left;
mod look;
mod names;
mod owned;
mod recent;

use std::sync::Arc;

use bytes::Bytes;
use jid::BareJid;
use serde_json::{Map, Value};

use crate::chat::accounts::Accounts;
use crate::chat::archive::Histories;
use crate::chat::records::Records;
use crate::chat::rooms::Rooms;
use crate::chat::server::Server;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::link::Call;

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

/// Groups and open rooms.
pub struct Groups {
    server: Arc<Server>,
    records: Arc<Records>,
    accounts: Arc<Accounts>,
    rooms: Arc<Rooms>,
    histories: Arc<Histories>,
}

impl Groups {
    /// The groups among the rooms of `server`.
    pub(in crate::chat) fn new(
        server: Arc<Server>,
        records: Arc<Records>,
        accounts: Arc<Accounts>,
        rooms: Arc<Rooms>,
        histories: Arc<Histories>,
    ) -> Groups {
        Groups { server, records, accounts, rooms, histories }
    }

    /// Looks at a group or room of this sort; one of the other sort is [`ChatError::UnknownRoom`].
    pub async fn group(&self, call: &Call, realm: &Realm, room: &BareJid, kind: GroupKind) -> Result<Group, ChatError> {
        let mut groups = self.groups(call, realm, std::slice::from_ref(room), kind).await;
        groups.pop().unwrap_or_else(|| Err(ChatError::UnknownRoom(room.clone())))
    }

    /// The addresses of all groups and rooms of the realm, in no order.
    pub async fn all_rooms(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        self.rooms.rooms(call, &realm.rooms).await
    }

    /// Who belongs to a room, and what each calls themselves (vCard), in order of their addresses. Never the gateway.
    ///
    /// # Errors
    /// An unknown room; a server that does not answer.
    pub async fn people(&self, call: &Call, room: &BareJid) -> Result<Vec<(BareJid, String)>, ChatError> {
        self.rooms.room_info(call, room).await?;
        let lists = self.rooms.lists(call, room).await?;
        let people = self.belonging(&lists).into_iter().map(|(user, _)| user).collect();
        self.with_names(call, people).await
    }

    /// All accounts of the realm's domain, and what each calls themselves (vCard), in order of their addresses.
    ///
    /// # Errors
    /// As [`Accounts::accounts`].
    pub async fn everybody(&self, call: &Call, realm: &Realm) -> Result<Vec<(BareJid, String)>, ChatError> {
        let accounts = self.accounts.accounts(call, realm).await?;
        self.with_names(call, accounts).await
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
