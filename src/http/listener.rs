//! The listener: accepts a bounded number of connections, of one address no more than its share, times their heads and
//! their answers, and ends them in order.

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
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tower::Service;

use super::Web;
use super::client_addr::{Peer, is_in};
use super::patient::Patient;
use super::share::Thing;
use crate::clock;
use crate::log_limit::LogLimit;

/// Pause after an accept that failed for want of resources, which a new attempt at once would only repeat.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// At most so often the log says that it failed.
const ACCEPT_SAID: Duration = Duration::from_secs(1);

/// Bytes of an answer that the operating system holds for a caller who has not taken them yet. What it would take by itself
/// is megabytes, of which nothing says for minutes that they are being read.
const SEND_BYTES: usize = 128 << 10;

/// The answer to a connection too many of one address.
const REFUSED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\n{\"error\":\"this address has too many connections at once\"}\n";

/// The answer while the machine's clock is not set.
const NO_TIME: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\
    Retry-After: 5\r\nConnection: close\r\n\r\n{\"error\":\"the clock of the gateway's machine is not set\"}\n";

/// Connections that get such an answer at once; more are closed without a word.
const REFUSED_AT_ONCE: usize = 64;

/// How long each of them may take to send its request and read that.
const REFUSED_TIME: Duration = Duration::from_secs(1);

/// Largest head of a request: the request line and its headers, in bytes.
const HEAD_BYTES: usize = 64 << 10;

/// A bound socket that serves a router.
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
    web: Web,
    failures: LogLimit,
    /// Whether the machine's clock is set.
    in_time: fn() -> bool,
}

impl Listener {
    /// Binds the socket of `[http]`.
    ///
    /// # Errors
    /// The operating system's, when the address cannot be had.
    pub async fn bind(web: &Web) -> io::Result<Self> {
        let socket = TcpListener::bind(web.config().listen).await?;
        // Connections inherit it.
        SockRef::from(&socket).set_send_buffer_size(SEND_BYTES)?;
        let addr = socket.local_addr()?;
        Ok(Self { socket, addr, web: web.clone(), failures: LogLimit::new(ACCEPT_SAID), in_time: clock::is_set })
    }

    /// The address that was bound, its port known even when it was asked for as 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop`, which says how long the requests in flight may then still take.
    pub async fn serve(self, router: Router, mut stop: oneshot::Receiver<Duration>) {
        let permits = Arc::new(Semaphore::new(self.web.config().connections.min(Semaphore::MAX_PERMITS)));
        let refused = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        if !(self.in_time)() {
            tracing::error!("the machine's clock stands before 1970: calls are answered when it is set");
        }
        let limit = loop {
            let accepted = tokio::select! {
                limit = &mut stop => break limit.unwrap_or_default(),
                accepted = self.accept(&permits) => accepted,
                // Finished tasks are collected as they end, or they would pile up.
                Some(_) = tasks.join_next() => continue,
            };
            let Some((stream, addr, permit)) = accepted else { continue };
            // hyper panics at a date that it cannot write.
            if !(self.in_time)() {
                if let Ok(place) = Arc::clone(&refused).try_acquire_owned() {
                    tasks.spawn(refuse(stream, place, NO_TIME));
                }
                continue;
            }
            let peer = self.peer(addr);
            let taken = peer.part.as_ref().map(|part| part.take(Thing::Connections, 1).ok_or(())).transpose();
            let Ok(taken) = taken else {
                if let Ok(place) = Arc::clone(&refused).try_acquire_owned() {
                    tasks.spawn(refuse(stream, place, REFUSED));
                }
                continue;
            };
            let held = self.web.metrics().http.connected();
            let connection = graceful.watch(self.connection(stream, peer, router.clone()));
            tasks.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%addr, %error, "connection ended");
                }
                drop((held, permit, taken));
            });
        };
        drop(self.socket);
        if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "requests were still in flight at the end of the drain");
        }
        tasks.shutdown().await;
    }

    /// The other end of a connection. Trusted proxies have no share: each of their callers has one.
    fn peer(&self, addr: SocketAddr) -> Peer {
        let shared = &self.web.shared;
        let trusted = is_in(&shared.config.trusted_proxies, addr.ip().to_canonical());
        Peer { addr, part: if trusted { None } else { shared.shares.part(addr.ip()) } }
    }

    async fn accept(&self, permits: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and whole: waiting to fill a segment would only delay them.
                let _ = stream.set_nodelay(true);
                Some((stream, peer, permit))
            }
            Err(error) => {
                if let Some(times) = self.failures.say() {
                    tracing::warn!(%error, times, "connections could not be accepted");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: Peer,
        router: Router,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            router.clone().call(request)
        });
        let config = self.web.config();
        let stream = Patient::new(stream, Duration::from_secs(config.write_seconds));
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(config.read_seconds))
            // At most 100 headers are hyper's own bound: to set one, even the same, costs every request a cleared table.
            .max_buf_size(HEAD_BYTES)
            // A caller that hangs up must not stop a request half-way through its stanzas, with a room half made.
            .half_close(true)
            // To copy a small answer behind its head costs less than to write two pieces.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
    }
}

/// Says why a connection is not served, to whoever sends a request and listens.
async fn refuse(mut stream: TcpStream, _place: OwnedSemaphorePermit, why: &'static [u8]) {
    let said = async {
        stream.write_all(why).await?;
        stream.shutdown().await?;
        // Closed before the request is here, the answer would be lost.
        stream.read(&mut [0; 4096]).await
    };
    let _ = tokio::time::timeout(REFUSED_TIME, said).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[tokio::test]
    async fn without_a_clock_nothing_is_served_and_nothing_panics() {
        let config = crate::config::http::Http { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        let listener = Listener::bind(&Web::new(config, Metrics::new())).await.unwrap();
        let (addr, listener) = (listener.addr(), Listener { in_time: || false, ..listener });
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(listener.serve(Router::new(), stopped));
        for _ in 0..3 {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.starts_with("HTTP/1.1 503 ") && head.contains(&format!("Content-Length: {}\r\n", body.len())),
                "{answer}"
            );
            assert!(body.contains("clock"), "{answer}");
        }
        stop.send(Duration::ZERO).unwrap();
        served.await.unwrap();
    }
}
