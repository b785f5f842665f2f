//! The MaxLeap API on real servers.

#[path = "../support/mod.rs"]
mod support;

mod attachment;
mod chats;
mod friends;
mod groups;
mod idle;
mod libraries;
mod passengers;
mod rooms;
mod scale;
mod system;
mod users;
mod wire;
