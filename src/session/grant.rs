//! The grant: what lets the gateway log in as a user whose password it does not know. A master key, treated as such.

use std::time::{Duration, Instant};

use jid::BareJid;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;

use super::SessionError;
use super::error::OpenError;
use super::login::LoginToken;
use super::oauth::OAuth;
use super::sasl::Credentials;
use crate::clock;
use crate::config::sessions::{Grant as Kind, Sessions};

/// Life of a JWT of the gateway's own: it is used at once, so this only has to cover clocks that differ.
const JWT_LIFE: Duration = Duration::from_secs(120);

/// The configured grant.
pub(super) enum Grant {
    /// Tokens from ejabberd.
    OAuth(OAuth),
    /// JWTs signed with a key that ejabberd trusts.
    Jwt(EncodingKey),
}

#[derive(Serialize)]
struct Claims<'a> {
    /// The bare JID: `jwt_jid_field: sub` of ejabberd.
    sub: &'a str,
    iat: u64,
    exp: u64,
}

impl Grant {
    /// Reads the grant of the configuration; `None` when there is none.
    ///
    /// # Errors
    /// When the grant lacks its URL or its key.
    pub fn new(config: &Sessions) -> Result<Option<Grant>, SessionError> {
        match config.grant {
            Kind::None => Ok(None),
            Kind::Oauth => {
                let url = config.oauth_url.as_deref().ok_or_else(|| {
                    SessionError::Config("sessions.grant = \"oauth\" needs sessions.oauth_url".to_owned())
                })?;
                OAuth::new(url, config.max.saturating_mul(4)).map(|oauth| Some(Grant::OAuth(oauth)))
            }
            Kind::Jwt => {
                let key = config.jwt_key.as_ref().ok_or_else(|| {
                    SessionError::Config("sessions.grant = \"jwt\" needs sessions.jwt_key".to_owned())
                })?;
                // The text's own bytes are the key; ejabberd's JWK has them in base64url as "k".
                Ok(Some(Grant::Jwt(EncodingKey::from_secret(key.expose().as_bytes()))))
            }
        }
    }

    /// What to log in with as `user`; the second value tells whether it was kept from before, so that a refusal may
    /// only mean that it is no longer good.
    pub async fn credentials(&self, user: &BareJid, deadline: Instant) -> Result<(Credentials, bool), OpenError> {
        match self {
            Grant::OAuth(oauth) => {
                let (token, kept) = oauth.token(user, deadline).await?;
                Ok((Credentials::Token(token), kept))
            }
            Grant::Jwt(key) => Ok((Credentials::Jwt(sign(user, key, JWT_LIFE.as_secs())?), false)),
        }
    }

    /// What a client of `user` logs in with for so many `seconds`: made anew, and not kept.
    pub async fn login_token(&self, user: &BareJid, seconds: u64, deadline: Instant) -> Result<LoginToken, OpenError> {
        match self {
            Grant::OAuth(oauth) => {
                let (key, expires_in) = oauth.fresh(user, seconds, deadline).await?;
                Ok(LoginToken { key, mechanism: "X-OAUTH2", expires_in })
            }
            Grant::Jwt(key) => {
                Ok(LoginToken { key: sign(user, key, seconds)?, mechanism: "PLAIN", expires_in: seconds })
            }
        }
    }

    /// Drops what is kept for `user`.
    pub fn forget(&self, user: &BareJid) {
        if let Grant::OAuth(oauth) = self {
            oauth.forget(user);
        }
    }

    /// What an operator checks when the server denies the log-in.
    pub fn hint(&self) -> &'static str {
        match self {
            Grant::OAuth(_) => {
                "the server does not accept its own token: set oauth_access, and leave X-OAUTH2 out of \
                 disable_sasl_mechanisms"
            }
            Grant::Jwt(_) => {
                "the server does not accept the JWT: auth_method needs jwt, jwt_jid_field must be sub, and jwt_key must \
                 hold sessions.jwt_key (base64url, as \"k\" of a JWK of kty oct)"
            }
        }
    }
}

fn sign(user: &BareJid, key: &EncodingKey, seconds: u64) -> Result<SecretString, OpenError> {
    let now = clock::since_1970().as_secs();
    let claims = Claims { sub: user.as_str(), iat: now, exp: now.saturating_add(seconds) };
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key);
    signed.map(SecretString::from).map_err(|e| OpenError::Refused(format!("the JWT cannot be signed: {e}")))
}
