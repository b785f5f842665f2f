//! Why a call is refused or has failed, in the API's shapes: `errcode` and `errmsg` for who may not call, always with
//! status 200; `result` and `message` for everything else.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::wire::JSON;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::http::language::{Language, Localized};
use crate::http::{Outcome, retry_after};

/// After this the caller may try again what found the gateway busy or the XMPP server away.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

/// Why a call has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status: 200 for all that the caller has to look at `result` for; others where the gateway or the XMPP
    /// server is to blame.
    pub status: StatusCode,
    /// The text in the body, in Chinese and in English.
    pub text: (String, String),
    /// The fixed word for metrics and the log.
    pub outcome: &'static str,
}

impl Failure {
    /// Something is wrong with what the caller sent.
    pub fn request((chinese, english): Localized) -> Failure {
        Failure::told("bad_request", chinese, english)
    }

    /// As [`Failure::request`], with texts that were put together.
    pub fn told(outcome: &'static str, chinese: impl Into<String>, english: impl Into<String>) -> Failure {
        Failure { status: StatusCode::OK, text: (chinese.into(), english.into()), outcome }
    }

    /// There is no such group.
    pub fn unknown_group(gid: &str) -> Failure {
        let gid = shown(gid);
        Failure::told("unknown_room", format!("讨论组不存在：{gid}"), format!("The chat group does not exist: {gid}"))
    }

    /// There are no such users.
    pub fn unknown_users(ids: &str) -> Failure {
        Failure::told("unknown_user", format!("用户不存在：{ids}"), format!("Users do not exist: {ids}"))
    }

    /// The answer to a caller who speaks this language.
    pub fn answer(self, language: Language) -> Response {
        let body = json!({ "result": "fail", "message": language.choose(self.text) });
        let response = (Outcome(self.outcome), shaped(self.status, body)).into_response();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => retry_after(response, UNAVAILABLE_WAIT),
            _ => response,
        }
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let (status, outcome) = match error.kind() {
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Kind::Address => (StatusCode::OK, "address"),
            Kind::Xml => (StatusCode::OK, "xml"),
            Kind::TooLarge => (StatusCode::OK, "too_large"),
            Kind::UnknownUser => (StatusCode::OK, "unknown_user"),
            Kind::UnknownRoom => (StatusCode::OK, "unknown_room"),
            Kind::RoomExists => (StatusCode::OK, "room_exists"),
            Kind::NotMember => (StatusCode::OK, "not_member"),
            Kind::Partial => (StatusCode::OK, "partial"),
            Kind::NotQueued => (StatusCode::OK, "not_queued"),
            Kind::NotKept => (StatusCode::OK, "not_kept"),
            Kind::Storage => (StatusCode::BAD_GATEWAY, "storage"),
            Kind::Refused => (StatusCode::BAD_GATEWAY, "refused"),
            Kind::OutcomeUnknown => (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown"),
            Kind::ClientPort | Kind::MissingRight => (StatusCode::BAD_GATEWAY, "missing_right"),
        };
        let text = error.to_string();
        Failure { status, text: (text.clone(), text), outcome }
    }
}

/// What the layers around the methods refuse.
pub fn refusal(status: StatusCode, text: &str) -> Response {
    let denied = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status);
    if denied || status == StatusCode::TOO_MANY_REQUESTS {
        let body = json!({ "errcode": status.as_u16(), "errmsg": text });
        return shaped(if denied { StatusCode::OK } else { status }, body);
    }
    shaped(status, json!({ "result": "fail", "message": text }))
}

fn shaped(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What of a caller's text goes into an error: enough to recognise it.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
