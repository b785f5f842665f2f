//! Who waits until the server has processed what: one ping stands for every stanza written since the one before.
//!
//! While few pings are under way, a write goes at once. Beyond that the next one waits until one has come back, but never
//! long: a server pays for each piece that it reads and for each ping, so what comes meanwhile shares both.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep_until;

use super::LinkError;
use super::id::{is_own, new_id};
use super::iq::Peer;
use super::stanza::Prepared;
use crate::metrics::LinkMetrics;
use crate::xml::{CLIENT, Element};

/// Bounces kept at once. Over it, waiters whose own bounce may be among the lost ones learn "unknown".
const MOST_BOUNCES: usize = 4096;
/// Pings under way beyond which the next write waits for the first of them.
const FEW: usize = 2;
/// Pings under way, at most, that only ask whether the server answers.
const PROBES: usize = 8;
/// How long it waits at most.
const LONGEST: Duration = Duration::from_millis(1);

/// A caller that waits for the ping behind its stanza.
pub(super) struct Waiter {
    /// Only an error with its id, from whom it goes to, to whom it comes from, is its bounce.
    pub(super) stanza: Prepared,
    pub(super) answer: oneshot::Sender<Result<Option<Element>, LinkError>>,
}

/// One ping and whom it serves.
struct Barrier {
    ping: String,
    number: u64,
    since: Instant,
    waiters: Vec<Waiter>,
}

impl Barrier {
    /// True when all who waited have left. For a probe nobody waits from the start, and it stays.
    fn is_abandoned(&self) -> bool {
        !self.is_probe() && self.waiters.iter().all(|waiter| waiter.answer.is_closed())
    }

    fn is_probe(&self) -> bool {
        self.waiters.is_empty()
    }
}

#[derive(Default)]
struct State {
    /// Outstanding barriers in the order of their pings.
    outstanding: VecDeque<Barrier>,
    /// Error stanzas by id and sender, in their order, each with the number of the latest barrier to which it may belong.
    bounces: HashMap<(String, String), Vec<(u64, Element)>>,
    /// How many they are.
    kept: usize,
    /// The latest barrier to which a bounce that could not be kept may belong.
    lost: Option<u64>,
    last: u64,
    /// How many pings have come back, the latest of them by its number, and when the last one came.
    passed: u64,
    latest_passed: u64,
    passed_at: Option<Instant>,
}

/// The outstanding barriers of one stream.
pub(super) struct Barriers {
    state: Mutex<State>,
    /// A ping has come back.
    passed: Notify,
    peer: Peer,
    metrics: LinkMetrics,
}

impl Barriers {
    /// Barriers whose pings `peer` must answer.
    pub(super) fn new(peer: Peer, metrics: LinkMetrics) -> Self {
        Self { state: Mutex::default(), passed: Notify::new(), peer, metrics }
    }

    /// Resolves when it is time for the next write that will need a ping.
    pub(super) async fn turn(&self) {
        let latest = Instant::now() + LONGEST;
        while self.state.lock().under_way() >= FEW {
            tokio::select! {
                () = self.passed.notified() => {}
                () = sleep_until(latest.into()) => return,
            }
        }
    }

    /// Registers who waits for the stanzas of a write that is about to happen, and returns the id of the ping that must
    /// stand behind them; none when nobody waits.
    pub(super) fn add(&self, waiters: Vec<Waiter>) -> Option<String> {
        if waiters.is_empty() {
            return None;
        }
        let ping = new_id("barrier");
        self.metrics.barrier_stanzas.observe(waiters.len() as f64);
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.outstanding.push_back(Barrier { ping: ping.clone(), number, since: Instant::now(), waiters });
        Some(ping)
    }

    /// The id of a ping that only asks whether the server answers: none when a ping was sent or has come back within the time
    /// `quiet`, or when enough of them are under way.
    pub(super) fn probe(&self, quiet: Duration) -> Option<String> {
        let mut state = self.state.lock();
        let enough = state.under_way() > 0 && state.outstanding.iter().filter(|ping| ping.is_probe()).count() >= PROBES;
        let latest = state.outstanding.back().map(|ping| ping.since).max(state.passed_at);
        if enough || latest.is_some_and(|at| at.elapsed() < quiet) {
            return None;
        }
        let ping = new_id("probe");
        state.last += 1;
        let number = state.last;
        let since = Instant::now();
        state.outstanding.push_back(Barrier { ping: ping.clone(), number, since, waiters: Vec::new() });
        Some(ping)
    }

    /// Forgets a probe that could not be sent.
    pub(super) fn forget_probe(&self, ping: &str) {
        self.state.lock().outstanding.retain(|barrier| barrier.ping != ping);
    }

