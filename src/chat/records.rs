//! The gateway's own records: what XMPP has no place for, in pubsub nodes that the component owns.

pub(in crate::chat) mod answer;
mod guard;
mod maintain;
mod name;
mod number;
mod read;
mod settle;
mod share;
mod store;

pub(in crate::chat) use number::Holder;
use std::sync::Arc;

use jid::BareJid;
use serde_json::{Map, Value};

use crate::chat::server::Server;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::link::Call;

/// What an attribute's item id begins with.
const ATTRIBUTE: &str = "a:";
/// What a note's item id begins with.
const NOTE: &str = "n:";

/// What a record is about: one small node each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user or passenger.
    User(BareJid),
    /// A group or room.
    Room(BareJid),
    /// The rooms of a user: an index.
    RoomsOf(BareJid),
    /// The friendships of a user with others whose address sorts behind theirs.
    FriendsOf(BareJid),
    /// That an account of this name was seen: it outlives the account.
    Seen(BareJid),
}

impl Subject {
    fn jid(&self) -> &BareJid {
        match self {
            Self::User(jid) | Self::Room(jid) | Self::RoomsOf(jid) | Self::FriendsOf(jid) | Self::Seen(jid) => jid,
        }
    }
}

/// What is recorded of one subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The attributes that callers set, in the order of their keys.
    pub attributes: Map<String, Value>,
    /// What the gateway itself notes, such as when a group was made.
    pub notes: Map<String, Value>,
}

/// The note that says what a user is, and its value for a passenger.
const KIND: (&str, &str) = ("kind", "passenger");

impl Record {
    /// True for the record of a passenger: of a user whose account the MaxLeap API made, and whose password its caller has.
    pub fn is_passenger(&self) -> bool {
        self.notes.get(KIND.0).and_then(Value::as_str) == Some(KIND.1)
    }

    /// The note that makes a record a passenger's.
    pub fn passenger_note() -> (&'static str, Value) {
        (KIND.0, KIND.1.into())
    }

    fn read(mut items: Vec<(String, String)>) -> Record {
        items.sort_unstable();
        let mut record = Record::default();
        for (id, json) in &items {
            let (map, key) = match (id.strip_prefix(ATTRIBUTE), id.strip_prefix(NOTE)) {
                (Some(key), _) => (&mut record.attributes, key),
                (None, Some(key)) => (&mut record.notes, key),
                (None, None) => continue,
            };
            match (name::unescape(key), serde_json::from_str(json)) {
                (Some(key), Ok(value)) => drop(map.insert(key, value)),
                _ => tracing::warn!(item = id.as_str(), "a record holds what the gateway never wrote"),
            }
        }
        record
    }
}

/// The gateway's own records.
pub struct Records {
    server: Arc<Server>,
}

impl Records {
    /// Records on `server`.
    pub(in crate::chat) fn new(server: Arc<Server>) -> Records {
        Records { server }
    }

    /// One attribute.
    ///
    /// # Errors
    /// As [`Records::record`].
    pub async fn attribute(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        key: &str,
    ) -> Result<Option<Value>, ChatError> {
        let id = item(ATTRIBUTE, key);
        let items = self.read_node(call, &realm.pubsub, &name::node(subject), &[&id]).await?;
        Ok(Record::read(items).attributes.swap_remove(key))
    }

    /// One note.
    ///
    /// # Errors
    /// As [`Records::record`].
    pub async fn note(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        key: &str,
    ) -> Result<Option<Value>, ChatError> {
        let id = item(NOTE, key);
        let items = self.read_node(call, &realm.pubsub, &name::node(subject), &[&id]).await?;
        Ok(Record::read(items).notes.swap_remove(key))
    }

    /// The record of a subject; empty when there is none.
    ///
    /// # Errors
    /// A pubsub service that is missing or refuses, a link that fails.
    pub async fn record(&self, call: &Call, realm: &Realm, subject: &Subject) -> Result<Record, ChatError> {
        Ok(Record::read(self.read_node(call, &realm.pubsub, &name::node(subject), &[]).await?))
    }

    /// The records of many subjects, asked side by side, in their order.
    pub async fn records(&self, call: &Call, realm: &Realm, subjects: &[Subject]) -> Vec<Result<Record, ChatError>> {
        let nodes: Vec<String> = subjects.iter().map(name::node).collect();
        let read = self.read_nodes(call, &realm.pubsub, &nodes).await;
        read.into_iter().map(|items| items.map(Record::read)).collect()
    }

