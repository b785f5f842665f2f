//! The gateway's metrics, each registered once and handed to the layer that counts.

pub mod http;
pub mod link;
pub mod session;

use std::sync::Arc;

use prometheus_client::registry::Registry;

pub use http::HttpMetrics;
pub use link::LinkMetrics;
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
    registry: Arc<Registry>,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("stanzagate");
        let (link, http, session) = (LinkMetrics::default(), HttpMetrics::default(), SessionMetrics::default());
        link.register(&mut registry);
        http.register(&mut registry);
        session.register(&mut registry);
        Self { link, http, session, registry: Arc::new(registry) }
    }

    /// The values now, in the OpenMetrics text format.
    ///
    /// # Errors
    /// None in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
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
