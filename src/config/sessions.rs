//! `[sessions]`: the grant with which the gateway opens users' sessions (ejabberd).
use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::http::web_url;

/// How a user's session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// Shortest HS256 key, in bytes (RFC 7518 section 3.2).
const JWT_KEY_BYTES: usize = 32;

impl Sessions {
    pub(super) fn validate(&self, problems: &mut Problems) {
        match (self.grant, &self.oauth_url, &self.jwt_key) {
            (Grant::None, _, _) => {}
            (Grant::Oauth, None, _) => {
                problems.add(
                    "sessions.oauth_url",
                    "missing: the grant \"oauth\" needs the base URL of ejabberd's HTTP API",
                );
            }
            (Grant::Oauth, Some(url), _) => web_url("sessions.oauth_url", url, problems),
            (Grant::Jwt, _, None) => {
                problems.add("sessions.jwt_key", "missing: the grant \"jwt\" needs the HS256 key that ejabberd trusts");
            }
            (Grant::Jwt, _, Some(key)) if key.expose().len() < JWT_KEY_BYTES => {
                problems.add("sessions.jwt_key", format!("is too short for HS256: at least {JWT_KEY_BYTES} bytes"));
            }
            (Grant::Jwt, _, Some(_)) => {}
        }
        problems.not_zero("sessions.max", self.max as u64);
        problems.not_zero("sessions.idle_seconds", self.idle_seconds);
    }
}
