//! Contacts, one-to-one messages and messages of the service, as ordinary clients have them.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_xmpp::minidom::Element;

use super::client::{Client, PATIENCE};
use super::element::{child, show, stanza};

const ROSTER: &str = "jabber:iq:roster";
const CHILD: &str = "urn:stanzagate:maxleap:0";

impl Client {
    /// The account's contacts, each with its subscription (RFC 6121 section 2).
    pub async fn contacts(&self) -> BTreeMap<String, String> {
        let reply = self.iq(stanza(&format!("<iq type='get'><query xmlns='{ROSTER}'/></iq>"))).await;
        let Some(query) = reply.get_child("query", ROSTER) else { panic!("no roster: {}", show(&reply)) };
        let entry = |item: &Element| Some((item.attr("jid")?.to_owned(), item.attr("subscription")?.to_owned()));
        query.children().filter_map(entry).collect()
    }

    /// Takes somebody off the account's roster.
    pub async fn drop_contact(&self, jid: &str) {
        let item = format!("<item jid='{jid}' subscription='remove'/>");
        let reply = self.iq(stanza(&format!("<iq type='set'><query xmlns='{ROSTER}'>{item}</query></iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// Sends a message; `more` is XML beside its body.
    pub fn tell(&self, to: &str, text: &str, more: &str) {
        self.send(stanza(&format!("<message to='{to}' type='chat'><body>{text}</body>{more}</message>")));
    }
}

/// The child of a message in which the API carries JSON.
pub fn carried(json: &Value) -> String {
    let text = json.to_string().replace('&', "&amp;").replace('<', "&lt;");
    format!("<message xmlns='{CHILD}'><json xmlns='urn:xmpp:json:0'>{text}</json></message>")
}

/// The JSON that a message carries for the API; `null` when there is none.
pub fn carried_by(message: &Element) -> Value {
    let json = message.get_child("message", CHILD).and_then(|card| child(card, "json"));
    json.and_then(|json| serde_json::from_str(&json.text()).ok()).unwrap_or_default()
}

/// Asks until the answer is `Some`: archives are written a moment after a message is delivered.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come about");
        sleep(Duration::from_millis(100)).await;
    }
}
