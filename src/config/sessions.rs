//! `[sessions]`: the grant with which the gateway opens users' sessions (ejabberd).
use serde::Deserialize;

/// How a user's session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Not at all.
    #[default]
    None,
    /// With a token from ejabberd's `oauth_issue_token` command (SASL X-OAUTH2).
    Oauth,
    /// With a JWT that ejabberd trusts (SASL PLAIN).
    Jwt,
}

/// `[sessions]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// The grant.
    pub grant: Grant,
    /// Base URL of ejabberd's HTTP API, such as `http://127.0.0.1:5280/api` (grant `oauth`).
    pub oauth_url: Option<String>,
    /// The HS256 key that ejabberd trusts, as text (grant `jwt`).
    pub jwt_key: Option<super::secret::Secret>,
    /// Sessions that may be open at once.
    pub max: usize,
    /// Seconds after which an unused session is closed.
    pub idle_seconds: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { grant: Grant::None, oauth_url: None, jwt_key: None, max: 256, idle_seconds: 60 }
    }
}
