//! `[c2s]`: how users' own streams reach the server.
use serde::Deserialize;

use std::net::IpAddr;

use super::component::address;
use super::error::Problems;

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

impl C2s {
    pub(super) fn validate(&self, problems: &mut Problems) {
        address("c2s.address", &self.address, problems);
        if self.tls == Tls::None && !self.is_loopback() {
            let what = "would send passwords in clear over the network: use \"starttls\" or \"direct\", or an address on this machine";
            problems.add("c2s.tls", what);
        }
        if self.ca_file.as_ref().is_some_and(|path| !path.is_file()) {
            problems.add("c2s.ca_file", "there is no such file");
        }
    }

    /// True when the address is on this machine whatever a name server says.
    fn is_loopback(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }
}
