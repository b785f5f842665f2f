//! The composition root: link, verbs, APIs and listener put together, and taken apart in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::chat::types::error::ChatError;
use crate::chat::{Chat, LinkState};
use crate::config::Config;
use crate::config::error::ConfigError;
use crate::dialects;
use crate::http::health::{self, Health};
use crate::http::{Web, listener::Listener};
use crate::metrics::Metrics;

/// Beyond the requests' own time, what a request in flight may take to write its answer.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How long the link may take to end what is pending and to close.
const LINK_DRAIN: Duration = Duration::from_secs(10);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The verbs cannot start.
    #[error(transparent)]
    Chat(#[from] ChatError),
}

/// A running gateway.
pub struct Gateway {
    addr: SocketAddr,
    chat: Chat,
    health: Health,
    config: Arc<Config>,
    stop: oneshot::Sender<Duration>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// Checks the configuration, listens, and starts connecting to the XMPP server. It serves at once, and says "not
    /// ready" until the link is up.
    ///
    /// # Errors
    /// [`StartError`]. A server that cannot be reached is none: the link keeps trying.
    pub async fn start(config: Config) -> Result<Gateway, StartError> {
        config.validate()?;
        let config = Arc::new(config);
        let metrics = Metrics::new();
        let web = Web::new(config.http.clone(), metrics.clone());
        let listener = Listener::bind(&web).await.map_err(|error| StartError::Listen(config.http.listen, error))?;
        let addr = listener.addr();
        let chat = Chat::start(Arc::clone(&config), metrics)?;
        chat.records.tend_records();
        let health = Health::new(chat.link_state(), chat.rivals());
        let router = dialects::router(&chat, &config, &web).merge(health::router(web, health.clone()));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(listener.serve(router, stopped));
        tracing::info!(%addr, component = %config.component.name, "listening");
        Ok(Gateway { addr, chat, health, config, stop, server })
    }

    /// The address it listens on, its port known even when it was asked for as 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The link's state, to watch.
    pub fn link_state(&self) -> watch::Receiver<LinkState> {
        self.chat.link_state()
    }

    /// Waits until the link is up.
    ///
    /// # Errors
    /// Why it was not within `limit`.
    pub async fn ready(&self, limit: Duration) -> Result<(), String> {
        let mut state = self.chat.link_state();
        let up = tokio::time::timeout(limit, state.wait_for(|state| *state == LinkState::Up)).await;
        if matches!(up, Ok(Ok(_))) {
            return Ok(());
        }
        self.health.ready()
    }

    /// Ends in order: not ready, a while for load balancers to notice, no more connections, the requests in flight
    /// answered, the link closed.
    pub async fn shutdown(self) {
        let http = &self.config.http;
        self.health.drain();
        tokio::time::sleep(Duration::from_secs(http.drain_delay_seconds)).await;
        let limit = Duration::from_secs(http.request_seconds) + LAST_ANSWERS;
        let _ = self.stop.send(limit);
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the listener failed");
        }
        self.chat.drain(LINK_DRAIN).await;
        tracing::info!("stopped");
    }
}
