//! Messages from the archives (XEP-0313): of two users, of a room, of all with whom a user has spoken.

use jid::BareJid;
use serde_json::Value;

use super::card::CardChild;
use super::{Call, Chat, ChatError, Realm};

/// Which messages are wanted: the newest `limit` of those at or after `since_ms` and before `before_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment, in milliseconds since 1970.
    pub since_ms: u64,
    /// The moment before which they were sent.
    pub before_ms: u64,
    /// How many at most.
    pub limit: usize,
}

/// One message of an archive. What is no message to a reader (states of typing, receipts, subjects) is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its id in the archive.
    pub archive_id: String,
    /// When it came, in milliseconds since 1970: different for all messages of an archive, the same at every reading,
    /// and in the order of the archive.
    pub ms: u64,
    /// Who sent it.
    pub from: BareJid,
    /// Its plain body; empty if it has none but a child.
    pub body: String,
    /// The JSON of its child, if it has one.
    pub json: Option<Value>,
}

impl Chat {
    /// What `user` and `peer` said to each other, the oldest first, from the user's archive.
    pub async fn private_history(
        &self,
        call: &Call,
        user: &BareJid,
        peer: &BareJid,
        span: Span,
        child: CardChild,
    ) -> Result<Vec<Stored>, ChatError> {
        todo!("{call:?} {user} {peer} {span:?} {child:?}")
    }

    /// What was said in a room, the oldest first. What was cleared is not shown.
    pub async fn room_history(
        &self,
        call: &Call,
        realm: &Realm,
        room: &BareJid,
        span: Span,
        child: CardChild,
    ) -> Result<Vec<Stored>, ChatError> {
        todo!("{call:?} {realm:?} {room} {span:?} {child:?}")
    }

    /// Those with whom `user` has spoken since `since_ms`, each with the last message, the newest first.
    pub async fn peers(
        &self,
        call: &Call,
        user: &BareJid,
        since_ms: u64,
        child: CardChild,
    ) -> Result<Vec<(BareJid, Stored)>, ChatError> {
        todo!("{call:?} {user} {since_ms} {child:?}")
    }

    /// Clears a room's history: gone from the archive where the server can, and for readers of the API in any case.
    pub async fn clear_room_history(&self, call: &Call, realm: &Realm, room: &BareJid) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {room}")
    }
}
