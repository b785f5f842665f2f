//! As much XMPP as recipients and a bare component need, by bytes alone: nothing of the gateway's own code is in it.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fallible::Fallible;

const PATIENCE: Duration = Duration::from_secs(30);
const STREAMS: &str = "http://etherx.jabber.org/streams";

/// Who logs in where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// The server's port for clients.
    pub address: SocketAddr,
    /// The domain.
    pub domain: String,
    /// Localpart.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Login {
    /// Logs in (SASL PLAIN, without TLS) and becomes available.
    pub async fn connect(&self) -> Fallible<TcpStream> {
        let Login { address, domain, user, password } = self;
        let mut wire = Wire { stream: TcpStream::connect(address).await?, read: String::new() };
        wire.stream.set_nodelay(true)?;
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='{domain}' \
             version='1.0'>"
        );
        wire.say(&header, "</stream:features>").await?;
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
        let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
        wire.say(&format!("<auth xmlns='{sasl}' mechanism='PLAIN'>{plain}</auth>"), "<success").await?;
        wire.say(&header, "</stream:features>").await?;
        let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
        wire.say(bind, "</iq>").await?;
        wire.say("<presence/>", "<presence").await?;
        Ok(wire.stream)
    }
}

/// A component of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Component {
    /// The server's port for components.
    pub address: SocketAddr,
    /// Its name.
    pub name: String,
    /// Its secret.
    pub secret: String,
}

impl Component {
    /// Connects (XEP-0114).
    pub async fn connect(&self) -> Fallible<TcpStream> {
        let mut wire = Wire { stream: TcpStream::connect(self.address).await?, read: String::new() };
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{}'>",
            self.name
        );
        wire.stream.write_all(header.as_bytes()).await?;
        let answer = wire.until(|read| attribute(read, "id").is_some()).await?;
        let id = attribute(&answer, "id").unwrap_or_default();
        let digest = Sha1::new().chain_update(id).chain_update(&self.secret).finalize();
        wire.say(&format!("<handshake>{digest:x}</handshake>"), "<handshake").await?;
        Ok(wire.stream)
    }
}

/// The value of an attribute of the first element of `text` that has one of this name.
pub fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next()?;
    rest.get(1..)?.split_once(quote).map(|(value, _)| value)
}

struct Wire {
    stream: TcpStream,
    read: String,
}

impl Wire {
    /// Writes, and reads until `end` has come; returns what came.
    async fn say(&mut self, text: &str, end: &str) -> Fallible<String> {
        self.read.clear();
        self.stream.write_all(text.as_bytes()).await?;
        self.until(|read| read.contains(end)).await
    }

    async fn until(&mut self, done: impl Fn(&str) -> bool) -> Fallible<String> {
        let mut piece = [0; 4096];
        while !done(&self.read) {
            let read = timeout(PATIENCE, self.stream.read(&mut piece)).await??;
            self.read.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
            if read == 0 || self.read.contains("<failure") || self.read.contains("<stream:error") {
                return Err(format!("the server refused: {}", self.read).into());
            }
        }
        Ok(self.read.clone())
    }
}
