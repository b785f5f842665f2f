//! Calls of the API of RongCloud-backed groups, in the name of users whose tokens the rig's own key signs.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::gateway::{Gateway, Reply};

impl Gateway {
    /// A token of the user with this bare JID, as the organisation's own back end would make it.
    pub fn rongcloud_token(&self, jid: &str) -> String {
        self.rongcloud_token_until(jid, 3600)
    }

    /// As [`Gateway::rongcloud_token`], good for so many seconds from now on.
    pub fn rongcloud_token_until(&self, jid: &str, seconds: i64) -> String {
        let (kid, key) = self.rongcloud_key();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        let claims = json!({ "sub": jid, "exp": now.saturating_add_signed(seconds) });
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.as_bytes())).expect("a token")
    }

    /// Calls a path such as `/api/im/group/` as the user with this bare JID; `build` adds the rest of the request.
    pub async fn rongcloud_with(
        &self,
        jid: &str,
        method: Method,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Reply {
        let token = self.rongcloud_token(jid);
        self.request(|http, url| {
            build(http.request(method, format!("{url}{path}")).header("authorization", format!("Token {token}")))
        })
        .await
    }

    /// As [`Gateway::rongcloud_with`], with a JSON body; `null` is none.
    pub async fn rongcloud(&self, jid: &str, method: Method, path: &str, body: &Value) -> Reply {
        self.rongcloud_with(jid, method, path, |request| if body.is_null() { request } else { request.json(body) })
            .await
    }

    /// Calls a path with exactly these headers, and no body.
    pub async fn rongcloud_bare(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.request(|http, url| {
            let request = http.request(method, format!("{url}{path}"));
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        })
        .await
    }

    /// Posts a form of texts and at most one file (its field, its name, its content) as browsers do.
    pub async fn rongcloud_multipart(
        &self,
        jid: &str,
        path: &str,
        texts: &[(&str, &str)],
        file: Option<(&str, &str, &[u8])>,
    ) -> Reply {
        let (kind, body) = multipart(texts, file);
        self.rongcloud_with(jid, Method::POST, path, |request| request.header("content-type", kind).body(body)).await
    }

    /// Makes a group and returns its id.
    pub async fn rongcloud_group(&self, owner: &str, name: &str, code: &str) -> u64 {
        let body = json!({ "name": name, "code": code });
        let group = self.rongcloud(owner, Method::POST, "/api/im/group/", &body).await.expect_json(201);
        group["id"].as_u64().unwrap_or_else(|| panic!("{group}"))
    }

    /// The id of the user with this bare JID.
    pub async fn rongcloud_id(&self, jid: &str) -> u64 {
        let token = self.rongcloud(jid, Method::GET, "/api/im/token/", &Value::Null).await.expect_json(200);
        token["id"].as_u64().unwrap_or_else(|| panic!("{token}"))
    }

    /// Brings `friend` into a group in the name of `member`.
    pub async fn rongcloud_join(&self, member: &str, group: u64, friend: &str) {
        let id = self.rongcloud_id(friend).await;
        let body = json!({ "userid": id.to_string() });
        let path = format!("/api/im/group/{group}/join/");
        assert_eq!(self.rongcloud(member, Method::POST, &path, &body).await.expect_json(200), body);
    }
}

/// The content type and the bytes of a form.
pub fn multipart(texts: &[(&str, &str)], file: Option<(&str, &str, &[u8])>) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----stanzagate0123456789";
    let mut form = Vec::new();
    let mut part = |head: &str, content: &[u8]| {
        form.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    };
    for (name, text) in texts {
        part(&format!("name=\"{name}\""), text.as_bytes());
    }
    if let Some((field, name, content)) = file {
        part(&format!("name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream"), content);
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), form)
}

impl Reply {
    /// Fails the test unless the call of this API ended with this status, in JSON.
    #[track_caller]
    pub fn expect_json(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(
            self.headers.get("content-type").map(|value| value.as_bytes()),
            Some(&b"application/json; charset=utf-8"[..])
        );
        self.json
    }

    /// Why the call was refused. Fails the test unless it was, with this status, as `{"detail": …}`.
    #[track_caller]
    pub fn expect_detail(self, status: u16) -> String {
        let json = self.expect_json(status);
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "{json}");
        json["detail"].as_str().filter(|text| !text.is_empty()).expect("a text").to_owned()
    }
}
