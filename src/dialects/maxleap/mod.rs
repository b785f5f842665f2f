//! The MaxLeap IM API: users, groups, rooms, passengers, system messages and attachments.
//!
//! - [`calls`]: the endpoints, one row each. [`routes`]: the way of every call from bytes to reply. [`auth`]: which app calls.
//! - [`context`]: what every endpoint is given. [`wire`]: reading requests, writing replies. [`error`]: refusals.
//! - [`user`], [`friends`], [`groups`], [`members`], [`chats`], [`attributes`], [`search`], [`passengers`],
//!   [`system`], [`attachment`]: the endpoints, by family.

pub mod about;
pub mod attachment;
pub mod attributes;
pub mod auth;
pub mod calls;
pub mod chats;
pub mod cleanup;
pub mod context;
pub mod error;
pub mod friends;
pub mod groups;
pub mod members;
pub mod passengers;
pub mod reserved;
pub mod routes;
pub mod search;
pub mod shown;
pub mod strangers;
pub mod system;
pub mod user;
pub mod wire;

pub use routes::router;

use crate::chat::types::card::CardChild;

/// The child that carries media type and body of a message, as JSON.
pub const CHILD: CardChild = CardChild { ns: "urn:stanzagate:maxleap:0", name: "message" };
