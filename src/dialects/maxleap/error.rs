//! Refusals: `{"errorCode":…,"errorMessage":…}` with the documented codes.
//!
//! The original documents the codes but, 404 apart, no HTTP status:
//!
//! | code | meaning | status |
//! |---|---|---|
//! | 5001 | a parameter is missing or wrong | 400 |
//! | 5002 | the XMPP server, which is the data base here: refused, cannot be reached, or outcome unknown | 502, 503, 504 |
//! | 5003 | app id, signature or key are missing or wrong; too many failed attempts; the network may not call | 401, 429, 403 |
//! | 5004 | no such user, group, room, passenger, attribute or path | 404 |
//! | 5005 | it exists already, or parameters contradict each other | 409 |
//! | 5006 | the upload service | 502 |
//! | 5007 | the image cannot be read | 422 |
//! | 5008 | the group or room is full; so is a user's queue, and the message is in their archive only | 403 |
//! | 5009 | the operation is not supported here; nor is the method on this path | 400, 405 |
//! | 5010 | too long or too many; the request as a whole is too large | 400, 413 |
//! | 5011 | the file is too large | 413 |
//! | 5012 | the upload did not succeed; it is no multipart form | 502, 400 |

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::chat::types::address::AddressError;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::chat::types::user_id;
use crate::dialects::api::JSON;
use crate::dialects::api::failing::Ending;

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
    /// The text in the body.
    pub text: String,
    /// Status, word and wait.
    pub ending: Ending,
}

impl Code {
    /// The status and the word for metrics of a code that nothing says more about.
    fn usual(self) -> (StatusCode, &'static str) {
        match self {
            Self::Parameter => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Server => (StatusCode::BAD_GATEWAY, "server"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::Storage => (StatusCode::BAD_GATEWAY, "storage"),
            Self::Image => (StatusCode::UNPROCESSABLE_ENTITY, "image"),
            Self::Full => (StatusCode::FORBIDDEN, "full"),
            Self::Unsupported => (StatusCode::BAD_REQUEST, "unsupported"),
            Self::TooLong => (StatusCode::BAD_REQUEST, "too_long"),
            Self::FileTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
            Self::Upload => (StatusCode::BAD_GATEWAY, "upload"),
        }
    }

    /// The code of what the layers around the endpoints refuse with `status`.
    fn of(status: StatusCode) -> Code {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Self::Unauthorized,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::Unsupported,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLong,
            status if status.is_server_error() => Self::Server,
            _ => Self::Parameter,
        }
    }
}

impl Failure {
    /// A refusal with a code's own status.
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        let (status, outcome) = code.usual();
        Failure { code, text: text.into(), ending: Ending::new(status, outcome) }
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

    /// The same with users and rooms called by the ids that the API's callers know, not by their addresses.
    pub fn in_ids(self, realm: &Realm) -> Failure {
        Failure { text: in_ids(&self.text, realm), ..self }
    }

    /// The same with another status.
    pub fn with_status(self, status: StatusCode) -> Failure {
        Failure { ending: self.ending.with_status(status), ..self }
    }
}

/// What the verbs say with each address of the realm as the id that it is. What the caller wrote stands in quotes, and stays.
fn in_ids(text: &str, realm: &Realm) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let end = after.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(after.len());
        let (host, _) = after.split_at(end);
        let host = host.trim_end_matches('.');
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '(' | ',' | ';' | ':' | '<' | '/');
        let local = before.rsplit(ends).next().unwrap_or_default();
        let (lead, local) = before.split_at(before.len() - local.len());
        let ours = host == realm.domain || host == realm.rooms;
        if ours && !local.is_empty() && !lead.ends_with('"') {
            told.push_str(lead);
            told.push_str(&user_id::id(local));
            rest = after.get(host.len()..).unwrap_or_default();
        } else {
            told.push_str(before);
            told.push('@');
            rest = after;
        }
    }
    told.push_str(rest);
    told
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let code = match error.kind() {
            Kind::Address | Kind::Xml | Kind::NotKept => Code::Parameter,
            Kind::TooLarge => Code::TooLong,
            Kind::UnknownUser | Kind::UnknownRoom => Code::NotFound,
            Kind::RoomExists => Code::Conflict,
            Kind::NotMember => Code::Unauthorized,
            Kind::Storage => Code::Storage,
            Kind::NotQueued => Code::Full,
            Kind::Unavailable | Kind::TryLater | Kind::Refused | Kind::Partial | Kind::OutcomeUnknown => Code::Server,
            Kind::ClientPort | Kind::MissingRight => Code::Server,
        };
        Failure { code, text: error.to_string(), ending: Ending::of(&error) }
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Failure {
        Failure::from(ChatError::from(error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = body(self.code, self.ending.status, &self.text);
        self.ending.respond(&self.text, body)
    }
}

/// What the layers around the endpoints refuse, in the API's shape.
pub fn refusal(status: StatusCode, text: &str) -> Response {
    let mut response = body(Code::of(status), status, text);
    if status == StatusCode::UNAUTHORIZED {
        // A 401 has to name a scheme (RFC 9110 section 11.6.1); this one no browser asks a password for.
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("X-ML-Request-Sign"));
    }
    response
}

