//! Keeps the link up: connects, watches, reconnects with pauses, until the link is drained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use super::conn::{Conn, ConnConfig, Ended};
use super::connect::connect;
use super::{Inbound, LinkConfig, LinkState};
use crate::metrics::LinkMetrics;
use crate::xml::StreamKind;

/// Time of health after which the next outage starts with the shortest pause.
const HEALTHY: Duration = Duration::from_secs(30);

pub(super) struct Supervisor {
    pub(super) config: LinkConfig,
    pub(super) inbound: Inbound,
    pub(super) metrics: LinkMetrics,
    /// The open stream. It stays here while the link drains, for what is in flight.
    pub(super) conn: Arc<watch::Sender<Option<Conn>>>,
    pub(super) state: Arc<watch::Sender<LinkState>>,
}

impl Supervisor {
    /// Runs until the link is drained.
    pub(super) async fn run(self) {
        self.metrics.set_up(&self.config.name, false);
        let mut draining = self.state.subscribe();
        tokio::select! {
            () = self.keep_up() => {}
            _ = draining.wait_for(|state| *state == LinkState::Draining) => {}
        }
        self.metrics.set_up(&self.config.name, false);
    }

    async fn keep_up(&self) {
        let mut backoff = Backoff::new(self.config.backoff);
        let mut outage = Outage::default();
        let mut connected = false;
        loop {
            let end = match connect(&self.config).await {
                Ok((frames, writer)) => {
                    let (conn_config, inbound) = (conn_config(&self.config), self.inbound.clone());
                    let conn = Conn::start_counted(frames, writer, conn_config, inbound, self.metrics.clone());
                    if std::mem::replace(&mut connected, true) {
                        self.metrics.reconnects.inc();
                    }
                    info!(address = %self.config.address, component = %self.config.name, "the link is up");
                    let since = Instant::now();
                    self.publish(LinkState::Up, Some(conn.clone()));
                    let end = conn.end().await;
                    if since.elapsed() >= HEALTHY {
                        backoff.reset();
                    }
                    outage = Outage::default();
                    end
                }
                Err(error) => Ended { cause: error.to_string().into(), refused: error.is_refusal(), garbled: false },
            };
            let Ended { cause, refused, garbled } = end;
            let pause = if garbled { backoff.after_garbled(Instant::now()) } else { backoff.next(refused) };
            outage.log(&cause, refused, pause);
            self.publish(LinkState::Down(cause), None);
            tokio::time::sleep(pause).await;
        }
    }

    /// Publishes the state, unless the link is draining: then it stays so, and a new stream is not used.
    fn publish(&self, state: LinkState, conn: Option<Conn>) {
        self.state.send_if_modified(|now| {
            let open = *now != LinkState::Draining;
            if open {
                self.metrics.set_up(&self.config.name, state == LinkState::Up);
                self.conn.send_replace(conn);
                *now = state;
            }
            open
        });
    }
}

fn conn_config(config: &LinkConfig) -> ConnConfig {
    ConnConfig {
        kind: StreamKind::Component,
        from: Some(config.name.clone()),
        server: config.server.clone(),
        queue_stanzas: config.queue_stanzas,
        queue_bytes: config.queue_bytes,
        busy_wait: config.busy_wait,
        iq_timeout: config.iq_timeout,
        pending: config.pending,
        keepalive: config.keepalive,
        keepalive_timeout: config.keepalive_timeout,
    }
}

/// What was already logged of an outage: each refusal once as an error, anything else once as a warning.
#[derive(Default)]
struct Outage {
    logged: Option<Arc<str>>,
}

impl Outage {
    fn log(&mut self, cause: &Arc<str>, refused: bool, pause: Duration) {
        let again = self.logged.as_ref().is_some_and(|logged| !refused || logged == cause);
        match (again, refused) {
            (true, _) => debug!(%cause, ?pause, "the link is still down"),
            (false, true) => error!(%cause, ?pause, "the XMPP server refuses the link"),
            (false, false) => warn!(%cause, ?pause, "the link is down"),
        }
        self.logged = Some(cause.clone());
    }
}
