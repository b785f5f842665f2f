//! How often: a token bucket for a key's requests, and a bounded count of log-in attempts per subject.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A token bucket: so many requests a second, with one second's worth at once.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    state: Mutex<Option<(f64, Instant)>>,
}

impl Bucket {
    /// A full bucket.
    pub fn per_second(rate: NonZeroU32) -> Self {
        Self { per_second: f64::from(rate.get()), state: Mutex::new(None) }
    }

    /// Takes one request out of the bucket.
    ///
    /// # Errors
    /// How long to wait until one would be there.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock();
        let (tokens, since) = state.unwrap_or((self.per_second, now));
        let passed = now.saturating_duration_since(since).as_secs_f64();
        let tokens = (tokens + passed * self.per_second).min(self.per_second);
        let (tokens, answer) = if tokens >= 1.0 {
            (tokens - 1.0, Ok(()))
        } else {
            (tokens, Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second)))
        };
        *state = Some((tokens, now.max(since)));
        answer
    }
}

/// Counts attempts that have not succeeded, per subject (such as user and address), within a window that starts with the
/// first. An attempt counts when it begins, so that many at once do not slip through. Bounded: beyond `capacity` subjects
/// the oldest is forgotten.
#[derive(Debug)]
pub struct Attempts<K> {
    max: u32,
    window: Duration,
    capacity: usize,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    entries: HashMap<K, Entry>,
    /// Subjects by the start of their window; one that was cleared since is told by another start.
    order: VecDeque<(K, Instant)>,
}

#[derive(Debug)]
struct Entry {
    count: u32,
    since: Instant,
}

impl<K: Hash + Eq + Clone> Attempts<K> {
    /// At most `max` attempts without a success in `window`, for at most `capacity` subjects.
    pub fn new(max: u32, window: Duration, capacity: usize) -> Self {
        let table = Table { entries: HashMap::new(), order: VecDeque::new() };
        Self { max, window, capacity: capacity.max(1), table: Mutex::new(table) }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn begin(&self, subject: &K) -> Result<(), Duration> {
        self.begin_at(subject, Instant::now())
    }

    /// As [`Attempts::begin`], at a given time.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn begin_at(&self, subject: &K, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock();
        table.forget(now, self.window, self.capacity);
        if let Some(entry) = table.entries.get_mut(subject) {
            if entry.count >= self.max {
                return Err((entry.since + self.window).saturating_duration_since(now));
            }
            entry.count += 1;
            return Ok(());
        }
        table.entries.insert(subject.clone(), Entry { count: 1, since: now });
        table.order.push_back((subject.clone(), now));
        Ok(())
    }

    /// The attempt succeeded: the subject starts afresh.
    pub fn succeeded(&self, subject: &K) {
        self.table.lock().entries.remove(subject);
    }

    /// The attempt could not be judged (the server was not reachable): it does not count.
    pub fn withdrawn(&self, subject: &K) {
        if let Some(entry) = self.table.lock().entries.get_mut(subject) {
            entry.count = entry.count.saturating_sub(1);
        }
    }
}

impl<K: Hash + Eq> Table<K> {
    /// Drops windows that are over, and the oldest while the table is full. `order` may hold subjects that are gone
    /// already, which is why it is bounded here and not the map.
    fn forget(&mut self, now: Instant, window: Duration, capacity: usize) {
        while let Some((_, since)) = self.order.front() {
            let over = now.saturating_duration_since(*since) >= window;
            if !over && self.order.len() < capacity {
                break;
            }
            if let Some((subject, since)) = self.order.pop_front()
                && self.entries.get(&subject).is_some_and(|entry| entry.since == since)
            {
                self.entries.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn too_many_failures_wait_for_the_end_of_the_window() {
        let attempts = Attempts::new(2, WINDOW, 10);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(attempts.begin_at(&"bob", at(0)), Ok(()));
        assert_eq!(attempts.begin_at(&"bob", at(20)), Ok(()));
        assert_eq!(attempts.begin_at(&"bob", at(30)), Err(Duration::from_secs(30)));
        assert_eq!(attempts.begin_at(&"alice", at(30)), Ok(()));
        assert_eq!(attempts.begin_at(&"bob", at(60)), Ok(()));
    }

    #[test]
    fn a_success_or_an_outage_does_not_count() {
        let attempts = Attempts::new(1, WINDOW, 10);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(attempts.begin_at(&"bob", now), Ok(()));
            attempts.succeeded(&"bob");
        }
        for _ in 0..3 {
            assert_eq!(attempts.begin_at(&"bob", now), Ok(()));
            attempts.withdrawn(&"bob");
        }
        assert_eq!(attempts.begin_at(&"bob", now), Ok(()));
        assert!(attempts.begin_at(&"bob", now).is_err());
    }

    #[test]
    fn memory_is_bounded_whatever_is_tried() {
        let attempts = Attempts::new(1, WINDOW, 100);
        let now = Instant::now();
        for user in 0..10_000 {
            let _ = attempts.begin_at(&user, now);
            if user % 2 == 0 {
                attempts.succeeded(&user);
            }
        }
        let table = attempts.table.lock();
        assert!(table.order.len() <= 100, "{}", table.order.len());
        assert!(table.entries.len() <= 100);
    }

    #[test]
    fn a_bucket_refills_no_further_than_one_second() {
        let bucket = Bucket::per_second(NonZeroU32::new(3).unwrap());
        let start = Instant::now();
        let later = start + Duration::from_secs(100);
        let taken = |now| (0..10).take_while(|_| bucket.take(now).is_ok()).count();
        assert_eq!(taken(start), 3);
        assert_eq!(taken(later), 3);
        assert_eq!(taken(later + Duration::from_millis(400)), 1);
    }
}
