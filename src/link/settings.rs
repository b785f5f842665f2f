//! What a link is started with: settings, and the handler of what comes unasked; and the state that it then has.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::shared::Shared;
use crate::xml::Element;
use crate::xml::bounds::Bounds;

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
    /// How often it is looked whether somebody else is connected under the name, beside once when the link comes up; `None` is
    /// never.
    pub looks: Option<Duration>,
}

/// Handles a stanza that no waiting caller claimed. Runs on the reading task: it must neither block nor await.
pub type OnStanza = Arc<dyn Fn(&LinkHandle, Element) + Send + Sync>;

/// What the [`OnStanza`] handler may use to answer: it never waits, and drops the answer when the queue is full.
#[derive(Clone)]
pub struct LinkHandle {
    shared: Arc<Shared>,
}

impl LinkHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues an answer, or drops and counts it when the queue is full.
    pub fn try_send(&self, stanza: &Element) {
        self.shared.answer(stanza);
    }
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
