//! Refusals: `{"errorCode":…,"errorMessage":…}` with the documented codes.

use axum::http::StatusCode;

use crate::chat::ChatError;
use crate::chat::address::AddressError;

/// The documented codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Illegal parameter.
    Parameter = 5001,
    /// The XMPP server, which is the data base here.
    Server = 5002,
    /// Not authorised.
    Unauthorized = 5003,
    /// No such object.
    NotFound = 5004,
    /// Conflict.
    Conflict = 5005,
    /// File storage.
    Storage = 5006,
    /// Image processing.
    Image = 5007,
    /// Member limit reached.
    Full = 5008,
    /// Not supported.
    Unsupported = 5009,
    /// Too long.
    TooLong = 5010,
    /// File too large.
    FileTooLarge = 5011,
    /// Upload error.
    Upload = 5012,
}

/// Why a call is refused or has failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The code in the body.
    pub code: Code,
    /// The HTTP status.
    pub status: StatusCode,
    /// The text in the body.
    pub text: String,
    /// The fixed word for metrics and the log.
    pub outcome: &'static str,
}

impl Failure {
    /// A refusal with a code's own status.
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        todo!("{code:?} {}", text.into())
    }

    /// 5001.
    pub fn parameter(text: impl Into<String>) -> Failure {
        Failure::new(Code::Parameter, text)
    }

    /// 5010; `what` begins the sentence.
    pub fn too_long(what: &str) -> Failure {
        Failure::new(Code::TooLong, format!("{what} is too long"))
    }

    /// 5004; `what` begins the sentence.
    pub fn not_found(what: &str) -> Failure {
        Failure::new(Code::NotFound, format!("{what} does not exist"))
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        todo!("{error}")
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Failure {
        Failure::from(ChatError::from(error))
    }
}
