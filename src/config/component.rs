//! `[component]`: the component connection (XEP-0114) and its bounds.
use serde::Deserialize;

/// `[component]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Component {
    /// `host:port` of the server's component listener.
    pub address: String,
    /// The component's own name.
    pub name: String,
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
}

impl Default for Component {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:5347".into(),
            name: String::new(),
            secret: None,
            queue_stanzas: 4096,
            queue_bytes: 8 << 20,
            iq_timeout_seconds: 10,
            pending: 10_000,
            grace_seconds: 2,
        }
    }
}
