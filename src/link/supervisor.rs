//! Keeps the link up: connects, watches, reconnects with pauses, until the link is drained.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use super::conn::{Conn, ConnConfig};
use super::connect::connect;
use super::look;
use super::shared::Ended;
use super::{LinkConfig, LinkState, OnStanza, Rivals};
use crate::metrics::LinkMetrics;
use crate::xml::StreamKind;

/// How often, within the time after which the server counts as stalled, it is looked whether it answers.
const LOOKS: u32 = 5;
/// Time of health after which the next outage starts with the shortest pause.
const HEALTHY: Duration = Duration::from_secs(30);

pub(super) struct Supervisor {
    pub(super) config: LinkConfig,
    pub(super) on_stanza: OnStanza,
    pub(super) metrics: LinkMetrics,
    /// The open stream. It stays here while the link drains, for what is in flight.
    pub(super) conn: Arc<watch::Sender<Option<Conn>>>,
    pub(super) state: Arc<watch::Sender<LinkState>>,
    pub(super) rivals: Arc<Rivals>,
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
                    let (conn_config, on_stanza) = (self.conn_config(), self.on_stanza.clone());
                    let conn = Conn::start(frames, writer, conn_config, on_stanza, self.metrics.clone());
                    if std::mem::replace(&mut connected, true) {
                        self.metrics.reconnects.inc();
                    }
                    info!(address = %self.config.address, component = %self.config.name, "the link is up");
                    let since = Instant::now();
                    self.rivals.connected();
                    self.publish(LinkState::Up, Some(conn.clone()));
                    let end = self.follow(&conn).await;
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

    /// Publishes whether the server answers, until the stream has ended.
    async fn follow(&self, conn: &Conn) -> Ended {
        let stall = self.config.stall;
        // While it is stalled: how many pings had been answered before. It goes on when one more has.
        let mut stalled_at = None;
        let end = conn.end();
        tokio::pin!(end);
        let looking = async {
            let Some(every) = self.config.looks else { return std::future::pending::<Infallible>().await };
            look::watch(conn, &self.config.name, every, &self.rivals, &self.metrics).await
        };
        tokio::pin!(looking);
        loop {
            tokio::select! {
                end = &mut end => {
                    self.metrics.set_stalled(&self.config.name, false);
                    return end;
                }
                () = tokio::time::sleep(stall / LOOKS) => {}
                never = &mut looking => match never {},
            }
            let (answered, waiting) = conn.progress(stall / 2);
            match (stalled_at, waiting.filter(|waiting| *waiting >= stall)) {
                (None, Some(waiting)) => {
                    stalled_at = Some(answered);
                    warn!(component = %self.config.name, ?waiting, "the XMPP server is connected but does not answer");
                    self.answers(LinkState::Stalled(stall));
                }
                (Some(before), _) if answered != before => {
                    stalled_at = None;
                    info!(component = %self.config.name, "the XMPP server answers again");
                    self.answers(LinkState::Up);
                }
                _ => {}
            }
        }
    }

    /// Publishes whether the server answers on the open stream.
    fn answers(&self, state: LinkState) {
        self.metrics.set_stalled(&self.config.name, state != LinkState::Up);
        self.state.send_if_modified(|now| {
            let open = *now != LinkState::Draining;
            if open {
                *now = state;
            }
            open
        });
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

    fn conn_config(&self) -> ConnConfig {
        let config = &self.config;
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
            rivals: Some(self.rivals.clone()),
        }
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
