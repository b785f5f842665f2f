//! How much of the gateway the callers of one network may take: so that one of them leaves something for all others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use super::client_addr::network_of;
use crate::config;
use crate::log_limit::LogLimit;
use crate::metrics::HttpMetrics;

/// At most so often the log says that somebody has reached their share.
const SAID: Duration = Duration::from_secs(60);

/// What is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// Open connections.
    Connections,
    /// Requests in flight.
    Requests,
    /// Bytes of bodies held.
    BodyBytes,
    /// Places of a route whose bodies are streamed.
    Uploads,
}

impl Thing {
    const COUNT: usize = 4;
    const ALL: [Thing; Thing::COUNT] = [Thing::Connections, Thing::Requests, Thing::BodyBytes, Thing::Uploads];

    /// What it is called in metrics and logs.
    fn name(self) -> &'static str {
        match self {
            Thing::Connections => "connections",
            Thing::Requests => "requests",
            Thing::BodyBytes => "body_bytes",
            Thing::Uploads => "uploads",
        }
    }
}

/// What each network holds. Cheap to clone.
#[derive(Clone)]
pub struct Shares(Arc<Inner>);

struct Inner {
    /// Of all there is, in percent.
    percent: usize,
    /// Most of each thing that one network may hold.
    most: [usize; Thing::COUNT],
    parts: Mutex<HashMap<IpNet, Weak<Part>>>,
    metrics: HttpMetrics,
    said: LogLimit,
}

/// What one network holds now. It is remembered as long as that is anything.
pub struct Part {
    network: IpNet,
    shares: Arc<Inner>,
    held: [AtomicUsize; Thing::COUNT],
}

/// Something that a network holds until this is dropped.
pub struct Taken {
    part: Arc<Part>,
    thing: Thing,
    count: usize,
}

/// A request's place: one of all, and one of its network's share.
pub struct RequestSlot {
    /// One of all; held, not read.
    pub _permit: OwnedSemaphorePermit,
    /// One of the share; `None` where nobody's share is limited.
    pub taken: Option<Taken>,
}

impl Shares {
    /// The shares that the settings give.
    pub fn new(http: &config::http::Http, metrics: HttpMetrics) -> Self {
        let percent = usize::from(http.address_percent);
        // One request must always be possible.
        let most = [
            share(percent, http.connections),
            share(percent, http.requests),
            share(percent, http.bodies_bytes).max(http.body_bytes),
            usize::MAX,
        ];
        Thing::ALL.iter().for_each(|thing| metrics.expect_over_share(thing.name()));
        let inner = Inner { percent, most, parts: Mutex::default(), metrics, said: LogLimit::new(SAID) };
        Self(Arc::new(inner))
    }

    /// What the network of `ip` holds; `None` where nobody's share is limited.
    pub fn part(&self, ip: IpAddr) -> Option<Arc<Part>> {
        if self.0.percent >= 100 {
            return None;
        }
        let network = network_of(ip);
        let mut parts = self.0.parts.lock();
        if let Some(part) = parts.get(&network).and_then(Weak::upgrade) {
            return Some(part);
        }
        let part = Arc::new(Part { network, shares: Arc::clone(&self.0), held: Default::default() });
        parts.insert(network, Arc::downgrade(&part));
        Some(part)
    }
}

/// So many percent of all, and at least one.
fn share(percent: usize, all: usize) -> usize {
    (all / 100 * percent + all % 100 * percent / 100).max(1)
}

impl Part {
    /// Takes `count` more of a thing; `None`, and it is counted and said, when that is more than the share.
    pub fn take(self: &Arc<Self>, thing: Thing, count: usize) -> Option<Taken> {
        self.take_of(thing, count, self.shares.most[thing as usize])
    }

    /// Takes one of `all` places of a streamed route.
    pub fn take_place(self: &Arc<Self>, all: usize) -> Option<Taken> {
        self.take_of(Thing::Uploads, 1, share(self.shares.percent, all))
    }

    fn take_of(self: &Arc<Self>, thing: Thing, count: usize, most: usize) -> Option<Taken> {
        if self.held[thing as usize].fetch_add(count, Ordering::Relaxed).saturating_add(count) <= most {
            return Some(Taken { part: Arc::clone(self), thing, count });
        }
        self.held[thing as usize].fetch_sub(count, Ordering::Relaxed);
        self.shares.metrics.over_share(thing.name());
        if let Some(times) = self.shares.said.say() {
            let (address, what) = (self.network, thing.name());
            tracing::warn!(
                %address, what, most, times,
                "an address has its whole share and is refused more (http.address_percent); a proxy there must be named in \
                 http.trusted_proxies"
            );
        }
        None
    }
}

impl Taken {
    /// Whose it is.
    pub fn part(&self) -> &Arc<Part> {
        &self.part
    }

    /// Takes more of the same; false, and nothing is taken, when that is more than the share.
    pub fn more(&mut self, count: usize) -> bool {
        let Some(mut more) = self.part.take(self.thing, count) else { return false };
        self.count += std::mem::take(&mut more.count);
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.part.held[self.thing as usize].fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut parts = self.shares.parts.lock();
        // Another of the same network may have come in between.
        if parts.get(&self.network).is_some_and(|part| part.strong_count() == 0) {
            parts.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::http::Http;

    fn shares(percent: u8) -> Shares {
        let http = Http { address_percent: percent, connections: 10, requests: 4, ..Http::default() };
        Shares::new(&http, HttpMetrics::default())
    }

    fn part(shares: &Shares, ip: &str) -> Arc<Part> {
        shares.part(ip.parse().unwrap()).unwrap()
    }

    #[test]
    fn one_network_takes_no_more_than_its_share_and_gives_it_back() {
        let shares = shares(50);
        let (one, other) = (part(&shares, "2001:db8::1"), part(&shares, "2001:db8:0:1::1"));
        let held: Vec<_> = (0..5).map(|_| one.take(Thing::Connections, 1).unwrap()).collect();
        assert!(part(&shares, "2001:db8::2").take(Thing::Connections, 1).is_none());
        assert!(other.take(Thing::Connections, 1).is_some());
        assert!(one.take(Thing::Requests, 2).is_some() && one.take(Thing::Requests, 3).is_none());
        drop(held);
        assert!(one.take(Thing::Connections, 5).is_some());
        drop((one, other));
        assert!(shares.0.parts.lock().is_empty());
    }

    #[test]
    fn what_is_taken_in_pieces_is_given_back_whole() {
        let part = part(&shares(50), "192.0.2.1");
        let mut taken = part.take(Thing::Requests, 1).unwrap();
        assert!(taken.more(1) && !taken.more(1));
        drop(taken);
        assert!(part.take(Thing::Requests, 2).is_some());
    }

    #[test]
    fn a_share_is_at_least_one_and_may_be_everything() {
        assert_eq!(
            [share(1, 10), share(25, 8192), share(33, 7), share(99, usize::MAX / 2) / usize::MAX],
            [1, 2048, 2, 0]
        );
        assert!(shares(100).part("192.0.2.1".parse().unwrap()).is_none());
    }
}
