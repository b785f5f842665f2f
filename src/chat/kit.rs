//! What knows nothing of chat: a cache, keyed locks, who waits for what, serial numbers.

pub mod cache;
pub mod serial;
pub mod turns;
pub mod waiters;
