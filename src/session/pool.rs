//! The pool: one session per user, opened once however many ask, kept while it is used, and never more than the bound.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use jid::BareJid;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::SessionError;
use super::opener::Opener;
use super::slots::{Lease, Slots, Ticket};
use crate::link::conn::Conn;
use crate::link::{Call, LinkError};
use crate::metrics::SessionMetrics;

/// How often work that was never written is tried in a new session.
const RETRIES: usize = 2;
/// Longest wait for the server's end of a stream that is being closed.
const CLOSING: Duration = Duration::from_secs(1);

/// The outcome of an opening, once there is one.
type Waiter = watch::Receiver<Option<Result<Conn, SessionError>>>;

/// The pool. The lock is held for book-keeping only, never while anything is awaited.
pub(super) struct Pool {
    opener: Arc<Opener>,
    slots: Mutex<Slots<Conn, Waiter>>,
    idle: Duration,
    reaping: AtomicBool,
    metrics: SessionMetrics,
}

/// A use of a slot, ended when dropped: also when the caller leaves in the middle.
struct Use {
    pool: Arc<Pool>,
    ticket: Ticket,
}

impl Drop for Use {
    fn drop(&mut self) {
        self.pool.slots.lock().release(&self.ticket, Instant::now());
    }
}

/// Gives up a slot whose opening did not come to its end.
struct Opening {
    pool: Arc<Pool>,
    ticket: Ticket,
    done: bool,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.done {
            self.pool.discard(&self.ticket);
        }
    }
}

impl Pool {
    /// An empty pool of at most `max` sessions, each closed when unused for `idle`.
    pub fn new(opener: Arc<Opener>, max: usize, idle: Duration, metrics: SessionMetrics) -> Arc<Pool> {
        let slots = Mutex::new(Slots::new(max));
        Arc::new(Pool { opener, slots, idle, reaping: AtomicBool::new(false), metrics })
    }

    /// Does `work` in the session of `user`. What was certainly not written, because the session had died, is done
    /// again in a new one; what may have been written is not.
    pub async fn run<T, F, Work>(self: &Arc<Self>, call: &Call, user: &BareJid, work: F) -> Result<T, SessionError>
    where
        F: Fn(Conn) -> Work,
        Work: Future<Output = Result<T, LinkError>>,
    {
        let mut left = RETRIES;
        loop {
            let (using, conn) = self.session(call, user).await?;
            let result = work(conn.clone()).await;
            if conn.is_closed() {
                self.discard(&using.ticket);
            }
            match result {
                Err(LinkError::Down(_) | LinkError::Draining) if left > 0 && Instant::now() < call.deadline => {
                    self.discard(&using.ticket);
                    left -= 1;
                }
                other => return other.map_err(SessionError::Link),
            }
        }
    }

    async fn session(self: &Arc<Self>, call: &Call, user: &BareJid) -> Result<(Use, Conn), SessionError> {
        let (using, mut waiter) = match self.enter(user)? {
            (using, Ok(conn)) => return Ok((using, conn)),
            (using, Err(waiter)) => (using, waiter),
        };
        let opened = tokio::time::timeout_at(call.deadline.into(), waiter.wait_for(Option::is_some)).await;
        let outcome = match &opened {
            Ok(Ok(outcome)) => (**outcome).clone(),
            Ok(Err(_)) => Some(Err(SessionError::Connect("opening it was given up".into()))),
            Err(_) => Some(Err(SessionError::Connect("it was not open within the request's time".into()))),
        };
        drop(opened);
        match outcome {
            Some(Ok(conn)) => Ok((using, conn)),
            Some(Err(error)) => Err(error),
            None => Err(SessionError::Connect("opening it has no outcome".into())),
        }
    }

