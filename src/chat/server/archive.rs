//! Asking an archive for a page, and emptying a room's: what each server lets the gateway do.

use jid::BareJid;

use crate::chat::server::Server;
use crate::chat::server::archives::Gathered;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::element::{Build, client};
use crate::xmpp::mam::{End, Page};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{helper, iq, mam};

/// Entries of one page at most, as servers have it.
pub(in crate::chat) const PAGE: usize = 250;
/// How far the clocks of server and gateway may be apart, in seconds.
pub(in crate::chat) const SKEW: u64 = 600;

/// Whose archive.
#[derive(Debug, Clone, Copy)]
pub(in crate::chat) enum Archive<'a> {
    /// An account's.
    User(&'a BareJid),
    /// A room's.
    Room(&'a BareJid),
}

impl Server {
    /// Asks an archive for a page. A room answers the gateway as its owner. An account's archive answers its owner only:
    /// on ejabberd in a session of theirs, on Prosody through the helper module.
    pub(in crate::chat) async fn archive_page(
        &self,
        call: &Call,
        archive: Archive<'_>,
        page: &Page<'_>,
    ) -> Result<Result<(Gathered, End), StanzaError>, ChatError> {
        let (jid, in_session) = match archive {
            Archive::User(user) => (user, self.reads_archives_in_sessions(call).await?),
            Archive::Room(room) => (room, false),
        };
        let gathering = self.incoming.archives.gather(jid, in_session, page.max);
        let query = mam::query(gathering.id(), page);
        let reply = if in_session {
            iq::outcome(self.sessions.iq(call, jid, client("iq").with("type", "set").child(query)).await?)
        } else {
            self.ask(call, iq::set(&self.component, jid.as_str(), query)).await?
        };
        match (reply, archive) {
            (Ok(reply), _) => match mam::end(&reply) {
                Some(end) => Ok(Ok((gathering.finish(), end))),
                None => Err(ChatError::refused_by(
                    jid.to_string(),
                    "undefined-condition",
                    "its answer is no end of a page of an archive",
                )),
            },
            (Err(error), Archive::User(_)) if !in_session && error.is("service-unavailable") => {
                Err(self.helper_is_missing("reading the archives of users", "the VirtualHost of the users"))
            }
            (Err(error), _) => Ok(Err(error)),
        }
    }

    /// Empties a room's archive. False when the server has no way.
    pub(in crate::chat) async fn purge(&self, call: &Call, room: &BareJid) -> Result<bool, ChatError> {
        if !self.empties_archives(call).await? {
            return Ok(false);
        }
        match self.ask(call, iq::set(&self.component, room.as_str(), helper::purge())).await? {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
            Err(error) if error.is("service-unavailable") || error.is("feature-not-implemented") => {
                Err(self.helper_is_missing("emptying the archives of rooms", room.domain().as_str()))
            }
            Err(error) => Err(ChatError::refused(error)),
        }
    }

    fn helper_is_missing(&self, what: &str, host: &str) -> ChatError {
        ChatError::Right(format!(
            "{what} needs the module stanzagate (mod_stanzagate.lua) on {host}, with stanzagate_component = {:?} there",
            self.component
        ))
    }
}
