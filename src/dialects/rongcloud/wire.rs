//! Reading forms: JSON, urlencoded or multipart, each with the same meaning; and what a call answers.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::{Failure, REQUIRED};
use crate::chat::types::plain::in_xml;
use crate::dialects::api::JSON;
use crate::http::form::{decoded, media_type, pairs};
use crate::http::multipart::{self, Part};
use crate::http::{Outcome, json, mend};

/// What a call answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply(pub StatusCode, pub Value);

/// A file in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name, as it was said.
    pub name: String,
    /// What is in it.
    pub content: Bytes,
}

/// What was sent.
#[derive(Debug, Clone, Default)]
pub struct Form(HashMap<String, Field>);

#[derive(Debug, Clone)]
enum Field {
    Text(String),
    Json(Value),
    File(Upload),
}

impl Form {
    /// Reads a body that is bounded and already here. Of a name given twice the last one counts.
    ///
    /// # Errors
    /// 400 for one that is broken, 415 for one of another kind.
    pub async fn read(request: Request) -> Result<Form, Failure> {
        let kind = media_type(request.headers());
        if kind == "multipart/form-data" {
            return form_data(request).await;
        }
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let body = body.map_err(|_| broken("the body is broken off"))?;
        let bare = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body).trim_ascii();
        match kind.as_str() {
            _ if bare.is_empty() => Ok(Form::default()),
            "application/json" => object(bare),
            // curl says so of whatever it is given.
            "" | "application/x-www-form-urlencoded" if bare.starts_with(b"{") => object(bare),
            "" | "application/x-www-form-urlencoded" => urlencoded(&body),
            other => {
                let shown: String = other.chars().take(80).collect();
                let chinese = format!("不支持请求中的媒体类型 “{shown}”。");
                let english = format!("Unsupported media type \"{shown}\" in request.");
                Err(Failure::told(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", chinese, english))
            }
        }
    }

    /// A text of at most `longest` characters, without the blanks around it; `None` where the field is missing or null.
    /// Numbers are their digits.
    ///
    /// # Errors
    /// 400 for what is no text, is too long, or holds what XMPP cannot carry.
    pub fn text(&self, name: &str, longest: usize) -> Result<Option<String>, Failure> {
        let text = match self.0.get(name) {
            None | Some(Field::Json(Value::Null)) => return Ok(None),
            Some(Field::Text(text) | Field::Json(Value::String(text))) => text.trim().to_owned(),
            Some(Field::Json(Value::Number(number))) => number.to_string(),
            Some(Field::Json(_) | Field::File(_)) => return Err(no_text(name)),
        };
        if !text.chars().all(in_xml) {
            return Err(Failure::field(name, ("含有不允许的字符。", "Characters that are not allowed.")));
        }
        if text.chars().count() > longest {
            let chinese = format!("请确保这个字段不能超过 {longest} 个字符。");
            let english = format!("Ensure this field has no more than {longest} characters.");
            return Err(Failure::field(name, (chinese, english)));
        }
        Ok(Some(text))
    }

    /// As [`Form::text`], for a field that must be there and not be blank.
    ///
    /// # Errors
    /// 400.
    pub fn required(&self, name: &str, longest: usize) -> Result<String, Failure> {
        match self.text(name, longest)? {
            None => Err(Failure::field(name, REQUIRED)),
            Some(text) if text.is_empty() => {
                Err(Failure::field(name, ("该字段不能为空。", "This field may not be blank.")))
            }
            Some(text) => Ok(text),
        }
    }

    /// A text as it is, blanks and all, which must be there and not be empty: a password. Whole numbers are their digits;
    /// others may have been written in many ways.
    ///
    /// # Errors
    /// 400.
    pub fn secret(&self, name: &str) -> Result<Cow<'_, str>, Failure> {
        match self.0.get(name) {
            Some(Field::Text(text) | Field::Json(Value::String(text))) if !text.is_empty() => Ok(text.into()),
            Some(Field::Json(Value::Number(number))) if !number.is_f64() => Ok(number.to_string().into()),
            None | Some(Field::Text(_) | Field::Json(Value::String(_) | Value::Null)) => {
                Err(Failure::field(name, REQUIRED))
            }
            Some(Field::Json(_) | Field::File(_)) => Err(no_text(name)),
        }
    }

