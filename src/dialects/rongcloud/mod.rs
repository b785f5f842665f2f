//! The API of groups that a RongCloud back end once served (Django REST framework): groups, their members, and a key for
//! a realtime client.
//!
//! - [`calls`]: one row for each. [`routes`]: the way of every call from bytes to reply. [`tokens`]: who a user is;
//!   [`auth`]: which user calls; [`login`]: how they get their token. [`context`]: what every endpoint is given.
//! - [`wire`]: reading forms. [`page`]: lists in pages. [`error`]: refusals, in the framework's shape and words.
//! - [`groups`], [`members`], [`joining`], [`realtime`]: the endpoints, by family.

pub mod about;
pub mod auth;
pub mod calls;
pub mod context;
pub mod error;
pub mod groups;
pub mod guesses;
pub mod joining;
pub mod login;
pub mod members;
pub mod page;
pub mod realtime;
pub mod routes;
pub mod tokens;
pub mod wire;

pub use routes::router;
