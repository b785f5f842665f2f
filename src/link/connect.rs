//! Opens a component stream: TCP connect, stream header, handshake (XEP-0114 section 3).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::LinkConfig;
use super::frame::{Frame, FrameReader};
use super::stream_error::StreamError;
use crate::xml::{CLIENT, Element, StreamKind, encode};

/// Silence after which the operating system probes the connection, and the pause between its probes.
const TCP_KEEPALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15));
/// Bytes read from the socket at once.
const READ_BYTES: usize = 64 * 1024;

/// The two halves of an authenticated stream.
pub(super) type Stream = (FrameReader<BufReader<OwnedReadHalf>>, OwnedWriteHalf);

/// Why no stream could be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot connect to {0}: {1}")]
    Tcp(String, std::io::Error),
    #[error("no stream: {0}")]
    Stream(#[from] std::io::Error),
    #[error("no stream after {0:?}")]
    Slow(Duration),
    /// The server said why.
    #[error(transparent)]
    Refused(#[from] StreamError),
}

impl ConnectError {
    /// True when the server will say the same again until somebody changes something.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(error) if error.is_refusal())
    }
}

/// Opens the stream within `connect_timeout`.
pub(super) async fn connect(config: &LinkConfig) -> Result<Stream, ConnectError> {
    let limit = config.connect_timeout;
    timeout(limit, open(config)).await.unwrap_or(Err(ConnectError::Slow(limit)))
}

async fn open(config: &LinkConfig) -> Result<Stream, ConnectError> {
    let socket = TcpStream::connect(&config.address).await.map_err(|e| ConnectError::Tcp(config.address.clone(), e))?;
    socket.set_nodelay(true)?;
    let (idle, interval) = TCP_KEEPALIVE;
    SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(interval))?;

    let (read, mut write) = socket.into_split();
    let frames = FrameReader::new(BufReader::with_capacity(READ_BYTES, read), config.bounds);
    let mut frames = frames.expecting(StreamKind::Component);
    let header = encode::header(StreamKind::Component, &[("to", &config.name)]).map_err(std::io::Error::other)?;
    // In one packet: Prosody refuses a header that comes in pieces (its issue 1995).
    write.write_all(&header).await?;
    let id = frames.header().await?.id;
    write.write_all(&handshake(&id, &config.secret)?).await?;
    loop {
        match frames.next().await? {
            Frame::Element(element) if element.is("handshake", CLIENT) => return Ok((frames, write)),
            Frame::Element(element) | Frame::Mended(element) => StreamError::read(&element).map_or(Ok(()), Err)?,
            Frame::Text(_) | Frame::TooBig(_) | Frame::Unreadable => {}
            Frame::End => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// `<handshake>` with the SHA-1 of the stream id and the secret, in lower-case hexadecimal.
fn handshake(id: &str, secret: &SecretString) -> std::io::Result<Vec<u8>> {
    let digest = Sha1::new().chain_update(id).chain_update(secret.expose_secret()).finalize();
    let mut handshake = Element::bare("handshake", CLIENT);
    handshake.append_text(format!("{digest:x}"));
    encode::encode(&handshake, StreamKind::Component).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_xep_0114() {
        // Example 3's form; the digest was computed with coreutils' sha1sum over "3BF96D32" and "secret".
        let bytes = handshake("3BF96D32", &SecretString::from("secret")).expect("encodes");
        assert_eq!(bytes, b"<handshake>b09ea9b3b7f586be8a08d0a3dd7466f110aeb136</handshake>");
    }
}
