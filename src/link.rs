//! The wire to the XMPP server: connect, authenticate, frame, queue, IQ tracking, keep-alive, reconnect, drain.
//!
//! What a stanza means is not known here. Three kinds of traffic are told apart, because their waiting differs: IQ
//! replies go to whoever asked; error messages that answer one of our own ids are kept until the barrier behind that
//! message has passed; everything else goes to the [`OnStanza`] handler.

mod backoff;
mod barrier;
mod call;
pub mod conn;
mod connect;
pub mod frame;
pub mod id;
mod input;
mod iq;
mod line_ends;
mod look;
mod queries;
mod reader;
mod rivals;
mod sending;
mod settings;
mod shared;
mod stanza;
mod stream_error;
mod supervisor;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout_at};

pub use self::call::{Call, LinkError, Tally, Trace};
use self::conn::Conn;
pub use self::id::is_own;
pub use self::rivals::Rivals;
pub use self::settings::{LinkConfig, LinkHandle, LinkState, OnStanza};
pub use self::stanza::Prepared;
use self::supervisor::Supervisor;
use crate::metrics::LinkMetrics;

/// Longest wait for the server's end of the stream when draining.
const FOOTER: Duration = Duration::from_secs(2);
/// How often draining looks whether something is still in flight.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

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
