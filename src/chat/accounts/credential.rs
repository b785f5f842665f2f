//! Who makes the token with which a user's client logs in: the session grant on ejabberd, the helper module on Prosody.

use std::time::Duration;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::accounts::login::LoginToken;
use crate::chat::check::Right;
use crate::chat::server::Product;
use crate::chat::server::core::Core;
use crate::chat::types::error::ChatError;
use crate::xmpp::{helper, iq};

impl Core {
    /// A token for a client of `user`.
    pub(in crate::chat) async fn login_token(
        &self,
        call: &Call,
        user: &BareJid,
        life: Duration,
    ) -> Result<LoginToken, ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => self.granted_token(call, user, life).await,
            Product::Prosody => self.helpers_token(call, user, life).await,
        }
    }

    async fn granted_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, ChatError> {
        if !self.sessions.granted() {
            let gateways = "[sessions]\ngrant = \"oauth\"\noauth_url = \"http://127.0.0.1:5280/api\"";
            return Err(self.no_tokens(
                &format!("no session grant is configured; add to the gateway's configuration:\n{gateways}\n"),
                Product::Ejabberd,
                user,
            ));
        }
        // Asked each time: both grants make tokens that log in to an account which is gone.
        match self.probe(call, std::slice::from_ref(user)).await.pop() {
            Some(Ok(true)) => Ok(self.sessions.login_token(call, user, life).await?),
            Some(Err(error)) => Err(error),
            Some(Ok(false)) | None => {
                self.forget_user(user);
                Err(ChatError::UnknownUser(user.clone()))
            }
        }
    }

    async fn helpers_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, ChatError> {
        let expires_in = life.as_secs().max(1);
        let question = iq::set(&self.component, user.as_str(), helper::login_token(expires_in));
        match self.ask(call, question).await? {
            Ok(reply) => match helper::token(&reply) {
                Some(key) => Ok(LoginToken { key: key.into(), mechanism: "OAUTHBEARER", expires_in }),
                None => Err(crate::chat::server::admin::unreadable("token")),
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
        let lines = Right::LoginTokens.lines_for(product, &self.component, user.domain().as_str());
        ChatError::Right(format!("{why}add to the server's configuration:\n{lines}"))
    }
}