    /// How many pings have come back, and for how long the oldest one has been under way behind which none has come back: an
    /// answer that was lost on its way says nothing about the server.
    pub(super) fn progress(&self) -> (u64, Option<Duration>) {
        let state = self.state.lock();
        let open = state.outstanding.iter().find(|barrier| barrier.number > state.latest_passed);
        (state.passed, open.map(|barrier| barrier.since.elapsed()))
    }

    /// Keeps an error stanza for the waiter it may belong to.
    pub(super) fn bounce(&self, error: &Element) {
        let (Some(id), Some(from)) = (error.attr("id"), error.attr("from")) else { return };
        let mut state = self.state.lock();
        if state.outstanding.is_empty() {
            return;
        }
        let last = state.last;
        if state.kept >= MOST_BOUNCES {
            state.lost = Some(last);
        } else {
            state.kept += 1;
            let alike = state.bounces.entry((id.to_owned(), account(from))).or_default();
            alike.push((last, without_echo(error)));
        }
    }

    /// Resolves the barrier that `reply` answers, if any. An error reply proves the processing just as well.
    pub(super) fn resolve(&self, reply: &Element) -> bool {
        let Some(id) = reply.attr("id") else { return false };
        let mut state = self.state.lock();
        let Some(at) = state.outstanding.iter().position(|barrier| barrier.ping == id) else { return false };
        if !self.peer.sent(reply.attr("from"), reply.attr("to")) {
            return false;
        }
        let Some(barrier) = state.outstanding.remove(at) else { return false };
        state.passed += 1;
        state.passed_at = Some(Instant::now());
        state.latest_passed = state.latest_passed.max(barrier.number);
        let latest = state.latest_passed;
        state.outstanding.retain(|other| !other.is_probe() || other.number > latest);
        if !barrier.is_probe() {
            self.metrics.acknowledgement.observe(barrier.since.elapsed().as_secs_f64());
        }
        let lost = state.lost.is_some_and(|lost| barrier.number <= lost);
        let unclear = state.unclear(&barrier.waiters);
        for Waiter { stanza, answer } in barrier.waiters {
            let outcome = match state.bounce_of(&stanza) {
                _ if !unclear.is_empty() && unclear.contains(&Mark::of(&stanza)) => Err(LinkError::Unknown),
                Some(bounce) => Ok(Some(bounce)),
                None if lost => Err(LinkError::Unknown),
                None => Ok(None),
            };
            let _ = answer.send(outcome);
        }
        state.forget();
        self.passed.notify_one();
        true
    }