    /// A file of at most `largest` bytes; `None` where the field is missing, null or, as browsers send a file that nobody
    /// has chosen, empty without a name.
    ///
    /// # Errors
    /// 400 for what is no file, is empty or too large.
    pub fn file(&self, name: &str, largest: usize) -> Result<Option<&Upload>, Failure> {
        match self.0.get(name) {
            None | Some(Field::Json(Value::Null)) => Ok(None),
            Some(Field::Text(text) | Field::Json(Value::String(text))) if text.is_empty() => Ok(None),
            Some(Field::Text(_) | Field::Json(_)) => {
                let words = (
                    "提交的数据不是一个文件。请检查表单的编码类型。",
                    "The submitted data was not a file. Check the encoding type on the form.",
                );
                Err(Failure::field(name, words))
            }
            Some(Field::File(file)) if file.content.is_empty() && file.name.is_empty() => Ok(None),
            Some(Field::File(file)) if file.content.is_empty() => {
                Err(Failure::field(name, ("提交的是空文件。", "The submitted file is empty.")))
            }
            Some(Field::File(file)) if file.content.len() > largest => {
                let words =
                    (format!("文件不能超过 {largest} 字节。"), format!("The file is larger than {largest} bytes."));
                Err(Failure::field(name, words))
            }
            Some(Field::File(file)) => Ok(Some(file)),
        }
    }
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Value>) -> Reply {
        Reply(StatusCode::OK, body.into())
    }

    /// 200, and that it was done.
    pub fn done() -> Reply {
        Reply::ok(serde_json::json!({ "detail": "操作成功" }))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.0, Outcome("ok"), [(header::CONTENT_TYPE, JSON)], self.1.to_string()).into_response()
    }
}

async fn form_data(request: Request) -> Result<Form, Failure> {
    let parts = multipart::parts(request).await.map_err(|error| broken(&error))?;
    let fields = parts.into_iter().map(|Part { name, file, content }| {
        let field = match file {
            Some(name) => Field::File(Upload { name, content }),
            None => Field::Text(text(&content, &name)?),
        };
        Ok((name, field))
    });
    fields.collect::<Result<_, _>>().map(Form)
}

fn urlencoded(body: &[u8]) -> Result<Form, Failure> {
    let fields = pairs(body).map(|(name, value)| {
        let name = text(&decoded(name), "form")?;
        let value = text(&decoded(value.unwrap_or_default()), &name)?;
        Ok((name, Field::Text(value)))
    });
    fields.collect::<Result<_, _>>().map(Form)
}

fn object(body: &[u8]) -> Result<Form, Failure> {
    match json::read(body) {
        Ok(Value::Object(object)) => {
            Ok(Form(object.into_iter().map(|(name, value)| (name, Field::Json(value))).collect()))
        }
        Ok(_) => Err(broken("a JSON object is expected")),
        Err(error) => Err(broken(&format!("JSON parse error - {error}"))),
    }
}

fn text(bytes: &[u8], name: &str) -> Result<String, Failure> {
    let name = name.chars().take(80).collect::<String>();
    mend::text(bytes).ok_or_else(|| Failure::field(&name, ("不是 UTF-8 编码。", "Not UTF-8.")))
}

fn no_text(name: &str) -> Failure {
    Failure::field(name, ("不是有效的字符串。", "Not a valid string."))
}

