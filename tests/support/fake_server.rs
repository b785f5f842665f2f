//! A scripted XEP-0114 server: it speaks just enough to do, on demand, what a real one will not.

use std::time::Duration;

use sha1::{Digest, Sha1};
use stanzagate::link::frame::{Frame, FrameReader};
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::{CLIENT, Element};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub const SECRET: &str = "s3cret";
pub const STREAM_ID: &str = "id-42";
/// Longest wait for anything in a test.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The listening server.
pub struct FakeServer {
    listener: TcpListener,
}

/// One accepted connection, after the handshake.
pub struct Peer {
    pub frames: FrameReader<BufReader<OwnedReadHalf>>,
    pub out: OwnedWriteHalf,
}

impl FakeServer {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port") }
    }

    pub fn address(&self) -> String {
        self.listener.local_addr().expect("bound").to_string()
    }

    /// Accepts a connection and authenticates it.
    pub async fn accept(&self) -> Peer {
        self.accept_then("").await
    }

    /// As [`FakeServer::accept`], with `more` in the same segment as the handshake's answer.
    pub async fn accept_then(&self, more: &str) -> Peer {
        let mut peer = self.accept_open().await;
        let digest = peer.handshake().await;
        let wanted = Sha1::new().chain_update(STREAM_ID).chain_update(SECRET).finalize();
        if digest == format!("{wanted:x}") {
            peer.write(&format!("<handshake/>{more}")).await;
        } else {
            peer.refuse("not-authorized", "").await;
        }
        peer
    }

    /// Accepts a connection, takes its handshake, and refuses it.
    pub async fn refuse(&self, condition: &str, text: &str) {
        let mut peer = self.accept_open().await;
        peer.handshake().await;
        peer.refuse(condition, text).await;
    }

    /// Accepts a connection and answers its stream header.
    async fn accept_open(&self) -> Peer {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("a connection");
        let (read, out) = accepted.expect("accept").0.into_split();
        let bounds = Bounds { depth: 100, bytes: 1 << 24, elements: 100_000 };
        let mut peer = Peer { frames: FrameReader::new(BufReader::new(read), bounds), out };
        peer.frames.header().await.expect("a stream header");
        peer.write(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' id='{STREAM_ID}' from='gw.example.org'>"
        ))
        .await;
        peer
    }
}

impl Peer {
    /// The next stanza, which must come.
    pub async fn next(&mut self) -> Element {
        match self.frame().await {
            Frame::Element(element) => element,
            other => panic!("expected a stanza, got {other:?}"),
        }
    }

    pub async fn frame(&mut self) -> Frame {
        tokio::time::timeout(PATIENCE, self.frames.next()).await.expect("in time").expect("well-formed")
    }

    /// The next `count` stanzas.
    pub async fn take(&mut self, count: usize) -> Vec<Element> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.next().await);
        }
        all
    }

    pub async fn write(&mut self, text: &str) {
        self.out.write_all(text.as_bytes()).await.expect("connected");
    }

    /// Answers an IQ as whom it was sent to.
    pub async fn result(&mut self, iq: &Element) {
        let [id, from, to] = ["id", "to", "from"].map(|name| iq.attr(name).expect("stamped"));
        self.write(&format!("<iq type='result' id='{id}' from='{from}' to='{to}'/>")).await;
    }

    /// Ends the stream with an error.
    pub async fn refuse(&mut self, condition: &str, text: &str) {
        let ns = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
        let text = if text.is_empty() { String::new() } else { format!("<text {ns}>{text}</text>") };
        self.write(&format!("<stream:error><{condition} {ns}/>{text}</stream:error></stream:stream>")).await;
    }

    async fn handshake(&mut self) -> String {
        let handshake = self.next().await;
        assert!(handshake.is("handshake", CLIENT), "{handshake:?}");
        handshake.text()
    }
}