    /// Fails everyone who waits.
    pub(super) fn fail_all(&self, error: &LinkError) {
        let state = std::mem::take(&mut *self.state.lock());
        for waiter in state.outstanding.into_iter().flat_map(|barrier| barrier.waiters) {
            let _ = waiter.answer.send(Err(error.clone()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().outstanding.iter().all(Barrier::is_probe)
    }
}

impl State {
    /// Pings under way. A server that never answers must not make the list grow: barriers whose callers have all left are
    /// forgotten.
    fn under_way(&mut self) -> usize {
        while self.outstanding.front().is_some_and(Barrier::is_abandoned) {
            self.outstanding.pop_front();
        }
        self.outstanding.len()
    }

    /// Takes out the bounce of a stanza.
    fn bounce_of(&mut self, stanza: &Prepared) -> Option<Element> {
        if self.bounces.is_empty() {
            return None;
        }
        let key = key(stanza);
        let alike = self.bounces.get_mut(&key)?;
        let at = alike.iter().position(|(_, bounce)| goes_back(bounce, stanza))?;
        let (_, bounce) = alike.remove(at);
        self.kept -= 1;
        if alike.is_empty() {
            self.bounces.remove(&key);
        }
        Some(bounce)
    }

    /// Stanzas behind one ping that nothing tells apart, since their id is the callers' own, and of which some came back
    /// and some did not: nobody knows which.
    fn unclear(&self, waiters: &[Waiter]) -> HashSet<Mark> {
        if self.bounces.is_empty() {
            return HashSet::new();
        }
        let mut sent: HashMap<Mark, (usize, usize)> = HashMap::new();
        for stanza in waiters.iter().map(|waiter| &waiter.stanza).filter(|stanza| !is_own(stanza.id())) {
            let (count, back) = sent.entry(Mark::of(stanza)).or_default();
            *count += 1;
            if *count == 1 {
                let alike = self.bounces.get(&key(stanza)).map(Vec::as_slice).unwrap_or_default();
                *back = alike.iter().filter(|(_, bounce)| goes_back(bounce, stanza)).count();
            }
        }
        sent.into_iter().filter(|(_, (count, back))| (1..*count).contains(back)).map(|(mark, _)| mark).collect()
    }

    /// Forgets the bounces to which no outstanding barrier can belong.
    fn forget(&mut self) {
        let first = self.outstanding.front().map_or(self.last + 1, |barrier| barrier.number);
        if !self.bounces.is_empty() {
            self.bounces.retain(|_, alike| {
                alike.retain(|(latest, _)| *latest >= first);
                !alike.is_empty()
            });
            self.kept = self.bounces.values().map(Vec::len).sum();
        }
        self.lost = self.lost.filter(|latest| *latest >= first);
    }
}

/// What tells stanzas apart: id, recipient and sender, the last two as accounts.
#[derive(PartialEq, Eq, Hash)]
struct Mark(String, String, Option<String>);

impl Mark {
    fn of(stanza: &Prepared) -> Self {
        let (id, to) = key(stanza);
        Self(id, to, stanza.from().map(account))
    }
}

/// Under which its bounce is kept: its id, and the account that it goes to.
fn key(stanza: &Prepared) -> (String, String) {
    (stanza.id().to_owned(), account(stanza.to().unwrap_or_default()))
}

/// True when an error goes to whom the stanza with its id came from, as far as the stanza says that.
fn goes_back(bounce: &Element, stanza: &Prepared) -> bool {
    stanza.from().is_none_or(|from| account(bounce.attr("to").unwrap_or_default()) == account(from))
}

/// The account, room or server that an address belongs to. What differs in case only is the same.
fn account(address: &str) -> String {
    address.split('/').next().unwrap_or_default().to_ascii_lowercase()
}

/// The bounce without the payload it echoes, which may be as large as a stanza.
fn without_echo(bounce: &Element) -> Element {
    let mut kept = Element::bare(bounce.name(), CLIENT);
    *kept.attrs_mut() = bounce.attrs().clone();
    if let Some(error) = bounce.get_child("error", CLIENT) {
        kept.append_child(error.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::StreamKind;
    use crate::xml::element::{Build as _, client};

    const SERVER: &str = "example.org";

    fn barriers() -> Barriers {
        Barriers::new(Peer::new(Some(SERVER), &SERVER.into()), LinkMetrics::default())
    }

    type Answer = oneshot::Receiver<Result<Option<Element>, LinkError>>;

    fn message(from: &str, to: &str, id: &str) -> (Waiter, Answer) {
        let stanza = client("message").with("from", from).with("to", to).with("id", id);
        let (answer, outcome) = oneshot::channel();
        (Waiter { stanza: Prepared::plain(&stanza, StreamKind::Component).unwrap(), answer }, outcome)
    }

    fn bounce(from: &str, to: &str, id: &str) -> Element {
        client("message").with("type", "error").with("from", from).with("to", to).with("id", id)
    }

    fn pass(barriers: &Barriers, ping: &str) {
        let reply = client("iq").with("type", "result").with("id", ping).with("from", SERVER).with("to", "gw");
        assert!(barriers.resolve(&reply));
    }

    /// What each learns: that it came back, that it did not, or nothing.
    fn outcomes(answers: Vec<Answer>) -> Vec<Option<bool>> {
        let outcome = |mut answer: Answer| answer.try_recv().unwrap().ok().map(|bounce| bounce.is_some());
        answers.into_iter().map(outcome).collect()
    }

    #[test]
    fn messages_with_ids_of_their_callers_are_told_apart() {
        let barriers = barriers();
        let to = "nobody@h";
        // The same id, from two users; the bounce is the second one's.
        let (waiters, answers) =
            [message("a@h", to, "1"), message("b@h", to, "1"), message("b@h", "c@h", "1")].into_iter().unzip();
        let ping = barriers.add(waiters).unwrap();
        barriers.bounce(&bounce("NOBODY@h", "B@h", "1"));
        pass(&barriers, &ping);
        assert_eq!(outcomes(answers), [Some(false), Some(true), Some(false)]);

        // Nothing tells them apart: both came back, neither did, or nobody knows.
        for (bounces, expected) in [(2, Some(true)), (0, Some(false)), (1, None)] {
            let (waiters, answers) = [message("a@h", to, "1"), message("a@h", to, "1")].into_iter().unzip();
            let ping = barriers.add(waiters).unwrap();
            (0..bounces).for_each(|_| barriers.bounce(&bounce(to, "a@h", "1")));
            pass(&barriers, &ping);
            assert_eq!(outcomes(answers), [expected, expected], "{bounces}");
            let state = barriers.state.lock();
            assert_eq!((state.kept, state.bounces.len()), (0, 0));
        }

        // Behind two pings they are known by their order.
        let (first, second) = (message("a@h", to, "1"), message("a@h", to, "1"));
        let pings = [first.0, second.0].map(|waiter| barriers.add(vec![waiter]).unwrap());
        pass(&barriers, &pings[0]);
        barriers.bounce(&bounce(to, "a@h", "1"));
        pass(&barriers, &pings[1]);
        assert_eq!(outcomes(vec![first.1, second.1]), [Some(false), Some(true)]);
    }
}
