//! What can go wrong with a verb, as its caller needs to know it.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::types::address::AddressError;
use crate::chat::types::message::FragmentError;
use crate::link::LinkError;
use crate::session::SessionError;
use crate::xml::encode::EncodeError;
use crate::xml::read::ReadError;
use crate::xmpp::stanza_error::{ErrorType, StanzaError};

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
    /// The server, the room or the recipient refused: with type, condition, text and speaker of the stanza error.
    #[error("{} refused it{}: {}", .0.source(), if .0.is_temporary() { " for now" } else { "" }, .0)]
    Refused(Arc<StanzaError>),
    /// The message is in the recipient's archive, under this id, and does not wait for them: their queue is full.
    #[error(
        "{user} is offline and no more messages wait for them: this one is in their archive ({archive_id}), where clients \
         that read it find it. Do not send it again"
    )]
    NotQueued {
        /// Who.
        user: BareJid,
        /// The id in the archive.
        archive_id: String,
    },
    /// What is to be found in an archive is kept in none.
    #[error(
        "nothing was sent: no archive keeps this (a headline, a notice, a message without a body or with the hint \
         no-store, a room without an archive), so that \"archived\" cannot be waited for"
    )]
    NotKept,
    /// The upload service takes no file of this size; in bytes, where it says so.
    #[error("the upload service takes no file of this size{}", .0.map(|most| format!(": at most {most} bytes")).unwrap_or_default())]
    FileTooLarge(Option<u64>),
    /// The upload service cannot be reached, is full, or has not taken a file.
    #[error("the file was not stored: {0}")]
    Storage(String),
    /// The server does not grant the gateway something; the text names it and what to configure.
    #[error("the XMPP server does not allow the gateway this: {0}")]
    Right(String),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A user's session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Several parts failed; the text says which.
    #[error("{0}")]
    Partial(String),
    /// A failure of this kind, told with what is known beside it.
    #[error("{text}")]
    Told {
        /// Its kind.
        kind: Kind,
        /// What is told.
        text: String,
        /// The refusal that is behind it, if one is.
        cause: Option<Arc<StanzaError>>,
        /// How long to wait before the same call, where that is known.
        wait: Option<Duration>,
    },
    /// The configuration cannot work.
    #[error("{0}")]
    Config(String),
}

/// The sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing was done, and the same call may succeed soon: the gateway is busy, or not connected.
    Unavailable,
    /// Nothing was done, and the same call may succeed later: whoever was asked says so (an error of type `wait`).
    TryLater,
    /// An address that may not be named.
    Address,
    /// XML that is not acceptable as a message, or text that XML cannot carry.
    Xml,
    /// Over a bound.
    TooLarge,
    /// The account does not exist.
    UnknownUser,
    /// The room does not exist.
    UnknownRoom,
    /// The room exists already.
    RoomExists,
    /// The sender has no right to speak in the room.
    NotMember,
    /// The server, the room or the recipient refused.
    Refused,
    /// The message is in the recipient's archive, and does not wait for them.
    NotQueued,
    /// What is to be found in an archive is kept in none: nothing was sent.
    NotKept,
    /// The upload service has not taken a file.
    Storage,
    /// Several parts failed, in different ways.
    Partial,
    /// It may or may not have taken effect.
    OutcomeUnknown,
    /// The server's client port, or the one that grants sessions, cannot be reached, or is closed to the gateway.
    ClientPort,
    /// The server does not grant the gateway something, or the configuration lacks it.
    MissingRight,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 17] = [
        Kind::Unavailable,
        Kind::TryLater,
        Kind::Address,
        Kind::Xml,
        Kind::TooLarge,
        Kind::UnknownUser,
        Kind::UnknownRoom,
        Kind::RoomExists,
        Kind::NotMember,
        Kind::Refused,
        Kind::NotQueued,
        Kind::NotKept,
        Kind::Storage,
        Kind::Partial,
        Kind::OutcomeUnknown,
        Kind::ClientPort,
        Kind::MissingRight,
    ];

    /// Its word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Unavailable => "unavailable",
            Kind::TryLater => "try_later",
            Kind::Address => "address",
            Kind::Xml => "xml",
            Kind::TooLarge => "too_large",
            Kind::UnknownUser => "unknown_user",
            Kind::UnknownRoom => "unknown_room",
            Kind::RoomExists => "room_exists",
            Kind::NotMember => "not_member",
            Kind::Refused => "refused",
            Kind::NotQueued => "not_queued",
            Kind::NotKept => "not_kept",
            Kind::Storage => "storage",
            Kind::Partial => "partial",
            Kind::OutcomeUnknown => "outcome_unknown",
            Kind::ClientPort => "client_port",
            Kind::MissingRight => "missing_right",
        }
    }
}

