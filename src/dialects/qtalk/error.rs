//! What can go wrong with a call, as the qtalk API says it: one stable number per kind.
//!
//! `errcode` with `replies = "documented"` (0 is success):
//!
//! | errcode | kind | HTTP |
//! |---|---|---|
//! | 1 | the request is malformed: not JSON, a field is missing or of a wrong type, unknown path, wrong method | 200 |
//! | 2 | a user does not exist | 200 |
//! | 3 | the room exists already | 200 |
//! | 4 | the room does not exist | 200 |
//! | 5 | the sender is not a member of the room | 200 |
//! | 6 | the caller's user is neither owner nor admin of the room | 200 |
//! | 7 | the server, the room or the recipient refused | 200 |
//! | 8 | outcome unknown: the link fell, or time ran out, after it was sent | 200 |
//! | 9 | the XMPP server does not grant the gateway a right, or a grant is not configured | 200 |
//! | 10 | an address is not valid, or its domain is not served | 200 |
//! | 11 | the XML is not acceptable as a message | 200 |
//! | 12 | too large: the message or the list | 200 |
//! | 13 | parts failed for different reasons; `data.failed` says which | 200 |
//! | 14 | busy, the XMPP server is not connected, or it said "later"; nothing was done | 503 |
//! | 15 | the caller's key may not act for this domain | 200 |
//! | 16 | auth_uk: the key is not valid | 200 |
//! | 17 | the caller's own key is missing or wrong | 401 |
//! | 18 | the caller's network is not allowed | 403 |
//! | 19 | too many failures or requests | 429 |
//! | 20 | the gateway failed (a bug; the log has the request's id) | 500 |
//! | 21 | the body is too large | 413 |
//! | 22 | time was up before the request was there, or was done: the outcome is unknown | 408, 504 |
//! | 23 | the recipient is offline and their queue is full: the message is in their archive, and does not wait for them | 200 |
//!
//! A call that names several (a batch, recipients, members) tries them all. When some fail, `errcode` is theirs if it is
//! the same for all of them and 13 otherwise, and `data` is
//! `{"failed":[{"index":N,"errcode":N,"errmsg":"…"},…]}` with the places in the caller's list, from 0.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::chat::types::address::AddressError;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::dialects::api::failing::Ending;
use crate::http::Cause;

/// The kind of a failure; the number is `errcode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the table in the module's documentation describes each")]
pub enum Code {
    BadRequest = 1,
    UnknownUser = 2,
    RoomExists = 3,
    UnknownRoom = 4,
    NotMember = 5,
    NotOwner = 6,
    Refused = 7,
    OutcomeUnknown = 8,
    MissingRight = 9,
    Address = 10,
    Xml = 11,
    TooLarge = 12,
    Partial = 13,
    Unavailable = 14,
    Domain = 15,
    AuthFail = 16,
    Unauthenticated = 17,
    Forbidden = 18,
    TooMany = 19,
    Internal = 20,
    BodyTooLarge = 21,
    Timeout = 22,
    NotQueued = 23,
}

impl Code {
    /// The HTTP status of a failure of this kind: 200 for all that the API itself says.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::OK,
        }
    }

    /// The kind of what the layers around the handlers refuse with `status`.
    pub fn of_status(status: StatusCode) -> Code {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_server_error() => Self::Internal,
            _ => Self::BadRequest,
        }
    }

    /// Its word in metrics and logs.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownUser => "unknown_user",
            Self::RoomExists => "room_exists",
            Self::UnknownRoom => "unknown_room",
            Self::NotMember => "not_member",
            Self::NotOwner => "not_owner",
            Self::Refused => "refused",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::MissingRight => "missing_right",
            Self::Address => "address",
            Self::Xml => "xml",
            Self::TooLarge => "too_large",
            Self::Partial => "partial",
            Self::Unavailable => "unavailable",
            Self::Domain => "domain",
            Self::AuthFail => "auth_fail",
            Self::Unauthenticated => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooMany => "rate_limited",
            Self::Internal => "internal",
            Self::BodyTooLarge => "body_too_large",
            Self::Timeout => "timeout",
            Self::NotQueued => "not_queued",
        }
    }
}

/// A failure as the API says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Its kind.
    pub code: Code,
    /// What happened, for people.
    pub errmsg: String,
    /// Which parts failed; empty when the call is one whole.
    pub failed: Vec<Part>,
    /// True when the body as a whole could not be read, for which the original has texts of its own.
    pub unreadable: bool,
    /// How long to wait before the same call, where that would help.
    pub wait: Option<Duration>,
    /// The stanza error that is behind it, for the log.
    pub cause: Option<Cause>,
}

/// A part of a call that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its place in the caller's list, from 0.
    pub index: usize,
    /// The kind of its failure.
    pub code: Code,
    /// What happened.
    pub errmsg: String,
    /// How long to wait before this part alone.
    pub wait: Option<Duration>,
    /// The stanza error that is behind it, for the log.
    pub cause: Option<Cause>,
}

impl Failure {
    /// A failure of the call as a whole.
    pub fn new(code: Code, errmsg: impl Into<String>) -> Failure {
        let Ending { wait, cause, .. } = Ending::new(code.status(), code.outcome());
        Failure { code, errmsg: errmsg.into(), failed: Vec::new(), unreadable: false, wait, cause }
    }

