//! An XMPP client for tests that logs in with any SASL mechanism, which libraries do not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stanzagate::dev::Rig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::servers::Account;

/// Longest wait for one answer.
const WAIT: Duration = Duration::from_secs(20);

/// A client that writes and reads text, and so speaks any SASL mechanism.
pub struct Wire {
    tcp: TcpStream,
    domain: &'static str,
    heard: String,
}

impl Wire {
    /// A stream, and what the server offers on it.
    pub async fn open(rig: &Rig) -> (Wire, String) {
        let tcp = TcpStream::connect(rig.c2s_addr()).await.expect("c2s");
        let mut wire = Wire { tcp, domain: rig.domain(), heard: String::new() };
        let offered = wire.begin().await;
        (wire, offered)
    }

    async fn begin(&mut self) -> String {
        let streams = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
        self.say(&format!("<?xml version='1.0'?><stream:stream {streams} to='{}' version='1.0'>", self.domain)).await;
        self.hear(&["</stream:features>"]).await
    }

    /// Logs in as `user` with a token and the mechanism that takes it; the server's refusal is the error.
    pub async fn log_in(rig: &Rig, mechanism: &str, key: &str, user: &Account) -> Result<Wire, String> {
        let data = match mechanism {
            "OAUTHBEARER" => format!("n,a={},\x01auth=Bearer {key}\x01\x01", user.jid),
            _ => format!("\0{}\0{key}", user.name),
        };
        Wire::authenticate(rig, mechanism, &data).await
    }

    /// Answers the mechanism with `data`.
    pub async fn authenticate(rig: &Rig, mechanism: &str, data: &str) -> Result<Wire, String> {
        let sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
        let (mut wire, offered) = Wire::open(rig).await;
        assert!(offered.contains(&format!(">{mechanism}<")), "{offered}");
        wire.say(&format!("<auth {sasl} mechanism='{mechanism}'>{}</auth>", STANDARD.encode(data))).await;
        let mut answer = wire.hear(&["<success", "</failure>", "</challenge>"]).await;
        if answer.contains("<challenge") {
            // RFC 7628 section 3.2.3.
            wire.say(&format!("<response {sasl}>AQ==</response>")).await;
            answer = wire.hear(&["<success", "</failure>"]).await;
        }
        if answer.contains("<success") { Ok(wire) } else { Err(answer) }
    }

    /// Binds a resource, becomes available, and returns the full JID.
    pub async fn bind(&mut self) -> String {
        self.begin().await;
        self.say("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
        let bound = self.hear(&["</jid>"]).await;
        let (_, jid) = bound.split_once("<jid>").expect("a full JID");
        self.say("<presence/>").await;
        jid.trim_end_matches("</jid>").to_owned()
    }

    /// Writes text as it is.
    pub async fn say(&mut self, text: &str) {
        self.tcp.write_all(text.as_bytes()).await.expect("an open stream");
    }

    /// All up to the first of these.
    async fn hear(&mut self, ends: &[&str]) -> String {
        let next = async {
            loop {
                if let Some(end) = ends.iter().filter_map(|end| Some(self.heard.find(end)? + end.len())).min() {
                    let rest = self.heard.split_off(end);
                    return std::mem::replace(&mut self.heard, rest);
                }
                let mut bytes = [0; 4096];
                let read = self.tcp.read(&mut bytes).await.expect("an open stream");
                assert_ne!(read, 0, "the server closed the stream after {}", self.heard);
                self.heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        tokio::time::timeout(WAIT, next).await.unwrap_or_else(|_| panic!("the server never said any of {ends:?}"))
    }
}
