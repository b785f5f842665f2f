//! A circuit breaker: after a failure to reach a peer, attempts fail at once for a short while instead of piling up.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::OpenError;

/// How long attempts fail fast after a failure.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// One peer's breaker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    open: Mutex<Option<(Instant, OpenError)>>,
}

impl Breaker {
    /// The cause of the last failure while the pause after it lasts.
    pub fn cause(&self) -> Option<OpenError> {
        let mut open = self.open.lock();
        match &*open {
            Some((until, cause)) if Instant::now() < *until => Some(cause.clone()),
            Some(_) => {
                *open = None;
                None
            }
            None => None,
        }
    }

    /// Notes a failure.
    pub fn trip(&self, cause: OpenError) {
        *self.open.lock() = Some((Instant::now() + PAUSE, cause));
    }

    /// Notes a success.
    pub fn reset(&self) {
        *self.open.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_fast_after_a_failure_until_a_success_or_the_pause_has_passed() {
        let breaker = Breaker::default();
        assert!(breaker.cause().is_none());
        breaker.trip(OpenError::Banned("too many".into()));
        assert!(matches!(breaker.cause(), Some(OpenError::Banned(cause)) if cause == "too many"));
        breaker.reset();
        assert!(breaker.cause().is_none());
        breaker.trip(OpenError::Unreachable("again".into()));
        std::thread::sleep(PAUSE + Duration::from_millis(20));
        assert!(breaker.cause().is_none());
    }
}
