//! The lists of those who belong to a room, as the room gives them.

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{iq, muc_admin};

/// The lists of those who belong to a room.
pub(in crate::chat) const LISTS: [(&str, Affiliation); 3] =
    [("owner", Affiliation::Owner), ("admin", Affiliation::Admin), ("member", Affiliation::Member)];

/// The entries of a list, or why there are none.
pub(in crate::chat) type Listed = Result<Result<Vec<muc_admin::Item>, StanzaError>, ChatError>;

impl Rooms {
    /// The three lists of those who belong to a room, and before them one more question of the caller's, asked at once.
    /// Before: whoever becomes a member and a subscriber meanwhile must not look like a subscriber who is no member.
    pub(in crate::chat) async fn affiliation_lists<T>(
        &self,
        call: &Call,
        room: &BareJid,
        more: impl Future<Output = T>,
    ) -> Result<(RoomLists, T), ChatError> {
        // This one asks in the order in which the futures stand.
        let (more, answers) = futures::join!(more, self.ask_lists(call, self.list_questions(room).collect()));
        match self.read_lists(room, answers.into_iter()) {
            Ok(lists) => Ok((lists, more)),
            Err(error) => match self.unless_gone(call, room, &error).await {
                Err(gone @ ChatError::UnknownRoom(_)) => Err(gone),
                Ok(()) | Err(_) => Err(error),
            },
        }
    }

    /// The questions for the [`LISTS`] of a room.
    pub(in crate::chat) fn list_questions(&self, room: &BareJid) -> impl Iterator<Item = Element> {
        LISTS.iter().map(|(name, _)| iq::get(&self.server.component, room.as_str(), muc_admin::list(name)))
    }

    /// Asks for lists, which may be long.
    pub(in crate::chat) async fn ask_lists(&self, call: &Call, questions: Vec<Element>) -> Vec<Listed> {
        self.server.ask_all_reading(call, questions, WINDOW, muc_admin::items).await
    }

    /// The lists in the answers to the questions of [`LISTS`], in their order.
    pub(in crate::chat) fn read_lists(
        &self,
        room: &BareJid,
        answers: impl Iterator<Item = Listed>,
    ) -> Result<RoomLists, ChatError> {
        let mut lists = RoomLists::default();
        for ((_, affiliation), answer) in LISTS.iter().zip(answers) {
            lists.affiliate(*affiliation, self.read_list(room, answer?)?);
        }
        Ok(lists)
    }

    fn read_list(
        &self,
        room: &BareJid,
        answer: Result<Vec<muc_admin::Item>, StanzaError>,
    ) -> Result<Vec<muc_admin::Item>, ChatError> {
        match answer {
            Ok(items) => Ok(items),
            Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
            Err(error) if error.is("forbidden") || error.is("not-allowed") => Err(ChatError::Right(format!(
                "the members of {room} were refused ({error}): {:?} must be an administrator of the MUC service \
                 (ejabberd: access_admin; Prosody: admins and component_admins_as_room_owners)",
                self.server.component
            ))),
            Err(error) => Err(ChatError::refused(error)),
        }
    }

    /// Whether a user is banned from a room, alone or with their whole domain (XEP-0045 section 9.1).
    pub async fn is_banned(&self, call: &Call, room: &BareJid, user: &BareJid) -> Result<bool, ChatError> {
        let question = iq::get(&self.server.component, room.as_str(), muc_admin::list("outcast"));
        let banned = self.read_list(room, listed(self.server.ask(call, question).await)?)?;
        let domain = BareJid::from_parts(None, user.domain());
        Ok(banned.into_iter().any(|item| item.jid == *user || item.jid == domain))
    }
}

/// The list in an answer to the question for one.
pub(in crate::chat) fn listed(answer: Result<Result<Element, StanzaError>, ChatError>) -> Listed {
    answer.map(|outcome| outcome.map(|reply| muc_admin::items(&reply)))
}
