//! The configuration: defaults < file < environment < flags; unknown keys are refused, errors name file, line and key.

pub mod access;
pub mod c2s;
pub mod component;
pub mod error;
pub mod http;
pub mod limits;
pub mod log;
pub mod qtalk;
pub mod secret;
pub mod server;
pub mod sessions;

use serde::Deserialize;

/// Everything that `config/stanzagate.toml` can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The XMPP server behind the gateway.
    pub server: server::Server,
    /// The component connection to it.
    pub component: component::Component,
    /// Client-to-server streams: sessions and password checks.
    pub c2s: c2s::C2s,
    /// The grant that opens users' sessions.
    pub sessions: sessions::Sessions,
    /// The HTTP listener.
    pub http: http::Http,
    /// Bounds of what a caller may send.
    pub limits: limits::Limits,
    /// Logging.
    pub log: log::Log,
    /// The qtalk API.
    pub qtalk: qtalk::Qtalk,
}
