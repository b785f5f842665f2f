//! The gateway's own records: what XMPP has no place for, in pubsub nodes that the component owns.

use jid::BareJid;
use serde_json::{Map, Value};

use super::{Call, Chat, ChatError, Realm};

/// What a record is about: one small node each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user or passenger.
    User(BareJid),
    /// A group or room.
    Room(BareJid),
    /// The rooms of a user: an index.
    RoomsOf(BareJid),
    /// The friendships of a user with others whose address sorts behind his.
    FriendsOf(BareJid),
}

/// What is recorded of one subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The attributes that callers set.
    pub attributes: Map<String, Value>,
    /// What the gateway itself notes, such as when a group was made.
    pub notes: Map<String, Value>,
}

impl Chat {
    /// The record of a subject; empty when there is none.
    pub async fn record(&self, call: &Call, realm: &Realm, subject: &Subject) -> Result<Record, ChatError> {
        todo!("{call:?} {realm:?} {subject:?}")
    }

    /// The records of many subjects, asked side by side, in their order.
    pub async fn records(&self, call: &Call, realm: &Realm, subjects: &[Subject]) -> Vec<Result<Record, ChatError>> {
        todo!("{call:?} {realm:?} {subjects:?}")
    }

    /// One attribute.
    pub async fn attribute(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        key: &str,
    ) -> Result<Option<Value>, ChatError> {
        todo!("{call:?} {realm:?} {subject:?} {key}")
    }

    /// Sets attributes, each on its own: others stay as they are.
    pub async fn merge_attributes(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        attributes: &Map<String, Value>,
    ) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {subject:?} {attributes:?}")
    }

    /// Sets attributes and removes those that were there before and are not among them; none given removes all.
    pub async fn replace_attributes(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        attributes: &Map<String, Value>,
    ) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {subject:?} {attributes:?}")
    }

    /// Sets a note; `None` removes it.
    pub async fn set_note(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        key: &str,
        value: Option<&Value>,
    ) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {subject:?} {key} {value:?}")
    }

    /// Removes a record; one that is not there needs no removing.
    pub async fn forget(&self, call: &Call, realm: &Realm, subject: &Subject) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {subject:?}")
    }

    /// All users of the realm's domain who have a record.
    pub async fn recorded_users(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        todo!("{call:?} {realm:?}")
    }
}
