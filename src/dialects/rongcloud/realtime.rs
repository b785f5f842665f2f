//! `GET /api/im/token/`: what a realtime client logs in to XMPP with, and where.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::context::{Asked, Context};
use super::error::Failure;
use super::wire::Reply;

/// `key` is the credential. Beside it: the SASL mechanism that takes it, the user's id and JID, where their server is, as far
/// as that is configured, and for how many seconds the key is good. From here on others can bring them in by that id.
///
/// # Errors
/// 502 that names what the XMPP server lacks.
pub async fn token(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let life = Duration::from_secs(cx.config.realtime_seconds);
    let user = std::slice::from_ref(asked.user);
    let (token, ids) = tokio::join!(
        cx.chat.accounts.login_token(cx.call, asked.user, life),
        cx.chat.accounts.numbers(cx.call, cx.realm, user)
    );
    let (token, id) = (token?, ids.into_iter().next().transpose()?);
    Ok(Reply::ok(json!({
        "key": token.key.expose_secret(),
        "mechanism": token.mechanism,
        "id": id,
        "jid": asked.user.as_str(),
        "domain": cx.realm.domain,
        "address": cx.config.client_address,
        "websocket": cx.config.websocket_url,
        "expires_in": token.expires_in,
    })))
}
