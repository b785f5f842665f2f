//! The links over which messages to users go: the first, and those under further names of the component.
//!
//! A server works on what comes over one connection in order, one stanza after the other, and so with one core at a time.
//! A message goes over the link with the least under way, the first if that is as free as any. Only while another one to
//! the same user is under way it follows that one, so that their order stays.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use jid::BareJid;
use parking_lot::Mutex;
use tracing::{error, info};

use crate::chat::server::incoming::Incoming;
use crate::chat::types::address::Addresses;
use crate::link::Call;
use crate::link::{Link, LinkConfig, LinkError, LinkState, OnStanza, Prepared};
use crate::metrics::LinkMetrics;
use crate::xml::Element;
use crate::xml::element::{Build as _, client};
use crate::xml::encode::EncodeError;

/// Users are told apart by so much: those who share a lane take the same link while messages to them are under way.
const LANES: usize = 4096;
/// Longest wait for the server's answer to a message on trial.
const TRIAL: Duration = Duration::from_secs(10);
/// Pause before a link that let no message through is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// The first link and the others.
pub(in crate::chat) struct Links {
    first: Link,
    /// Nothing when there is no other.
    spread: Option<Spread>,
}

impl Links {
    /// Opens a link under each of `names`, with the other settings of the first.
    pub(in crate::chat) fn start(
        first: Link,
        settings: &LinkConfig,
        names: &[String],
        incoming: &Arc<Incoming>,
        addresses: &Addresses,
        metrics: &LinkMetrics,
    ) -> Links {
        let extra = names.iter().map(|name| {
            // What it does not take at once goes over the first link, where a caller may wait.
            let settings = LinkConfig { name: name.clone(), grace: Duration::ZERO, ..settings.clone() };
            let incoming = incoming.clone();
            let on_stanza: OnStanza = Arc::new(move |link, stanza| incoming.answer_only(link, &stanza));
            let way = Arc::new(Way::new(Some(name.clone()), Link::start(settings, on_stanza, metrics.clone())));
            tokio::spawn(way.clone().open_when_proven(addresses.clone()));
            way
        });
        let spread = (!names.is_empty()).then(|| Spread::over(&first, extra));
        Links { first, spread }
    }

    /// Sends a stanza to a user, as [`Link::send_routed_prepared`].
    pub(in crate::chat) async fn send_to(
        &self,
        call: &Call,
        user: &BareJid,
        prepared: &Prepared,
    ) -> Result<Option<Element>, LinkError> {
        let taken = self.spread.as_ref().and_then(|spread| spread.take(user, 1));
        let link = taken.as_ref().map_or(&self.first, |taken| &taken.way.link);
        let outcome = link.send_routed_prepared(call, prepared).await;
        // It was not written then.
        let unsent = matches!(outcome, Err(LinkError::Down(_)));
        if !unsent || taken.as_ref().is_none_or(|taken| taken.way.name.is_none()) {
            return outcome;
        }
        // What has no further use would have its room in every call, and so would what is seldom done.
        drop(outcome);
        Box::pin(self.first.send_routed_prepared(call, prepared)).await
    }

    /// Sends stanzas to one user, as [`Link::send_all_prepared`].
    pub(in crate::chat) async fn send_all_to(
        &self,
        call: &Call,
        user: &BareJid,
        prepared: &[Result<Prepared, EncodeError>],
    ) -> Vec<Result<Option<Element>, LinkError>> {
        let taken = self.spread.as_ref().and_then(|spread| spread.take(user, prepared.len()));
        let Some(taken) = taken else { return self.first.send_all_prepared(call, prepared).await };
        let mut outcomes = taken.way.link.send_all_prepared(call, prepared).await;
        // Nothing of these was written.
        let unsent = |outcome: &Result<_, _>| matches!(outcome, Err(LinkError::Down(_)));
        if taken.way.name.is_some() && outcomes.iter().any(unsent) {
            let again = prepared.iter().zip(&outcomes).filter(|(_, outcome)| unsent(outcome));
            let again: Vec<_> = again.map(|(prepared, _)| prepared.clone()).collect();
            let later = self.first.send_all_prepared(call, &again).await;
            for (outcome, later) in outcomes.iter_mut().filter(|outcome| unsent(outcome)).zip(later) {
                *outcome = later;
            }
        }
        outcomes
    }

    /// The names of all but the first, and their links.
    pub(in crate::chat) fn extra(&self) -> impl Iterator<Item = (&str, &Link)> {
        let ways = self.spread.iter().flat_map(|spread| &spread.ways);
        ways.filter_map(|way| Some((way.name.as_deref()?, &way.link)))
    }

