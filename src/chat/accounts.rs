//! Accounts and what is theirs: profiles, friends, marks, numbers, and what a client logs in with.

pub mod account;
mod credential;
pub(in crate::chat) mod ejabberd;
pub mod friend;
pub mod login;
pub mod mark;
pub(in crate::chat) mod number;
mod people;
pub mod profile;
pub(in crate::chat) mod prosody;