    /// A field is missing or wrong.
    pub fn field(errmsg: impl Into<String>) -> Failure {
        Failure::new(Code::BadRequest, errmsg)
    }

    /// The body is not a JSON value of the shape the endpoint takes.
    pub fn unreadable(errmsg: impl Into<String>) -> Failure {
        Failure { unreadable: true, ..Failure::field(errmsg) }
    }

    /// The same failure, its text led by the field that caused it.
    pub fn of(mut self, field: &str) -> Failure {
        self.errmsg = format!("{field}: {}", self.errmsg);
        self
    }

    /// What became of a call of `total` parts of which `failed` failed; `Ok` when none did.
    pub fn parts(total: usize, mut failed: Vec<Part>) -> Result<(), Failure> {
        failed.sort_by_key(|part| part.index);
        let Some(first) = failed.first() else { return Ok(()) };
        let same = failed.iter().all(|part| part.code == first.code);
        let code = match first.code {
            // "Unavailable" would invite the caller to send again what was done already.
            Code::Unavailable if failed.len() < total => Code::Partial,
            code if same => code,
            _ => Code::Partial,
        };
        let errmsg = format!("{} of {total} failed; number {}: {}", failed.len(), first.index, first.errmsg);
        let wait = failed.iter().filter_map(|part| part.wait).max().filter(|_| code == Code::Unavailable);
        let cause = first.cause.clone();
        Err(Failure { code, errmsg, failed, unreadable: false, wait, cause })
    }

    /// This failure as that of one part; of several, the first speaks.
    pub fn at(self, index: usize) -> Part {
        Part { index, code: self.code, errmsg: self.errmsg, wait: self.wait, cause: self.cause }
    }

    /// `data` of the reply: the failed parts, or an empty string.
    pub fn data(&self) -> Value {
        if self.failed.is_empty() {
            return Value::String(String::new());
        }
        let failed: Vec<Value> = self
            .failed
            .iter()
            .map(|part| json!({"index": part.index, "errcode": part.code as u8, "errmsg": part.errmsg}))
            .collect();
        json!({ "failed": failed })
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Failure {
        Failure::new(Code::Address, error.to_string())
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let code = match error.kind() {
            Kind::Unavailable | Kind::TryLater => Code::Unavailable,
            Kind::Address => Code::Address,
            Kind::Xml => Code::Xml,
            Kind::TooLarge => Code::TooLarge,
            Kind::UnknownUser => Code::UnknownUser,
            Kind::UnknownRoom => Code::UnknownRoom,
            Kind::RoomExists => Code::RoomExists,
            Kind::NotMember => Code::NotMember,
            Kind::Refused | Kind::Storage => Code::Refused,
            Kind::NotQueued => Code::NotQueued,
            Kind::NotKept => Code::BadRequest,
            Kind::Partial => Code::Partial,
            Kind::OutcomeUnknown => Code::OutcomeUnknown,
            Kind::ClientPort | Kind::MissingRight => Code::MissingRight,
        };
        let Ending { wait, cause, .. } = Ending::of(&error);
        Failure { wait, cause, ..Failure::new(code, error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::types::error::refusals;
    use crate::config::qtalk::Replies;
    use crate::dialects::api::failing::tests::tells_each_type;
    use crate::dialects::qtalk::replies::Endpoint;
    use crate::dialects::qtalk::routes::reply;

    fn part(index: usize, code: Code) -> Part {
        Failure::new(code, format!("part {index}")).at(index)
    }

    #[test]
    fn parts_that_fail_alike_give_their_code() {
        assert_eq!(Failure::parts(3, Vec::new()), Ok(()));
        let alike = Failure::parts(3, vec![part(2, Code::UnknownUser), part(0, Code::UnknownUser)]).unwrap_err();
        assert_eq!(alike.code, Code::UnknownUser);
        assert_eq!(alike.errmsg, "2 of 3 failed; number 0: part 0");
        assert_eq!(alike.data()["failed"][1], json!({"index": 2, "errcode": 2, "errmsg": "part 2"}));
        let mixed = Failure::parts(3, vec![part(1, Code::Xml), part(2, Code::Address)]).unwrap_err();
        assert_eq!(mixed.code, Code::Partial);
    }

    #[test]
    fn each_type_of_stanza_error_is_told_for_what_it_is() {
        for style in [Replies::Documented, Replies::Original] {
            tells_each_type(StatusCode::OK, |error| reply(style, Endpoint::CreateMuc, Err(error.into())));
        }
        let later = || Failure::from(refusals().swap_remove(4).1);
        let all = Failure::parts(2, vec![later().at(0), later().at(1)]).unwrap_err();
        assert_eq!((all.code, all.wait.map(|wait| wait.as_secs())), (Code::Unavailable, Some(10)));
        let some = Failure::parts(3, vec![later().at(0), later().at(1)]).unwrap_err();
        assert_eq!((some.code, some.wait), (Code::Partial, None));
    }

    #[test]
    fn a_call_that_was_partly_done_is_never_called_unavailable() {
        let some = Failure::parts(2, vec![part(1, Code::Unavailable)]).unwrap_err();
        assert_eq!(some.code, Code::Partial);
        let all = Failure::parts(2, vec![part(0, Code::Unavailable), part(1, Code::Unavailable)]).unwrap_err();
        assert_eq!(all.code, Code::Unavailable);
    }
}