impl ChatError {
    /// A refusal by whoever sent the stanza error.
    pub(in crate::chat) fn refused(error: StanzaError) -> ChatError {
        ChatError::Refused(Arc::new(error))
    }

    /// As [`ChatError::refused`], where `by` said no in another way than by an error stanza.
    pub(in crate::chat) fn refused_by(by: impl Into<String>, condition: &str, text: impl Into<String>) -> ChatError {
        ChatError::refused(StanzaError::new(by, ErrorType::Cancel, condition, Some(text.into())))
    }

    /// A failure with a text of its own.
    pub(in crate::chat) fn told(kind: Kind, text: impl Into<String>) -> ChatError {
        ChatError::Told { kind, text: text.into(), cause: None, wait: None }
    }

    /// True for a refusal with this defined condition (RFC 6120 section 8.3.3).
    pub(in crate::chat) fn is_refusal(&self, condition: &str) -> bool {
        matches!(self, Self::Refused(error) if error.is(condition))
    }

    /// The stanza error that is behind it, if one is.
    pub fn cause(&self) -> Option<&Arc<StanzaError>> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Told { cause, .. } => cause.as_ref(),
            _ => None,
        }
    }

    /// How long to wait before the same call, where somebody said it.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Told { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The same failure as part of another of this kind.
    fn part_of(self, kind: Kind, text: String) -> ChatError {
        ChatError::Told { kind, text, cause: self.cause().cloned(), wait: self.wait() }
    }

    /// The failure of a step after others that were done, so that it does not pass for one in which nothing was.
    pub fn after(self, done: &str) -> ChatError {
        let kind = if self.may_succeed_later() { Kind::Partial } else { self.kind() };
        let text = format!("{done}; then: {self}");
        self.part_of(kind, text)
    }

    /// The failure, led by what it is that failed. One in which nothing was done says so itself.
    pub(in crate::chat) fn of(self, what: &str) -> ChatError {
        if self.is_unavailable() {
            return self;
        }
        let (kind, text) = (self.kind(), format!("{what}: {self}"));
        self.part_of(kind, text)
    }

    /// What sort of failure this is: all that a dialect needs to choose its own code.
    pub fn kind(&self) -> Kind {
        match self {
            _ if self.is_unavailable() => Kind::Unavailable,
            Self::Address(_) => Kind::Address,
            Self::Fragment(FragmentError::Read(
                ReadError::TooLarge(_) | ReadError::TooDeep(_) | ReadError::TooMany(_),
            )) => Kind::TooLarge,
            Self::Fragment(_) => Kind::Xml,
            Self::UnknownUser(_) => Kind::UnknownUser,
            Self::UnknownRoom(_) => Kind::UnknownRoom,
            Self::RoomExists(_) => Kind::RoomExists,
            Self::NotMember { .. } => Kind::NotMember,
            Self::Refused(error) if error.is_temporary() => Kind::TryLater,
            Self::Refused(_) => Kind::Refused,
            Self::NotQueued { .. } => Kind::NotQueued,
            Self::NotKept => Kind::NotKept,
            Self::FileTooLarge(_) => Kind::TooLarge,
            Self::Storage(_) => Kind::Storage,
            Self::Partial(_) => Kind::Partial,
            Self::Told { kind, .. } => *kind,
            Self::Link(error) | Self::Session(SessionError::Link(error)) => match error {
                LinkError::Encode(EncodeError::TooLarge(..)) => Kind::TooLarge,
                LinkError::Encode(EncodeError::Invalid(_)) => Kind::Xml,
                _ => Kind::OutcomeUnknown,
            },
            Self::Session(SessionError::Connect(_) | SessionError::Banned(_)) => Kind::ClientPort,
            Self::Right(_) | Self::Config(_) | Self::Session(_) => Kind::MissingRight,
        }
    }

    /// True when nothing was done and the same call may succeed later: the gateway answers 503 with Retry-After.
    pub fn may_succeed_later(&self) -> bool {
        matches!(self.kind(), Kind::Unavailable | Kind::TryLater)
    }

    /// True when it is the gateway that cannot do it now.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Link(LinkError::Busy | LinkError::Down(_) | LinkError::Draining)
                | Self::Session(SessionError::Link(LinkError::Busy | LinkError::Down(_) | LinkError::Draining))
        )
    }
}

