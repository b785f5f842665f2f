//! Calls of the MaxLeap API, with the rig's own app and key.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::gateway::{Gateway, Reply};

impl Gateway {
    /// Calls a path such as `/ctx/alice`; `Value::Null` is no body, and then there is no Content-Type either.
    pub async fn maxleap(&self, method: Method, path: &str, body: &Value) -> Reply {
        let (app, key) = self.maxleap_app();
        self.request(|http, url| {
            let request = http.request(method, format!("{url}{path}")).header("x-ml-appid", app);
            let request = request.header("x-ml-apikey", key);
            if body.is_null() { request } else { request.json(body) }
        })
        .await
    }
}

impl Reply {
    /// Fails the test unless the call of the MaxLeap API ended with this status. A success has JSON or no body at all.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Reply {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let typed = self.headers.get("content-type").is_some_and(|value| value == "application/json; charset=utf-8");
        assert_eq!(!self.text.is_empty(), typed, "{:?} {}", self.headers, self.text);
        self
    }

    /// Fails the test unless the call of the MaxLeap API was refused with this status and code, in its own shape.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: u64) -> Reply {
        assert_eq!(self.status, StatusCode::from_u16(status).expect("a status"), "{}", self.text);
        assert_eq!(self.json["errorCode"], code, "{}", self.text);
        assert!(self.json["errorMessage"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.text);
        assert_eq!(self.json.as_object().map(serde_json::Map::len), Some(2), "{}", self.text);
        self.expect_status(status)
    }
}
