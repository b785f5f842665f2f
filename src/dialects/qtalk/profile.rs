//! `get_user_nick`: a nickname, and the URL of a photo, which for one inside the vCard is the gateway's own.

use jid::BareJid;
use serde_json::json;

use super::context::{Context, Scope};
use super::error::Failure;
use super::json::Json;
use super::replies::Done;
use super::room::fields;
use crate::chat::accounts::profile::PhotoRef;
use crate::http::origin::origin;

/// Reads a user's nick name and the URL of their photo.
pub async fn get_user_nick(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let user = asked(context.scope, body)?;
    let profile = context.chat.accounts.profile(context.call, &user).await?;
    let photo = profile.photo.map(|photo| match photo {
        PhotoRef::Url(url) => url,
        PhotoRef::Binary { sha256, .. } => {
            let config = context.scope.config;
            avatar_url(&origin(&config.http, context.head), &config.qtalk.prefix, &user, &sha256)
        }
    });
    Ok(Some(json!({ "Nick": profile.nick, "Vcard": photo }).into()))
}

/// The user a request asks about.
pub fn asked(scope: Scope<'_>, body: &Json<'_>) -> Result<BareJid, Failure> {
    let fields = fields(body)?;
    let (user, domain) = (fields.required("ID")?, fields.required("Domain")?);
    let user = scope.person(&user, &domain).map_err(|failure| failure.of("ID, Domain"))?;
    scope.may_act_for(&user)?;
    Ok(user)
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
