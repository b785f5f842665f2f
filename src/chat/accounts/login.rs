//! What a user's own XMPP client logs in with, and who makes it: the session grant on ejabberd, the helper module on Prosody.

use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::chat::types::right::Right;
use crate::link::Call;
pub use crate::session::LoginToken;

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
        self.make_token(call, user, life).await
    }

    /// That the server makes no tokens, because of `why`, and what to add to its configuration.
    pub(super) fn no_tokens(&self, why: &str, product: Product, user: &BareJid) -> ChatError {
        let lines = Right::LoginTokens.lines_for(product, &self.server.component, user.domain().as_str());
        ChatError::Right(format!("{why}add to the server's configuration:\n{lines}"))
    }
}
