//! What can go wrong with a verb, as its caller needs to know it.

use jid::BareJid;

use super::address::AddressError;
use super::message::FragmentError;
use crate::link::LinkError;
use crate::session::SessionError;
use crate::xmpp::stanza_error::StanzaError;

/// Why a verb was not done, or is not known to have been done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChatError {
    /// An address that may not be named.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// XML that is not acceptable as a message.
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// The account does not exist.
    #[error("the user {0} does not exist")]
    UnknownUser(BareJid),
    /// The room does not exist.
    #[error("the room {0} does not exist")]
    UnknownRoom(BareJid),
    /// The room exists already.
    #[error("the room {0} exists already")]
    RoomExists(BareJid),
    /// The sender has no right to speak in the room.
    #[error("the user {user} is not a member of the room {room}")]
    NotMember {
        /// Who.
        user: BareJid,
        /// Where.
        room: BareJid,
    },
    /// The server, the room or the recipient refused: the stanza error's condition and text.
    #[error("{by} refused it: {condition}{}", text.as_deref().map(|t| format!(" ({t})")).unwrap_or_default())]
    Refused {
        /// Who refused.
        by: String,
        /// The defined condition (RFC 6120 section 8.3.3).
        condition: String,
        /// The error's text.
        text: Option<String>,
    },
    /// The server does not grant the gateway something; the text names it and what to configure.
    #[error("the XMPP server does not allow the gateway this: {0}")]
    Right(String),
    /// The stanza would be larger than the server takes.
    #[error("the message is too large: {0} bytes, the limit is {1}")]
    TooLarge(usize, usize),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A user's session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Several parts failed; the text says which.
    #[error("{0}")]
    Partial(String),
    /// The configuration cannot work.
    #[error("{0}")]
    Config(String),
}

impl ChatError {
    /// A refusal by whoever sent the stanza error.
    pub(super) fn refused(error: StanzaError) -> ChatError {
        let by = error.from.unwrap_or_else(|| "the XMPP server".to_owned());
        ChatError::Refused { by, condition: error.condition, text: error.text }
    }

    /// True when nothing was done and the same call may succeed soon: the gateway answers 503 with Retry-After.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Link(LinkError::Busy | LinkError::Down(_) | LinkError::Draining)
                | Self::Session(SessionError::Link(LinkError::Busy | LinkError::Down(_) | LinkError::Draining))
        )
    }
}
