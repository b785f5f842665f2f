//! What the tasks and the callers of one stream share: its queue, who waits for what, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout_at;

use super::LinkError;
use super::barrier::Barriers;
use super::conn::ConnConfig;
use super::id::new_id;
use super::iq::{IqTracker, Peer};
use super::stanza::{Ping, Prepared};
use super::writer::{Outgoing, QueueShare, Queued, Then};
use crate::metrics::LinkMetrics;
use crate::metrics::link::Dropped;
use crate::xml::Element;
use crate::xml::encode::EncodeError;

/// Why a stream has ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    pub(super) cause: Arc<str>,
    /// The server will refuse again until somebody changes something.
    pub(super) refused: bool,
    /// The server is well, but where its stanzas end could not be told any more.
    pub(super) garbled: bool,
}

/// Says once that another gateway has come.
pub(super) fn warn_of_rival(component: &str) {
    tracing::error!(
        component,
        "another gateway is connected under this name, and each gets part of what is meant for the other: give each a \
         component.name of its own, and name the others in component.siblings"
    );
}

/// Room for a stanza's bytes, and for itself, in the queue.
type QueueSlot<'a> = (OwnedSemaphorePermit, mpsc::Permit<'a, Outgoing>);

/// What the tasks and the callers of one stream share.
pub(super) struct Shared {
    pub(super) config: ConnConfig,
    pub(super) server: Arc<str>,
    pub(super) queue: mpsc::Sender<Outgoing>,
    /// The bytes that the queue may still take.
    free: Arc<Semaphore>,
    pub(super) iqs: Arc<IqTracker>,
    pub(super) barriers: Barriers,
    /// An error when the names of this stream cannot be written as XML.
    pub(super) ping: Result<Ping, EncodeError>,
    pub(super) metrics: Arc<LinkMetrics>,
    pub(super) ended: watch::Sender<Option<Ended>>,
}

impl Shared {
    pub(super) fn new(config: ConnConfig, queue: mpsc::Sender<Outgoing>, metrics: LinkMetrics) -> Self {
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
    pub(super) fn probe(&self, quiet: Duration) {
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
        let seen = rivals.unexpected(id);
        self.tell_rival(seen);
    }

    fn tell_rival(&self, (foreign, new): (bool, bool)) {
        if foreign {
            self.metrics.foreign_answers.inc();
        }
        if new {
            let component = self.config.from.as_deref().unwrap_or_default();
            self.metrics.set_shared(component, true);
            warn_of_rival(component);
        }
    }

    /// Notes a request that the component's own name has sent to itself: this process, or another under the same name.
    pub(super) fn note_own(&self, request: &Element) {
        let Some(rivals) = &self.config.rivals else { return };
        let from = request.attr("from").zip(self.config.from.as_deref());
        if !from.is_some_and(|(from, own)| from.eq_ignore_ascii_case(own)) {
            return;
        }
        let seen = rivals.came(request.attr("id").unwrap_or_default());
        self.tell_rival(seen);
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

    pub(super) async fn enqueue(&self, stanza: &Prepared, then: Then, deadline: Instant) -> Result<(), LinkError> {
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
