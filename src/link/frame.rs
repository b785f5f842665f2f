//! Stream reading: the header, then one bounded element after another.

use tokio::io::AsyncBufRead;

use crate::xml::Element;
use crate::xml::read::Bounds;

/// What a stream yields.
#[derive(Debug)]
pub enum Frame {
    /// A complete top-level element; component stanzas arrive in `jabber:client`.
    Element(Element),
    /// An element over a bound: skipped to its end, only its head kept. The stream goes on.
    TooBig(Element),
    /// The peer closed the stream properly.
    End,
}

/// The attributes of the peer's stream header.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// The stream id.
    pub id: String,
    /// The peer's name as it gives it.
    pub from: Option<String>,
}

/// Reads a stream. Dropping a pending [`FrameReader::next`] loses nothing.
pub struct FrameReader<R> {
    _inner: R,
}

impl<R: AsyncBufRead + Unpin> FrameReader<R> {
    /// Reads from `inner`, refusing or skipping what is over `bounds`.
    pub fn new(_inner: R, _bounds: Bounds) -> Self {
        todo!()
    }

    /// Reads the stream header.
    ///
    /// # Errors
    /// When the peer sends something else, or the connection fails.
    pub async fn header(&mut self) -> std::io::Result<Header> {
        todo!()
    }

    /// Reads the next top-level element.
    ///
    /// # Errors
    /// When the bytes are not well-formed XML, or the connection fails; the stream is unusable afterwards.
    pub async fn next(&mut self) -> std::io::Result<Frame> {
        todo!()
    }

    /// The transport, to wrap it in TLS or to restart the stream. Bytes already buffered stay in the buffered reader.
    pub fn into_inner(self) -> R {
        todo!()
    }
}
