//! One negotiated stream, component or client: its queue, its writer, its reader and who waits for which reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{timeout, timeout_at};

use super::barrier::Barriers;
use super::frame::FrameReader;
use super::id::new_id;
use super::iq::{IqTracker, Peer};
use super::rivals::Rivals;
use super::stanza::{Ping, Prepared};
use super::writer::{Outgoing, QueueShare, Queued, Then};
use super::{Call, LinkError, OnStanza, reader, writer};
use crate::metrics::LinkMetrics;
use crate::metrics::link::Dropped;
use crate::xml::encode::EncodeError;
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

/// Why a stream has ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    pub(super) cause: Arc<str>,
    /// The server will refuse again until somebody changes something.
    pub(super) refused: bool,
    /// The server is well, but where its stanzas end could not be told any more.
    pub(super) garbled: bool,
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
    /// Starts the reading and the writing task of a stream on which stanzas may flow from now on.
    pub fn start<R, W>(reader: FrameReader<R>, writer: W, config: ConnConfig, on_stanza: OnStanza) -> Conn
    where
        R: AsyncBufRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        Self::start_counted(reader, writer, config, on_stanza, LinkMetrics::default())
    }

    /// As [`Conn::start`], counting in `metrics`.
    pub fn start_counted<R, W>(
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

/// Room for a stanza's bytes, and for itself, in the queue.
type QueueSlot<'a> = (OwnedSemaphorePermit, mpsc::Permit<'a, Outgoing>);

/// What the tasks and the callers of one stream share.
pub(super) struct Shared {
    pub(super) config: ConnConfig,
    server: Arc<str>,
    queue: mpsc::Sender<Outgoing>,
    /// The bytes that the queue may still take.
    free: Arc<Semaphore>,
    pub(super) iqs: Arc<IqTracker>,
    pub(super) barriers: Barriers,
    /// An error when the names of this stream cannot be written as XML.
    pub(super) ping: Result<Ping, EncodeError>,
    pub(super) metrics: Arc<LinkMetrics>,
    ended: watch::Sender<Option<Ended>>,
}

impl Shared {
    fn new(config: ConnConfig, queue: mpsc::Sender<Outgoing>, metrics: LinkMetrics) -> Self {
        let server: Arc<str> = config.server.as_str().into();
        Self {
            free: Arc::new(Semaphore::new(config.queue_bytes.min(Semaphore::MAX_PERMITS))),
            iqs: Arc::new(IqTracker::new(config.pending, metrics.pending_iqs.clone())),
            barriers: Barriers::new(Peer::new(Some(&server), &server), metrics.clone()),
            ping: Ping::new(config.from.as_deref(), &config.server, config.kind),
            metrics: Arc::new(metrics),
            ended: watch::Sender::new(None),
            server,
            queue,
            config,
        }
    }

    /// The end of the stream, to wait for.
    pub(super) fn ended(&self) -> watch::Receiver<Option<Ended>> {
        self.ended.subscribe()
    }

    /// Ends the stream; the first cause stays.
    pub(super) fn end(&self, cause: &str, refused: bool) {
        self.end_as(Ended { cause: cause.into(), refused, garbled: false });
    }

    /// Ends a stream that cannot be read any further.
    pub(super) fn end_garbled(&self, error: &std::io::Error) {
        self.end_as(Ended { cause: format!("cannot read: {error}").into(), refused: false, garbled: true });
    }

    fn end_as(&self, end: Ended) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(end);
            }
            first
        });
    }

    /// Why the stream has ended.
    pub(super) fn cause(&self) -> Arc<str> {
        self.ended.borrow().as_ref().map_or_else(|| "the stream is being closed".into(), |ended| ended.cause.clone())
    }

    /// The longest silence that a living server keeps.
    pub(super) fn silence(&self) -> Duration {
        self.config.keepalive + self.config.keepalive_timeout
    }

    /// Asks the server for a sign of life. With a full queue that is what its taking from the queue will be.
    pub(super) fn keepalive(&self) {
        if let Ok(ping) = &self.ping {
            let _ = self.try_enqueue(ping.alone(new_id("keepalive")));
        }
    }

    /// Asks the server whether it answers, unless that is known.
    fn probe(&self, quiet: Duration) {
        let Ok(ping) = &self.ping else { return };
        if let Some(id) = self.barriers.probe(quiet)
            && self.try_enqueue(ping.alone(id.clone())).is_err()
        {
            self.barriers.forget_probe(&id);
        }
    }

    /// Queues an answer, or drops and counts it.
    pub(super) fn answer(&self, stanza: &Element) {
        let answer = Prepared::plain(stanza, self.config.kind).map_err(LinkError::from);
        if let Err(error) = answer.and_then(|answer| self.try_enqueue(answer)) {
            tracing::debug!(%error, "dropped an answer");
            self.metrics.drop_one(Dropped::Answer);
        }
    }

    /// Notes whether a reply that nobody waits for is one to another gateway. Only the server's own word counts: anybody
    /// could send one.
    pub(super) fn note_rival(&self, id: &str, from: Option<&str>) {
        let Some(rivals) = self.config.rivals.as_ref().filter(|_| from == Some(&*self.server)) else { return };
        let (foreign, new) = rivals.unexpected(id);
        if foreign {
            self.metrics.foreign_answers.inc();
        }
        if new {
            let component = self.config.from.as_deref().unwrap_or_default();
            tracing::error!(
                component,
                "another gateway is connected under this name, and each gets part of what is meant for the other: give each \
                 a component.name of its own, and name the others in component.siblings"
            );
        }
    }

    fn try_enqueue(&self, stanza: Prepared) -> Result<(), LinkError> {
        let place = self.free_place(&stanza).ok_or(LinkError::Busy)?;
        self.put(place, stanza, Then::Nothing);
        Ok(())
    }

    fn free_place(&self, stanza: &Prepared) -> Option<QueueSlot<'_>> {
        let permit = self.free.clone().try_acquire_many_owned(self.share(stanza)).ok()?;
        Some((permit, self.queue.try_reserve().ok()?))
    }

    fn put(&self, (permit, slot): QueueSlot<'_>, stanza: Prepared, then: Then) {
        let share = QueueShare::new(permit, stanza.bytes().len(), self.metrics.clone());
        slot.send(Outgoing::Stanza(Queued { stanza, then, share }));
    }

    async fn enqueue(&self, stanza: &Prepared, then: Then, deadline: Instant) -> Result<(), LinkError> {
        // What is free is taken without waiting: tokio lets one task wait for so many things in a row only, and one that
        // queues hundreds of stanzas at once would find its time over in front of an empty queue.
        if let Some(place) = self.free_place(stanza) {
            self.put(place, stanza.clone(), then);
            return Ok(());
        }
        let place = async {
            let permit = self.free.clone().acquire_many_owned(self.share(stanza)).await.ok()?;
            Some((permit, self.queue.reserve().await.ok()?))
        };
        let until = deadline.min(Instant::now() + self.config.busy_wait);
        let Ok(place) = Box::pin(timeout_at(until.into(), place)).await else { return Err(LinkError::Busy) };
        let Some(place) = place else { return Err(LinkError::Down(self.cause())) };
        self.put(place, stanza.clone(), then);
        Ok(())
    }

    /// The part of the queue's bytes that a stanza takes: one larger than the whole queue takes all of it.
    fn share(&self, stanza: &Prepared) -> u32 {
        u32::try_from(stanza.bytes().len().min(self.config.queue_bytes)).unwrap_or(u32::MAX)
    }
}
