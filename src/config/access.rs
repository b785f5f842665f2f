//! Who may call a dialect: keys and networks, shared by the dialects' sections.
use serde::Deserialize;

/// How callers of a dialect prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Not at all: only the allowed networks protect it.
    None,
    /// A key, as `Authorization: Bearer` or `X-Api-Key`.
    #[default]
    Key,
}

/// One caller's key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The caller's name, for logs.
    pub name: String,
    /// The key.
    pub key: super::secret::Secret,
    /// Sender domains this key may speak for; empty: all served domains.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Requests a second, with one second's worth at once; absent: any number.
    #[serde(default)]
    pub requests_per_second: Option<std::num::NonZeroU32>,
}
