//! Messages from the archives (XEP-0313): of two users, of a room, of all with whom a user has spoken.

use std::collections::HashMap;

use jid::BareJid;
use serde_json::{Value, json};

use crate::chat::archive::reading::Entry;
pub use crate::chat::archive::reading::Span;
use crate::chat::archive::stored::{Content, Speaker};
use crate::chat::archive::{Histories, stored, timeline};
use crate::chat::records::{Record, Subject};
use crate::chat::server::archive::Archive;
use crate::chat::types::address::Realm;
use crate::chat::types::card::CardChild;
use crate::chat::types::error::ChatError;
use crate::link::Call;

/// The note that says until which moment a room's history was cleared.
const CLEARED: &str = "cleared";
/// Entries of a user's archive that are looked at for those with whom they have spoken.
const LOOKED_AT: usize = 2000;

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

impl Histories {
    /// What `user` and `peer` said to each other, the oldest first, from the user's archive.
    ///
    /// At most `span.limit` and 2,000 entries are read, and 32 MiB, from the newest on: where more of them in a row say
    /// nothing to a reader, fewer messages than the limit are found.
    ///
    /// # Errors
    /// [`ChatError::UnknownUser`] for either; [`ChatError::Right`] when the server lacks the helper module (Prosody),
    /// [`ChatError::Session`] when no session of the user can be opened (ejabberd).
    pub async fn private_history(
        &self,
        call: &Call,
        user: &BareJid,
        peer: &BareJid,
        span: Span,
        child: CardChild,
    ) -> Result<Vec<Stored>, ChatError> {
        self.accounts.require_users(call, &[user, peer]).await?;
        let read = |message: &_| {
            let (from, to) = stored::ends(user, message).filter(|_| stored::is_private(message))?;
            let between = (from == *user && to == *peer) || (from == *peer && to == *user);
            between.then_some((from, stored::content(message, child)?))
        };
        let found = self.newest(call, Archive::User(user), Some(peer), span, read).await?;
        Ok(found.into_iter().map(|(entry, (from, content))| Stored::new(entry, from, content)).collect())
    }

    /// What was said in a room, the oldest first. What was cleared is not shown. Bounded as
    /// [`Histories::private_history`].
    ///
    /// The sender is the real one where the archive names them, as it does in rooms that show addresses to everybody; else
    /// the member who has the nick now, and failing that the room itself.
    ///
    /// # Errors
    /// [`ChatError::UnknownRoom`].
    pub async fn room_history(
        &self,
        call: &Call,
        realm: &Realm,
        room: &BareJid,
        span: Span,
        child: CardChild,
    ) -> Result<Vec<Stored>, ChatError> {
        let subject = Subject::Room(room.clone());
        let (info, record) =
            futures::join!(self.rooms.room_info(call, room), self.records.record(call, realm, &subject));
        info?;
        self.room_entries(call, room, span, cleared(&record?), child).await
    }

    /// Those with whom `user` has spoken since `since_ms`, each with the last message, the newest first. The newest 2,000
    /// entries of their archive are looked at; rooms and services are left out.
    ///
    /// # Errors
    /// As [`Histories::private_history`].
    pub async fn peers(
        &self,
        call: &Call,
        user: &BareJid,
        since_ms: u64,
        child: CardChild,
    ) -> Result<Vec<(BareJid, Stored)>, ChatError> {
        self.accounts.require_users(call, &[user]).await?;
        let entries = self.newest_entries(call, Archive::User(user), since_ms, LOOKED_AT).await?;
        let mut talks: HashMap<BareJid, Vec<(usize, Entry)>> = HashMap::new();
        for (place, entry) in entries.into_iter().enumerate() {
            let peer = stored::peer(user, &entry.message).filter(|peer| peer.node().is_some());
            if let Some(peer) =
                peer.filter(|peer| !self.server.incoming.services.iter().any(|s| s == peer.domain().as_str()))
            {
                talks.entry(peer).or_default().push((place, entry));
            }
        }
        let last = |(peer, talk): (BareJid, Vec<(usize, Entry)>)| {
            // A moment is that which the talk alone gives, as when only that is read.
            let moments = timeline::moments(talk.iter().map(|(_, entry)| entry.ms));
            let (place, entry, content) = talk.into_iter().zip(moments).rev().find_map(|((place, entry), ms)| {
                let content = stored::content(&entry.message, child).filter(|_| stored::is_private(&entry.message))?;
                Some((place, Entry { ms, ..entry }, content)).filter(|_| ms >= since_ms)
            })?;
            let (from, _) = stored::ends(user, &entry.message)?;
            Some((place, (peer, Stored::new(entry, from, content))))
        };
        let mut peers: Vec<(usize, (BareJid, Stored))> = talks.into_iter().filter_map(last).collect();
        // By their places: the moments of two talks in one second say nothing of each other.
        peers.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        Ok(peers.into_iter().map(|(_, peer)| peer).collect())
    }

