//! `[c2s]`: how users' own streams reach the server.
use serde::{Deserialize, Serialize};

use std::net::IpAddr;

use super::component::address;
use super::error::Problems;

/// How a c2s stream is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct C2s {
    /// `host:port` of the server's client listener.
    pub address: String,
    /// TLS.
    pub tls: Tls,
    /// PEM file of the authority that signed the server's certificate, beside those the system trusts.
    pub ca_file: Option<std::path::PathBuf>,
    /// `sha256:` and the digest of the one certificate that is believed, in hex; no authority is asked then.
    pub pin: Option<String>,
}

impl Default for C2s {
    fn default() -> Self {
        Self { address: "127.0.0.1:5222".into(), tls: Tls::Starttls, ca_file: None, pin: None }
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
        if self.pin.is_some() && self.pinned().is_none() {
            problems.add("c2s.pin", "is no digest of a certificate: write sha256: and 64 hex digits");
        }
    }

    /// The digest of the certificate that is believed.
    pub fn pinned(&self) -> Option<[u8; 32]> {
        let hex = self.pin.as_deref()?.strip_prefix("sha256:")?.replace(':', "");
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let bytes: Vec<u8> =
            digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        if hex.len() == 64 { bytes.try_into().ok() } else { None }
    }

    /// True when the address is on this machine whatever a name server says.
    fn is_loopback(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }
}
