//! What a user's own XMPP client logs in with, and who makes it: the session grant on ejabberd, the helper module on Prosody.

use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::server::admin::unreadable;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::link::Call;
pub use crate::session::LoginToken;
use crate::xmpp::{helper, iq};

impl Accounts {
    /// A fresh credential for a client of `user`, good for `life` in whole seconds and at least for one. It is theirs alone,
    /// and good for any number of log-ins; a session opened with it outlasts it. Prosody's helper module keeps 20 of a
    /// user: a further one ends the oldest.
    ///
    /// On ejabberd it outlives its account, to the end of its life. And ejabberd lets whoever logs in name another user as the
    /// authorisation identity and be them: by a token for X-OAUTH2 in every version up to 26.07, by a password before 26.07;
    /// by a JWT in none. So `rongcloud.accept_oauth_impersonation` must be set where such tokens are handed out.
    ///
    /// # Errors
    /// [`ChatError::UnknownUser`]; [`ChatError::Right`] when the server makes none for the gateway, with the lines to add;
    /// link and session errors.
    pub async fn login_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => self.granted_token(call, user, life).await,
            Product::Prosody => self.helpers_token(call, user, life).await,
        }
    }

    async fn granted_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, ChatError> {
        if !self.server.sessions.granted() {
            let gateways = "[sessions]\ngrant = \"oauth\"\noauth_url = \"http://127.0.0.1:5280/api\"";
            return Err(self.no_tokens(
                &format!("no session grant is configured; add to the gateway's configuration:\n{gateways}\n"),
                Product::Ejabberd,
                user,
            ));
        }
        // Asked each time: both grants make tokens that log in to an account which is gone.
        match self.probe(call, std::slice::from_ref(user)).await.pop() {
            Some(Ok(true)) => Ok(self.server.sessions.login_token(call, user, life).await?),
            Some(Err(error)) => Err(error),
            Some(Ok(false)) | None => {
                self.forget_user(user);
                Err(ChatError::UnknownUser(user.clone()))
            }
        }
    }

    async fn helpers_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, ChatError> {
        let expires_in = life.as_secs().max(1);
        let question = iq::set(&self.server.component, user.as_str(), helper::login_token(expires_in));
        match self.server.ask(call, question).await? {
            Ok(reply) => match helper::token(&reply) {
                Some(key) => Ok(LoginToken { key: key.into(), mechanism: "OAUTHBEARER", expires_in }),
                None => Err(unreadable("token")),
            },
            Err(error) if error.is("item-not-found") => {
                self.forget_user(user);
                Err(ChatError::UnknownUser(user.clone()))
            }
            Err(error) if error.is("service-unavailable") || error.is("feature-not-implemented") => {
                Err(self.no_tokens(&format!("a log-in token was refused ({error}); "), Product::Prosody, user))
            }
            Err(error) => Err(ChatError::refused(error)),
        }
    }

    fn no_tokens(&self, why: &str, product: Product, user: &BareJid) -> ChatError {
        let lines = Right::LoginTokens.lines_for(product, &self.server.component, user.domain().as_str());
        ChatError::Right(format!("{why}add to the server's configuration:\n{lines}"))
    }
}
