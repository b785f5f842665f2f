//! The way to the c2s listener for everyone who logs in: one breaker, and a bound on log-ins at once.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jid::BareJid;
use tokio::sync::Semaphore;
use tracing::warn;

use super::SessionError;
use super::breaker::Breaker;
use super::error::OpenError;
use super::negotiate::authenticate;
use super::sasl::Credentials;
use super::stream::Stream;
use super::tls::Endpoint;
use crate::config::c2s::C2s;

/// Log-ins at once of each sort: sessions, and password checks, which must not starve them.
const LOGINS: usize = 16;
/// Longest time from the connection to the bound resource.
pub(super) const NEGOTIATION: Duration = Duration::from_secs(10);

/// The c2s listener, guarded.
pub(super) struct Gate {
    endpoint: Endpoint,
    breaker: Breaker,
    /// Logged once, until somebody is let in again.
    banned: AtomicBool,
    /// Places of those who open a session.
    pub sessions: Semaphore,
    /// Places of those who check a password.
    pub checks: Semaphore,
}

impl Gate {
    /// Reads the trusted authorities.
    ///
    /// # Errors
    /// As [`Endpoint::new`].
    pub fn new(config: &C2s) -> Result<Gate, SessionError> {
        Ok(Gate {
            endpoint: Endpoint::new(config)?,
            breaker: Breaker::default(),
            banned: AtomicBool::new(false),
            sessions: Semaphore::new(LOGINS),
            checks: Semaphore::new(LOGINS),
        })
    }

    /// The cause, while the listener was found unreachable a moment ago, or closed to this gateway.
    pub fn blocked(&self) -> Option<OpenError> {
        self.breaker.cause()
    }

    /// Authenticates as `user`, at once or not at all while the listener is known to be unreachable.
    pub async fn authenticate(
        &self,
        user: &BareJid,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<Stream, OpenError> {
        if let Some(cause) = self.blocked() {
            return Err(cause);
        }
        let result = authenticate(&self.endpoint, user, credentials, deadline).await;
        match &result {
            Err(error @ OpenError::Banned(cause)) => {
                if !self.banned.swap(true, Ordering::Relaxed) {
                    warn!(%cause, "the XMPP server lets the gateway log nobody in");
                }
                self.breaker.trip(error.clone());
            }
            Err(error @ OpenError::Unreachable(_)) => self.breaker.trip(error.clone()),
            _ => {
                self.banned.store(false, Ordering::Relaxed);
                self.breaker.reset();
            }
        }
        result
    }

    /// The listener as it is reached from another address of this machine, to try what would harm the gateway's own; `None`
    /// where that is no way to it.
    pub async fn from(&self, source: Ipv4Addr) -> Option<Endpoint> {
        self.endpoint.from(source).await
    }
}
