//! Pauses between connection attempts: exponential, with full jitter.

use std::time::{Duration, Instant};

/// First pause after a refusal, which only a person can end.
const REFUSED: Duration = Duration::from_secs(5);

/// Time in which a stream that cannot be read any further is opened anew at once one time, and after that with this pause.
const GARBLED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1));

/// The pauses of one outage.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    ceiling: Duration,
    /// When a stream could last not be read any further.
    garbled: Option<Instant>,
}

impl Backoff {
    pub(super) fn new((first, longest): (Duration, Duration)) -> Self {
        Self { first, longest: longest.max(first), ceiling: first, garbled: None }
    }

    /// Starts anew after a time of health.
    pub(super) fn reset(&mut self) {
        self.ceiling = self.first;
    }

    /// The next pause: anything up to a ceiling that doubles. After a refusal it is at least half the ceiling, which
    /// is then at least [`REFUSED`] or the longest pause.
    pub(super) fn next(&mut self, refused: bool) -> Duration {
        if refused {
            self.ceiling = self.ceiling.max(REFUSED.min(self.longest));
        }
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(self.longest);
        let least = if refused { 0.5 } else { 0.0 };
        ceiling.mul_f64(rand::random_range(least..=1.0))
    }

    /// The pause before a stream is opened anew that could not be read any further at `now`. The server is well and all
    /// callers wait, so there is none; but whatever it was may come again, and then not at full speed. It never grows.
    pub(super) fn after_garbled(&mut self, now: Instant) -> Duration {
        let (window, pause) = GARBLED;
        let again = self.garbled.replace(now).is_some_and(|last| now.duration_since(last) < window);
        if again { pause } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn doubles_up_to_the_longest_and_starts_anew() {
        let mut backoff = Backoff::new((ms(200), ms(1000)));
        for ceiling in [200, 400, 800, 1000, 1000] {
            assert_eq!(backoff.ceiling, ms(ceiling));
            assert!(backoff.next(false) <= ms(ceiling));
        }
        backoff.reset();
        assert_eq!(backoff.ceiling, ms(200));
    }

    #[test]
    fn spreads_the_attempts_of_many_gateways() {
        let pauses: Vec<_> = (0..50).map(|_| Backoff::new((ms(1000), ms(1000))).next(false)).collect();
        let (least, most) = (pauses.iter().min(), pauses.iter().max());
        assert!(least < Some(&ms(300)) && most > Some(&ms(700)), "{least:?} {most:?}");
    }

    #[test]
    fn a_refusal_is_retried_slower() {
        let mut backoff = Backoff::new((ms(200), ms(15_000)));
        assert!(backoff.next(true) >= ms(2500));
        assert_eq!(backoff.ceiling, ms(10_000));
        let mut quick = Backoff::new((ms(10), ms(50)));
        assert!(quick.next(true) <= ms(50), "the configured longest pause is kept");
    }
    #[test]
    fn what_cannot_be_read_costs_a_pause_only_when_it_comes_again() {
        let (mut backoff, now) = (Backoff::new((ms(200), ms(1000))), Instant::now());
        let second = Duration::from_secs(1);
        let pauses = [0, 1, 2, 40].map(|at| backoff.after_garbled(now + second * at));
        assert_eq!(pauses, [Duration::ZERO, second, second, Duration::ZERO]);
        assert_eq!(backoff.ceiling, ms(200), "an outage that follows starts with the shortest pause");
    }
}
