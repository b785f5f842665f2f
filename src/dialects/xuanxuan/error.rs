//! Why a call is refused or has failed, in the API's shapes: `errcode` and `errmsg` for who may not call, always with
//! status 200; `result` and `message` for everything else.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::chat::types::error::ChatError;
use crate::chat::types::error::Kind;
use crate::dialects::api::JSON;
use crate::dialects::api::failing::Ending;
use crate::http::language::{Language, Localized};

/// Why a call has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The text in the body, in Chinese and in English.
    pub text: (String, String),
    /// Status, word and wait. The status is 200 for all that the caller has to look at `result` for; others where the gateway
    /// or the XMPP server is to blame.
    pub ending: Ending,
}

impl Failure {
    /// Something is wrong with what the caller sent.
    pub fn request((chinese, english): Localized) -> Failure {
        Failure::told("bad_request", chinese, english)
    }

    /// As [`Failure::request`], with texts that were put together.
    pub fn told(outcome: &'static str, chinese: impl Into<String>, english: impl Into<String>) -> Failure {
        Failure { text: (chinese.into(), english.into()), ending: Ending::new(StatusCode::OK, outcome) }
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
        let english = self.text.1.clone();
        let body = json!({ "result": "fail", "message": language.choose(self.text) });
        let body = shaped(self.ending.status, body);
        self.ending.respond(&english, body)
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Failure {
        let ending = Ending::of(&error);
        // What is not done because of the call itself is told with status 200, as all that the original tells.
        let callers = ending.status.is_client_error() || error.kind() == Kind::Partial;
        let ending = if callers { ending.with_status(StatusCode::OK) } else { ending };
        let text = error.to_string();
        Failure { text: (text.clone(), text), ending }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_stanza_error_is_told_for_what_it_is() {
        crate::dialects::api::failing::tests::tells_each_type(StatusCode::BAD_GATEWAY, |error| {
            Failure::from(error).answer(Language::English)
        });
    }
}
