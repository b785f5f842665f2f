//! `[c2s]`: how users' own streams reach the server.
use serde::Deserialize;

/// How a c2s stream is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// STARTTLS, required.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Direct,
    /// None; accepted only to a loopback address.
    None,
}

/// `[c2s]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct C2s {
    /// `host:port` of the server's client listener.
    pub address: String,
    /// TLS.
    pub tls: Tls,
    /// PEM file of the authority that signed the server's certificate, beside those the system trusts.
    pub ca_file: Option<std::path::PathBuf>,
}

impl Default for C2s {
    fn default() -> Self {
        Self { address: "127.0.0.1:5222".into(), tls: Tls::Starttls, ca_file: None }
    }
}
