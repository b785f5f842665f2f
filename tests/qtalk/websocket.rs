//! A page in a browser logs in over WebSocket (RFC 7395), on real servers from the shipped configuration.

use std::time::Duration;

use base64::Engine;
use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::{Client, Gateway, Server, account};

on_oldest_and_newest!(a_passenger_in_a_browser_talks, what_is_long_costs_nobody_else_anything);

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

    /// Whether a frame that holds `text` comes before the server closes the socket.
    async fn hears(&mut self, text: &str) -> bool {
        let next = async {
            while let Some(Ok(frame)) = self.0.next().await {
                if matches!(&frame, Message::Text(frame) if frame.contains(text)) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(WAIT, next).await.unwrap_or(false)
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

/// ejabberd limits no stanza here; Prosody closes the socket.
async fn what_is_long_costs_nobody_else_anything(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [one, two] = ["alice", "long"].map(|name| account(rig, name));
    let body = json!({"owner": one.name, "members": [two.name]});
    let group = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let group = group.as_str().expect("an id").to_owned();
    let room = format!("{group}@{}", rig.rooms());
    gateway
        .maxleap(Method::POST, &format!("/ctx/{}/friends/{}", one.name, two.name), &Value::Null)
        .await
        .expect_status(201);

    let (attribute, id, name) = ("a".repeat(300_000), "b".repeat(2 << 20), "c".repeat(300_000));
    let mut taken = Vec::new();
    for to in ["gw.example.org", &one.jid, &room] {
        for content in [
            format!("><body>attribute</body><x xmlns='urn:x' y='{attribute}'/>"),
            format!(" id='{id}'><body>id</body>"),
            format!("><body>name</body><{name} xmlns='urn:x'/>"),
        ] {
            let mut page = Page::open(&rig.websocket()).await;
            page.log_in(rig.domain(), &two.name, &two.password).await;
            if to == room {
                let x = "<x xmlns='http://jabber.org/protocol/muc'/>";
                page.say(&format!("<presence xmlns='jabber:client' to='{to}/long'>{x}</presence>")).await;
                page.hear("110").await;
            }
            let kind = if to == room { "groupchat" } else { "chat" };
            // Prosody may have closed the socket before all of it is written.
            let _ = page
                .0
                .send(Message::text(format!(
                    "<message xmlns='jabber:client' to='{to}' type='{kind}'{content}</message>"
                )))
                .await;
            let ping = "<iq xmlns='jabber:client' type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>";
            let _ = page.0.send(Message::text(ping)).await;
            if page.hears("behind").await && to == room {
                taken.push(
                    content
                        .split_once("<body>")
                        .and_then(|(_, rest)| rest.split_once('<'))
                        .expect("a body")
                        .0
                        .to_owned(),
                );
            }
        }
    }
    assert_eq!(taken.len(), if server.is_ejabberd() { 3 } else { 0 }, "{taken:?}");
    // Without presence: this client would itself stumble over what came before.
    let alice = Client::connect(rig, &one, None).await;
    alice.join(&room, "Alice").await.expect("the owner gets in");
    alice.say_aloud(&room, "last").await;
    taken.push("last".to_owned());
    until("all that the room took", || async {
        let chats =
            gateway.maxleap(Method::GET, &format!("/groups/{group}/chats"), &Value::Null).await.expect_status(200).json;
        let bodies: Vec<_> = chats.as_array()?.iter().filter_map(|chat| chat["content"]["body"].as_str()).collect();
        (bodies == taken).then_some(())
    })
    .await;
    let listed = gateway.maxleap(Method::GET, &format!("/ctx/{}/groups?detail", two.name), &Value::Null).await;
    assert_eq!(listed.expect_status(200).json[0]["recent"]["content"]["body"], "last");
    // One-to-one histories are read in a session on ejabberd, which takes less of one stanza than the link.
    let path = format!("/ctx/{}/friends/{}/chats", one.name, two.name);
    let chats = gateway.maxleap(Method::GET, &path, &Value::Null).await.expect_status(200).json;
    let read = chats.as_array().map_or(0, Vec::len);
    assert!(if server.is_ejabberd() { read >= 2 } else { read == 0 }, "{read}");
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("stanzagate_link_reconnects_total 0\n"), "the connection fell");
}
