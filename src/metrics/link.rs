//! What the link counts.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Why a stanza was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// An answer of ours for which the queue had no room, or which cannot be written.
    Answer,
    /// A reply that nobody waits for, or from somebody else than was asked.
    Unmatched,
    /// A top-level element that is no stanza.
    Unknown,
    /// A top-level element that cannot be expressed.
    Unreadable,
}

impl Dropped {
    const ALL: [Dropped; 4] = [Dropped::Answer, Dropped::Unmatched, Dropped::Unknown, Dropped::Unreadable];
}

impl EncodeLabelValue for Dropped {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let word = match self {
            Dropped::Answer => "answer",
            Dropped::Unmatched => "unmatched",
            Dropped::Unknown => "unknown",
            Dropped::Unreadable => "unreadable",
        };
        word.encode(encoder)
    }
}

/// The label of a dropped stanza.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DroppedLabels {
    /// Why.
    pub reason: Dropped,
}

/// The label of a link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpLabels {
    /// The component's name on it.
    pub component: String,
}

/// What the link counts. Cheap to clone: the clones count together.
#[derive(Debug, Clone)]
pub struct LinkMetrics {
    /// Stanzas received.
    pub stanzas_in: Counter,
    /// Stanzas written.
    pub stanzas_out: Counter,
    /// Stanzas received over a bound, skipped.
    pub oversize: Counter,
    /// Stanzas received of which something could not be expressed and was left out.
    pub mended: Counter,
    /// Stanzas dropped, by reason.
    pub dropped: Family<DroppedLabels, Counter>,
    /// Connections established after the first.
    pub reconnects: Counter,
    /// 1 while the link is up, 0 while it is not, by the component's name.
    pub up: Family<UpLabels, Gauge>,
    /// 1 while the server does not answer on a link that is up, by the component's name.
    pub stalled: Family<UpLabels, Gauge>,
    /// 1 while another gateway is seen under the same name, by the component's name.
    pub shared: Family<UpLabels, Gauge>,
    /// Answers to the questions of another gateway under the same name.
    pub foreign_answers: Counter,
    /// Stanzas waiting to be written.
    pub queue_stanzas: Gauge,
    /// Bytes waiting to be written.
    pub queue_bytes: Gauge,
    /// IQs waiting for their reply.
    pub pending_iqs: Gauge,
    /// Stanzas whose processing one ping confirmed.
    pub barrier_stanzas: Histogram,
    /// Seconds from a write to the reply to its ping: what was written is routed then.
    pub acknowledgement: Histogram,
}

impl Default for LinkMetrics {
    fn default() -> Self {
        Self {
            stanzas_in: Counter::default(),
            stanzas_out: Counter::default(),
            oversize: Counter::default(),
            mended: Counter::default(),
            dropped: Family::default(),
            reconnects: Counter::default(),
            up: Family::default(),
            stalled: Family::default(),
            shared: Family::default(),
            foreign_answers: Counter::default(),
            queue_stanzas: Gauge::default(),
            queue_bytes: Gauge::default(),
            pending_iqs: Gauge::default(),
            barrier_stanzas: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            acknowledgement: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
        }
    }
}

impl LinkMetrics {
    /// Registers everything under `stanzagate_link_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("link");
        registry.register("stanzas_in", "Stanzas received", self.stanzas_in.clone());
        registry.register("stanzas_out", "Stanzas written", self.stanzas_out.clone());
        registry.register("oversize", "Stanzas received over a bound, skipped", self.oversize.clone());
        registry.register(
            "mended",
            "Stanzas received of which something could not be expressed and was left out",
            self.mended.clone(),
        );
        for reason in Dropped::ALL {
            drop(self.dropped.get_or_create(&DroppedLabels { reason }));
        }
        registry.register("dropped", "Stanzas dropped", self.dropped.clone());
        registry.register("reconnects", "Connections established after the first", self.reconnects.clone());
        registry.register("up", "1 while the link under this name is up", self.up.clone());
        registry.register(
            "stalled",
            "1 while the server has not answered for component.stall_seconds on the link under this name",
            self.stalled.clone(),
        );
        registry.register(
            "shared",
            "1 while another gateway is seen to be connected under this name",
            self.shared.clone(),
        );
        registry.register(
            "foreign_answers",
            "Answers to the questions of another gateway that is connected under the same name",
            self.foreign_answers.clone(),
        );
        registry.register("queue_stanzas", "Stanzas waiting to be written", self.queue_stanzas.clone());
        registry.register("queue_bytes", "Bytes waiting to be written", self.queue_bytes.clone());
        registry.register("pending_iqs", "IQs waiting for their reply", self.pending_iqs.clone());
        registry.register(
            "barrier_stanzas",
            "Stanzas whose processing one ping confirmed",
            self.barrier_stanzas.clone(),
        );
        registry.register_with_unit(
            "acknowledgement",
            "Time from a write to the reply to its ping: the server has processed what was written then, which on ejabberd is \
             before recipients' archives have it",
            Unit::Seconds,
            self.acknowledgement.clone(),
        );
    }

    /// Says whether the link under the name `component` is up.
    pub fn set_up(&self, component: &str, up: bool) {
        let labels = UpLabels { component: component.to_owned() };
        self.up.get_or_create(&labels).set(i64::from(up));
        // It begins at zero.
        drop(self.stalled.get_or_create(&labels));
        drop(self.shared.get_or_create(&labels));
    }

    /// Says whether the server answers on the link under the name `component`.
    pub fn set_stalled(&self, component: &str, stalled: bool) {
        self.stalled.get_or_create(&UpLabels { component: component.to_owned() }).set(i64::from(stalled));
    }

    /// Says whether another gateway is seen under the name `component`.
    pub fn set_shared(&self, component: &str, shared: bool) {
        self.shared.get_or_create(&UpLabels { component: component.to_owned() }).set(i64::from(shared));
    }

    /// Counts a dropped stanza.
    pub fn drop_one(&self, reason: Dropped) {
        self.dropped.get_or_create(&DroppedLabels { reason }).inc();
    }
}
