//! Opens one user's session: credentials from the grant, log-in, resource, and the connection that carries stanzas.

use std::time::{Duration, Instant};

use jid::BareJid;
use tracing::debug;

use super::error::OpenError;
use super::gate::{Gate, NEGOTIATION};
use super::grant::Grant;
use super::misdelivered::{self, OnMisdelivered};
use super::negotiate::bind;
use super::{RESOURCE_PREFIX, SessionError};
use crate::config::Config;
use crate::link::conn::{Conn, ConnConfig};
use crate::metrics::LinkMetrics;
use crate::xml::StreamKind;

/// What every session of this process has in common.
pub(super) struct Opener {
    /// The c2s listener.
    pub gate: Gate,
    /// The grant, if one is configured.
    pub grant: Option<Grant>,
    iq_timeout: Duration,
    misdelivered: OnMisdelivered,
    metrics: LinkMetrics,
    /// Tells the sessions of this process from those of its replicas.
    instance: u32,
}

impl Opener {
    /// Reads keys and authorities; nothing is opened.
    ///
    /// # Errors
    /// When the configuration lacks or misstates something.
    pub fn new(config: &Config, metrics: LinkMetrics, misdelivered: OnMisdelivered) -> Result<Opener, SessionError> {
        Ok(Opener {
            gate: Gate::new(&config.c2s)?,
            grant: Grant::new(&config.sessions)?,
            iq_timeout: Duration::from_secs(config.component.iq_timeout_seconds),
            misdelivered,
            metrics,
            instance: rand::random(),
        })
    }

    /// Opens a session of `user`.
    pub async fn open(&self, user: &BareJid) -> Result<Conn, SessionError> {
        let grant = self.grant.as_ref().ok_or(SessionError::NoGrant)?;
        let _place = self.gate.sessions.acquire().await.map_err(|e| SessionError::Connect(e.to_string()))?;
        // Those who queued behind a failing log-in need not repeat it.
        if let Some(cause) = self.gate.blocked() {
            return Err(cause.into());
        }
        let deadline = Instant::now() + NEGOTIATION;
        let conn = match self.log_in(grant, user, deadline).await {
            Err(OpenError::Denied(cause)) => Err(OpenError::Refused(format!("{cause}: {}", grant.hint()))),
            other => other,
        }?;
        debug!(%user, "session opened");
        Ok(conn)
    }

    async fn log_in(&self, grant: &Grant, user: &BareJid, deadline: Instant) -> Result<Conn, OpenError> {
        let (credentials, kept) = grant.credentials(user, deadline).await?;
        let stream = match self.gate.authenticate(user, &credentials, deadline).await {
            // A token kept from before may have died with the server's tables, or with the account.
            Err(OpenError::Denied(_)) if kept => {
                grant.forget(user);
                let (fresh, _) = grant.credentials(user, deadline).await?;
                self.gate.authenticate(user, &fresh, deadline).await
            }
            other => other,
        };
        let stream = match stream {
            Err(error @ OpenError::Denied(_)) => {
                grant.forget(user);
                return Err(error);
            }
            other => other?,
        };
        let resource = format!("{RESOURCE_PREFIX}{:08x}-{:08x}", self.instance, rand::random::<u32>());
        let (_, reader, writer) = bind(stream, user, &resource).await?;
        let on_stanza = misdelivered::handler(user, &self.misdelivered);
        Ok(Conn::start(reader, writer, self.conn_config(user), on_stanza, self.metrics.clone()))
    }

    fn conn_config(&self, user: &BareJid) -> ConnConfig {
        ConnConfig {
            kind: StreamKind::Client,
            from: None,
            server: user.domain().as_str().to_owned(),
            queue_stanzas: 256,
            queue_bytes: 1 << 20,
            busy_wait: Duration::from_millis(50),
            iq_timeout: self.iq_timeout,
            pending: 256,
            keepalive: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(15),
            rivals: None,
        }
    }
}
