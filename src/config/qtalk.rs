//! `[qtalk]`: the qtalk API.
use serde::{Deserialize, Serialize};

use super::access::Rules;
use super::error::Problems;
use super::http::Http;
use super::server::Server;

/// What the replies look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Replies {
    /// The documented bodies, with truthful `ret`, `errcode` and `errmsg`.
    #[default]
    Documented,
    /// The original server's exact bodies.
    Original,
}

/// `[qtalk]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Qtalk {
    /// Whether the API is served.
    pub enabled: bool,
    /// Path before `/qtalk`, such as `/innerpackage/ejaapi`.
    pub prefix: String,
    /// Authentication.
    pub auth: super::access::Auth,
    /// The callers' keys.
    pub keys: Vec<super::access::Key>,
    /// Networks that may call; empty: every network when a key is asked for, loopback only otherwise.
    pub allow: Vec<ipnet::IpNet>,
    /// Replies.
    pub replies: Replies,
    /// Rooms made by create_muc admit members only.
    pub members_only: bool,
    /// The sender of a one-to-one message gets their own copy (archive, carbons), where the server grants it.
    pub sender_copy: bool,
    /// Key that signs the tokens which auth_uk accepts; without it only passwords are valid.
    pub uk_secret: Option<super::secret::Secret>,
    /// Life of such a token, in seconds.
    pub uk_seconds: u64,
}

impl Default for Qtalk {
    fn default() -> Self {
        Self {
            enabled: true,
            prefix: String::new(),
            auth: super::access::Auth::Key,
            keys: Vec::new(),
            allow: Vec::new(),
            replies: Replies::Documented,
            members_only: true,
            sender_copy: true,
            uk_secret: None,
            uk_seconds: 3 * 24 * 3600,
        }
    }
}

/// Shortest key that signs tokens, in bytes.
const UK_SECRET_BYTES: usize = 16;

impl Qtalk {
    pub(super) fn validate(&self, server: &Server, http: &Http, problems: &mut Problems) {
        if !self.enabled {
            return;
        }
        super::http::prefix("qtalk.prefix", &self.prefix, problems);
        let rules = Rules { section: "qtalk", auth: self.auth, keys: &self.keys, allow: &self.allow };
        rules.validate(server, http, problems);
        if self.uk_secret.as_ref().is_some_and(|secret| secret.expose().len() < UK_SECRET_BYTES) {
            problems.add("qtalk.uk_secret", format!("is too short: at least {UK_SECRET_BYTES} characters"));
        }
        problems.not_zero("qtalk.uk_seconds", self.uk_seconds);
    }
}
