//! The machine's clock, as far as it can be believed: one that stands before 1970 is no reason to stop.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970; nothing on a clock that stands before that.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Now, in milliseconds since 1970; 0 on a clock that stands before that.
pub fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Whether the clock stands after the beginning of 1970. Before that the libraries that write the dates of HTTP and look
/// at certificates panic, so that they must not be asked.
pub fn is_set() -> bool {
    SystemTime::now() >= UNIX_EPOCH
}
