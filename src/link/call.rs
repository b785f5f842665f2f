//! On whose behalf stanzas are sent, and what can go wrong with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::clock::now_ms;
use crate::config::server::Wait;
use crate::xml::encode::EncodeError;

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
    /// What became of its messages so far.
    pub tally: Arc<Tally>,
    /// The trace that the caller's request is part of, for requests that are made for it.
    pub trace: Option<Arc<Trace>>,
}

/// How many messages a call is about, one for each recipient, and how many of them failed.
#[derive(Debug, Default)]
pub struct Tally {
    messages: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    /// Counts one.
    pub fn count(&self, sent: bool) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        if !sent {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were, and how many of them failed.
    pub fn read(&self) -> (usize, usize) {
        (self.messages.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// A trace as callers name it (W3C Trace Context), passed on as it came: the gateway records no spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The header `traceparent`.
    pub parent: Box<str>,
    /// The header `tracestate`.
    pub state: Option<Box<str>>,
}

impl Trace {
    /// The headers that pass it on.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let state = self.state.as_deref().map(|state| ("tracestate", state));
        std::iter::once(("traceparent", &*self.parent)).chain(state)
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        self.parent.split('-').nth(1).unwrap_or_default()
    }
}

impl Call {
    /// A call that waits for what the configuration says.
    pub fn new(request: Arc<str>, deadline: Instant) -> Call {
        Call::counted(request, deadline, Arc::default())
    }

    /// The same, whose messages are counted there.
    pub fn counted(request: Arc<str>, deadline: Instant, tally: Arc<Tally>) -> Call {
        Call { request, deadline, wait: None, begun_ms: now_ms(), tally, trace: None }
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
