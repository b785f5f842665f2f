//! What the users' sessions count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::LinkMetrics;

/// What the users' sessions count. Cheap to clone: the clones count together.
#[derive(Debug, Clone, Default)]
pub struct SessionMetrics {
    /// Sessions open or being opened.
    pub open: Gauge,
    /// Sessions opened.
    pub opened: Counter,
    /// Sessions that could not be opened.
    pub failures: Counter,
    /// Password checks that came to an answer, right or wrong.
    pub checks: Counter,
    /// What all sessions' streams count together; only their stanzas are shown.
    pub streams: LinkMetrics,
}

impl SessionMetrics {
    /// Registers everything under `session`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("session");
        registry.register("open", "Users' sessions open or being opened", self.open.clone());
        registry.register("opened", "Users' sessions opened", self.opened.clone());
        registry.register("failures", "Users' sessions that could not be opened", self.failures.clone());
        registry.register("stanzas_in", "Stanzas received in users' sessions", self.streams.stanzas_in.clone());
        registry.register("stanzas_out", "Stanzas written in users' sessions", self.streams.stanzas_out.clone());
        registry.register("password_checks", "Password checks that came to an answer", self.checks.clone());
    }
}
