//! `[http]`: the listener and what surrounds every request.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use super::error::Problems;

/// `[http]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port to listen on; of a name, the first address that it has.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// The URL under which callers and clients reach the gateway, for links in answers. Default: from the Host header.
    pub public_url: Option<String>,
    /// Proxies whose X-Forwarded-For and X-Real-IP are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Largest request body, in bytes.
    pub body_bytes: usize,
    /// Bytes of request bodies held at once, all requests together; more get 503.
    pub bodies_bytes: usize,
    /// Longest time for one request, in seconds.
    pub request_seconds: u64,
    /// Longest wait for a request's head or body to arrive, in seconds.
    pub read_seconds: u64,
    /// Longest wait for a caller to take more of an answer, in seconds.
    pub write_seconds: u64,
    /// Requests in flight at once; more get 503.
    pub requests: usize,
    /// Connections open at once; more wait to be accepted.
    pub connections: usize,
    /// Most that one address (IPv6: one /64) may take of connections, requests, bodies_bytes and places of uploads, in percent.
    pub address_percent: u8,
    /// Further names under which the gateway may be called without a key.
    pub hosts: Vec<String>,
    /// Seconds between "not ready" and the end of accepting, on SIGTERM.
    pub drain_delay_seconds: u64,
    /// The HTTP status of answers that say "outcome unknown" where the API's documents have 200 for everything: 504, for
    /// balancers that should see a server that hangs.
    pub unknown_status: Option<u16>,
    /// Whether /metrics is served on the listener.
    pub metrics: bool,
    /// Networks that may read /metrics; empty: loopback only.
    pub metrics_allow: Vec<ipnet::IpNet>,
}

/// An address with a port, or a name with one.
pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    let named = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    named.ok_or_else(|| {
        let what =
            "is not an address and port of this machine, such as 127.0.0.1:10050, [::1]:10050 or localhost:10050";
        de::Error::custom(what)
    })
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 10050)),
            public_url: None,
            trusted_proxies: Vec::new(),
            body_bytes: 8_000_000,
            bodies_bytes: 256 << 20,
            request_seconds: 30,
            read_seconds: 15,
            write_seconds: 30,
            requests: 4096,
            connections: 8192,
            address_percent: 25,
            hosts: Vec::new(),
            drain_delay_seconds: 0,
            unknown_status: None,
            metrics: true,
            metrics_allow: Vec::new(),
        }
    }
}

impl Http {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if let Some(url) = &self.public_url {
            web_url("http.public_url", url, problems);
        }
        if self.unknown_status.is_some_and(|status| !matches!(status, 200 | 504)) {
            problems.add("http.unknown_status", "is neither 200, what the documents say, nor 504");
        }
        problems.not_zero("http.body_bytes", self.body_bytes as u64);
        if self.bodies_bytes < self.body_bytes {
            problems.add("http.bodies_bytes", "is less than http.body_bytes: one request could never be taken");
        }
        problems.not_zero("http.request_seconds", self.request_seconds);
        problems.not_zero("http.read_seconds", self.read_seconds);
        problems.not_zero("http.write_seconds", self.write_seconds);
        if !(1..=100).contains(&self.address_percent) {
            problems.add("http.address_percent", "must be between 1 and 100");
        }
        for (index, host) in self.hosts.iter().enumerate() {
            let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            if host.is_empty() || !host.bytes().all(name) {
                let what = "is not a host's name: without scheme and port, such as \"gateway.internal\"";
                problems.add(format!("http.hosts[{index}]"), what);
            }
        }
        problems.not_zero("http.requests", self.requests as u64);
        problems.not_zero("http.connections", self.connections as u64);
        for (index, network) in self.trusted_proxies.iter().enumerate() {
            if network.prefix_len() == 0 {
                let what = "would believe every caller about their own address: name the proxies";
                problems.add(format!("http.trusted_proxies[{index}]"), what);
            }
        }
    }
}

/// Refuses what is not the base of `http` or `https` URLs.
pub(super) fn web_url(key: &str, url: &str, problems: &mut Problems) {
    let usable = reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if !usable {
        problems
            .add(key, "is not a URL with http or https, a host and perhaps a path, such as \"https://gw.example.org\"");
    }
}

/// Refuses what cannot stand before an API's paths.
pub(super) fn prefix(key: &str, prefix: &str, problems: &mut Problems) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(plain);
    if !prefix.is_empty() && !prefix.strip_prefix('/').is_some_and(|path| path.split('/').all(segment)) {
        let what =
            "is not a path: empty, or with a leading and without a trailing slash, such as \"/innerpackage/ejaapi\"";
        problems.add(key, what);
    }
}