fn broken(why: &str) -> Failure {
    Failure::told(
        StatusCode::BAD_REQUEST,
        "broken_request",
        format!("错误的请求。{why}"),
        format!("Malformed request. {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn form(kind: &str, body: &[u8]) -> Result<Form, StatusCode> {
        let request = axum::http::Request::builder();
        let request = if kind.is_empty() { request } else { request.header(header::CONTENT_TYPE, kind) };
        Form::read(request.body(Body::from(body.to_vec())).unwrap()).await.map_err(|failure| failure.ending.status)
    }

    const URLENCODED: &str = "application/x-www-form-urlencoded; charset=UTF-8";
    const MULTIPART: &str = "multipart/form-data; boundary=b";

    fn part(head: &str, content: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    #[tokio::test]
    async fn a_field_is_the_same_in_every_kind_of_body() {
        let multipart = part("name=\"name\"", "群 one") + &part("name=\"code\"", "12") + "--b--\r\n";
        for (kind, body) in [
            ("application/json", "\u{feff}{\"name\": \" 群 one \", \"code\": 12, \"cover\": null}"),
            (URLENCODED, "name=x&name=%E7%BE%A4+one&code=12&cover="),
            ("", "name=群+one&code=12"),
            (URLENCODED, "{\"name\": \"群 one\", \"code\": \"12\"}"),
            (MULTIPART, multipart.as_str()),
        ] {
            let form = form(kind, body.as_bytes()).await.unwrap();
            assert_eq!(form.required("name", 100).unwrap(), "群 one", "{kind} {body}");
            assert_eq!(form.text("code", 2).unwrap().as_deref(), Some("12"));
            assert_eq!(form.text("other", 2).unwrap(), None);
            assert_eq!(form.file("cover", 9).unwrap(), None);
            assert_eq!(form.text("name", 4).unwrap_err().ending.status, StatusCode::BAD_REQUEST);
        }
        for empty in ["", "application/json", URLENCODED, "text/plain"] {
            assert_eq!(
                form(empty, b" ").await.unwrap().required("name", 1).unwrap_err().text.0,
                "name：该字段是必填项。"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_text_is_no_file_and_the_other_way_round() {
        let file = part("name=\"cover\"; filename=\"a.png\"", "bytes") + &part("name=\"unset\"; filename=\"\"", "");
        let file = form(MULTIPART, (file + "--b--\r\n").as_bytes()).await.unwrap();
        assert_eq!(file.file("cover", 5).unwrap().unwrap().content, "bytes");
        assert_eq!(file.file("unset", 5).unwrap(), None);
        assert!(file.file("cover", 4).is_err() && file.text("cover", 9).is_err());
        for wrong in ["true", "[]", "{}", "\"text\"", "1"] {
            let form = form("application/json", format!("{{\"cover\": {wrong}}}").as_bytes()).await.unwrap();
            assert!(form.file("cover", 9).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_password_is_taken_as_it_is_written() {
        let secret = async |value: &str| {
            let form = form("application/json", format!("{{\"password\": {value}}}").as_bytes()).await.unwrap();
            form.secret("password").map(Cow::into_owned).map_err(|failure| failure.text.1)
        };
        for (value, password) in [("123456", "123456"), ("-7", "-7"), ("\" x \"", " x "), ("\"a\\ud83d\"", "a\u{fffd}")]
        {
            assert_eq!(secret(value).await.as_deref(), Ok(password));
        }
        for (value, why) in
            [("null", "required"), ("\"\"", "required"), ("1.50", "valid"), ("true", "valid"), ("[1]", "valid")]
        {
            assert!(secret(value).await.unwrap_err().contains(why), "{value}");
        }
    }

    #[tokio::test]
    async fn broken_bodies_are_refused() {
        for (kind, body, status) in [
            ("application/json", "{", 400),
            ("application/json", "[]", 400),
            ("application/json", "{\"a\": \"\u{0}\"}", 400),
            (URLENCODED, "a=%ff", 400),
            (URLENCODED, "%ff=a", 400),
            (MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", 400),
            ("multipart/form-data", "--b--", 400),
            ("text/xml", "<a/>", 415),
        ] {
            assert_eq!(form(kind, body.as_bytes()).await.err().map(|status| status.as_u16()), Some(status), "{body}");
        }
    }
}
