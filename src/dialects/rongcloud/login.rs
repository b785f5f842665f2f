//! `POST /api/auth/login/`: the XMPP name and password, for a token.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::StatusCode;
use jid::BareJid;
use serde_json::json;

use super::context::Context;
use super::error::Failure;
use super::tokens::Tokens;
use super::wire::{Form, Reply};
use crate::chat::accounts::mark::Mark;
use crate::chat::types::error::Kind;
use crate::http::logins::Logins;

/// Longest name, in characters.
const NAME: usize = 1024;

/// Answers `{"key": token}`. The name is a localpart, or a whole address of the domain.
///
/// # Errors
/// 400 for a wrong name or password, 429 after too many.
pub async fn log_in(
    cx: &Context<'_>,
    logins: &Logins,
    tokens: &Tokens,
    from: IpAddr,
    request: Request,
) -> Result<Reply, Failure> {
    let form = Form::read(request).await?;
    let name = form.required("username", NAME)?;
    let password = form.secret("password")?;
    let user = user(cx, &name).ok_or_else(refused)?;

    let attempt = logins.begin(&user, from).map_err(Failure::throttled)?;
    match cx.chat.accounts.check_password(cx.call, &user, &password).await {
        Ok(true) => {
            attempt.succeeded();
            let mark = cx.chat.accounts.account_mark(cx.call, cx.realm, &user).await?;
            let key = tokens.sign(&user, mark.as_ref().and_then(Mark::id)).ok_or_else(|| {
                let text = ("没有签名密钥。", "There is no key to sign with.");
                Failure::told(StatusCode::INTERNAL_SERVER_ERROR, "missing_right", text.0, text.1)
            })?;
            Ok(Reply::ok(json!({ "key": key })))
        }
        Ok(false) => Err(refused()),
        Err(error) => match error.kind() {
            Kind::UnknownUser | Kind::Address | Kind::Xml => Err(refused()),
            // Nothing has been judged.
            kind => {
                attempt.withdrawn();
                if kind != Kind::ClientPort {
                    return Err(error.into());
                }
                // Anybody may ask here: what is wrong on the way to the server is the operator's affair.
                tracing::warn!(request = %cx.call.request, %error, "nobody can log in");
                let text = ("暂时无法登录，请稍后重试。", "Nobody can log in at present; try again later.");
                Err(Failure::told(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text.0, text.1))
            }
        },
    }
}

fn user(cx: &Context<'_>, name: &str) -> Option<BareJid> {
    let local = match name.split_once('@') {
        Some((local, domain)) => BareJid::new(&format!("x@{domain}"))
            .is_ok_and(|given| given.domain().as_str() == cx.realm.domain)
            .then_some(local)?,
        None => name,
    };
    cx.chat.addresses().user_at(local, &cx.realm.domain).ok()
}

/// The same for a name that nobody has and for a wrong password.
fn refused() -> Failure {
    let text = ("无法使用提供的认证信息登录。", "Unable to log in with provided credentials.");
    Failure::told(StatusCode::BAD_REQUEST, "wrong_password", text.0, text.1)
}
