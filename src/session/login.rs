//! What a user's own client logs in with: made by the grant, and tried.

use std::time::Duration;

use jid::BareJid;
use secrecy::SecretString;

use super::gate::NEGOTIATION;
use super::sasl::Credentials;
use super::{SessionError, Sessions};
use crate::link::Call;

/// What a user's client logs in to XMPP with.
#[derive(Debug, Clone)]
pub struct LoginToken {
    /// The credential.
    pub key: SecretString,
    /// The SASL mechanism it is for: "PLAIN" (as the password), "X-OAUTH2", "OAUTHBEARER".
    pub mechanism: &'static str,
    /// Seconds for which a log-in with it is accepted.
    pub expires_in: u64,
}

impl Sessions {
    /// A token for a client of `user`, whose account must exist: both grants would make one for an account that does not.
    /// Never one that the gateway uses itself. It is good for `life` in whole seconds, and at least for one.
    ///
    /// # Errors
    /// [`SessionError::NoGrant`]; [`SessionError::Connect`] and [`SessionError::Refused`] from ejabberd's HTTP API.
    pub async fn login_token(&self, call: &Call, user: &BareJid, life: Duration) -> Result<LoginToken, SessionError> {
        let grant = self.opener.grant.as_ref().ok_or(SessionError::NoGrant)?;
        let deadline = call.deadline.min(std::time::Instant::now() + NEGOTIATION);
        Ok(grant.login_token(user, life.as_secs().max(1), deadline).await?)
    }

    /// True when the server lets `user` log in with the token. Nothing is bound.
    ///
    /// # Errors
    /// When the server could not be asked, or does not offer the mechanism.
    pub async fn accepts(&self, call: &Call, user: &BareJid, token: &LoginToken) -> Result<bool, SessionError> {
        let key = token.key.clone();
        let credentials = match token.mechanism {
            "X-OAUTH2" => Credentials::Token(key),
            "OAUTHBEARER" => Credentials::Bearer(key),
            _ => Credentials::Jwt(key),
        };
        self.try_log_in(call, user, &credentials).await
    }

    /// Whether the server lets whoever holds a token of `user` be `other` (ejabberd's X-OAUTH2, with the localpart of `other`
    /// as the authorisation identity). Nothing is bound, and neither needs an account.
    ///
    /// # Errors
    /// As [`Sessions::login_token`].
    pub async fn impersonates(&self, call: &Call, user: &BareJid, other: &BareJid) -> Result<bool, SessionError> {
        let token = self.login_token(call, user, Duration::from_secs(30)).await?;
        let localpart = other.node().map(|node| node.as_str().to_owned()).unwrap_or_default();
        self.try_log_in(call, user, &Credentials::Foreign(token.key, localpart)).await
    }
}
