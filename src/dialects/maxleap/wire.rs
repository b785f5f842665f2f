//! Reading requests, leniently where MaxLeap's own libraries need it, and what a call answers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::error::{Code, Failure};
use crate::dialects::api::JSON;
pub use crate::http::json::kind;
use crate::http::{Outcome, form, json};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(pub Vec<(String, Option<String>)>);

/// What a call answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A status without a body.
    Empty(StatusCode),
    /// A status without a body, and the id of the message in the recipient's archive.
    Archived(StatusCode, String),
    /// A body.
    Json(StatusCode, Value),
    /// A body, and headers: none but those that [`crate::dialects::maxleap::routes`] lets scripts in a browser read.
    With(StatusCode, Value, Vec<(&'static str, String)>),
}

impl Query {
    /// Reads a query as it stands in the URL. `+` is a blank, commas may be written as they are.
    ///
    /// # Errors
    /// 5001 when it is not UTF-8.
    pub fn read(query: &str) -> Result<Query, Failure> {
        let pairs = form::pairs(query.as_bytes());
        pairs
            .map(|(name, value)| Ok((decoded(name)?, value.map(decoded).transpose()?)))
            .collect::<Result<_, _>>()
            .map(Query)
    }

    /// True when the name is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// The value of a name; the last one given.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).and_then(|(_, value)| value.as_deref())
    }

    /// A whole number, or `default` where there is none. Library 3 writes `ts=undefined&limit=null` for what its caller
    /// leaves out.
    ///
    /// # Errors
    /// 5001 when it is no whole number.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        match self.value(name) {
            None | Some("" | "undefined" | "null") => Ok(default),
            Some(text) => text.parse().map_err(|_| Failure::parameter(format!("{name} is no whole number"))),
        }
    }
}

fn decoded(text: &[u8]) -> Result<String, Failure> {
    String::from_utf8(form::decoded(text)).map_err(|_| Failure::parameter("the query is not UTF-8"))
}

impl Request<'_> {
    /// The id or name in the path at this place, counted from 0; empty where the route has none.
    pub fn part(&self, place: usize) -> &str {
        self.path.get(place).map_or("", String::as_str)
    }

    /// The body as a JSON object; an empty body is an empty object. Its Content-Type is not looked at: the libraries send
    /// none, or a wrong one.
    ///
    /// # Errors
    /// 5001 when it is none.
    pub fn object(&self) -> Result<Map<String, Value>, Failure> {
        let body = self.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.body).trim_ascii();
        if body.is_empty() {
            return Ok(Map::new());
        }
        match json::read(body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(other) => Err(Failure::parameter(format!("the body must be a JSON object, not {}", kind(&other)))),
            Err(error) => Err(Failure::parameter(format!("the body is not valid JSON: {error}"))),
        }
    }
}

/// The texts of a list field, `None` where the field is missing or null. Lists in the list are opened and empty ones
/// passed over: library 4 sends `["u3",[]]` for one member and `["u3",["u4"]]` for two.
///
/// # Errors
/// 5001 when it is no list, or holds something else; 5010 when it has more than `limit` entries.
pub fn texts(object: &Map<String, Value>, name: &str, limit: usize) -> Result<Option<Vec<String>>, Failure> {
    let Some(value) = object.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    if !value.is_array() {
        return Err(Failure::parameter(format!("{name} must be a list, not {}", kind(value))));
    }
    let mut found = Vec::new();
    gather(value, name, limit, &mut found)?;
    Ok(Some(found))
}

