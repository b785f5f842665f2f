//! What becomes of messages.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Whom a message was for, and what became of it. All values are words fixed in the code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    to: &'static str,
    result: &'static str,
}

/// Messages to users or to rooms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Counted {
    to: &'static str,
    all: Family<Labels, Counter>,
    /// The counter of what nearly all messages end with: nothing is looked up for those.
    ok: Counter,
}

impl Counted {
    fn new(all: &Family<Labels, Counter>, to: &'static str) -> Self {
        let ok = all.get_or_create(&Labels { to, result: "ok" }).clone();
        Self { to, all: all.clone(), ok }
    }

    /// Counts a message of which what its call waited for is known.
    pub fn ok(&self) {
        self.ok.inc();
    }

    /// Counts a message that failed in a way that has this name.
    pub fn failed(&self, result: &'static str) {
        self.failure(result).inc();
    }

    /// Has the counter of a failure begin at zero.
    pub fn expect(&self, result: &'static str) {
        self.failure(result);
    }

    fn failure(&self, result: &'static str) -> Counter {
        self.all.get_or_create(&Labels { to: self.to, result }).clone()
    }
}

/// What becomes of messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MessageMetrics {
    all: Family<Labels, Counter>,
    /// Messages to users.
    pub users: Counted,
    /// Messages to rooms.
    pub rooms: Counted,
}

impl Default for MessageMetrics {
    fn default() -> Self {
        let all = Family::default();
        let (users, rooms) = (Counted::new(&all, "user"), Counted::new(&all, "room"));
        Self { all, users, rooms }
    }
}

impl MessageMetrics {
    /// Names the metrics for the exposition.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Messages by what became of them: ok, once what server.wait or the call waits for is known";
        registry.register("messages", help, self.all.clone());
    }
}
