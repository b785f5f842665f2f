//! One negotiated stream, component or client: its queue, its writer, its reader and who waits for which reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{timeout, timeout_at};

use super::frame::FrameReader;
use super::iq::Peer;
use super::rivals::Rivals;
use super::shared::{Ended, Shared};
use super::stanza::Prepared;
use super::writer::{Outgoing, Then};
use super::{Call, LinkError, OnStanza, reader, writer};
use crate::metrics::LinkMetrics;
use crate::xml::received::Received;
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
    /// Where it is noted that another gateway shares the stream's name; `None` on client streams, whose names are their own.
    pub rivals: Option<Arc<Rivals>>,
}

/// One open stream. Cheap to clone; it ends when the last clone is dropped.
#[derive(Clone)]
pub struct Conn {
    open: Arc<Open>,
}

struct Open {
    shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.end("no longer used", false);
    }
}

impl Conn {
    /// Starts the reading and the writing task of a stream on which stanzas may flow from now on, counting in `metrics`.
    pub fn start<R, W>(
        reader: FrameReader<R>,
        writer: W,
        config: ConnConfig,
        on_stanza: OnStanza,
        metrics: LinkMetrics,
    ) -> Conn
    where
        R: AsyncBufRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(config.queue_stanzas.max(1));
        let shared = Arc::new(Shared::new(config, queue, metrics));
        let writing = tokio::spawn(writer::run(shared.clone(), waiting, writer));
        tokio::spawn(reader::run(shared.clone(), reader, on_stanza, writing));
        Conn { open: Arc::new(Open { shared }) }
    }

    /// Resolves with the cause when the stream has ended.
    pub async fn closed(&self) -> Arc<str> {
        self.end().await.cause
    }

    /// True once the stream has ended.
    pub fn is_closed(&self) -> bool {
        self.shared().ended.borrow().is_some()
    }

    /// As [`super::Link::iq`], on this stream.
    pub async fn iq(&self, call: &Call, iq: Element) -> Result<Element, LinkError> {
        tree(self.iq_prepared(call, &Prepared::iq(iq, self.shared().config.kind, &call.request)?, false).await?)
    }

    /// As [`super::Link::send`], on this stream.
    pub async fn send(&self, call: &Call, stanza: &Element) -> Result<(), LinkError> {
        self.send_prepared(call, &Prepared::plain(stanza, self.shared().config.kind)?).await
    }

    /// As [`super::Link::send_routed`], on this stream.
    pub async fn send_routed(&self, call: &Call, stanza: &Element) -> Result<Option<Element>, LinkError> {
        let stanza = Prepared::routed(stanza, self.shared().config.kind, &call.request)?;
        self.queue_routed(call, &stanza).await?.outcome(call).await
    }

    /// Flushes what is queued, writes the stream's end, waits for the server's end for at most `limit`.
    pub async fn close(&self, limit: Duration) {
        let goodbye = async {
            // The queue is closed only when the stream has ended already.
            let _ = self.shared().queue.send(Outgoing::Close).await;
            self.closed().await
        };
        if timeout(limit, goodbye).await.is_err() {
            self.shared().end("closed", false);
        }
    }

    /// Sends an IQ and waits for the reply, which may come as its own text or not.
    pub(super) async fn iq_prepared(&self, call: &Call, iq: &Prepared, as_text: bool) -> Result<Received, LinkError> {
        let shared = self.shared();
        let peer = Peer::new(iq.to(), &shared.server);
        let (_guard, answer) = shared.iqs.expect(iq.id(), peer, as_text)?;
        let until = call.deadline.min(Instant::now() + shared.config.iq_timeout);
        shared.enqueue(iq, Then::Iq, until).await?;
        wait(answer, until).await
    }

    pub(super) async fn send_prepared(&self, call: &Call, stanza: &Prepared) -> Result<(), LinkError> {
        let (written, answer) = oneshot::channel();
        self.shared().enqueue(stanza, Then::Written(written), call.deadline).await?;
        wait(answer, call.deadline).await
    }

    pub(super) async fn queue_routed(&self, call: &Call, stanza: &Prepared) -> Result<Routed, LinkError> {
        let (answer, outcome) = oneshot::channel();
        self.shared().enqueue(stanza, Then::Routed(answer), call.deadline).await?;
        Ok(Routed { outcome, longest: self.shared().config.iq_timeout })
    }

    /// Resolves when the stream has ended.
    pub(super) async fn end(&self) -> Ended {
        let mut ended = self.shared().ended();
        let ended = ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone()).unwrap_or_default()
    }

    /// True when nothing is queued and nobody waits for a reply.
    pub(super) fn is_idle(&self) -> bool {
        let shared = self.shared();
        let queued = shared.queue.max_capacity() - shared.queue.capacity();
        queued == 0 && shared.iqs.is_empty() && shared.barriers.is_empty()
    }

    /// How many pings the server has answered, and for how long the oldest one that it has not has been under way. Where
    /// none is and none was answered within the time `quiet`, one is sent.
    pub(super) fn progress(&self, quiet: Duration) -> (u64, Option<Duration>) {
        self.shared().probe(quiet);
        self.shared().barriers.progress()
    }

    fn shared(&self) -> &Shared {
        &self.open.shared
    }
}

/// A stanza in the queue whose processing will be confirmed.
pub(super) struct Routed {
    outcome: oneshot::Receiver<Result<Option<Element>, LinkError>>,
    longest: Duration,
}

impl Routed {
    /// Resolves when the server has processed the stanza, with its bounce if there is one.
    pub(super) async fn outcome(self, call: &Call) -> Result<Option<Element>, LinkError> {
        wait(self.outcome, call.deadline.min(Instant::now() + self.longest)).await
    }
}

/// A reply that was not to come as its own text.
pub(super) fn tree(reply: Received) -> Result<Element, LinkError> {
    match reply {
        Received::Tree(element) => Ok(element),
        Received::Text(_) => Err(LinkError::Unknown),
    }
}

async fn wait<T>(answer: oneshot::Receiver<Result<T, LinkError>>, until: Instant) -> Result<T, LinkError> {
    match timeout_at(until.into(), answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(LinkError::Unknown),
        Err(_) => Err(LinkError::Timeout),
    }
}
