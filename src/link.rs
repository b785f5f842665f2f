//! The wire to the XMPP server: connect, authenticate, frame, queue, IQ tracking, keep-alive, reconnect, drain.
//!
//! What a stanza means is not known here. Three kinds of traffic are told apart, because their waiting differs: IQ
//! replies go to whoever asked; error messages that answer one of our own ids are kept until the barrier behind that
//! message has passed; everything else goes to the [`Inbound`] handler.

pub mod conn;
pub mod frame;

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::watch;

use crate::xml::Element;
use crate::xml::encode::EncodeError;
use crate::xml::read::Bounds;

/// On whose behalf something is sent, and until when an answer is of use.
#[derive(Debug, Clone)]
pub struct Call {
    /// The request's id: it is part of every stanza id and of every log line of the request.
    pub request: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// Handles a stanza that no waiting caller claimed. Runs on the reading task: it must neither block nor await.
pub type Inbound = Arc<dyn Fn(&LinkHandle, Element) + Send + Sync>;

/// What the [`Inbound`] handler may use to answer: it never waits, and drops the answer when the queue is full.
#[derive(Clone)]
pub struct LinkHandle {
    _todo: (),
}

impl LinkHandle {
    /// Queues an answer, or drops and counts it when the queue is full.
    pub fn try_send(&self, _stanza: &Element) {
        todo!()
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
    /// Shutting down: nothing new is taken.
    Draining,
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
    _todo: (),
}

impl Link {
    /// Starts the supervisor, which connects and reconnects until [`Link::drain`].
    pub fn start(_config: LinkConfig, _inbound: Inbound, _metrics: crate::metrics::LinkMetrics) -> Link {
        todo!()
    }

    /// The link's state, to watch.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        todo!()
    }

    /// A new stanza id, unique across replicas, that contains the request's id.
    pub fn new_id(&self, _call: &Call) -> String {
        todo!()
    }

    /// Sends an IQ (its id is set here) and waits for the reply: the whole `<iq type='result'|'error'>`.
    ///
    /// # Errors
    /// [`LinkError`] when there is no reply. A reply of type `error` is an `Ok`.
    pub async fn iq(&self, _call: &Call, _iq: Element) -> Result<Element, LinkError> {
        todo!()
    }

    /// Sends a stanza and returns when it has been written to the socket.
    ///
    /// # Errors
    /// [`LinkError`] when it was not, or may not have been, written.
    pub async fn send(&self, _call: &Call, _stanza: &Element) -> Result<(), LinkError> {
        todo!()
    }

    /// Sends a stanza and returns when the server has processed it: a ping queued behind it has come back. One ping
    /// serves every stanza of a write. `Some` is the error stanza with this stanza's id that came back before the ping.
    ///
    /// # Errors
    /// [`LinkError`] when that was not observed.
    pub async fn send_routed(&self, _call: &Call, _stanza: &Element) -> Result<Option<Element>, LinkError> {
        todo!()
    }

    /// Stops taking stanzas, waits until nothing is pending or `limit` has passed, flushes, and closes the stream.
    pub async fn drain(&self, _limit: Duration) {
        todo!()
    }
}
