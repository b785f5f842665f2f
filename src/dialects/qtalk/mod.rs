//! The qtalk (Startalk) API: eleven endpoints under `/qtalk`, as two interface documents describe them.
//!
//! - [`calls`]: the endpoints, one row each. [`routes`]: the way of every call from bytes to reply.
//! - [`json`], [`wire`]: reading requests. [`replies`], [`error`]: what is answered.
//! - [`context`]: in whose name a caller may act. [`uk`]: `auth_uk` and its tokens.
//! - [`thirdmessage`], [`text`], [`notify`], [`room`], [`member`], [`profile`], [`staff`]: the endpoints, by family.

pub mod about;
pub mod calls;
pub mod context;
pub mod error;
pub mod json;
pub mod listed;
pub mod member;
pub mod notify;
pub mod profile;
pub mod replies;
pub mod room;
pub mod routes;
pub mod staff;
pub mod text;
pub mod thirdmessage;
pub mod uk;
pub mod wire;

pub use routes::router;

use crate::chat::types::message::MarksChild;

/// The child that carries what servers drop from `<message>` and `<body>`: an attribute for each.
const MARKS: MarksChild = MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };

/// Parts of one call that are under way at once.
const CONCURRENT: usize = 64;
