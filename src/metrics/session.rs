//! What the users' sessions count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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
}

impl SessionMetrics {
    /// Registers everything under `session`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("session");
        registry.register("open", "Users' sessions open or being opened", self.open.clone());
        registry.register("opened", "Users' sessions opened", self.opened.clone());
        registry.register("failures", "Users' sessions that could not be opened", self.failures.clone());
        registry.register("password_checks", "Password checks that came to an answer", self.checks.clone());
    }
}
