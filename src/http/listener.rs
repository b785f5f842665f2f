//! The listener: accepts a bounded number of connections, times their heads, and ends them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tower::Service;

use super::client_addr::Peer;
use crate::config;
use crate::metrics::Metrics;

/// Pause after an accept that failed for want of resources, which a new attempt at once would only repeat.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Largest head of a request: the request line and its headers, in bytes.
const HEAD_BYTES: usize = 64 << 10;

/// A bound socket that serves a router.
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
    read_time: Duration,
    connections: usize,
    metrics: Metrics,
}

impl Listener {
    /// Binds the socket of `[http]`.
    ///
    /// # Errors
    /// The operating system's, when the address cannot be had.
    pub async fn bind(config: &config::http::Http, metrics: Metrics) -> io::Result<Self> {
        let socket = TcpListener::bind(config.listen).await?;
        let addr = socket.local_addr()?;
        let read_time = Duration::from_secs(config.read_seconds);
        Ok(Self { socket, addr, read_time, connections: config.connections.min(Semaphore::MAX_PERMITS), metrics })
    }

    /// The address that was bound, its port known even when it was asked for as 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop`, which says how long the requests in flight may then still take.
    pub async fn serve(self, router: Router, mut stop: oneshot::Receiver<Duration>) {
        let permits = Arc::new(Semaphore::new(self.connections));
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        let limit = loop {
            let accepted = tokio::select! {
                limit = &mut stop => break limit.unwrap_or_default(),
                accepted = self.accept(&permits) => accepted,
                // Finished tasks are collected as they end, or they would pile up.
                Some(_) = tasks.join_next() => continue,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let held = self.metrics.http.connected();
            let connection = graceful.watch(self.connection(stream, peer, router.clone()));
            tasks.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                drop((held, permit));
            });
        };
        drop(self.socket);
        if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "requests were still in flight at the end of the drain");
        }
        tasks.shutdown().await;
    }

    async fn accept(
        &self,
        permits: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and whole: waiting to fill a segment would only delay them.
                let _ = stream.set_nodelay(true);
                Some((stream, peer, permit))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().call(request)
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.read_time)
            // At most 100 headers are hyper's own bound: to set one, even the same, costs every request a cleared table.
            .max_buf_size(HEAD_BYTES)
            // A caller that hangs up must not stop a request half-way through its stanzas, with a room half made.
            .half_close(true)
            // To copy a small answer behind its head costs less than to write two pieces.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
    }
}
