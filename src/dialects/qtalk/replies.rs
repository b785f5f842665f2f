//! The bodies of replies, byte for byte, in both styles.
//!
//! With `replies = "documented"` a success is the body that the API's documents print for the endpoint, and a failure is
//! `{"ret":false,"errcode":N,"errmsg":"…","data":…}` with the numbers of [`super::error`].
//!
//! With `replies = "original"` the bodies are those that the original server sent in the same circumstances. It answered
//! before anything was delivered, so these are reported as success although they were not done:
//! - send_thirdmessage, send_notify, send_message: unknown users and rooms, refusals, unacceptable XML and addresses,
//!   senders who are no members (except send_message, which looked), outcomes that are unknown;
//! - send_notify: missing and wrong fields as well; create_muc: everything but "exists already";
//! - add_muc_user, del_muc_user, clear_staff: single members that failed.
//!
//! What the original met with an empty 500 (a missing field, mostly) is `ret` false, `errcode` 1 and a text. What only a
//! gateway can meet is said in both styles alike: [`Code::Unavailable`] (503), [`Code::MissingRight`], [`Code::Domain`],
//! [`Code::TooLarge`], and, except for the three sends, [`Code::OutcomeUnknown`].

use serde::Serialize;
use serde_json::Value;

use super::error::{Code, Failure};
use super::listed::Listed;
use crate::config::qtalk::Replies;

/// An endpoint: the originals' replies differ between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the paths speak for themselves")]
pub enum Endpoint {
    SendThirdmessage,
    SendNotify,
    CreateMuc,
    AddMucUser,
    DelMucUser,
    DestroyMuc,
    GetUserNick,
    SendMessage,
    MucUsers,
    AuthUk,
    ClearStaff,
    /// Any other path.
    Unknown,
}

impl Endpoint {
    /// What the original says of a body it cannot read, typing error included.
    fn unreadable(self) -> &'static str {
        match self {
            Self::SendThirdmessage | Self::SendNotify | Self::SendMessage | Self::ClearStaff => "Josn parse error",
            _ => "Json format error.",
        }
    }

    fn is_send(self) -> bool {
        matches!(self, Self::SendThirdmessage | Self::SendNotify | Self::SendMessage)
    }
}

/// What a call gives when it was done: `data`, where the endpoint has any.
pub type Done = Option<Data>;

/// What is said beside that it was done.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Any JSON.
    Value(Value),
    /// Members of a room.
    Members(Listed),
    /// The ids of messages in archives, in the order in which the call names them.
    Archived {
        /// The ids; none for a message to a room whose archive says none.
        archive_ids: Vec<Option<String>>,
    },
}

impl Data {
    /// The id of the only message.
    pub fn archive_id(&self) -> Option<&str> {
        match self {
            Data::Archived { archive_ids } if archive_ids.len() == 1 => archive_ids.first()?.as_deref(),
            _ => None,
        }
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Data {
        Data::Value(value)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Errcode {
    Number(u8),
    /// The original's room calls send their number as a string.
    Text(&'static str),
}

#[derive(Serialize)]
struct Body<'a> {
    ret: bool,
    errcode: Errcode,
    errmsg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

/// The reply's body, compact JSON in UTF-8.
pub fn body(style: Replies, endpoint: Endpoint, result: Result<Done, Failure>) -> Vec<u8> {
    match (style, result) {
        (Replies::Documented, Ok(done)) => documented(endpoint, done).bytes(),
        (Replies::Documented, Err(failure)) => failed(endpoint, &failure).bytes(),
        (Replies::Original, Ok(done)) => original(endpoint, done).bytes(),
        (Replies::Original, Err(failure)) => original_failed(endpoint, &failure).bytes(),
    }
}

impl Body<'_> {
    fn bytes(&self) -> Vec<u8> {
        // Strings, numbers, lists and a Value cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn empty() -> Option<Data> {
    Some(Value::String(String::new()).into())
}

fn documented(endpoint: Endpoint, done: Done) -> Body<'static> {
    use Endpoint::*;
    let (errmsg, data) = match endpoint {
        GetUserNick | MucUsers | ClearStaff => ("", done.or_else(empty)),
        SendMessage => ("success", done),
        AuthUk => ("success", None),
        _ => ("success", done.or_else(empty)),
    };
    Body { ret: true, errcode: Errcode::Number(0), errmsg, data }
}

/// A failure with the numbers of the table. send_message has no `data` unless it says which recipients failed.
fn failed(endpoint: Endpoint, failure: &Failure) -> Body<'_> {
    let data = match endpoint {
        Endpoint::SendMessage | Endpoint::AuthUk if failure.failed.is_empty() => None,
        _ => Some(failure.data().into()),
    };
    Body { ret: false, errcode: Errcode::Number(failure.code as u8), errmsg: &failure.errmsg, data }
}

fn original(endpoint: Endpoint, done: Done) -> Body<'static> {
    use Endpoint::*;
    match endpoint {
        CreateMuc | AddMucUser | DelMucUser | DestroyMuc => muc(true, "0", "", "sucess"),
        GetUserNick | MucUsers => documented(endpoint, done),
        SendMessage => Body { ret: true, errcode: Errcode::Number(0), errmsg: "success", data: None },
        _ => Body { ret: true, errcode: Errcode::Number(0), errmsg: "success", data: empty() },
    }
}

fn muc(ret: bool, errcode: &'static str, errmsg: &'static str, data: &str) -> Body<'static> {
    Body { ret, errcode: Errcode::Text(errcode), errmsg, data: Some(Value::from(data).into()) }
}

