//! The gateway's metrics, each registered once and handed to the layer that counts.

pub mod link;
pub use link::LinkMetrics;

/// All metrics. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// The link's.
    pub link: LinkMetrics,
}