/// As deep as the JSON reader lets lists nest, which is 128.
fn gather(value: &Value, name: &str, limit: usize, found: &mut Vec<String>) -> Result<(), Failure> {
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| gather(value, name, limit, found)),
        Value::String(_) if found.len() >= limit => {
            Err(Failure::new(Code::TooLong, format!("{name} has more than {limit} entries")))
        }
        Value::String(text) => {
            found.push(text.clone());
            Ok(())
        }
        other => Err(Failure::parameter(format!("{name} must hold strings, not {}", kind(other)))),
    }
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Value>) -> Reply {
        Reply::Json(StatusCode::OK, body.into())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let (status, body, headers) = match self {
            Reply::Empty(status) => (status, None, Vec::new()),
            Reply::Archived(status, id) => (status, None, vec![("x-stanzagate-archive-id", id)]),
            Reply::Json(status, body) => (status, Some(body.to_string()), Vec::new()),
            Reply::With(status, body, headers) => (status, Some(body.to_string()), headers),
        };
        let typed = body.is_some();
        let mut response = Response::new(body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = status;
        if typed {
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response.extensions_mut().insert(Outcome("ok"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pairs(query: &str) -> Vec<(String, Option<String>)> {
        Query::read(query).unwrap().0
    }

    fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
        Request { path: &[], query: &Query::default(), body }.object()
    }

    #[test]
    fn queries_are_read_as_the_libraries_write_them() {
        let query = Query::read("_skip=0&_limit=10&_sort=name,-age&city=shang+hai%2C&&detail&x=").unwrap();
        assert_eq!(query.value("_sort"), Some("name,-age"));
        assert_eq!(query.value("city"), Some("shang hai,"));
        assert!(query.has("detail") && query.value("detail").is_none() && !query.has("group"));
        assert_eq!(query.number("_limit", 20).unwrap(), 10);
        assert_eq!(query.number("ts", 20).unwrap(), 20);
        assert_eq!(query.number("x", 20).unwrap(), 20);
        let left_out = Query::read("ts=undefined&limit=null").unwrap();
        assert_eq!((left_out.number("ts", 7).unwrap(), left_out.number("limit", 20).unwrap()), (7, 20));
        for wrong in ["n=-1", "n=1.5", "n=ten", "n=99999999999999999999999"] {
            assert_eq!(Query::read(wrong).unwrap().number("n", 1).unwrap_err().code, Code::Parameter, "{wrong}");
        }
        assert_eq!(pairs("a=1&a=2").len(), 2);
        assert_eq!(Query::read("a=1&a=2").unwrap().value("a"), Some("2"));
        assert_eq!(pairs("%E5%BC%A0=%zz"), [("张".to_owned(), Some("%zz".to_owned()))]);
        assert_eq!(Query::read("name=%ff").unwrap_err().code, Code::Parameter);
    }

    #[test]
    fn bodies_are_objects_or_nothing() {
        for empty in ["", " \n", "{}", "\u{feff}", "\u{feff}{} "] {
            assert!(object(empty.as_bytes()).unwrap().is_empty(), "{empty:?}");
        }
        assert_eq!(object(br#"{"a":[1,{"b":null}]}"#).unwrap()["a"], json!([1, {"b": null}]));
        for exact in ["31.245270191439438", "121.48791951161945", "-9223372036854775808", "18446744073709551615"] {
            let body = format!("{{\"a\":{exact}}}");
            assert_eq!(object(body.as_bytes()).unwrap()["a"].to_string(), exact);
        }
        for wrong in ["[]", "null", "\"x\"", "1", "{", "{} {}", "{'a':1}", "nul", "{\"a\":1e999}"] {
            assert_eq!(object(wrong.as_bytes()).unwrap_err().code, Code::Parameter, "{wrong:?}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}").unwrap_err().code, Code::Parameter);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(object(deep.as_bytes()).unwrap_err().code, Code::Parameter);
    }

    #[test]
    fn lists_are_opened_and_bounded() {
        let list = |value: Value, limit| texts(value.as_object().unwrap(), "members", limit);
        let members = |value: Value| list(json!({ "members": value }), 3).unwrap().unwrap();
        assert_eq!(members(json!(["u3", []])), ["u3"]);
        assert_eq!(members(json!(["u3", ["u4", ["u5", []]]])), ["u3", "u4", "u5"]);
        assert!(members(json!([])).is_empty());
        for missing in [json!({}), json!({ "members": null })] {
            assert_eq!(list(missing, 3).unwrap(), None);
        }
        for wrong in [json!("u3"), json!(1), json!({}), json!(["u3", 4]), json!(["u3", [null]]), json!([{}])] {
            assert_eq!(list(json!({ "members": wrong }), 3).unwrap_err().code, Code::Parameter);
        }
        assert_eq!(list(json!({ "members": ["a", ["b"], "c", "d"] }), 3).unwrap_err().code, Code::TooLong);
    }

    #[test]
    fn an_empty_reply_has_neither_body_nor_type() {
        let response = Reply::Empty(StatusCode::CREATED).into_response();
        assert_eq!((response.status(), response.headers().len()), (StatusCode::CREATED, 0));
        let response = Reply::ok("id").into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], JSON);
    }
}
