//! What a room says of itself, and whether it is there.

use std::time::Instant;

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lifecycle::UNDO;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{disco, iq, muc};

/// Longest name of a file without its ending, in bytes.
const FILE_NAME: usize = 251;

/// What disco#info says of a room.
#[derive(Debug, Clone)]
pub(in crate::chat) struct RoomInfo {
    /// Its name; empty when it has none.
    pub(in crate::chat) name: String,
    /// Whether only members may enter.
    pub(in crate::chat) members_only: bool,
    /// Whether it keeps an archive.
    pub(in crate::chat) archived: bool,
    /// Whether it has a password.
    pub(in crate::chat) has_secret: bool,
}

impl Rooms {
    /// Looks at a room, which on both servers is the one question that never creates it.
    pub(in crate::chat) async fn room_info(&self, call: &Call, room: &BareJid) -> Result<RoomInfo, ChatError> {
        let answer = self.server.ask(call, iq::get(&self.server.component, room.as_str(), disco::info_query())).await?;
        read_info(room, answer)
    }

    /// Fails with [`ChatError::UnknownRoom`] when it may be the end of a room why a question to it has failed: it may have
    /// ended since it was looked at, and ejabberd answers nothing for a room that is ending.
    pub(in crate::chat) async fn unless_gone(
        &self,
        call: &Call,
        room: &BareJid,
        error: &ChatError,
    ) -> Result<(), ChatError> {
        match error {
            ChatError::Link(LinkError::Timeout) | ChatError::Refused(_) => {
                let last = Call::new(call.request.clone(), Instant::now() + UNDO);
                self.room_info(&last, room).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// What an answer to disco#info says of a room.
pub(in crate::chat) fn read_info(room: &BareJid, answer: Result<Element, StanzaError>) -> Result<RoomInfo, ChatError> {
    match answer {
        Ok(reply) if disco::has_feature(&reply, muc::TEMPORARY) && !names_a_file(room) => {
            Err(ChatError::UnknownRoom(room.clone()))
        }
        Ok(reply) => Ok(RoomInfo {
            name: disco::name(&reply).unwrap_or_default(),
            members_only: disco::has_feature(&reply, muc::MEMBERS_ONLY),
            archived: disco::has_feature(&reply, muc::ARCHIVE),
            has_secret: disco::has_feature(&reply, muc::PASSWORD),
        }),
        Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
        Err(error) => Err(ChatError::refused(error)),
    }
}

/// False for a room that no file can be named after. Prosody's internal storage then fails to find that there is no such
/// room, and whoever asks for it is shown an empty one that is not kept.
fn names_a_file(room: &BareJid) -> bool {
    let name = room.node().map_or("", |node| node.as_str());
    let written: usize = name.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
    written <= FILE_NAME
}