    /// Closes all but the first after what is pending on them has ended, or `limit` has passed.
    pub(in crate::chat) async fn drain_extra(&self, limit: Duration) {
        join_all(self.extra().map(|(_, link)| link.drain(limit))).await;
    }
}

/// Sends a message in the name of a user who does not exist to themselves.
///
/// # Errors
/// Why it did not pass, in words: a server that lets nobody send so closes the connection.
pub(in crate::chat) async fn try_as_user(link: &Link, addresses: &Addresses, call: &Call) -> Result<(), String> {
    let nobody = addresses.nobody().map_err(|error| error.to_string())?;
    let message = client("message")
        .with("type", "headline")
        .with("id", link.new_id(call))
        .with("from", nobody.as_str())
        .with("to", nobody.as_str());
    match link.send_routed(call, &message).await {
        Ok(_) => Ok(()),
        Err(LinkError::Unknown | LinkError::Down(_)) => Err("the server closed the connection".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The choice of a link.
struct Spread {
    /// The first link before all others.
    ways: Vec<Arc<Way>>,
    lanes: Vec<Mutex<Lane>>,
    hasher: RandomState,
}

/// A link, and how many messages are under way on it.
struct Way {
    /// Nothing for the first link.
    name: Option<String>,
    link: Link,
    /// Messages may take it.
    open: AtomicBool,
    under_way: AtomicUsize,
}

/// Which link the messages to some users take while any of them is under way.
#[derive(Default)]
struct Lane {
    way: Option<Arc<Way>>,
    under_way: usize,
}

impl Way {
    fn new(name: Option<String>, link: Link) -> Way {
        Way { open: AtomicBool::new(name.is_none()), name, link, under_way: AtomicUsize::new(0) }
    }

    /// Lets messages take the link once the server has let one pass, and no longer when the link falls: a server that is
    /// configured otherwise would close it with each of them, and their outcome would be unknown.
    async fn open_when_proven(self: Arc<Self>, addresses: Addresses) {
        let mut state = self.link.state();
        let name = self.name.as_deref();
        loop {
            let settled = state.wait_for(|state| matches!(state, LinkState::Up | LinkState::Draining)).await;
            if !settled.is_ok_and(|state| *state == LinkState::Up) {
                return;
            }
            let call = Call::new("link".into(), Instant::now() + TRIAL);
            match try_as_user(&self.link, &addresses, &call).await {
                Ok(()) => {
                    info!(component = name, "messages to users may take this link too");
                    self.open.store(true, Ordering::Relaxed);
                    let _ = state.wait_for(|state| *state != LinkState::Up).await;
                    self.open.store(false, Ordering::Relaxed);
                }
                Err(why) => {
                    error!(component = name, %why, "no message in a user's name passes over this link: it stays unused");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

impl Spread {
    fn over(first: &Link, extra: impl Iterator<Item = Arc<Way>>) -> Spread {
        Spread {
            ways: std::iter::once(Arc::new(Way::new(None, first.clone()))).chain(extra).collect(),
            lanes: std::iter::repeat_with(Mutex::default).take(LANES).collect(),
            hasher: RandomState::new(),
        }
    }

    /// A link for `count` messages to `user`. They count as under way until what is returned is dropped.
    fn take(&self, user: &BareJid, count: usize) -> Option<Taken<'_>> {
        let number = usize::try_from(self.hasher.hash_one(user) % LANES as u64).ok()?;
        let lane = self.lanes.get(number)?;
        let mut followed = lane.lock();
        let way = match &followed.way {
            Some(way) if followed.under_way > 0 => way.clone(),
            _ => self.freest()?.clone(),
        };
        way.under_way.fetch_add(count, Ordering::Relaxed);
        followed.under_way += count;
        followed.way = Some(way.clone());
        drop(followed);
        Some(Taken { way, lane, count })
    }

    fn freest(&self) -> Option<&Arc<Way>> {
        let open = self.ways.iter().filter(|way| way.open.load(Ordering::Relaxed));
        open.min_by_key(|way| way.under_way.load(Ordering::Relaxed))
    }
}

/// A link that messages have been given.
struct Taken<'a> {
    way: Arc<Way>,
    lane: &'a Mutex<Lane>,
    count: usize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.lane.lock().under_way -= self.count;
        self.way.under_way.fetch_sub(self.count, Ordering::Relaxed);
    }
}
