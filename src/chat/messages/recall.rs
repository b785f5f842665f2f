//! What became of a message to a room that was written, and of which the room sent nothing: its archive is asked.
//!
//! From the write on nobody may say "not done" but the server itself. Where the message stands in the archive, it was sent.
//! Where it does not, it certainly was not if the question went over the stream of the message, behind it, and the link
//! has not fallen since; else the server may still be about to read the message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::kit::waiters::Waiting;
use crate::chat::messages::Messages;
use crate::chat::rooms::occupants::Occupant;
use crate::chat::server::archive::Archive;
use crate::chat::server::incoming::Reflection;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::config::server::Wait;
use crate::link::conn::Conn;
use crate::link::{Call, LinkError};
use crate::xmpp::mam::Page;
use crate::xmpp::message::sent_id;

/// How long after the link is back, and then after each other, an archive is asked again for what it may still get.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(700), Duration::from_secs(2)];
/// Entries of one page, and pages that are read for one message.
const PAGE: usize = 100;
const PAGES: usize = 20;
/// How far the clocks of server and gateway may be apart for an entry to be taken as older than a message.
const SKEW: Duration = Duration::from_secs(600);

/// A message to a room that was handed to a stream.
pub(in crate::chat) struct SentMessage<'a> {
    pub(in crate::chat) room: &'a BareJid,
    pub(in crate::chat) message: &'a Message,
    /// The gateway's own id of it.
    pub(in crate::chat) id: &'a str,
    /// Its sender as an occupant.
    pub(in crate::chat) occupant: &'a Arc<Occupant>,
    /// The stream that was open before.
    pub(in crate::chat) stream: Option<Conn>,
    /// When it was handed over, in milliseconds since 1970.
    pub(in crate::chat) ms: u64,
}

/// Where a message is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::chat) enum Found {
    /// In the archive, under this id.
    At(String),
    /// Certainly not in the archive, and so not sent.
    Nowhere,
    /// Nobody knows.
    Unclear,
}

impl SentMessage<'_> {
    /// True while the stream of the message is open: what is asked on it the server reads behind the message.
    pub(in crate::chat) fn holds(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| !stream.is_closed())
    }

    /// The receipt for it.
    pub(in crate::chat) fn receipt(&self, archive_id: Option<String>) -> Receipt {
        Receipt { id: self.id.to_owned(), archive_id }
    }

    /// The room's word, until `deadline` or the end of the stream.
    pub(in crate::chat) async fn heard(
        &self,
        reflection: &mut Waiting<(BareJid, String), Reflection>,
        deadline: Instant,
    ) -> Option<Reflection> {
        let Some(stream) = &self.stream else { return reflection.until(deadline).await };
        tokio::select! {
            biased;
            seen = reflection.until(deadline) => seen,
            _ = stream.closed() => reflection.until(Instant::now()).await,
        }
    }

    /// That it certainly was not sent, and nobody says why.
    pub(in crate::chat) fn not_shown(&self) -> ChatError {
        ChatError::refused_by(self.room.to_string(), "not-acceptable", "the room did not show the message")
    }

    /// That nobody knows.
    pub(in crate::chat) fn unknown(&self) -> ChatError {
        let lost = if self.holds() { LinkError::Timeout } else { LinkError::Unknown };
        lost.into()
    }
}

impl Messages {
    /// Fails where the caller asks for a message to be archived and the room does not do that.
    pub(in crate::chat) fn can_keep(
        &self,
        call: &Call,
        message: &Message,
        occupant: &Occupant,
    ) -> Result<(), ChatError> {
        let asked = call.wait == Some(Wait::Archived);
        if asked && !(occupant.archived && message.is_kept()) { Err(ChatError::NotKept) } else { Ok(()) }
    }

    /// Looks for what was sent in the room's archive, waiting for the link where it has fallen, within the call's time.
    pub(in crate::chat) async fn recall(&self, call: &Call, sent: &SentMessage<'_>) -> Found {
        if !sent.occupant.archived || !sent.message.is_kept() {
            return Found::Unclear;
        }
        for pause in PAUSES {
            tokio::time::sleep_until(self.server.until(call, pause).into()).await;
            if self.server.in_time(call).is_err() || self.server.link.back(call.deadline).await.is_err() {
                return Found::Unclear;
            }
            match self.look_for(call, sent).await {
                Ok(Found::Nowhere) if !sent.holds() => {}
                Ok(Found::Unclear) => return Found::Unclear,
                Ok(found) => return found,
                Err(ChatError::Link(_)) => {}
                Err(error) => {
                    tracing::debug!(request = %call.request, room = %sent.room, %error, "the archive does not tell");
                    return Found::Unclear;
                }
            }
        }
        Found::Unclear
    }

    /// Reads the archive from its end backwards.
    async fn look_for(&self, call: &Call, sent: &SentMessage<'_>) -> Result<Found, ChatError> {
        let older = sent.ms.saturating_sub(SKEW.as_millis() as u64);
        let mut before: Option<String> = None;
        for _ in 0..PAGES {
            let page = Page { before: before.as_deref(), max: PAGE, ..Page::default() };
            let asked = self.server.archive_page(call, Archive::Room(sent.room), &page).await?;
            let (gathered, end) = asked.map_err(ChatError::refused)?;
            let entry = gathered.entries.iter().find(|entry| sent_id(&entry.message) == Some(sent.id));
            if let Some(entry) = entry {
                return Ok(Found::At(entry.id.clone()));
            }
            if gathered.cut {
                return Ok(Found::Unclear);
            }
            let past = gathered.entries.first().is_some_and(|entry| entry.stamp_ms < older);
            match end.first {
                Some(first) if !end.complete && !past => before = Some(first),
                _ => return Ok(Found::Nowhere),
            }
        }
        Ok(Found::Unclear)
    }
}
