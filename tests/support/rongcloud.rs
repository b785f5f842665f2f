//! Calls of the API of RongCloud-backed groups, in the name of users whose tokens the rig's own key signs.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::gateway::{Gateway, Reply};

impl Gateway {
    /// A token of the user with this bare JID, as the organisation's own back end would make it.
    pub fn rongcloud_token(&self, jid: &str) -> String {
        let (kid, key) = self.rongcloud_key();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        let claims = json!({ "sub": jid, "exp": now + 3600 });
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
