//! The nouns: addresses, users' ids, rooms, messages, and what goes wrong.

pub mod address;
pub mod error;
pub mod message;
pub mod plain;
pub mod room;
pub mod user_id;
