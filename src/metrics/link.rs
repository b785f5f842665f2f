//! What the link counts.

use prometheus_client::registry::Registry;

/// What the link counts.
#[derive(Debug, Clone, Default)]
pub struct LinkMetrics {}

impl LinkMetrics {
    /// Names the metrics for the exposition.
    pub fn register(&self, _registry: &mut Registry) {}
}
