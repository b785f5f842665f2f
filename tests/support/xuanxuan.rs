//! Calls of the API of Xuanxuan, signed with the rig's own code and key.

use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;
use tokio_xmpp::minidom::Element;

use super::element::child;
use super::gateway::{Gateway, Reply};

fn hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Gateway {
    /// The query with the rig's code and its signature.
    pub fn signed(&self, query: &str) -> String {
        let (code, key) = self.xuanxuan_entry();
        let query = format!("{query}&code={code}");
        format!("{query}&token={}", hex(&format!("{}{key}", hex(&query))))
    }

    /// Gets `m=chat&f=…`.
    pub async fn xuanxuan(&self, query: &str) -> Reply {
        self.get(&format!("/api.php?{}", self.signed(query))).await
    }

    /// Posts a notification as a form.
    pub async fn notify_form(&self, data: &str) -> Reply {
        let path = format!("/api.php?{}", self.signed("m=chat&f=notifyMSG"));
        let body = format!("data={}", percent_encode(data.as_bytes(), NON_ALPHANUMERIC));
        let kind = "application/x-www-form-urlencoded";
        self.request(|http, url| http.post(format!("{url}{path}")).header("content-type", kind).body(body)).await
    }

    /// Posts a notification.
    pub async fn notify(&self, data: &Value) -> Reply {
        self.notify_form(&data.to_string()).await
    }
}

impl Reply {
    /// What was asked for. Fails the test unless the call succeeded.
    #[track_caller]
    pub fn expect_data(self) -> Value {
        assert_eq!((self.status.as_u16(), &self.json["result"]), (200, &Value::from("success")), "{}", self.text);
        self.json["data"].clone()
    }

    /// Why the call failed. Fails the test unless it did, with status 200.
    #[track_caller]
    pub fn expect_fail(self) -> String {
        assert_eq!((self.status.as_u16(), &self.json["result"]), (200, &Value::from("fail")), "{}", self.text);
        let message = self.json["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{}", self.text);
        message.to_owned()
    }
}

/// The notification that a message carries for apps that know it; `null` when there is none.
pub fn notification(message: &Element) -> Value {
    let card = message.get_child("notification", "urn:stanzagate:xuanxuan:0").and_then(|card| child(card, "json"));
    card.and_then(|json| serde_json::from_str(&json.text()).ok()).unwrap_or_default()
}

/// The message with a notification of this title, which may have come by MUC/Sub, from an archive, or as it is.
pub fn titled<'a>(element: &'a Element, title: &str) -> Option<&'a Element> {
    if element.name() == "message" && notification(element)["title"] == title {
        return Some(element);
    }
    element.children().find_map(|child| titled(child, title))
}