    /// Clears a room's history: gone from the archive where the server can, and for readers of the API in any case.
    ///
    /// Prosody empties the room's archive. ejabberd keeps it: it can remove single messages only, and tells every member
    /// of each; so a note in the room's record says until when readers are shown nothing.
    ///
    /// # Errors
    /// [`ChatError::UnknownRoom`]; [`ChatError::Right`] when Prosody lacks the helper module: the history is hidden from
    /// readers of the API then, and still in the archive.
    pub async fn clear_room_history(&self, call: &Call, realm: &Realm, room: &BareJid) -> Result<(), ChatError> {
        self.rooms.room_info(call, room).await?;
        let span = Span { since_ms: 0, before_ms: u64::MAX, limit: 1 };
        let newest = self.newest(call, Archive::Room(room), None, span, |_| Some(())).await?;
        let Some((newest, ())) = newest.last() else { return Ok(()) };
        let subject = Subject::Room(room.clone());
        self.records.set_note(call, realm, &subject, CLEARED, Some(&json!(newest.ms))).await?;
        let purged =
            self.server.purge(call, room).await.map_err(|error| error.after("the history is hidden from readers"))?;
        if !purged {
            return Ok(());
        }
        // What is said from now on may share the second of what is gone, and take its moments.
        let shown = self.records.set_note(call, realm, &subject, CLEARED, None).await;
        shown.map_err(|error| error.after("the archive is emptied"))
    }
}

impl Stored {
    fn new(entry: Entry, from: BareJid, content: Content) -> Stored {
        Stored { archive_id: entry.id, ms: entry.ms, from, body: content.body, json: content.json }
    }
}

/// Until when a room's history was cleared, in milliseconds since 1970.
pub(in crate::chat) fn cleared(record: &Record) -> Option<u64> {
    record.notes.get(CLEARED).and_then(Value::as_u64)
}

impl Histories {
    /// As [`Histories::room_history`], of a room that was looked at.
    pub(in crate::chat) async fn room_entries(
        &self,
        call: &Call,
        room: &BareJid,
        span: Span,
        cleared: Option<u64>,
        child: CardChild,
    ) -> Result<Vec<Stored>, ChatError> {
        let since_ms = cleared.map_or(span.since_ms, |cleared| span.since_ms.max(cleared.saturating_add(1)));
        let read = |message: &_| Some((stored::speaker(room, message)?, stored::content(message, child)?));
        let found = self.newest(call, Archive::Room(room), None, Span { since_ms, ..span }, read).await?;
        let nicks = match found.iter().any(|(_, (speaker, _))| matches!(speaker, Speaker::Nick(_))) {
            true => self.holders(call, room).await?,
            false => HashMap::new(),
        };
        let name = |speaker| match speaker {
            Speaker::User(user) => user,
            Speaker::Nick(nick) => nicks.get(&nick).unwrap_or(room).clone(),
            Speaker::Room => room.clone(),
        };
        Ok(found.into_iter().map(|(entry, (speaker, content))| Stored::new(entry, name(speaker), content)).collect())
    }

    /// Who has which nick in a room.
    async fn holders(&self, call: &Call, room: &BareJid) -> Result<HashMap<String, BareJid>, ChatError> {
        Ok(self.rooms.lists(call, room).await?.into_nicks().collect())
    }
}
