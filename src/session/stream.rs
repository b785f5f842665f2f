//! A client stream while it is being negotiated: headers, features and single elements, all before one deadline.

use std::future::Future;
use std::time::Instant;

use tokio::io::{AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf};

use super::ban;
use super::error::OpenError;
use super::nonza::{Features, NS_STREAM_ERROR, condition};
use super::tls::BoxIo;
use crate::link::frame::{Frame, FrameReader};
use crate::xml::bounds::Bounds;
use crate::xml::encode::encode;
use crate::xml::{Element, STREAMS, StreamKind};

/// Bounds of what a client stream reads; the server's own limits are lower by default.
const BOUNDS: Bounds = Bounds { depth: 64, bytes: 1 << 20, elements: 10_000 };

/// The reading half of a stream.
pub(super) type Reader = FrameReader<BufReader<ReadHalf<BoxIo>>>;
/// The writing half.
pub(super) type Writer = WriteHalf<BoxIo>;

/// One attempt: where, as which domain, until when.
#[derive(Clone)]
pub(super) struct Attempt {
    /// `host:port`, for messages.
    pub address: String,
    /// The user's domain: `to` of the stream header.
    pub domain: String,
    /// When the whole negotiation must be over.
    pub deadline: Instant,
}

impl Attempt {
    /// Bounds a step by the deadline; `what` is what is being waited for.
    pub async fn within<T>(&self, what: &str, step: impl Future<Output = T>) -> Result<T, OpenError> {
        tokio::time::timeout_at(self.deadline.into(), step)
            .await
            .map_err(|_| self.unreachable(&format!("no answer in time while waiting for {what}")))
    }

    /// The peer is not usable.
    pub fn unreachable(&self, cause: &str) -> OpenError {
        OpenError::Unreachable(format!("c2s {}: {cause}", self.address))
    }

    /// The peer, or a rule of ours, says no.
    pub fn refused(&self, cause: &str) -> OpenError {
        OpenError::Refused(format!("c2s {}: {cause}", self.address))
    }
}

/// An open stream, its features read.
pub(super) struct Stream {
    /// The attempt it belongs to.
    pub attempt: Attempt,
    reader: Reader,
    writer: Writer,
}

impl Stream {
    /// Opens a stream on a transport and reads its features.
    pub async fn open(io: BoxIo, attempt: Attempt) -> Result<(Stream, Features), OpenError> {
        let (reader, writer) = tokio::io::split(io);
        Stream { attempt, reader: FrameReader::new(BufReader::new(reader), BOUNDS), writer }.start().await
    }

    /// Starts the stream anew, as SASL success demands.
    pub async fn restart(self) -> Result<(Stream, Features), OpenError> {
        let Stream { attempt, reader, writer } = self;
        Stream { attempt, reader: reader.restart(), writer }.start().await
    }

    async fn start(mut self) -> Result<(Stream, Features), OpenError> {
        let header = header(&self.attempt.domain);
        self.write(header.as_bytes()).await?;
        let read = self.attempt.within("the stream header", self.reader.header()).await?;
        read.map_err(|e| self.attempt.unreachable(&format!("the stream header: {e}")))?;
        let features = self.next("the stream features").await?;
        if !features.is("features", STREAMS) {
            return Err(self.attempt.refused("it sent something else than stream features: is this the c2s port?"));
        }
        Ok((self, Features::read(&features)))
    }

    /// Sends one element.
    pub async fn send(&mut self, element: &Element) -> Result<(), OpenError> {
        let bytes = encode(element, StreamKind::Client).map_err(|e| OpenError::Refused(e.to_string()))?;
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        let writer = &mut self.writer;
        let written = self
            .attempt
            .within("the connection to take data", async {
                writer.write_all(bytes).await?;
                writer.flush().await
            })
            .await?;
        written.map_err(|e| self.attempt.unreachable(&format!("{e}, while sending to it")))
    }

    /// Reads the next element; `what` is what is expected. A stream error is an error.
    pub async fn next(&mut self, what: &str) -> Result<Element, OpenError> {
        let frame = self.attempt.within(what, self.reader.next()).await?;
        match frame.map_err(|e| self.attempt.unreachable(&format!("{e}, while waiting for {what}")))? {
            Frame::Element(element) if element.is("error", STREAMS) => Err(self.stream_error(&element)),
            Frame::Element(element) | Frame::Mended(element) => Ok(element),
            Frame::Text(_) | Frame::TooBig(_) | Frame::Unreadable => {
                Err(self.attempt.refused(&format!("an element that cannot be read in place of {what}")))
            }
            Frame::End => {
                Err(self.attempt.unreachable(&format!("the server closed the stream in place of sending {what}")))
            }
        }
    }

    fn stream_error(&self, error: &Element) -> OpenError {
        let (name, described) = condition(error, NS_STREAM_ERROR);
        let cause = format!("stream error {described}");
        match name.as_str() {
            // Before stanzas flow ejabberd has two reasons for it, and tells no other in words that are always English.
            "policy-violation" if !described.contains("STARTTLS") => ban::told(&self.attempt.address, &described),
            "connection-timeout"
            | "internal-server-error"
            | "remote-connection-failed"
            | "reset"
            | "resource-constraint"
            | "system-shutdown" => self.attempt.unreachable(&cause),
            _ => self.attempt.refused(&cause),
        }
    }

    /// The transport, to put TLS on it. What came in clear after the answer to STARTTLS could be a third party's.
    pub fn into_io(self) -> Result<BoxIo, OpenError> {
        let (buffered, read) = self.reader.into_inner();
        if !read.is_empty() || !buffered.buffer().is_empty() {
            return Err(self.attempt.refused("it sent data in clear after it agreed to STARTTLS"));
        }
        Ok(buffered.into_inner().unsplit(self.writer))
    }

    /// The two halves, for stanzas to flow on.
    pub fn into_parts(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    /// Ends the stream without waiting for the server's end. After SASL success the server expects a new header first.
    pub async fn quit(mut self, authenticated: bool) {
        let mut end = if authenticated { header(&self.attempt.domain) } else { String::new() };
        end.push_str("</stream:stream>");
        if self.write(end.as_bytes()).await.is_ok() {
            let _ = self.attempt.within("the end of the connection", self.writer.shutdown()).await;
        }
    }
}

/// A stream header, in one piece: some servers read it in one go. A domain of a [`jid::BareJid`] needs no escaping but
/// gets it, so that this line depends on no other.
fn header(domain: &str) -> String {
    let domain = domain.replace('&', "&amp;").replace('\'', "&apos;").replace('<', "&lt;");
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' version='1.0' to='{domain}'>"
    )
}
