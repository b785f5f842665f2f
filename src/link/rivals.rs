//! Whether another gateway is connected under the same name: then each gets part of the answers that are meant for the other.
//!
//! ejabberd lets in any number of connections under one name and spreads what is sent to it over all. What shows that is an
//! answer of the server itself to a question that this process did not ask, with an id as only gateways make them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::id;

/// Answers to another process that a link may see before that means something.
const FEW: u32 = 3;
/// For so long after it came up, the link may see answers to the process that was connected before.
const LATE: Duration = Duration::from_secs(10);
/// After so long without such an answer the other gateway is believed to be gone.
const GONE: Duration = Duration::from_secs(60);

/// What was seen of other gateways under the name of one link.
#[derive(Debug, Default)]
pub struct Rivals {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    up: Option<Instant>,
    /// Answers to another process, since the link is up.
    answers: u32,
    /// The last one of those that count.
    last: Option<Instant>,
}

impl Rivals {
    /// Answers to another process that came since the link is up, late ones to one that has ended among them.
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

    /// The link has come up.
    pub(super) fn connected(&self) {
        self.connected_at(Instant::now());
    }

    fn connected_at(&self, now: Instant) {
        let mut seen = self.seen.lock();
        (seen.up, seen.answers) = (Some(now), 0);
    }

    /// Takes note of an answer of the server that nobody waits for: whether it is one to another process. The second is true
    /// for the one that shows that another gateway has come.
    pub(super) fn unexpected(&self, id: &str) -> (bool, bool) {
        if !id::is_of_another(id) {
            return (false, false);
        }
        (true, self.foreign_at(Instant::now()))
    }

    fn foreign_at(&self, now: Instant) -> bool {
        let mut seen = self.seen.lock();
        seen.answers = seen.answers.saturating_add(1);
        let settled = seen.up.is_some_and(|up| now.saturating_duration_since(up) >= LATE);
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
        assert!((0..9).all(|second| !rivals.foreign_at(at(second))));
        assert!(!rivals.is_present_at(at(9)), "these were late");
        assert!(rivals.foreign_at(at(11)));
        assert!(!rivals.foreign_at(at(12)), "said once");
        assert!(rivals.is_present_at(at(71)));
        assert!(!rivals.is_present_at(at(72)));
        assert!(rivals.foreign_at(at(80)), "said again when it comes again");
    }

    #[test]
    fn one_odd_answer_means_nothing() {
        let (rivals, start) = (Rivals::default(), Instant::now());
        rivals.connected_at(start);
        assert!(!rivals.foreign_at(start + Duration::from_secs(100)));
        assert!(!rivals.is_present_at(start + Duration::from_secs(100)));
    }
}
