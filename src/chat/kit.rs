//! What knows nothing of chat: a cache, keyed locks, who waits for what, serial numbers.

pub mod cache;
pub mod keyed_locks;
pub mod serial;
pub mod waiters;
