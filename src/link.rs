//! The wire to the XMPP server: connect, authenticate, frame, queue, IQ tracking, keep-alive, reconnect, drain.
//!
//! What a stanza means is not known here. Three kinds of traffic are told apart, because their waiting differs: IQ
//! replies go to whoever asked; error messages that answer one of our own ids are kept until the barrier behind that
//! message has passed; everything else goes to the [`OnStanza`] handler.

mod backoff;
mod barrier;
pub mod conn;
mod connect;
pub mod frame;
pub mod id;
mod input;
mod iq;
mod line_ends;
mod reader;
mod rivals;
mod stanza;
mod stream_error;
mod supervisor;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout_at};

use self::conn::{Conn, Routed, Shared, tree};
pub use self::id::is_own;
pub use self::rivals::Rivals;
pub use self::stanza::Prepared;
use self::supervisor::Supervisor;
use crate::clock::now_ms;
use crate::config::server::Wait;
use crate::metrics::LinkMetrics;
use crate::xml::encode::EncodeError;
use crate::xml::read::Bounds;
use crate::xml::received::Received;
use crate::xml::{Element, StreamKind};

/// Longest wait for the server's end of the stream when draining.
const FOOTER: Duration = Duration::from_secs(2);
/// How often draining looks whether something is still in flight.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// On whose behalf something is sent, and until when an answer is of use.
#[derive(Debug, Clone)]
pub struct Call {
    /// The request's id: it is part of every stanza id and of every log line of the request.
    pub request: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// What the caller wants to be known of messages to users before they are called sent; else the configuration says it.
    pub wait: Option<Wait>,
    /// When it came, in milliseconds since 1970.
    pub begun_ms: u64,
}

impl Call {
    /// A call that waits for what the configuration says.
    pub fn new(request: Arc<str>, deadline: Instant) -> Call {
        Call { request, deadline, wait: None, begun_ms: now_ms() }
    }
}

/// Handles a stanza that no waiting caller claimed. Runs on the reading task: it must neither block nor await.
pub type OnStanza = Arc<dyn Fn(&LinkHandle, Element) + Send + Sync>;

/// What the [`OnStanza`] handler may use to answer: it never waits, and drops the answer when the queue is full.
#[derive(Clone)]
pub struct LinkHandle {
    shared: Arc<Shared>,
}

impl LinkHandle {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues an answer, or drops and counts it when the queue is full.
    pub fn try_send(&self, stanza: &Element) {
        self.shared.answer(stanza);
    }
}

/// Settings of the link. Times are wall-clock durations, sizes are bytes.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// `host:port` of the server's component listener.
    pub address: String,
    /// The component's own name, such as `gw.example.org`.
    pub name: String,
    /// The secret of the XEP-0114 handshake.
    pub secret: SecretString,
    /// The server's own domain: pings (keep-alive, barriers) are sent to it.
    pub server: String,
    /// Longest time for TCP connect and handshake together.
    pub connect_timeout: Duration,
    /// Stanzas that may wait in the queue.
    pub queue_stanzas: usize,
    /// Bytes that may wait in the queue.
    pub queue_bytes: usize,
    /// How long a caller waits for room in the queue before "busy".
    pub busy_wait: Duration,
    /// How long a caller waits for the link to come up before "down".
    pub grace: Duration,
    /// Longest wait for an IQ's answer, within the caller's own deadline.
    pub iq_timeout: Duration,
    /// IQs that may be pending at once.
    pub pending: usize,
    /// Silence after which the server is pinged.
    pub keepalive: Duration,
    /// Silence after that ping before the connection is given up.
    pub keepalive_timeout: Duration,
    /// Time without an answer to a ping after which the server counts as stalled.
    pub stall: Duration,
    /// First and longest pause between connection attempts.
    pub backoff: (Duration, Duration),
    /// Bounds of an incoming stanza.
    pub bounds: Bounds,
}

/// The state of the link, as readiness and metrics see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected yet, or again; the text says why the last attempt failed (empty at first).
    Down(Arc<str>),
    /// Connected and authenticated.
    Up,
    /// Connected, but the server has not answered for so long. What is sent is still written, and answered when it goes on.
    Stalled(Duration),
    /// Shutting down: nothing new is taken.
    Draining,
}

