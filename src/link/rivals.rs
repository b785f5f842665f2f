//! Whether another gateway is connected under the same name: then each gets part of the answers that are meant for the other.
//!
//! ejabberd lets in any number of connections under one name and spreads what is sent to it over all. What shows that is an
//! answer of the server itself to a question that this process did not ask, or what another one has sent to the name itself,
//! with an id as only gateways make them; and what this process sends to its own name and does not get (`look.rs`).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::id;

/// Answers to another process that a link may see before that means something.
const FEW: u32 = 3;
/// For so long after it came up, the link may see answers to the process that was connected before.
const LATE: Duration = Duration::from_secs(10);
/// The same for what that process sent to its own name, of which nothing waits anywhere.
const LATE_PINGS: Duration = Duration::from_secs(3);
/// After so long without such an answer the other gateway is believed to be gone.
const GONE: Duration = Duration::from_secs(60);

/// What was seen of other gateways under the name of one link.
#[derive(Debug, Default)]
pub struct Rivals {
    seen: Mutex<Seen>,
    /// What was sent to the own name and has not come yet.
    under_way: Mutex<HashSet<String>>,
    /// The first look since the link is up is over.
    looked: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Seen {
    up: Option<Instant>,
    /// Answers to another process, and what did not come, since the link is up.
    answers: u32,
    /// The last one of those that count.
    last: Option<Instant>,
}

impl Rivals {
    /// Answers to another process that came since the link is up, late ones to one that has ended among them, and what was sent
    /// to the own name and did not come.
    pub fn answers(&self) -> u32 {
        self.seen.lock().answers
    }

    /// True while another gateway is connected under the same name.
    pub fn is_present(&self) -> bool {
        self.is_present_at(Instant::now())
    }

    fn is_present_at(&self, now: Instant) -> bool {
        self.seen.lock().is_present(now)
    }

    /// Waits until the first look since the link is up is over, but not for long.
    pub async fn looked(&self, patience: Duration) {
        let _ = timeout(patience, self.looked.subscribe().wait_for(|looked| *looked)).await;
    }

    /// The link has come up.
    pub(super) fn connected(&self) {
        self.looked.send_replace(false);
        self.connected_at(Instant::now());
    }

    /// Something with this id is sent to the own name.
    pub(super) fn sending(&self, id: &str) {
        self.under_way.lock().insert(id.to_owned());
    }

    /// Something came that was sent to the own name: by whom, is told as by [`Rivals::unexpected`].
    pub(super) fn came(&self, id: &str) -> (bool, bool) {
        match self.under_way.lock().remove(id) {
            true => (false, false),
            false => self.noted(id, LATE_PINGS),
        }
    }

    /// What was sent has not come, so far.
    pub(super) fn missing(&self) -> usize {
        self.under_way.lock().len()
    }

    /// One look is over, and so much of what was sent has not come, though some has.
    pub(super) fn looked_once(&self, missing: usize) {
        self.under_way.lock().clear();
        let mut seen = self.seen.lock();
        seen.answers = seen.answers.saturating_add(u32::try_from(missing).unwrap_or(u32::MAX));
        drop(seen);
        self.looked.send_replace(true);
    }

    /// Again and again some of it did not come. True when that shows that another gateway has come.
    pub(super) fn shares(&self) -> bool {
        let (mut seen, now) = (self.seen.lock(), Instant::now());
        let new = !seen.is_present(now);
        seen.last = Some(now);
        new
    }

    fn connected_at(&self, now: Instant) {
        let mut seen = self.seen.lock();
        (seen.up, seen.answers) = (Some(now), 0);
    }

    /// Takes note of an answer of the server that nobody waits for: whether it is one to another process. The second is true
    /// for the one that shows that another gateway has come.
    pub(super) fn unexpected(&self, id: &str) -> (bool, bool) {
        self.noted(id, LATE)
    }

    fn noted(&self, id: &str, late: Duration) -> (bool, bool) {
        if !id::is_of_another(id) {
            return (false, false);
        }
        (true, self.foreign_at(Instant::now(), late))
    }

    fn foreign_at(&self, now: Instant, late: Duration) -> bool {
        let mut seen = self.seen.lock();
        seen.answers = seen.answers.saturating_add(1);
        let settled = seen.up.is_some_and(|up| now.saturating_duration_since(up) >= late);
        if !settled || seen.answers < FEW {
            return false;
        }
        let new = !seen.is_present(now);
        seen.last = Some(now);
        new
    }
}

impl Seen {
    fn is_present(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_gateway_is_told_from_the_late_answers_to_the_one_before() {
        let (rivals, start) = (Rivals::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        rivals.connected_at(start);
        assert!((0..9).all(|second| !rivals.foreign_at(at(second), LATE)));
        assert!(!rivals.is_present_at(at(9)), "these were late");
        assert!(rivals.foreign_at(at(11), LATE));
        assert!(!rivals.foreign_at(at(12), LATE), "said once");
        assert!(rivals.is_present_at(at(71)));
        assert!(!rivals.is_present_at(at(72)));
        assert!(rivals.foreign_at(at(80), LATE), "said again when it comes again");
    }

    #[test]
    fn what_is_sent_to_the_own_name_and_does_not_come_is_counted() {
        let (rivals, other) = (Rivals::default(), "abcdef.alone.7");
        rivals.connected();
        let ids = [id::new_id("alone"), id::new_id("alone")];
        ids.iter().for_each(|id| rivals.sending(id));
        assert_eq!(rivals.came(&ids[0]), (false, false));
        assert_eq!(rivals.missing(), 1);
        rivals.looked_once(1);
        assert_eq!((rivals.missing(), rivals.answers(), rivals.is_present()), (0, 1, false), "one look says little");
        assert!(rivals.shares() && rivals.is_present());
        assert!(!rivals.shares(), "said once");
        assert_eq!(rivals.came(other).0, !id::is_own(other));
    }

    #[test]
    fn one_odd_answer_means_nothing() {
        let (rivals, start) = (Rivals::default(), Instant::now());
        rivals.connected_at(start);
        assert!(!rivals.foreign_at(start + Duration::from_secs(100), LATE));
        assert!(!rivals.is_present_at(start + Duration::from_secs(100)));
    }
}
