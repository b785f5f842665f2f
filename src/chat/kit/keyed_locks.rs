//! Changes of one and the same thing one after the other, so that what a call has read is still so when it writes.
//!
//! That holds for the calls of one gateway. Between two gateways, and between a gateway and XMPP clients, the server alone
//! decides: there a limit may be exceeded by what they do in the same moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Things that are remembered before those that nobody changes any more are forgotten.
const REMEMBERED: usize = 1024;

/// What is being changed.
#[derive(Debug, Default)]
pub struct KeyedLocks {
    open: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The right to change one thing, until it is dropped.
#[derive(Debug)]
pub struct KeyGuard(#[expect(dead_code, reason = "it is held, not read")] OwnedMutexGuard<()>);

impl KeyedLocks {
    /// Waits until nobody else changes `what`; `None` when that is not before `deadline`.
    pub async fn take(&self, what: String, deadline: Instant) -> Option<KeyGuard> {
        let lock = {
            let mut open = self.open.lock();
            if open.len() >= REMEMBERED {
                open.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(open.entry(what).or_default())
        };
        tokio::time::timeout_at(deadline.into(), lock.lock_owned()).await.ok().map(KeyGuard)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[tokio::test]
    async fn one_at_a_time_changes_a_thing_and_others_change_others() {
        let locks = KeyedLocks::default();
        let first = locks.take("a".to_owned(), soon()).await.unwrap();
        assert!(locks.take("a".to_owned(), soon()).await.is_none());
        locks.take("b".to_owned(), soon()).await.unwrap();
        drop(first);
        locks.take("a".to_owned(), soon()).await.unwrap();
    }

    #[tokio::test]
    async fn what_nobody_changes_is_forgotten_and_what_somebody_does_is_not() {
        let locks = KeyedLocks::default();
        let held = locks.take("held".to_owned(), soon()).await.unwrap();
        for n in 0..REMEMBERED * 2 {
            locks.take(n.to_string(), soon()).await.unwrap();
        }
        assert!(locks.open.lock().len() <= REMEMBERED);
        assert!(locks.take("held".to_owned(), soon()).await.is_none());
        drop(held);
    }
}
