//! The third-party API of Xuanxuan (喧喧): lists of groups and users, and notifications to them.
//!
//! - [`calls`]: the methods, one row each. [`routes`]: the two paths, and the way of every call from bytes to reply. [`auth`]: which application calls;
//!   [`query`]: what it has signed. [`wire`]: reading requests, writing replies. [`error`]: refusals.
//! - `lists`, [`notify`]: the methods. [`notification`]: what a caller wants to have said; [`text`] and [`markdown`]:
//!   how a client without knowledge of this API shows it.

pub mod about;
pub mod auth;
pub mod calls;
pub mod context;
pub mod error;
pub mod link;
mod lists;
pub mod markdown;
pub mod notification;
pub mod notify;
pub mod query;
pub mod routes;
pub mod sender;
pub mod text;
pub mod wire;

pub use routes::router;

use crate::chat::types::card::CardChild;

/// The child that carries a notification, as JSON.
pub const CHILD: CardChild = CardChild { ns: "urn:stanzagate:xuanxuan:0", name: "notification" };