fn original_failed(endpoint: Endpoint, failure: &Failure) -> Body<'_> {
    use Endpoint::*;
    let one = |errmsg| Body {
        ret: false,
        errcode: Errcode::Number(1),
        errmsg,
        data: if endpoint == SendMessage { None } else { empty() },
    };
    let done = || original(endpoint, None);
    let code = decisive(endpoint, failure);
    if failure.unreadable {
        return Body { data: empty(), ..one(endpoint.unreadable()) };
    }
    if gateways_own(endpoint, code) {
        return failed(endpoint, failure);
    }
    let whole = failure.failed.is_empty();
    match (endpoint, code) {
        (CreateMuc, Code::RoomExists) => muc(true, "3", "", "failed"),
        (CreateMuc | SendNotify, _) => done(),
        (AddMucUser, Code::UnknownRoom) => muc(true, "1", "", "failed"),
        (AddMucUser, Code::Address) if whole => muc(true, "1", "", "failed"),
        (AddMucUser | DelMucUser | ClearStaff | SendThirdmessage | Unknown, Code::BadRequest) => one(&failure.errmsg),
        (AddMucUser | ClearStaff | SendThirdmessage, _) => done(),
        (DelMucUser, Code::NotOwner | Code::UnknownRoom) => muc(false, "1", "owner error", "failed"),
        (DelMucUser, _) if whole => muc(false, "1", "owner error", "failed"),
        (DelMucUser, _) => done(),
        (DestroyMuc, _) => muc(true, "1", "", "failed"),
        (MucUsers, _) => original(endpoint, Some(Value::Array(Vec::new()).into())),
        (GetUserNick, _) => one("get info fail"),
        (SendMessage, Code::BadRequest | Code::Address | Code::NotMember) if whole => one(&failure.errmsg),
        (SendMessage, _) => done(),
        (AuthUk, _) => one("auth fail"),
        (Unknown, _) => one(&failure.errmsg),
    }
}

/// The code that decides what the original would have said: of several parts, the worst for the caller.
fn decisive(endpoint: Endpoint, failure: &Failure) -> Code {
    let mut codes = failure.failed.iter().map(|part| part.code);
    codes
        .clone()
        .find(|code| gateways_own(endpoint, *code))
        .or_else(|| codes.clone().find(|code| *code == Code::BadRequest))
        .or_else(|| codes.next())
        .unwrap_or(failure.code)
}

/// True for what the original could not meet.
fn gateways_own(endpoint: Endpoint, code: Code) -> bool {
    use Code::*;
    match code {
        OutcomeUnknown => !endpoint.is_send(),
        Unavailable | MissingRight | Domain | TooLarge | BodyTooLarge => true,
        Unauthenticated | Forbidden | TooMany | Internal | Timeout => true,
        BadRequest | UnknownUser | RoomExists | UnknownRoom | NotMember | NotOwner | Refused => false,
        Address | Xml | Partial | AuthFail | NotQueued => false,
    }
}

#[cfg(test)]
#[path = "replies_tests.rs"]
mod tests;
