//! Numbers for new things that gateways give out without asking one another: 53 bits, ordered by time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::now_ms;

/// 2020-01-01, in milliseconds since 1970: 41 bits of milliseconds last until 2089.
const EPOCH_MS: u64 = 1_577_836_800_000;
/// Bits below the time. They are random, so that gateways seldom meet; where they do, the server lets one of them make
/// the thing, and the other takes its next number.
const RANDOM: u32 = 12;
/// The largest whole number that every JSON reader takes exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// No smaller number was ever given out by a clock that was right: that of 2026-01-01, when this began.
const FIRST: u64 = (1_767_225_600_000 - EPOCH_MS) << RANDOM;

/// The last number given out in this process.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that this process has not given out, larger than those before it.
pub fn serial() -> u64 {
    let random = u64::from(rand::random::<u16>()) >> (u16::BITS - RANDOM);
    let time = now_ms().saturating_sub(EPOCH_MS) << RANDOM;
    next(&LAST, (time | random) & LARGEST)
}

/// Whether a number may be one of these by its size: those that people think of, or have as a telephone number, are not.
pub fn is_likely(number: u64) -> bool {
    (FIRST..=LARGEST).contains(&number)
}

fn next(last: &AtomicU64, wanted: u64) -> u64 {
    let advance = |last: u64| wanted.max(last.saturating_add(1));
    let update = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(advance(last)));
    advance(update.unwrap_or_else(|last| last))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_grow_and_none_comes_twice() {
        let workers: Vec<_> = (0..4).map(|_| std::thread::spawn(|| (0..10_000).map(|_| serial()).collect())).collect();
        let numbers: Vec<Vec<u64>> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        assert!(numbers.iter().all(|numbers| numbers.is_sorted_by(|one, next| one < next)));
        let all: HashSet<u64> = numbers.into_iter().flatten().collect();
        assert_eq!(all.len(), 40_000);
        assert!(all.iter().all(|number| is_likely(*number)));
        assert!(![0, 1, 13_800_138_000, 86_138_001_380_000, LARGEST + 1].into_iter().any(is_likely));
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_number_again() {
        let last = AtomicU64::new(0);
        assert_eq!([next(&last, 7), next(&last, 7), next(&last, 3), next(&last, 20)], [7, 8, 9, 20]);
    }
}