    /// Sets attributes, each on its own: others stay as they are.
    ///
    /// # Errors
    /// As [`Records::record`]; [`ChatError::Partial`] when some were set. A value too large for one stanza is found before
    /// any is set.
    pub async fn merge_attributes(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        attributes: &Map<String, Value>,
    ) -> Result<(), ChatError> {
        let items = attributes.iter().map(|(key, value)| (item(ATTRIBUTE, key), store::json(value))).collect();
        self.write_node(call, &realm.pubsub, &name::node(subject), subject.jid().as_str(), items).await
    }

    /// Sets attributes and removes those that were there before and are not among them; none given removes all.
    ///
    /// # Errors
    /// As [`Records::merge_attributes`].
    pub async fn replace_attributes(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        attributes: &Map<String, Value>,
    ) -> Result<(), ChatError> {
        let node = name::node(subject);
        let before = self.node_ids(call, &realm.pubsub, &node).await?;
        self.merge_attributes(call, realm, subject, attributes).await?;
        let gone = |id: &String| {
            let key = id.strip_prefix(ATTRIBUTE).and_then(name::unescape);
            key.is_some_and(|key| !attributes.contains_key(&key))
        };
        let gone: Vec<String> = before.into_iter().filter(gone).collect();
        self.clear_items(call, &realm.pubsub, &node, &gone).await.map_err(|error| match attributes.is_empty() {
            true => error,
            false => error.after("the attributes are set, others are not removed"),
        })
    }

    /// Sets notes, each on its own.
    pub(in crate::chat) async fn set_notes(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        notes: &[(&str, Value)],
    ) -> Result<(), ChatError> {
        let items = notes.iter().map(|(key, value)| (item(NOTE, key), store::json(value))).collect();
        self.write_node(call, &realm.pubsub, &name::node(subject), subject.jid().as_str(), items).await
    }

    /// Sets the same note of many subjects, side by side; one outcome each.
    pub(in crate::chat) async fn set_note_of_each(
        &self,
        call: &Call,
        realm: &Realm,
        subjects: &[Subject],
        key: &str,
        value: &Value,
    ) -> Vec<Result<(), ChatError>> {
        let nodes: Vec<_> =
            subjects.iter().map(|subject| (name::node(subject), subject.jid().as_str().to_owned())).collect();
        self.write_each(call, &realm.pubsub, &nodes, (&item(NOTE, key), &store::json(value))).await
    }

    /// Removes the same note of many subjects, side by side; one outcome each.
    pub(in crate::chat) async fn clear_note_of_each(
        &self,
        call: &Call,
        realm: &Realm,
        subjects: &[Subject],
        key: &str,
    ) -> Vec<Result<(), ChatError>> {
        let nodes: Vec<String> = subjects.iter().map(name::node).collect();
        self.clear_each(call, &realm.pubsub, &nodes, &item(NOTE, key)).await
    }

    /// Sets a note; `None` removes it.
    ///
    /// # Errors
    /// As [`Records::record`].
    pub async fn set_note(
        &self,
        call: &Call,
        realm: &Realm,
        subject: &Subject,
        key: &str,
        value: Option<&Value>,
    ) -> Result<(), ChatError> {
        match value {
            Some(value) => self.set_notes(call, realm, subject, &[(key, value.clone())]).await,
            None => self.clear_items(call, &realm.pubsub, &name::node(subject), &[item(NOTE, key)]).await,
        }
    }

    /// Removes a record; one that is not there needs no removing.
    ///
    /// # Errors
    /// As [`Records::record`].
    pub async fn forget(&self, call: &Call, realm: &Realm, subject: &Subject) -> Result<(), ChatError> {
        self.delete_node(call, &realm.pubsub, &name::node(subject)).await
    }

    /// All users of the realm's domain who have a record, in order of their addresses.
    ///
    /// # Errors
    /// As [`Records::record`]; [`ChatError::Right`] when the server does not list all nodes.
    pub async fn recorded_users(&self, call: &Call, realm: &Realm) -> Result<Vec<BareJid>, ChatError> {
        let mut users = Vec::new();
        let mut digests = Vec::new();
        for node in self.nodes(call, &realm.pubsub).await? {
            match name::user(&node) {
                Some(name::UserNode::Of(user)) => users.push(user),
                Some(name::UserNode::Digest) => digests.push(node),
                None => {}
            }
        }
        for items in self.read_nodes(call, &realm.pubsub, &digests).await {
            let whose = items?.into_iter().find(|(id, _)| id == answer::WHOSE);
            let whose = whose.and_then(|(_, json)| serde_json::from_str::<String>(&json).ok());
            users.extend(whose.and_then(|whose| BareJid::new(&whose).ok()));
        }
        users.retain(|user| user.domain().as_str() == realm.domain);
        users.sort_unstable();
        Ok(users)
    }
}

fn item(sort: &str, key: &str) -> String {
    format!("{sort}{}", name::escape(key))
}