impl LinkState {
    /// Whether the first attempt to connect has ended, well or not.
    pub fn is_tried(&self) -> bool {
        !matches!(self, Self::Down(cause) if cause.is_empty())
    }
}

/// Why something could not be sent, or has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// The stanza cannot be written as XML: the caller's own fault.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The queue, or the table of pending IQs, stayed full.
    #[error("the gateway is busy: its queue to the XMPP server is full")]
    Busy,
    /// The link is down, and nothing of this was written.
    #[error("the XMPP server is not connected: {0}")]
    Down(Arc<str>),
    /// The link fell after this was written: it may or may not have taken effect.
    #[error("the connection to the XMPP server was lost before it answered: the outcome is unknown")]
    Unknown,
    /// No answer within the deadline: it may or may not have taken effect.
    #[error("the XMPP server did not answer in time: the outcome is unknown")]
    Timeout,
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    Draining,
}

/// The component link. Cheap to clone; one per process, shared by all requests.
#[derive(Clone)]
pub struct Link {
    conn: Arc<watch::Sender<Option<Conn>>>,
    state: Arc<watch::Sender<LinkState>>,
    grace: Duration,
    /// Callers that may wait for the link to come up.
    patient: Arc<Semaphore>,
    rivals: Arc<Rivals>,
}

impl Link {
    /// Starts the supervisor, which connects and reconnects until [`Link::drain`].
    pub fn start(config: LinkConfig, on_stanza: OnStanza, metrics: LinkMetrics) -> Link {
        let link = Link {
            conn: Arc::new(watch::Sender::new(None)),
            state: Arc::new(watch::Sender::new(LinkState::Down(Arc::default()))),
            grace: config.grace,
            patient: Arc::new(Semaphore::new(config.queue_stanzas.min(Semaphore::MAX_PERMITS))),
            rivals: Arc::default(),
        };
        let (conn, state, rivals) = (link.conn.clone(), link.state.clone(), link.rivals.clone());
        let supervisor = Supervisor { config, on_stanza, metrics, conn, state, rivals };
        tokio::spawn(supervisor.run());
        link
    }

    /// The link's state, to watch.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// The stream that is open now, if one is: to see later whether it still is.
    pub fn stream(&self) -> Option<Conn> {
        self.conn.borrow().clone().filter(|conn| !conn.is_closed())
    }

    /// The open stream, waiting for one until `deadline`, however long callers wait elsewhere.
    ///
    /// # Errors
    /// [`LinkError`] when there is none by then.
    pub async fn back(&self, deadline: Instant) -> Result<Conn, LinkError> {
        self.up(deadline).await
    }

    /// What was seen of other gateways under the same name.
    pub fn rivals(&self) -> Arc<Rivals> {
        self.rivals.clone()
    }

    /// A new stanza id, unique across replicas, that contains the request's id.
    pub fn new_id(&self, call: &Call) -> String {
        id::new_id(&call.request)
    }

    /// Sends an IQ (its id is set here) and waits for the reply: the whole `<iq type='result'|'error'>`.
    ///
    /// # Errors
    /// [`LinkError`] when there is no reply. A reply of type `error` is an `Ok`.
    pub async fn iq(&self, call: &Call, iq: Element) -> Result<Element, LinkError> {
        tree(self.ask(call, iq, false).await?)
    }

    /// As [`Link::iq`], of which a large result comes as its own text: to build a tree costs several times as much as to read
    /// what it says.
    ///
    /// # Errors
    /// As [`Link::iq`].
    pub async fn iq_as_text(&self, call: &Call, iq: Element) -> Result<Received, LinkError> {
        self.ask(call, iq, true).await
    }

