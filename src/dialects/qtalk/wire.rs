//! The fields of a request, as its callers write them.

use std::borrow::Cow;

use super::error::{Code, Failure};
use super::json::Json;

/// Integers above this cannot be told from their neighbours in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The fields of one JSON object. A field that is `null` counts as missing; unknown fields are not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [(Cow<'a, str>, Json<'a>)]);

impl<'a> Fields<'a> {
    /// The fields of `value`, when it is an object.
    pub fn of(value: &'a Json<'a>) -> Option<Fields<'a>> {
        match value {
            Json::Object(fields) => Some(Fields(fields)),
            _ => None,
        }
    }

    /// A field as JSON; missing when `null`.
    pub fn raw(&self, name: &str) -> Option<&'a Json<'a>> {
        let found = self.0.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value).filter(|value| **value != Json::Null)
    }

    /// A text field, when it is there. Numbers and booleans are taken as their text.
    ///
    /// # Errors
    /// It is a list, an object, or a number that JSON parsers cannot keep exactly.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Failure> {
        self.raw(name).map(|value| text(value, name)).transpose()
    }

    /// A text field, `default` when it is missing.
    pub fn text_or<'t>(&self, name: &str, default: &'t str) -> Result<Cow<'t, str>, Failure>
    where
        'a: 't,
    {
        Ok(self.text(name)?.unwrap_or(Cow::Borrowed(default)))
    }

    /// A text field that must be there and not be empty.
    pub fn required(&self, name: &str) -> Result<Cow<'a, str>, Failure> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(Failure::field(format!("{name} is empty"))),
            None => Err(Failure::field(format!("{name} is missing"))),
        }
    }

    /// A text field that counts as missing when it is empty: what a caller's unset variable becomes.
    pub fn filled(&self, name: &str) -> Result<Option<Cow<'a, str>>, Failure> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A list field of at most `limit` entries, when it is there.
    ///
    /// # Errors
    /// It is not a list, or is too long.
    pub fn list(&self, name: &str, limit: usize) -> Result<Option<&'a [Json<'a>]>, Failure> {
        match self.raw(name) {
            None => Ok(None),
            Some(Json::List(items)) => within(items, name, limit).map(Some),
            Some(other) => Err(Failure::field(format!("{name} must be a list, not {}", other.kind()))),
        }
    }
}

/// `items`, when there are at most `limit`.
pub fn within<'a>(items: &'a [Json<'a>], name: &str, limit: usize) -> Result<&'a [Json<'a>], Failure> {
    if items.len() > limit {
        return Err(Failure::new(Code::TooLarge, format!("{name} has {} entries, the limit is {limit}", items.len())));
    }
    Ok(items)
}

/// `value` as text; `name` is what an error calls it.
///
/// # Errors
/// See [`Fields::text`].
pub fn text<'a>(value: &'a Json<'a>, name: &str) -> Result<Cow<'a, str>, Failure> {
    match value {
        Json::String(text) => Ok(Cow::Borrowed(text)),
        Json::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
        Json::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() && double.abs() >= EXACT => {
                Err(Failure::field(format!("{name} is too large a number to be kept exactly: send it as a string")))
            }
            _ => Ok(Cow::Owned(number.to_string())),
        },
        other => Err(Failure::field(format!("{name} must be a string, not {}", other.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::qtalk::json::read;

    #[test]
    fn scalars_pass_as_text_and_null_as_missing() {
        let value = read(br#"{"s": "x", "n": 7, "f": 1.5, "b": true, "z": null, "e": "", "extra": {"deep": []}}"#, 100)
            .unwrap();
        let fields = Fields::of(&value).unwrap();
        for (name, text) in [("s", "x"), ("n", "7"), ("f", "1.5"), ("b", "true"), ("e", "")] {
            assert_eq!(fields.text(name).unwrap().as_deref(), Some(text), "{name}");
        }
        assert_eq!(fields.text("z"), Ok(None));
        assert_eq!(fields.text_or("z", "default").unwrap(), "default");
        assert_eq!(fields.filled("e"), Ok(None));
        assert_eq!(fields.required("e").unwrap_err().errmsg, "e is empty");
        assert_eq!(fields.required("z").unwrap_err().errmsg, "z is missing");
    }

    #[test]
    fn wrong_types_are_named() {
        let value = read(br#"{"o": {}, "l": [], "s": "x", "big": 290711548828672407278}"#, 100).unwrap();
        let fields = Fields::of(&value).unwrap();
        assert_eq!(fields.text("o").unwrap_err().errmsg, "o must be a string, not an object");
        assert_eq!(fields.text("l").unwrap_err().errmsg, "l must be a string, not a list");
        assert_eq!(fields.list("s", 1).unwrap_err().errmsg, "s must be a list, not a string");
        assert!(fields.text("big").unwrap_err().errmsg.contains("send it as a string"));
    }

    #[test]
    fn lists_are_bounded() {
        let value = read(br#"{"l": [1, 2, 3]}"#, 100).unwrap();
        let fields = Fields::of(&value).unwrap();
        assert_eq!(fields.list("l", 3).unwrap().map(<[Json<'_>]>::len), Some(3));
        let failure = fields.list("l", 2).unwrap_err();
        assert_eq!((failure.code, failure.errmsg.as_str()), (Code::TooLarge, "l has 3 entries, the limit is 2"));
    }
}
