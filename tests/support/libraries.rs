//! MaxLeap's own JavaScript libraries as they are on the wire: the requests of maxleap-im 3.0.17 and 4.2.3, byte by byte
//! as recorded from them on Node.

use md5::{Digest as _, Md5};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::gateway::{Gateway, Reply};

/// A moment of 2016: library 3 signs once and uses that for as long as its process lives.
const SIGNED_AT: &str = "1461920236060";

/// What a library sends as a body.
pub enum Body {
    /// It means to send none.
    None,
    /// Its caller gave it none to send.
    Undefined,
    Json(Value),
}

/// A connection on which requests go as they stand.
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    pub async fn to(gateway: &Gateway) -> Wire {
        let stream = TcpStream::connect(gateway.url().trim_start_matches("http://")).await.expect("a connection");
        Wire(BufReader::new(stream))
    }

    /// Sends a request as it stands, and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Reply {
        self.0.write_all(request).await.expect("the request is taken");
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else { break };
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        assert!(!headers.contains_key("transfer-encoding"), "{headers:?}");
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        self.0.read_exact(&mut body).await.expect("a whole body");
        let text = String::from_utf8(body).expect("UTF-8");
        let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
        Reply { status: StatusCode::from_u16(status).expect("a status"), headers, text, json }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("a line");
        line.trim_end().to_owned()
    }
}

/// Library 3 on Node: a connection for every request.
pub struct Three<'a> {
    gateway: &'a Gateway,
    sign: String,
}

impl<'a> Three<'a> {
    pub fn new(gateway: &'a Gateway, key: &str) -> Three<'a> {
        let md5 = Md5::new().chain_update(SIGNED_AT).chain_update(key).finalize();
        let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        Three { gateway, sign: format!("{hex},{SIGNED_AT}") }
    }

    /// What is answered.
    pub async fn ask(&self, method: &str, path: &str, body: Body) -> Reply {
        let (app, sign, host) =
            (self.gateway.maxleap_app().0, &self.sign, self.gateway.url().trim_start_matches("http://"));
        let typed = if matches!(body, Body::None) { "" } else { "Content-Type: application/json\r\n" };
        let body = if let Body::Json(json) = body { json.to_string() } else { String::new() };
        let length = match (body.len(), method) {
            (0, "POST") => "Content-Length: 0\r\n".to_owned(),
            (0, _) => String::new(),
            (length, _) => format!("Content-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nUser-Agent: node-XMLHttpRequest\r\nAccept: */*\r\nX-ML-AppId: {app}\r\n\
             X-ML-Request-Sign: {sign}\r\n{typed}Host: {host}\r\n{length}Connection: close\r\n\r\n{body}"
        );
        Wire::to(self.gateway).await.exchange(request.as_bytes()).await
    }

    /// What the library hands to its caller when all is well: an empty object for an empty body.
    pub async fn call(&self, method: &str, path: &str, body: Body) -> Value {
        let reply = self.ask(method, path, body).await;
        assert!(reply.status.is_success(), "{method} {path}: {} {}", reply.status, reply.text);
        if reply.text.is_empty() { json!({}) } else { reply.json }
    }
}

/// Library 4 on Node: one connection, and a Content-Type whatever is sent.
pub struct Four<'a> {
    gateway: &'a Gateway,
    wire: Wire,
}

impl<'a> Four<'a> {
    pub async fn new(gateway: &'a Gateway) -> Four<'a> {
        Four { gateway, wire: Wire::to(gateway).await }
    }

    /// What is answered.
    pub async fn ask(&mut self, method: &str, path: &str, body: Body) -> Reply {
        let ((app, key), host) = (self.gateway.maxleap_app(), self.gateway.url().trim_start_matches("http://"));
        let body = if let Body::Json(json) = body { json.to_string() } else { String::new() };
        let length = match (body.len(), method) {
            (0, "GET" | "DELETE") => String::new(),
            (length, _) => format!("Content-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nAccept: application/json, text/plain, */*\r\n\
             Content-Type: application/json; charset=utf-8\r\nx-ml-appid: {app}\r\nx-ml-apikey: {key}\r\n\
             User-Agent: axios/0.16.2\r\n{length}Host: {host}\r\nConnection: keep-alive\r\n\r\n{body}"
        );
        self.wire.exchange(request.as_bytes()).await
    }

    /// What the library hands to its caller when all is well.
    pub async fn call(&mut self, method: &str, path: &str, body: Body) -> Value {
        let reply = self.ask(method, path, body).await;
        assert!(reply.status.is_success(), "{method} {path}: {} {}", reply.status, reply.text);
        reply.json
    }
}
