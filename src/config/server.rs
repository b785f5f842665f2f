//! `[server]`: what the XMPP server is and which domains it serves.
use serde::Deserialize;

/// Which product the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Ask it at start (XEP-0092).
    #[default]
    Auto,
    /// ejabberd.
    Ejabberd,
    /// Prosody.
    Prosody,
}

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Product.
    pub kind: Kind,
    /// The domain of the accounts; the default wherever a caller names none.
    pub domain: String,
    /// Further domains of the same server whose accounts callers may name.
    pub domains: Vec<String>,
    /// The MUC service. Default: `conference.` and the domain.
    pub rooms: Option<String>,
    /// How long an account or a membership that was seen to exist is believed without asking again.
    pub cache_seconds: u64,
    /// Messages from senders that have no account are refused unless this is true.
    pub unknown_senders: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            kind: Kind::Auto,
            domain: String::new(),
            domains: Vec::new(),
            rooms: None,
            cache_seconds: 60,
            unknown_senders: false,
        }
    }
}
