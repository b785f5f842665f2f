//! What the APIs have in common below their own words: the rows of their calls, how a failure ends, and what all of them read
//! and write alike.

pub mod about;
pub mod call;
pub mod example;
pub mod failing;
pub mod md5;
pub mod routes;
pub mod wrong_keys;

use axum::http::HeaderValue;

/// The type of every body that the APIs send.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
