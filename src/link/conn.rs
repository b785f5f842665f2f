//! One negotiated stream, component or client: its queue, its writer, its reader and who waits for which reply.

use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite};

use super::frame::FrameReader;
use super::{Call, LinkError};
use crate::xml::{Element, StreamKind};

/// What a stream needs to know of itself.
#[derive(Debug, Clone)]
pub struct ConnConfig {
    /// Component or client.
    pub kind: StreamKind,
    /// `from` of pings that the stream itself sends; `None` on client streams, where the server knows.
    pub from: Option<String>,
    /// `to` of pings that the stream itself sends.
    pub server: String,
    /// Stanzas that may wait in the queue.
    pub queue_stanzas: usize,
    /// Bytes that may wait in the queue.
    pub queue_bytes: usize,
    /// How long a caller waits for room in the queue.
    pub busy_wait: Duration,
    /// Longest wait for an IQ's answer.
    pub iq_timeout: Duration,
    /// IQs that may be pending at once.
    pub pending: usize,
    /// Silence after which the server is pinged.
    pub keepalive: Duration,
    /// Silence after that ping before the stream is given up.
    pub keepalive_timeout: Duration,
}

/// One open stream. Cheap to clone.
#[derive(Clone)]
pub struct Conn {
    _todo: (),
}

impl Conn {
    /// Starts the reading and the writing task of a stream on which stanzas may flow from now on.
    pub fn start<R, W>(_reader: FrameReader<R>, _writer: W, _config: ConnConfig, _inbound: super::Inbound) -> Conn
    where
        R: AsyncBufRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        todo!()
    }

    /// Resolves with the cause when the stream has ended.
    pub async fn closed(&self) -> std::sync::Arc<str> {
        todo!()
    }

    /// True once the stream has ended.
    pub fn is_closed(&self) -> bool {
        todo!()
    }

    /// As [`super::Link::iq`], on this stream.
    pub async fn iq(&self, _call: &Call, _iq: Element) -> Result<Element, LinkError> {
        todo!()
    }

    /// As [`super::Link::send`], on this stream.
    pub async fn send(&self, _call: &Call, _stanza: &Element) -> Result<(), LinkError> {
        todo!()
    }

    /// As [`super::Link::send_routed`], on this stream.
    pub async fn send_routed(&self, _call: &Call, _stanza: &Element) -> Result<Option<Element>, LinkError> {
        todo!()
    }

    /// Flushes what is queued, writes the stream's end, waits for the server's end for at most `limit`.
    pub async fn close(&self, _limit: Duration) {
        todo!()
    }
}