    /// Takes part in the user's session, or in its opening, or begins to open it.
    fn enter(self: &Arc<Self>, user: &BareJid) -> Result<(Use, Result<Conn, Waiter>), SessionError> {
        let using = |ticket| Use { pool: Arc::clone(self), ticket };
        let mut slots = self.slots.lock();
        if slots.is_closed() {
            return Err(SessionError::Link(LinkError::Draining));
        }
        match slots.lease(user) {
            Lease::Open(ticket, conn) if conn.is_closed() => {
                slots.discard(&ticket);
                self.metrics.open.set(count(slots.len()));
            }
            Lease::Open(ticket, conn) => return Ok((using(ticket), Ok(conn))),
            Lease::Opening(ticket, waiter) => return Ok((using(ticket), Err(waiter))),
            Lease::Absent => {}
        }
        if let Some(cause) = self.opener.gate.blocked() {
            return Err(cause.into());
        }
        let (tell, waiter) = watch::channel(None);
        let (ticket, evicted) = slots.reserve(user, waiter.clone()).ok_or(SessionError::Link(LinkError::Busy))?;
        self.metrics.open.set(count(slots.len()));
        drop(slots);
        let opening = Opening { pool: Arc::clone(self), ticket: ticket.clone(), done: false };
        tokio::spawn(Arc::clone(self).open(opening, evicted, tell));
        self.reap();
        Ok((using(ticket), Err(waiter)))
    }

    /// Opens a session in a task of its own: callers may come and leave meanwhile. The evicted one is closed first, so
    /// that the server never sees more sessions than the bound.
    async fn open(
        self: Arc<Self>,
        mut opening: Opening,
        evicted: Option<Conn>,
        tell: watch::Sender<Option<Result<Conn, SessionError>>>,
    ) {
        if let Some(evicted) = evicted {
            evicted.close(CLOSING).await;
        }
        let opened = self.opener.open(&opening.ticket.user).await;
        match &opened {
            Ok(conn) => {
                self.metrics.opened.inc();
                let unwanted = self.slots.lock().opened(&opening.ticket, conn.clone(), Instant::now());
                opening.done = true;
                if let Some(unwanted) = unwanted {
                    tell.send_replace(Some(Err(SessionError::Link(LinkError::Down("the session was closed".into())))));
                    unwanted.close(CLOSING).await;
                    return;
                }
            }
            Err(error) => {
                self.metrics.failures.inc();
                tracing::warn!(user = %opening.ticket.user, %error, "session not opened");
                // The slot goes before the waiters hear of it, so that whoever asks next begins anew.
                drop(opening);
            }
        }
        tell.send_replace(Some(opened));
    }

    fn discard(&self, ticket: &Ticket) {
        let mut slots = self.slots.lock();
        slots.discard(ticket);
        self.metrics.open.set(count(slots.len()));
    }

    /// Starts the one task that closes unused sessions. It ends with the pool.
    fn reap(self: &Arc<Self>) {
        if self.reaping.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool = Arc::downgrade(self);
        let pause = (self.idle / 4).clamp(Duration::from_millis(100), Duration::from_secs(5));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(pool) = pool.upgrade() else { return };
                let Some(before) = Instant::now().checked_sub(pool.idle) else { continue };
                let expired = {
                    let mut slots = pool.slots.lock();
                    let expired = slots.expired(before);
                    pool.metrics.open.set(count(slots.len()));
                    expired
                };
                join_all(expired.iter().map(|conn| conn.close(CLOSING))).await;
            }
        });
    }

    /// Closes the session of `user`.
    pub async fn forget(&self, user: &BareJid) {
        let conn = {
            let mut slots = self.slots.lock();
            let conn = slots.remove(user);
            self.metrics.open.set(count(slots.len()));
            conn
        };
        if let Some(conn) = conn {
            conn.close(CLOSING).await;
        }
    }

    /// Closes all sessions and opens no more.
    pub async fn drain(&self) {
        let open = self.slots.lock().close();
        self.metrics.open.set(0);
        join_all(open.iter().map(|conn| conn.close(CLOSING))).await;
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
