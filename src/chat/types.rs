//! The nouns: addresses, users' ids, rooms, messages, and what goes wrong.

pub mod address;
pub mod card;
pub mod error;
pub mod message;
pub(in crate::chat) mod number;
pub mod plain;
pub mod product;
pub mod right;
pub mod room;
pub(in crate::chat) mod trial;
pub mod user_id;
