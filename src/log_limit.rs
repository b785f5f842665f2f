//! Log lines that strangers can cause, said no oftener than is useful.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines of one kind, of which one is said in a while.
#[derive(Debug)]
pub struct LogLimit {
    every: Duration,
    /// When the last was said, and how many there were since.
    state: Mutex<(Option<Instant>, u64)>,
}

impl LogLimit {
    /// At most one line in `every`.
    pub const fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new((None, 0)) }
    }

    /// How many lines this one stands for, when it is time to say it.
    pub fn say(&self) -> Option<u64> {
        self.say_at(Instant::now())
    }

    fn say_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        state.1 += 1;
        if state.0.is_some_and(|last| now.saturating_duration_since(last) < self.every) {
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

/// How many different subjects are named in lines of one kind.
const SUBJECTS: usize = 8;

/// Lines of one kind of which each subject gets one, and no more than a few subjects do.
#[derive(Debug)]
pub struct LogOncePerKey<T>([OnceLock<T>; SUBJECTS]);

impl<T: PartialEq> Default for LogOncePerKey<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: PartialEq> LogOncePerKey<T> {
    /// Nobody was named yet.
    pub const fn new() -> Self {
        Self([const { OnceLock::new() }; SUBJECTS])
    }

    /// True when `subject` is to be named now.
    pub fn is_news(&self, subject: &T) -> bool
    where
        T: Clone,
    {
        for place in &self.0 {
            let mut news = false;
            let named = place.get_or_init(|| {
                news = true;
                subject.clone()
            });
            if named == subject {
                return news;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_stands_for_all_since_the_last() {
        let seldom = LogLimit::new(Duration::from_secs(1));
        let start = Instant::now();
        let at = |ms| seldom.say_at(start + Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(10), at(999), at(1000), at(1999), at(2500)],
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }

    #[test]
    fn each_is_named_once_and_few_are() {
        let lines = LogOncePerKey::new();
        assert_eq!(
            [lines.is_news(&0), lines.is_news(&0), lines.is_news(&1), lines.is_news(&0)],
            [true, false, true, false]
        );
        assert_eq!((0..1000).filter(|n| lines.is_news(n)).count(), SUBJECTS - 2);
    }
}
