//! Messages: to users and to rooms.

pub mod card;
pub(in crate::chat) mod proof;
pub(in crate::chat) mod recall;
mod send;
pub(in crate::chat) mod topic;
