//! JSON values as every API reads them, and what they are called in texts for people.

use serde_json::Value;

use super::mend;

/// Reads one JSON value; texts in it that were cut inside a character are mended.
///
/// # Errors
/// When it is none.
pub fn read(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(body).or_else(|error| match mend::json(body) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// What a JSON value is, for error texts.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
