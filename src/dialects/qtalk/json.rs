//! JSON as the original's callers write it: read leniently, within bounds.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::Number;

use crate::http::mend;

/// Fields for which an object has room from its first one on.
const USUAL: usize = 4;

/// A JSON value. Its texts are the body's own wherever they stand there as they are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// The fields of an object as they stand in it. Of those with the same name the first counts.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// What it is, for error texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The same with texts of its own.
    pub fn into_owned(self) -> Json<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(number),
            Self::String(text) => Json::String(own(text)),
            Self::List(items) => Json::List(items.into_iter().map(Json::into_owned).collect()),
            Self::Object(fields) => {
                Json::Object(fields.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect())
            }
        }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                let mut seen = HashSet::new();
                serializer
                    .collect_map(fields.iter().filter(|(name, _)| seen.insert(name)).map(|(name, value)| (name, value)))
            }
        }
    }
}

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
/// characters (shell scripts put line breaks into strings), texts cut inside a character, and of a repeated key the first.
/// Nesting ends at 128 levels.
///
/// # Errors
/// [`JsonError`] says what is wrong, without quoting the body.
pub fn read(body: &[u8], values: usize) -> Result<Json<'_>, JsonError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let why = match read_strict(body, values) {
        Err(JsonError::Malformed(why)) => why,
        result => return result,
    };
    let mended = mend::json(body);
    let again = mended.as_deref().unwrap_or(body);
    let again = match again.iter().any(|byte| *byte < 0x20) {
        true => escape_controls(again),
        false => mended.ok_or_else(|| JsonError::Malformed(why.clone()))?,
    };
    read_strict(&again, values).map(Json::into_owned).map_err(|second| match second {
        JsonError::Malformed(_) => JsonError::Malformed(why),
        other => other,
    })
}

fn read_strict(body: &[u8], values: usize) -> Result<Json<'_>, JsonError> {
    let left = Cell::new(values);
    let text = std::str::from_utf8(body).map_err(|_| JsonError::Malformed("it is not UTF-8".into()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Reading { left: &left }.deserialize(&mut deserializer).and_then(|value| {
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

/// Reads a value, and stops when `left` values have been read.
struct Reading<'a> {
    left: &'a Cell<usize>,
}

impl Reading<'_> {
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

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let value = deserializer.deserialize_any(self.again())?;
        // After it is read: what is no value yet, such as a control character, may be none at all.
        self.count()?;
        Ok(value)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.again())? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            let value = entries.next_value_seed(self.again())?;
            if fields.is_empty() {
                fields.reserve(USUAL);
            }
            fields.push((name, value));
        }
        Ok(Json::Object(fields))
    }
}

/// Reads a field's name.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ok(body: &[u8]) -> Value {
        serde_json::to_value(read(body, 100).unwrap()).unwrap()
    }

    #[test]
    fn what_callers_send_is_read() {
        assert_eq!(ok(b"\xEF\xBB\xBF {\"a\":1} "), json!({"a": 1}));
        assert_eq!(ok(br#"{"a":"first","a":"second"}"#), json!({"a": "first"}));
        assert_eq!(ok(br#"["\ud83d\ude00",-1,1.5,true,null]"#), json!(["\u{1F600}", -1, 1.5, true, null]));
        assert_eq!(ok(b"{\"\\ud83d\":[\"cut \\ud83d\",\"a\nb\"]}"), json!({"\u{fffd}": ["cut \u{fffd}", "a\nb"]}));
        assert_eq!(ok(br#"{"\u0061":{"b":[{}]}}"#), json!({"a": {"b": [{}]}}));
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
        assert_eq!(read(b"[\0]", 1), Ok(Json::List(Vec::new())));
        assert_eq!(read(b"[[0]]", 2), Err(JsonError::TooMany(2)));
    }
}