    async fn ask(&self, call: &Call, iq: Element, as_text: bool) -> Result<Received, LinkError> {
        let iq = Prepared::iq(iq, StreamKind::Component, &call.request)?;
        let patience = self.patience(call);
        loop {
            match self.up(patience).await?.iq_prepared(call, &iq, as_text).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    /// Sends many IQs with at most `window` unanswered at once; one result each, in the order of the IQs. What is not sent
    /// when the caller's time is up is not sent at all.
    pub async fn iq_all(&self, call: &Call, iqs: Vec<Element>, window: usize) -> Vec<Result<Element, LinkError>> {
        side_by_side(call, iqs, window, |iq| self.iq(call, iq)).await
    }

    /// As [`Link::iq_all`], of replies as [`Link::iq_as_text`] gives them: each is read when it comes, and only what was read
    /// is kept until all have come.
    pub async fn iq_all_reading<T>(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
        read: impl Fn(Received) -> T,
    ) -> Vec<Result<T, LinkError>> {
        let read = &read;
        side_by_side(call, iqs, window, |iq| async move { self.iq_as_text(call, iq).await.map(read) }).await
    }

    /// Sends a stanza and returns when it has been written to the socket.
    ///
    /// # Errors
    /// [`LinkError`] when it was not, or may not have been, written.
    pub async fn send(&self, call: &Call, stanza: &Element) -> Result<(), LinkError> {
        self.send_prepared(call, &Prepared::plain(stanza, StreamKind::Component)?).await
    }

    /// As [`Link::send`], of a stanza that is encoded.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub async fn send_prepared(&self, call: &Call, stanza: &Prepared) -> Result<(), LinkError> {
        let patience = self.patience(call);
        loop {
            match self.up(patience).await?.send_prepared(call, stanza).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    /// Sends a stanza and returns when the server has processed it: a ping queued behind it has come back. One ping
    /// serves many stanzas. `Some` is the error stanza with this stanza's id that came back before the ping (its
    /// attributes and its `<error>`). A stanza without an id gets one.
    ///
    /// # Errors
    /// [`LinkError`] when that was not observed.
    pub async fn send_routed(&self, call: &Call, stanza: &Element) -> Result<Option<Element>, LinkError> {
        let stanza = Prepared::routed(stanza, StreamKind::Component, &call.request)?;
        self.send_routed_prepared(call, &stanza).await
    }

    /// As [`Link::send_routed`], of a stanza that has an id and is encoded.
    ///
    /// # Errors
    /// As [`Link::send_routed`].
    pub async fn send_routed_prepared(&self, call: &Call, stanza: &Prepared) -> Result<Option<Element>, LinkError> {
        self.routed(call, stanza, self.patience(call)).await
    }

    /// As [`Link::send_routed`] for many stanzas, which go out in their order and in as few writes as possible; one result
    /// each, in order.
    pub async fn send_all_routed(&self, call: &Call, stanzas: &[Element]) -> Vec<Result<Option<Element>, LinkError>> {
        let prepare = |stanza| Prepared::routed(stanza, StreamKind::Component, &call.request);
        self.send_all_prepared(call, &stanzas.iter().map(prepare).collect::<Vec<_>>()).await
    }

    /// As [`Link::send_all_routed`], of stanzas that have ids and are encoded before the first is queued, so that they
    /// wait together for the writer.
    pub async fn send_all_prepared(
        &self,
        call: &Call,
        prepared: &[Result<Prepared, EncodeError>],
    ) -> Vec<Result<Option<Element>, LinkError>> {
        let patience = self.patience(call);
        // All are queued on one stream: what this one never writes would else come behind what the next one has written.
        let mut conn = self.up(patience).await;
        let mut queued = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            let routed = match (prepared, &conn) {
                (Ok(stanza), Ok(conn)) => conn.queue_routed(call, stanza).await,
                (Err(error), _) => Err(error.clone().into()),
                (Ok(_), Err(error)) => Err(error.clone()),
            };
            // A queue that stays full is not waited for again with each stanza.
            if matches!(routed, Err(LinkError::Busy)) {
                conn = Err(LinkError::Busy);
            }
            queued.push(routed);
        }
        let mut outcomes = Vec::with_capacity(queued.len());
        for (prepared, routed) in prepared.iter().zip(queued) {
            let outcome = match routed {
                Ok(routed) => routed.outcome(call).await,
                Err(error) => Err(error),
            };
            outcomes.push(match (outcome, prepared) {
                // Never written: once more, on the next connection.
                (Err(LinkError::Down(_)), Ok(stanza)) => self.routed(call, stanza, patience).await,
                (outcome, _) => outcome,
            });
        }
        outcomes
    }

    /// As [`Link::send_prepared`] for many stanzas, one after the other.
    pub async fn write_all_prepared(
        &self,
        call: &Call,
        prepared: &[Result<Prepared, EncodeError>],
    ) -> Vec<Result<Option<Element>, LinkError>> {
        let mut outcomes = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            outcomes.push(match prepared {
                Ok(stanza) => self.send_prepared(call, stanza).await.map(|()| None),
                Err(error) => Err(error.clone().into()),
            });
        }
        outcomes
    }

    /// Stops taking stanzas, waits until nothing is pending or `limit` has passed, flushes, and closes the stream.
    pub async fn drain(&self, limit: Duration) {
        let until = Instant::now() + limit;
        self.state.send_replace(LinkState::Draining);
        let Some(conn) = self.conn.borrow().clone() else { return };
        while !conn.is_idle() && !conn.is_closed() && Instant::now() < until {
            sleep(DRAIN_CHECK).await;
        }
        conn.close(FOOTER).await;
    }

    async fn routed(&self, call: &Call, stanza: &Prepared, patience: Instant) -> Result<Option<Element>, LinkError> {
        loop {
            match self.queue_routed(call, stanza, patience).await?.outcome(call).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    async fn queue_routed(&self, call: &Call, stanza: &Prepared, patience: Instant) -> Result<Routed, LinkError> {
        loop {
            match self.up(patience).await?.queue_routed(call, stanza).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    /// Until when a caller waits for the link to come up.
    fn patience(&self, call: &Call) -> Instant {
        call.deadline.min(Instant::now() + self.grace)
    }

    /// The open stream, waiting for one until `patience` ends.
    async fn up(&self, patience: Instant) -> Result<Conn, LinkError> {
        if *self.state.borrow() == LinkState::Draining {
            return Err(LinkError::Draining);
        }
        if let Some(conn) = self.conn.borrow().as_ref().filter(|conn| !conn.is_closed()) {
            return Ok(conn.clone());
        }
        Box::pin(self.wait_for_conn(patience)).await
    }

    async fn wait_for_conn(&self, patience: Instant) -> Result<Conn, LinkError> {
        let open = |conn: &Option<Conn>| conn.as_ref().is_some_and(|conn| !conn.is_closed());
        let _place = self.patient.try_acquire().map_err(|_| LinkError::Busy)?;
        let (mut conns, mut states) = (self.conn.subscribe(), self.state.subscribe());
        tokio::select! {
            conn = timeout_at(patience.into(), conns.wait_for(open)) => match conn {
                Ok(Ok(conn)) => conn.clone().ok_or_else(|| self.down()),
                _ => Err(self.down()),
            },
            _ = states.wait_for(|state| *state == LinkState::Draining) => Err(LinkError::Draining),
        }
    }

    fn down(&self) -> LinkError {
        match &*self.state.borrow() {
            LinkState::Down(cause) => LinkError::Down(cause.clone()),
            LinkState::Up | LinkState::Stalled(_) => LinkError::Down("the connection was just lost".into()),
            LinkState::Draining => LinkError::Draining,
        }
    }
}

/// Asks with at most `window` questions unanswered at once, as long as the caller has time.
async fn side_by_side<T, Asking: Future<Output = Result<T, LinkError>>>(
    call: &Call,
    iqs: Vec<Element>,
    window: usize,
    ask: impl Fn(Element) -> Asking,
) -> Vec<Result<T, LinkError>> {
    let ask = &ask;
    let ask = |iq| async move {
        match Instant::now() < call.deadline {
            true => ask(iq).await,
            false => Err(LinkError::Timeout),
        }
    };
    futures::stream::iter(iqs.into_iter().map(ask)).buffered(window.max(1)).collect().await
}
