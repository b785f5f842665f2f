//! `get_user_nick`, and the photos that are inside vCards, served under URLs of their own.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jid::BareJid;
use serde_json::{Value, json};

use super::auth::{Context, Scope};
use super::error::{Code, Failure};
use super::replies::Done;
use super::room::fields;
use super::routes::Qtalk;
use crate::chat::profile::PhotoRef;
use crate::http::call::CallOf;
use crate::http::{Outcome, retry_after};

/// Reads a user's nick name and the URL of his photo. `origin` is the gateway's own URL as the caller sees it, without a
/// trailing slash.
pub async fn get_user_nick(context: &Context<'_>, origin: &str, body: &Value) -> Result<Done, Failure> {
    let user = asked(context.scope, body)?;
    let profile = context.chat.profile(context.call, &user).await?;
    let photo = profile.photo.map(|photo| match photo {
        PhotoRef::Url(url) => url,
        PhotoRef::Binary { sha256, .. } => avatar_url(origin, &context.scope.config.qtalk.prefix, &user, &sha256),
    });
    Ok(Some(json!({ "Nick": profile.nick, "Vcard": photo })))
}

/// The user a request asks about.
pub fn asked(scope: Scope<'_>, body: &Value) -> Result<BareJid, Failure> {
    let fields = fields(body)?;
    let (user, domain) = (fields.required("ID")?, fields.required("Domain")?);
    scope.person(&user, &domain).map_err(|failure| failure.of("ID, Domain"))
}

fn avatar_url(origin: &str, prefix: &str, user: &BareJid, sha256: &str) -> String {
    format!("{origin}{prefix}/qtalk/avatar/{}/{sha256}", escaped(user.as_str()))
}

/// Percent-encodes what may not stand in a path segment (RFC 3986 section 3.3).
fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Serves a photo to whoever knows its hash. The hash stands for the right to see it, so that clients need no key; it
/// is the content's own, so that an answer may be kept for ever.
pub async fn avatar(
    State(qtalk): State<Qtalk>,
    CallOf(call): CallOf,
    Path((user, sha256)): Path<(String, String)>,
) -> Response {
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let user = match qtalk.chat.addresses().user(&user) {
        Ok(user) if is_hash => user,
        _ => return absent(),
    };
    match qtalk.chat.photo(&call, &user).await {
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
        Ok(_) => absent(),
        Err(error) => match Failure::from(error).code {
            Code::Unavailable | Code::OutcomeUnknown => {
                let response = (StatusCode::SERVICE_UNAVAILABLE, Outcome("unavailable"), ()).into_response();
                retry_after(response, std::time::Duration::from_secs(1))
            }
            _ => absent(),
        },
    }
}

/// The same for a user who does not exist and for one with another photo: an answer tells nothing about accounts.
fn absent() -> Response {
    (StatusCode::NOT_FOUND, Outcome("not_found"), [(header::CACHE_CONTROL, "no-store")], ()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_avatars_url_is_one_segment_per_part() {
        let user = BareJid::new("a/b?c%é@example.org").or_else(|_| BareJid::new("a?c%é@example.org")).unwrap();
        let url = avatar_url("http://h", "/p", &user, "00ff");
        assert_eq!(url, "http://h/p/qtalk/avatar/a%3Fc%25%C3%A9@example.org/00ff");
    }
}