/// The first failure of several outcomes.
pub(in crate::chat) fn all(outcomes: Vec<Result<(), ChatError>>) -> Result<(), ChatError> {
    outcomes.into_iter().collect()
}

/// A few of many failures, and how many more there are.
pub(in crate::chat) fn summary(failed: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = failed.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match failed.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// One refusal of each type that an error can have (RFC 6120 section 8.3.2), and one that is temporary by its condition: for
/// the tests of the APIs.
#[cfg(test)]
pub fn refusals() -> Vec<(&'static str, ChatError)> {
    use ErrorType::{Auth, Cancel, Continue, Modify, Wait};
    [
        ("auth", Auth, "forbidden"),
        ("cancel", Cancel, "conflict"),
        ("continue", Continue, "undefined-condition"),
        ("modify", Modify, "not-acceptable"),
        ("wait", Wait, "internal-server-error"),
        ("cancel", Cancel, "resource-constraint"),
    ]
    .into_iter()
    .map(|(name, error_type, condition)| {
        let error = StanzaError::new("room@conference.example.org", error_type, condition, Some("said".to_owned()));
        (name, ChatError::refused(error))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_down_differs_from_one_that_fell() {
        assert_eq!(ChatError::Link(LinkError::Busy).kind(), Kind::Unavailable);
        assert_eq!(ChatError::Link(LinkError::Down("x".into())).kind(), Kind::Unavailable);
        assert_eq!(ChatError::Link(LinkError::Unknown).kind(), Kind::OutcomeUnknown);
        assert_eq!(ChatError::Session(SessionError::Link(LinkError::Timeout)).kind(), Kind::OutcomeUnknown);
        assert_eq!(ChatError::Link(LinkError::Busy).after("half").kind(), Kind::Partial);
        let late = ChatError::Link(LinkError::Timeout).of("the rest").after("half");
        assert_eq!(late.kind(), Kind::OutcomeUnknown);
        assert_eq!(late.to_string(), format!("half; then: the rest: {}", LinkError::Timeout));
        assert_eq!(ChatError::Session(SessionError::NoGrant).kind(), Kind::MissingRight);
    }

    #[test]
    fn a_refusal_keeps_type_condition_text_and_speaker() {
        for (name, refused) in refusals() {
            let condition = refused.cause().expect("a refusal").condition.clone();
            let later = name == "wait" || condition == "resource-constraint";
            let kind = if later { Kind::TryLater } else { Kind::Refused };
            let when = if later { " for now" } else { "" };
            let shown = format!("room@conference.example.org refused it{when}: {condition} (said)");
            assert_eq!((refused.kind(), refused.to_string()), (kind, shown.clone()));
            let part = refused.clone().of("their bookmark");
            assert_eq!((part.kind(), part.to_string()), (kind, format!("their bookmark: {shown}")));
            let after = part.after("half");
            assert_eq!(after.kind(), if later { Kind::Partial } else { kind });
            assert_eq!(after.cause().map(|cause| cause.type_name()), Some(name));
        }
    }
}
