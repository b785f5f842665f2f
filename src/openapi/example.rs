//! The worked example of a call, taken apart: what stands in its path, in its query, and in its body.

use serde_json::{Map, Value};

use crate::dialects::api::call::About;
use crate::http::form::{decoded, pairs};

/// What stands for the places that an example leaves open.
fn filled(text: &str) -> String {
    text.replace("{domain}", "example.org").replace("{rooms}", "conference.example.org").replace("{password}", "secret")
}

/// The part of the example's path that stands where the call's path has `{name}`.
pub(super) fn in_path(about: &About, name: &str) -> Option<String> {
    let path = filled(about.example.path);
    let path = path.split('?').next().unwrap_or_default();
    let place = about.path.split('/').position(|part| part.strip_prefix('{') == Some(&format!("{name}}}")))?;
    path.split('/').nth(place).map(ToOwned::to_owned)
}

/// The names and values of the example's query.
pub(super) fn query(about: &About) -> Vec<(String, String)> {
    let path = filled(about.example.path);
    path.split_once('?').map(|(_, query)| form(query)).unwrap_or_default()
}

/// The example's body: a JSON object, or the fields of a form.
pub(super) fn body(about: &About) -> Option<Value> {
    let body = filled(about.example.body);
    if body.is_empty() {
        return None;
    }
    let field = |(name, value)| (name, Value::String(value));
    let json = serde_json::from_str(&body).ok();
    Some(json.unwrap_or_else(|| form(&body).into_iter().map(field).collect::<Map<_, _>>().into()))
}

fn form(text: &str) -> Vec<(String, String)> {
    let text_of = |bytes: &[u8]| String::from_utf8_lossy(&decoded(bytes)).into_owned();
    pairs(text.as_bytes()).map(|(name, value)| (text_of(name), text_of(value.unwrap_or_default()))).collect()
}
