//! Reading a form's field, and what a call answers.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::Failure;
use crate::dialects::api::JSON;
use crate::http::Outcome;
use crate::http::call::ARCHIVE_ID;
use crate::http::form::{decoded, media_type, pairs};
use crate::http::{mend, multipart};

/// What a call answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// That it was done.
    Done,
    /// That it was done, and the id of the message in the archive.
    Archived(String),
    /// What was asked for: names by ids.
    Names(Map<String, Value>),
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut archive_id = None;
        let body = match self {
            Reply::Archived(id) => {
                archive_id = HeaderValue::try_from(id).ok();
                json!({ "result": "success" })
            }
            Reply::Done => json!({ "result": "success" }),
            Reply::Names(names) => json!({ "result": "success", "data": names }),
        };
        let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        let mut response = (Outcome("ok"), headers, body.to_string()).into_response();
        response.headers_mut().extend(archive_id.map(|id| (ARCHIVE_ID, id)));
        response
    }
}

/// The form field `name` of a request whose body is bounded and already here: the last one given, as PHP has it; `None`
/// where there is none, or the body is no form.
///
/// # Errors
/// A form that is broken, a field that is not UTF-8.
pub async fn field(request: Request, name: &str) -> Result<Option<String>, Failure> {
    let found = match media_type(request.headers()).as_str() {
        "multipart/form-data" => {
            let parts = multipart::parts(request).await.map_err(|error| broken(&error))?;
            // One with a file name is a file to PHP, not a field.
            let wanted = parts.into_iter().rev().find(|part| part.name == name && part.file.is_none());
            wanted.map(|part| part.content.to_vec())
        }
        "application/x-www-form-urlencoded" => {
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
            pair(&body.map_err(|_| broken("the body is broken off"))?, name)
        }
        _ => None,
    };
    let text = found.map(|bytes| mend::text(&bytes).ok_or(())).transpose();
    text.map_err(|()| Failure::told("bad_request", format!("{name} 不是 UTF-8 编码"), format!("{name} is not UTF-8.")))
}

fn pair(body: &Bytes, name: &str) -> Option<Vec<u8>> {
    let found = pairs(body).rev().find(|(given, _)| decoded(given) == name.as_bytes());
    found.map(|(_, value)| decoded(value.unwrap_or_default()))
}

fn broken(why: &str) -> Failure {
    Failure::told("broken_request", format!("表单格式错误：{why}"), format!("The form is broken: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn read(kind: &str, body: &[u8]) -> Result<Option<String>, &'static str> {
        let request = axum::http::Request::builder().header(header::CONTENT_TYPE, kind);
        let request = request.body(Body::from(body.to_vec())).unwrap();
        field(request, "data").await.map_err(|failure| failure.ending.outcome)
    }

    const URLENCODED: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn a_field_is_read_from_either_kind_of_form() {
        for (body, expected) in [
            ("data=%7B%7D", Some("{}")),
            ("x=1&data=a+b%2Bc", Some("a b+c")),
            ("data=1&data=2", Some("2")),
            ("d%61ta=x=y", Some("x=y")),
            ("data", Some("")),
            ("dat=1", None),
            ("", None),
            ("{\"data\":1}", None),
        ] {
            assert_eq!(
                read(&format!("{URLENCODED}; charset=UTF-8"), body.as_bytes()).await.unwrap().as_deref(),
                expected
            );
            assert_eq!(read("application/json", body.as_bytes()).await, Ok(None));
        }
        let form = |head: &str, end: &str| {
            format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{{\"张\":1}}\r\n--b{end}").into_bytes()
        };
        let kind = "multipart/form-data; boundary=b";
        assert_eq!(read(kind, &form("name=\"data\"", "--\r\n")).await.unwrap().as_deref(), Some("{\"张\":1}"));
        assert_eq!(read(kind, &form("name=\"data\"; filename=\"x\"", "--\r\n")).await, Ok(None));
        assert_eq!(read(kind, &form("name=\"other\"", "--\r\n")).await, Ok(None));
        assert_eq!(read(kind, &form("name=\"data\"", "")).await, Err("broken_request"));
        assert_eq!(read("multipart/form-data", b"--b--").await, Err("broken_request"));
        assert_eq!(read(URLENCODED, b"data=%ff").await, Err("bad_request"));
    }
}
