//! A client that reads and writes bytes: for stanzas that the tests' other client would not take itself.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sasl::common::{ChannelBinding, Credentials};
use stanzagate::dev::Rig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio_xmpp::xmlstream::{StreamHeader, Timeouts, XmppStream, initiate_stream};

use crate::support::Account;
use crate::support::client::PATIENCE;
use crate::support::element::CLIENT;

/// A logged-in, available client.
pub struct RawClient {
    socket: BufStream<TcpStream>,
    /// All that has come.
    heard: Vec<u8>,
}

impl RawClient {
    pub async fn login(rig: &Rig, account: &Account) -> RawClient {
        let header = || StreamHeader { to: Some(Cow::Borrowed(rig.domain())), from: None, id: None };
        let socket = TcpStream::connect(rig.c2s_addr()).await.expect("the client port");
        let opened = initiate_stream(BufStream::new(socket), CLIENT, header(), Timeouts::default()).await;
        let opened = opened.expect("a stream").recv_features().await;
        let (features, stream): (_, XmppStream<_>) = opened.expect("features");
        let credentials = Credentials::default().with_channel_binding(ChannelBinding::None);
        let credentials = credentials.with_username(account.name.as_str()).with_password(account.password.as_str());
        let stream = tokio_xmpp::client_login(stream, features.sasl_mechanisms, credentials).await.expect("a log-in");
        let stream = stream.send_header(header()).await.expect("a stream").recv_features().await;
        let (_, stream): (_, XmppStream<_>) = stream.expect("features");
        let mut client = RawClient { socket: stream.into_inner(), heard: Vec::new() };
        client.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
        client.hear("</jid>").await;
        client.write("<presence/>").await;
        client.hear("<presence").await;
        client
    }

    pub async fn write(&mut self, xml: &str) {
        // A server that has closed the stream tells it on reading.
        let _ = self.socket.write_all(xml.as_bytes()).await;
        let _ = self.socket.flush().await;
    }

    /// Reads until `text` has come.
    pub async fn hear(&mut self, text: &str) {
        let heard = self.hear_within(text, PATIENCE).await;
        let tail = self.heard.len().saturating_sub(2000);
        assert!(heard, "did not hear {text:.200?} but …{}", String::from_utf8_lossy(&self.heard[tail..]));
    }

    /// What has come.
    pub fn heard(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.heard)
    }

    /// Forgets what has come.
    pub fn forget(&mut self) {
        self.heard.clear();
    }

    /// Reads until `text` has come, the stream has ended, or `time` is up; true in the first case.
    pub async fn hear_within(&mut self, text: &str, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut bytes = vec![0; 65_536];
        while !self.heard.windows(text.len()).any(|window| window == text.as_bytes()) {
            match tokio::time::timeout_at(deadline.into(), self.socket.read(&mut bytes)).await {
                Ok(Ok(length)) if length > 0 => self.heard.extend_from_slice(&bytes[..length]),
                _ => return false,
            }
        }
        true
    }
}
