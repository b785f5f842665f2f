//! How a request ends whose verb has failed, whatever the API's own body says of it: status, word, wait and cause.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::chat::types::error::{ChatError, Kind};
use crate::http::{Cause, Outcome, Told, retry_after};

/// After this the caller may try again what found the gateway busy or the XMPP server away.
const UNAVAILABLE: Duration = Duration::from_secs(1);

/// The same for what the XMPP server, a room or a recipient cannot do now, where they do not say for how long. XMPP knows
/// "wait" and no time; callers who obey must not add to what is lacking.
const LATER: Duration = Duration::from_secs(10);

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The HTTP status.
    pub status: StatusCode,
    /// The fixed word for metrics and the log.
    pub outcome: &'static str,
    /// How long the caller is to wait before they try again, where that would help.
    pub wait: Option<Duration>,
    /// The stanza error that is behind it, for the log.
    pub cause: Option<Cause>,
}

impl Ending {
    /// An end that the gateway itself has found.
    pub fn new(status: StatusCode, outcome: &'static str) -> Ending {
        Ending { status, outcome, wait: None, cause: None }.with_status(status)
    }

    /// The end that a failure of a verb calls for.
    pub fn of(error: &ChatError) -> Ending {
        let (status, outcome) = usual(error.kind());
        let wait = match error.kind() {
            Kind::Unavailable => Some(UNAVAILABLE),
            Kind::TryLater => Some(error.wait().unwrap_or(LATER)),
            _ => None,
        };
        Ending { status, outcome, wait, cause: cause(error) }
    }

    /// The same with another status; a 503 asks to wait.
    pub fn with_status(self, status: StatusCode) -> Ending {
        let wait = self.wait.or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(UNAVAILABLE));
        Ending { status, wait, ..self }
    }

    /// The response that ends so, with its body, in which the caller is `told` this in English.
    pub fn respond(self, told: &str, body: impl IntoResponse) -> Response {
        let response = (self.status, Outcome(self.outcome), body).into_response();
        finish(response, told, self.wait, self.cause)
    }
}

/// Adds to the response of a failure how long to wait, and for the log what the caller is told and why.
pub fn finish(mut response: Response, told: &str, wait: Option<Duration>, cause: Option<Cause>) -> Response {
    response.extensions_mut().insert(Told::new(told));
    if let Some(cause) = cause {
        response.extensions_mut().insert(cause);
    }
    match wait {
        Some(wait) => retry_after(response, wait),
        None => response,
    }
}

/// The stanza error behind a failure, for the log.
pub fn cause(error: &ChatError) -> Option<Cause> {
    let error = error.cause()?;
    Some(Cause(format!("{} {error} by {}", error.type_name(), error.source()).into()))
}

/// Status and word of a kind of failure. An API that has others says so itself.
fn usual(kind: Kind) -> (StatusCode, &'static str) {
    match kind {
        Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Kind::TryLater => (StatusCode::SERVICE_UNAVAILABLE, "try_later"),
        Kind::Address => (StatusCode::BAD_REQUEST, "address"),
        Kind::Xml => (StatusCode::BAD_REQUEST, "xml"),
        Kind::TooLarge => (StatusCode::BAD_REQUEST, "too_large"),
        Kind::UnknownUser => (StatusCode::NOT_FOUND, "unknown_user"),
        Kind::UnknownRoom => (StatusCode::NOT_FOUND, "unknown_room"),
        Kind::RoomExists => (StatusCode::CONFLICT, "room_exists"),
        Kind::NotMember => (StatusCode::FORBIDDEN, "not_member"),
        // No failure of the gateway's or the server's: what is tried again then would be there twice.
        Kind::NotQueued => (StatusCode::FORBIDDEN, "not_queued"),
        Kind::NotKept => (StatusCode::BAD_REQUEST, "not_kept"),
        Kind::Partial => (StatusCode::BAD_GATEWAY, "partial"),
        Kind::Storage => (StatusCode::BAD_GATEWAY, "storage"),
        Kind::Refused => (StatusCode::BAD_GATEWAY, "refused"),
        Kind::OutcomeUnknown => (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown"),
        Kind::ClientPort | Kind::MissingRight => (StatusCode::BAD_GATEWAY, "missing_right"),
    }
}

#[cfg(test)]
pub(in crate::dialects) mod tests {
    use axum::http::header;

    use super::*;
    use crate::chat::types::error::refusals;

    /// Sees to it that an API tells callers the truth about each type of stanza error: what may succeed later is 503 with
    /// Retry-After, everything else is `refused` and asks nobody to wait; the log learns type, condition, text and speaker.
    pub fn tells_each_type(refused: StatusCode, answer: impl Fn(ChatError) -> Response) {
        for (name, error) in refusals() {
            let response = answer(error.clone());
            let later = error.kind() == Kind::TryLater;
            let wait = response.headers().get(header::RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
            assert_eq!(wait.as_deref(), later.then_some("10"), "{error}");
            assert_eq!(response.status(), if later { StatusCode::SERVICE_UNAVAILABLE } else { refused }, "{error}");
            let Told(told) = response.extensions().get().expect("what the caller is told");
            assert!(!told.is_empty());
            let Cause(cause) = response.extensions().get().expect("a cause");
            assert!(cause.starts_with(&format!("{name} ")), "{cause}");
            assert!(cause.ends_with(" (said) by room@conference.example.org"), "{cause}");
        }
    }
}
