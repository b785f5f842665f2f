//! The composition root: link, verbs, APIs and listener put together, and taken apart in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::admin;
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
    /// The address cannot be listened on: the setting that names it, and what the system says.
    #[error("cannot listen on {1}, which {0} says: {2}")]
    Listen(&'static str, SocketAddr, #[source] std::io::Error),
    /// The verbs cannot start.
    #[error(transparent)]
    Chat(#[from] ChatError),
}

/// A running gateway.
pub struct Gateway {
    chat: Chat,
    health: Health,
    config: Arc<Config>,
    served: Served,
    admin: Option<Served>,
}

/// A listener with its routes.
struct Served {
    addr: SocketAddr,
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
        let listener = bind("http.listen", &web).await?;
        // Before anything is said to the server: what is wrong here is known at once.
        let admin = match config.admin.enabled {
            true => {
                let web = admin::web(&config, metrics.clone());
                Some((bind("admin.listen", &web).await?, web))
            }
            false => None,
        };
        let chat = Chat::start(Arc::clone(&config), metrics)?;
        chat.records.maintain_records();
        let health = Health::new(chat.link_state(), chat.rivals());
        let router = dialects::router(&chat, &config, &web);
        let served = Served::start(listener, router.merge(health::router(web, health.clone(), "http.metrics_allow")));
        let admin = admin.map(|(listener, web)| {
            Served::start(listener, admin::router(web, health.clone(), chat.clone(), Arc::clone(&config)))
        });
        tracing::info!(
            addr = %served.addr,
            admin = admin.as_ref().map(|admin| tracing::field::display(admin.addr)),
            component = %config.component.name,
            "listening"
        );
        Ok(Gateway { chat, health, config, served, admin })
    }

    /// The address it listens on, its port known even when it was asked for as 0.
    pub fn addr(&self) -> SocketAddr {
        self.served.addr
    }

    /// The address of the admin listener, if there is one.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.addr)
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
        self.served.stop(limit).await;
        self.chat.drain(LINK_DRAIN).await;
        // Last: it says until then that the gateway is not ready.
        if let Some(admin) = self.admin {
            admin.stop(Duration::ZERO).await;
        }
        tracing::info!("stopped");
    }
}

impl Served {
    fn start(listener: Listener, router: Router) -> Served {
        let (stop, stopped) = oneshot::channel();
        Served { addr: listener.addr(), stop, server: tokio::spawn(listener.serve(router, stopped)) }
    }

    /// Takes no more connections, and gives what is in flight so much time.
    async fn stop(self, limit: Duration) {
        let _ = self.stop.send(limit);
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the listener failed");
        }
    }
}

async fn bind(setting: &'static str, web: &Web) -> Result<Listener, StartError> {
    Listener::bind(web).await.map_err(|error| StartError::Listen(setting, web.config().listen, error))
}