fn body(code: Code, status: StatusCode, text: &str) -> Response {
    let body = Json(json!({ "errorCode": code as u16, "errorMessage": text }));
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;
    use crate::chat::LinkError;

    async fn seen(response: Response) -> (u16, u64, bool) {
        let (status, waits) = (response.status().as_u16(), response.headers().contains_key(header::RETRY_AFTER));
        assert_eq!(response.headers()[header::CONTENT_TYPE], JSON);
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap();
        assert!(body["errorMessage"].is_string(), "{body}");
        (status, body["errorCode"].as_u64().unwrap(), waits)
    }

    #[tokio::test]
    async fn what_the_verbs_say_becomes_a_code_and_a_status() {
        let user = jid::BareJid::new("a@example.org").unwrap();
        for (error, expected) in [
            (ChatError::Link(LinkError::Busy), (503, 5002, true)),
            (ChatError::Link(LinkError::Down("x".into())), (503, 5002, true)),
            (ChatError::Link(LinkError::Timeout), (504, 5002, false)),
            (ChatError::Partial("half".into()), (502, 5002, false)),
            (ChatError::Right("x".into()), (502, 5002, false)),
            (ChatError::UnknownUser(user.clone()), (404, 5004, false)),
            (ChatError::UnknownRoom(user.clone()), (404, 5004, false)),
            (ChatError::RoomExists(user.clone()), (409, 5005, false)),
            (ChatError::NotMember { user: user.clone(), room: user }, (403, 5003, false)),
            (ChatError::Address(AddressError::NoLocalpart("x".into())), (400, 5001, false)),
        ] {
            assert_eq!(seen(Failure::from(error.clone()).into_response()).await, expected, "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_made_a_503_asks_to_wait() {
        let failure = Failure::new(Code::Server, "x").with_status(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(seen(failure.into_response()).await, (503, 5002, true));
    }

    #[test]
    fn each_type_of_stanza_error_is_told_for_what_it_is() {
        crate::dialects::api::failing::tests::tells_each_type(StatusCode::BAD_GATEWAY, |error| {
            Failure::from(error).into_response()
        });
    }

    #[test]
    fn addresses_of_the_realm_are_told_as_ids() {
        let realm = Realm {
            domain: "example.org".into(),
            rooms: "conference.example.org".into(),
            pubsub: "pubsub.example.org".into(),
            upload: "upload.example.org".into(),
        };
        for (said, told) in [
            ("the room ~u~p-1@conference.example.org does not exist", "the room UP-1 does not exist"),
            ("the user bob@example.org. Then ~bob@example.org", "the user bob. Then Bob"),
            (
                "added: nobody; not added: Bob (the user ~bob@example.org)",
                "added: nobody; not added: Bob (the user Bob)",
            ),
            ("~r@conference.example.org: 张三@example.org, a.b@example.org", "R: 张三, a.b"),
            ("\"~a@example.org\" is not an id", "\"~a@example.org\" is not an id"),
            ("a@other.example, @example.org, x@example.org.evil", "a@other.example, @example.org, x@example.org.evil"),
            ("r@conference.example.org/nick", "r/nick"),
        ] {
            assert_eq!(in_ids(said, &realm), told);
        }
    }

    #[tokio::test]
    async fn every_refusal_around_the_endpoints_has_the_shape() {
        for (status, code) in [
            (400, 5001),
            (401, 5003),
            (403, 5003),
            (404, 5004),
            (405, 5009),
            (408, 5001),
            (413, 5010),
            (429, 5003),
            (500, 5002),
            (503, 5002),
            (504, 5002),
        ] {
            let response = refusal(StatusCode::from_u16(status).unwrap(), "x");
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
            assert_eq!(seen(response).await, (status, code, false));
        }
    }
}
