//! A page in a browser logs in over WebSocket (RFC 7395), on each of the four servers from the shipped configuration.

mod support;

use std::time::Duration;

use base64::Engine;
use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use support::people::until;
use support::{Gateway, Server, account};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

on_oldest_and_newest!(a_passenger_in_a_browser_talks);

/// Longest wait for one stanza.
const WAIT: Duration = Duration::from_secs(10);

/// A client that writes and reads text, as a page's own script might.
struct Page(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Page {
    async fn open(url: &str) -> Page {
        let mut request = url.into_client_request().expect("a request");
        for (header, value) in [("sec-websocket-protocol", "xmpp"), ("origin", "https://app.example.com")] {
            request.headers_mut().insert(header, value.parse().expect("a value"));
        }
        let (socket, response) = connect_async(request).await.expect("a WebSocket");
        assert_eq!(response.headers()["sec-websocket-protocol"], "xmpp");
        Page(socket)
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("an open socket");
    }

    /// The next frame that holds `text`.
    async fn hear(&mut self, text: &str) -> String {
        let next = async {
            while let Some(frame) = self.0.next().await {
                if let Message::Text(frame) = frame.expect("an open socket")
                    && frame.contains(text)
                {
                    return frame.to_string();
                }
            }
            panic!("the server closed the socket before it said {text}")
        };
        tokio::time::timeout(WAIT, next).await.unwrap_or_else(|_| panic!("the server never said {text}"))
    }

    async fn log_in(&mut self, domain: &str, user: &str, password: &str) {
        let open = format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}' version='1.0'/>");
        let secret = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
        self.say(&open).await;
        self.hear(">PLAIN<").await;
        self.say(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")).await;
        self.hear("<success").await;
        self.say(&open).await;
        self.hear("xmpp-bind").await;
        let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
        self.say(&format!("<iq xmlns='jabber:client' type='set' id='bind'>{bind}</iq>")).await;
        self.hear("<jid>").await;
        self.say("<presence xmlns='jabber:client'/>").await;
    }
}

async fn a_passenger_in_a_browser_talks(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "user");
    let made = gateway.maxleap(Method::POST, "/passengers", &json!({"name": "visitor"})).await.expect_status(201);
    let id = made.json.as_str().expect("an id");
    let password = made.headers["x-xmpp-password"].to_str().expect("a password");
    let mut page = Page::open(&rig.websocket()).await;
    page.log_in(rig.domain(), id, password).await;

    until("the passenger is online", || async {
        let found = gateway.maxleap(Method::GET, &format!("/ctx/{id}"), &Value::Null).await;
        (found.expect_status(200).json["sessions"] == 1).then_some(())
    })
    .await;
    let content = json!({"media": 2, "body": "https://example.org/hello.amr"});
    let sent = json!({ "content": content });
    gateway.maxleap(Method::POST, &format!("/system/{id}"), &sent).await.expect_status(202);
    let heard = page.hear("urn:stanzagate:maxleap:0").await;
    assert!(heard.contains("<body>https://example.org/hello.amr</body>") && heard.contains("media"), "{heard}");

    let child = "<message xmlns='urn:stanzagate:maxleap:0'><json xmlns='urn:xmpp:json:0'>\
                 {\"media\":1,\"body\":\"https://example.org/cat.png\",\"remark\":\"a cat\"}</json></message>";
    let body = "<body>https://example.org/cat.png</body>";
    page.say(&format!("<message xmlns='jabber:client' to='{}' type='chat'>{body}{child}</message>", user.jid)).await;
    let chats = until("the message in the history", || async {
        let path = format!("/passengers/{id}/chats/{}", user.name);
        let rows = gateway.maxleap(Method::GET, &path, &Value::Null).await.expect_status(200).json;
        rows.as_array().is_some_and(|rows| !rows.is_empty()).then_some(rows)
    })
    .await;
    let ts = &chats[0]["ts"];
    let content = json!({"media": 1, "body": "https://example.org/cat.png"});
    assert_eq!(chats, json!([{"speaker": id, "content": content, "ts": ts, "remark": "a cat"}]));
}
