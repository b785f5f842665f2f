//! What the HTTP side counts: requests by dialect, endpoint and outcome, their time, and what is open now.

use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// How a request ends that succeeds.
const OK: &str = "ok";

/// One endpoint of one API. All values are words fixed in the code, so that their number is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// The API.
    pub dialect: &'static str,
    /// The endpoint.
    pub endpoint: &'static str,
}

/// One endpoint and how its requests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The API.
    pub dialect: &'static str,
    /// The endpoint.
    pub endpoint: &'static str,
    /// `ok`, or what failed.
    pub outcome: &'static str,
}

/// What the HTTP side counts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    /// Requests that were answered.
    pub requests: Family<RequestLabels, Counter>,
    /// Seconds from a request's head to its answer.
    pub seconds: Family<EndpointLabels, Histogram>,
    /// Requests that are being handled now.
    pub in_flight: Gauge,
    /// Connections that are open now.
    pub connections: Gauge,
    /// What an address was refused because it had its share.
    over_share: Family<ShareLabels, Counter>,
}

/// What an address has its share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShareLabels {
    what: &'static str,
}

/// What is counted of one endpoint.
#[derive(Debug)]
pub struct EndpointMetrics {
    labels: EndpointLabels,
    requests: Family<RequestLabels, Counter>,
    /// The counter of what nearly all requests end with: it begins at zero, and nothing is looked up for those.
    ok: Counter,
    all_seconds: Family<EndpointLabels, Histogram>,
    /// There from the first request on: those of endpoints that nobody calls would be most of what is scraped.
    seconds: OnceLock<Histogram>,
}

impl EndpointMetrics {
    /// Counts a request that ended in `outcome` and took so long.
    pub fn answered(&self, outcome: &'static str, took: Duration) {
        let EndpointLabels { dialect, endpoint } = self.labels;
        if outcome == OK {
            self.ok.inc();
        } else {
            self.requests.get_or_create(&RequestLabels { dialect, endpoint, outcome }).inc();
        }
        let seconds = self.seconds.get_or_init(|| self.all_seconds.get_or_create(&self.labels).clone());
        seconds.observe(took.as_secs_f64());
    }
}

/// One more on a gauge until it is dropped.
#[derive(Debug)]
pub struct Held(Gauge<i64, AtomicI64>);

impl Held {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(latency_histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            over_share: Family::default(),
        }
    }
}

impl HttpMetrics {
    /// Names the metrics for the exposition.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register("http_request_seconds", "Time from a request's head to its answer", self.seconds.clone());
        registry.register("http_in_flight", "Requests being handled", self.in_flight.clone());
        registry.register("http_connections", "Connections open", self.connections.clone());
        let help = "What an address was refused because it had its share (http.address_percent)";
        registry.register("http_over_share", help, self.over_share.clone());
    }

    /// What is counted of an endpoint of an API.
    pub fn endpoint(&self, dialect: &'static str, endpoint: &'static str) -> EndpointMetrics {
        let labels = EndpointLabels { dialect, endpoint };
        let (requests, all_seconds) = (self.requests.clone(), self.seconds.clone());
        let ok = requests.get_or_create(&RequestLabels { dialect, endpoint, outcome: OK }).clone();
        EndpointMetrics { labels, requests, ok, all_seconds, seconds: OnceLock::new() }
    }

    /// Counts a request as in flight until the guard is dropped.
    pub fn begin(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// Counts that an address was refused more of something, named by a word fixed in the code.
    pub fn over_share(&self, what: &'static str) {
        self.over_share.get_or_create(&ShareLabels { what }).inc();
    }

    /// Has the counter of what an address is refused begin at zero.
    pub fn expect_over_share(&self, what: &'static str) {
        drop(self.over_share.get_or_create(&ShareLabels { what }));
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connected(&self) -> Held {
        Held::new(&self.connections)
    }
}

fn latency_histogram() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}
