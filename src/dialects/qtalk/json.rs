//! JSON as the original's callers write it: read leniently, within bounds.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Fields for which an object has room from its first one on.
const USUAL: usize = 4;

/// Why a body is not a JSON value that can be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON (or not UTF-8, or something follows the value).
    #[error("the body is not valid JSON: {0}")]
    Malformed(String),
    /// More values than any acceptable request has: refused while reading, before they take memory.
    #[error("the body holds more than {0} JSON values")]
    TooMany(usize),
}

/// Reads one JSON value of at most `values` values (each scalar, list and object counts as one).
///
/// Beyond RFC 8259 it takes what the original's parser took and its callers send: a UTF-8 byte order mark, raw control
/// characters (shell scripts put line breaks into strings), and of a repeated key the first. Nesting ends at 128 levels.
///
/// # Errors
/// [`JsonError`] says what is wrong, without quoting the body.
pub fn read(body: &[u8], values: usize) -> Result<Value, JsonError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    match read_strict(body, values) {
        Err(JsonError::Malformed(why)) if body.iter().any(|byte| *byte < 0x20) => {
            read_strict(&escape_controls(body), values).map_err(|second| match second {
                JsonError::Malformed(_) => JsonError::Malformed(why),
                other => other,
            })
        }
        result => result,
    }
}

fn read_strict(body: &[u8], values: usize) -> Result<Value, JsonError> {
    let left = Cell::new(values);
    let text = std::str::from_utf8(body).map_err(|_| JsonError::Malformed("it is not UTF-8".into()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = FirstWins { left: &left }.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    match parsed {
        Ok(value) => Ok(value),
        Err(error) if error.is_data() => Err(JsonError::TooMany(values)),
        Err(error) => Err(JsonError::Malformed(error.to_string())),
    }
}

/// Control characters become blanks between tokens and `\u00XX` inside strings.
fn escape_controls(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in body {
        match byte {
            0..0x20 if in_string && !escaped => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            0..0x20 if !in_string => out.push(b' '),
            _ => out.push(byte),
        }
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'\\' if in_string && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    out
}

/// Builds a [`Value`] in which the first of two equal keys stays, and stops when `left` values have been read.
struct FirstWins<'a> {
    left: &'a Cell<usize>,
}

impl FirstWins<'_> {
    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("too many values")),
        }
    }

    fn again(&self) -> Self {
        Self { left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for FirstWins<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FirstWins<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.again())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.again())?;
            if map.is_empty() {
                map = Map::with_capacity(USUAL);
            }
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ok(body: &[u8]) -> Value {
        read(body, 100).unwrap()
    }

    #[test]
    fn what_callers_send_is_read() {
        assert_eq!(ok(b"\xEF\xBB\xBF {\"a\":1} "), json!({"a": 1}));
        assert_eq!(ok(br#"{"a":"first","a":"second"}"#), json!({"a": "first"}));
        assert_eq!(ok(br#"["\ud83d\ude00",-1,1.5,true,null]"#), json!(["\u{1F600}", -1, 1.5, true, null]));
        assert_eq!(ok(b"{\"a\":\"one\ntwo\\\\\tthree\\\"\n\"\x01}"), json!({"a": "one\ntwo\\\tthree\"\n"}));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for body in ["", " ", "{", "{\"a\":1}}", "[1] x", "nul", "{'a':1}", "{\"a\" 1}"] {
            assert!(matches!(read(body.as_bytes(), 100), Err(JsonError::Malformed(_))), "{body:?}");
        }
        assert!(matches!(read(b"{\"a\":\"\xff\"}", 100), Err(JsonError::Malformed(_))));
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        assert!(matches!(read(deep.as_bytes(), 100_000), Err(JsonError::Malformed(_))));
        let error = read(b"{\"a\": tru}", 100).unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{error}");
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let body = format!("[{}]", vec!["0"; 99].join(","));
        assert!(read(body.as_bytes(), 100).is_ok());
        assert_eq!(read(body.as_bytes(), 99), Err(JsonError::TooMany(99)));
    }
}
