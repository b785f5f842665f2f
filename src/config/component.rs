//! `[component]`: the component connection (XEP-0114) and its bounds.
use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::server::{Server, host_name};

/// `[component]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Component {
    /// `host:port` of the server's component listener.
    pub address: String,
    /// The component's own name.
    pub name: String,
    /// The names of other gateways on the same server, which share the records with this one.
    pub siblings: Vec<String>,
    /// Further names, under each of which the gateway opens one more connection: messages to users are spread over all.
    pub extra_links: Vec<String>,
    /// The shared secret.
    pub secret: Option<super::secret::Secret>,
    /// Stanzas that may wait to be written.
    pub queue_stanzas: usize,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
    /// Longest wait for an IQ's answer, in seconds.
    pub iq_timeout_seconds: u64,
    /// IQs that may be pending at once.
    pub pending: usize,
    /// Seconds a request waits for a link that is down.
    pub grace_seconds: u64,
    /// Seconds without an answer of the server to a ping after which the gateway is not ready.
    pub stall_seconds: u64,
}

impl Default for Component {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:5347".into(),
            name: String::new(),
            siblings: Vec::new(),
            extra_links: Vec::new(),
            secret: None,
            queue_stanzas: 4096,
            queue_bytes: 8 << 20,
            iq_timeout_seconds: 10,
            pending: 10_000,
            grace_seconds: 2,
            stall_seconds: 5,
        }
    }
}

impl Component {
    pub(super) fn validate(&self, server: &Server, problems: &mut Problems) {
        address("component.address", &self.address, problems);
        let served = |name: &str| server.serves(name) || server.rooms().eq_ignore_ascii_case(name);
        if self.name.is_empty() {
            problems.add("component.name", "missing: set it to the component's own name, such as \"gw.example.org\"");
        } else {
            host_name("component.name", &self.name, problems);
            if served(&self.name) {
                let what = "is a domain that the server itself serves: give the component a name of its own, such as \"gw.example.org\"";
                problems.add("component.name", what);
            }
        }
        for (index, sibling) in self.siblings.iter().enumerate() {
            let key = format!("component.siblings[{index}]");
            host_name(&key, sibling, problems);
            if sibling.eq_ignore_ascii_case(&self.name) {
                problems.add(&key, "is this gateway's own name: name the others only");
            } else if served(sibling) {
                problems.add(&key, "is a domain that the server itself serves, not the name of a gateway");
            }
        }
        for (index, extra) in self.extra_links.iter().enumerate() {
            let key = format!("component.extra_links[{index}]");
            host_name(&key, extra, problems);
            let same = |name: &String| name.eq_ignore_ascii_case(extra);
            if same(&self.name) || self.siblings.iter().any(same) {
                problems.add(&key, "is the name of a gateway: give each link a name that nothing else has");
            } else if self.extra_links.iter().take(index).any(same) {
                problems.add(&key, "is there twice: give each link a name of its own");
            } else if served(extra) {
                problems.add(&key, "is a domain that the server itself serves, not a name for a component");
            }
        }
        match &self.secret {
            None => problems
                .add("component.secret", "missing: set it to the secret that the server expects of this component"),
            Some(secret) if secret.expose().is_empty() => problems.add("component.secret", "is empty"),
            Some(_) => {}
        }
        problems.not_zero("component.queue_stanzas", self.queue_stanzas as u64);
        problems.not_zero("component.queue_bytes", self.queue_bytes as u64);
        problems.not_zero("component.iq_timeout_seconds", self.iq_timeout_seconds);
        problems.not_zero("component.pending", self.pending as u64);
        problems.not_zero("component.stall_seconds", self.stall_seconds);
    }
}

/// Refuses what is not `host:port`.
pub(super) fn address(key: &str, address: &str, problems: &mut Problems) {
    let port =
        address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none_or(|port| port == 0) {
        problems.add(key, "is not host:port, such as \"127.0.0.1:5347\"");
    }
}
