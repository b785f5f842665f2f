//! The gateway's metrics, each registered once and handed to the layer that counts.

pub mod http;
pub mod link;
pub mod messages;
#[cfg(target_os = "linux")]
mod process;
pub mod session;
mod text;

use std::sync::Arc;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use http::HttpMetrics;
pub use link::LinkMetrics;
pub use messages::MessageMetrics;
pub use session::SessionMetrics;

/// All metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The link's.
    pub link: LinkMetrics,
    /// The HTTP side's.
    pub http: HttpMetrics,
    /// The users' sessions'.
    pub session: SessionMetrics,
    /// Those of messages.
    pub messages: MessageMetrics,
    registry: Arc<Registry>,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        #[cfg(target_os = "linux")]
        registry.register_collector(Box::new(process::Process));
        let own = registry.sub_registry_with_prefix("stanzagate");
        own.register("build", "The version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let (link, http, session) = (LinkMetrics::default(), HttpMetrics::default(), SessionMetrics::default());
        let messages = MessageMetrics::default();
        link.register(own);
        http.register(own);
        session.register(own);
        messages.register(own);
        Self { link, http, session, messages, registry: Arc::new(registry) }
    }

    /// The values now, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// As [`Metrics::encode_open`].
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        Ok(text::from_open_metrics(&self.encode_open()?))
    }

    /// The values now, in the text format of OpenMetrics 1.0.
    ///
    /// # Errors
    /// None in practice: writing to a string does not fail.
    pub fn encode_open(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
