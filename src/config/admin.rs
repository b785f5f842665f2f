//! `[admin]`: the listener for those who run the gateway.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::http::{Http, listen};

/// `[admin]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Whether there is such a listener.
    pub enabled: bool,
    /// Address and port to listen on; of a name, the first address that it has.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Networks whose programs may read metrics and have the server's rights tried; this machine's always may.
    pub allow: Vec<ipnet::IpNet>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 10051)), allow: Vec::new() }
    }
}

impl Admin {
    pub(super) fn validate(&self, http: &Http, problems: &mut Problems) {
        if self.enabled && self.listen == http.listen && self.listen.port() != 0 {
            problems.add("admin.listen", "is http.listen: each needs an address of its own");
        }
    }
}
