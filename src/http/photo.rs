//! Users' photos from inside their vCards, under URLs of their own.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jid::BareJid;

use super::{Outcome, retry_after};
use crate::chat::types::error::Kind;
use crate::chat::{Call, Chat};

/// Serves the photo of `user` (`None`: of nobody) to whoever knows its hash. The hash stands for the right to see it, so
/// that clients need no key; it is the content's own, so that an answer may be kept for ever.
pub async fn serve(chat: &Chat, call: &Call, user: Option<&BareJid>, sha256: &str) -> Response {
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let Some(user) = user.filter(|_| is_hash) else { return absent() };
    match chat.accounts.photo(call, user).await {
        Ok(Some(photo)) if photo.sha256 == sha256 => {
            let headers = [
                (header::CONTENT_TYPE, photo.media_type),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CONTENT_DISPOSITION, "inline"),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (Outcome("ok"), headers, photo.bytes).into_response()
        }
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::OutcomeUnknown) => {
            let response = (StatusCode::SERVICE_UNAVAILABLE, Outcome("unavailable"), ()).into_response();
            retry_after(response, Duration::from_secs(1))
        }
        Ok(_) | Err(_) => absent(),
    }
}

/// The same for a user who does not exist and for one with another photo: an answer tells nothing about accounts.
fn absent() -> Response {
    (StatusCode::NOT_FOUND, Outcome("not_found"), [(header::CACHE_CONTROL, "no-store")], ()).into_response()
}
