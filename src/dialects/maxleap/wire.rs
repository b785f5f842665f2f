//! Reading requests, leniently where MaxLeap's own libraries need it, and what a call answers.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::error::Failure;

/// What an endpoint is given of its request.
pub struct Request<'a> {
    /// The ids and names in the path, decoded, in their order.
    pub path: &'a [String],
    /// The query.
    pub query: &'a Query,
    /// The body as it came.
    pub body: &'a [u8],
}

/// A query string: names, and values where there are any (`?detail` has none).
#[derive(Debug, Clone, Default)]
pub struct Query(pub Vec<(String, Option<String>)>);

/// What a call answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A status without a body.
    Empty(StatusCode),
    /// A body.
    Json(StatusCode, Value),
}

impl Query {
    /// True when the name is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// The value of a name; the last one given.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).and_then(|(_, value)| value.as_deref())
    }

    /// A whole number, or `default` where there is none.
    ///
    /// # Errors
    /// 5001 when it is no whole number.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        todo!("{name} {default}")
    }
}

impl Request<'_> {
    /// The body as a JSON object; an empty body is an empty object.
    ///
    /// # Errors
    /// 5001 when it is none.
    pub fn object(&self) -> Result<Map<String, Value>, Failure> {
        todo!()
    }
}
