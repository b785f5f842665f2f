//! A caller's JSON, whatever they send: what serde_json reads is read the same, what is read beyond that is what is meant,
//! and the number of values is bounded.

use std::borrow::Cow;

use serde_json::Value;
use stanzagate::dialects::qtalk::json::{Json, JsonError, read};
use stanzagate::http::mend;

/// Takes a byte that is the most values, and the body.
pub fn run(data: &[u8]) {
    let [most, body @ ..] = data else { return };
    let most = usize::from(*most);
    let unmarked = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let whole = read(body, usize::MAX);
    match (&whole, &serde_json::from_slice::<Value>(unmarked)) {
        (Ok(read), Ok(value)) => assert!(is_same(read, value, false), "{read:?}, not {value:?}"),
        (Ok(read), Err(_)) => assert!(is_meant(read, unmarked), "{read:?} is not meant"),
        (Err(error), Ok(value)) => panic!("{error}: {value:?}"),
        (Err(JsonError::Malformed(_)), Err(_)) => assert!(meant(unmarked).is_err(), "it can be read"),
        (Err(error), Err(_)) => panic!("{error}"),
    }
    match (&whole, read(body, most)) {
        (Ok(whole), Ok(read)) => assert!(*whole == read && count(whole) <= most),
        (Ok(whole), Err(JsonError::TooMany(bound))) => assert!(bound == most && count(whole) > most),
        (Ok(_), Err(error)) => panic!("{error}"),
        (Err(_), read) => assert!(read.is_err(), "{read:?}"),
    }
    if let Ok(whole) = whole {
        let written = serde_json::to_vec(&whole).expect("what is read can be written");
        let again = read(&written, usize::MAX).expect("what is written can be read");
        assert_eq!(first(again), first(whole.clone()));
        assert_eq!(whole.clone().into_owned(), whole);
    }
}

/// What is meant where serde_json refuses a body: cut characters are mended, and control characters are as good as any
/// other. Here they are blanks, which are none between tokens and stand for them in texts.
fn meant(body: &[u8]) -> serde_json::Result<Value> {
    let mended = mend::json(body).map_or(Cow::Borrowed(body), Cow::Owned);
    let blank: Vec<u8> = mended.iter().map(|byte| (*byte).max(b' ')).collect();
    serde_json::from_slice(&blank)
}

fn is_meant(read: &Json<'_>, body: &[u8]) -> bool {
    let odd = body.iter().any(|byte| *byte < b' ') || mend::json(body).is_some();
    odd && meant(body).is_ok_and(|value| is_same(read, &value, true))
}

/// Whether these are the same, of fields with the same name the last. With `blanked`, any control character is as good as a
/// blank; of names that differ in those alone nobody knows which is meant: that one of them holds the value is enough.
fn is_same(read: &Json<'_>, value: &Value, blanked: bool) -> bool {
    let same = |read: &Json<'_>, value: &Value| is_same(read, value, blanked);
    let named = |read: &str, name: &str| if blanked { blank(read) == blank(name) } else { read == name };
    match (read, value) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(read), Value::Bool(value)) => read == value,
        (Json::Number(read), Value::Number(value)) => read == value,
        (Json::String(read), Value::String(value)) => named(read, value),
        (Json::List(read), Value::Array(value)) => {
            read.len() == value.len() && read.iter().zip(value).all(|(read, value)| same(read, value))
        }
        (Json::Object(read), Value::Object(value)) => value.iter().all(|(name, value)| {
            let mut last = read.iter().rev().filter(|(found, _)| named(found, name)).map(|(_, read)| same(read, value));
            if blanked { last.any(|same| same) } else { last.next() == Some(true) }
        }),
        _ => false,
    }
}

fn blank(text: &str) -> String {
    text.chars().map(|character| character.max(' ')).collect()
}

/// Values, each scalar, list and object as one.
fn count(json: &Json<'_>) -> usize {
    1 + match json {
        Json::List(items) => items.iter().map(count).sum(),
        Json::Object(fields) => fields.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

/// With the first of those fields only that have the same name.
fn first(json: Json<'_>) -> Json<'_> {
    match json {
        Json::List(items) => Json::List(items.into_iter().map(first).collect()),
        Json::Object(fields) => {
            let mut kept: Vec<(Cow<'_, str>, Json<'_>)> = Vec::new();
            for (name, value) in fields {
                if kept.iter().all(|(other, _)| *other != name) {
                    kept.push((name, first(value)));
                }
            }
            Json::Object(kept)
        }
        other => other,
    }
}
