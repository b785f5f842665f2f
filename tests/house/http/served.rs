//! A small dialect behind the real listener, and how to speak with it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use stanzagate::chat::LinkState;
use stanzagate::config::access::{Auth, Key};
use stanzagate::config::http::Http;
use stanzagate::config::secret::Secret;
use stanzagate::http::access::{Access, Caller};
use stanzagate::http::call::CallOf;
use stanzagate::http::health::{self, Health};
use stanzagate::http::listener::Listener;
use stanzagate::http::serve::WholeRequest;
use stanzagate::http::stream::Bounds;
use stanzagate::http::{Outcome, Web};
use stanzagate::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

pub const KEY: &str = "0123456789abcdef";

/// Bytes of the answer of `/t/large`: far more than waits on its way.
pub const LARGE: usize = 4 << 20;

/// A listener that serves, and what a test needs to steer it.
pub struct Served {
    pub addr: SocketAddr,
    pub link: watch::Sender<LinkState>,
    pub health: Health,
    /// Told by `/t/slow` when it is done.
    pub done: Arc<Notify>,
    pub stop: oneshot::Sender<Duration>,
    pub server: JoinHandle<()>,
}

pub fn shape(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "ret": false, "errmsg": text }))).into_response()
}

pub fn open() -> Access {
    Access::new(Auth::None, &[], &[])
}

pub fn keyed(rate: Option<u32>) -> Access {
    let rate = rate.and_then(NonZeroU32::new);
    let key = Key { name: "crm".into(), key: Secret::new(KEY), domains: Vec::new(), requests_per_second: rate };
    Access::new(Auth::Key, &[key], &[])
}

async fn echo(CallOf(call): CallOf, caller: Caller, body: Bytes) -> impl IntoResponse {
    (Outcome("echoed"), format!("{} {:?} {} {}", call.request, caller.name, caller.addr, body.len()))
}

async fn verb(_: Arc<Notify>, asked: Box<WholeRequest>) -> Response {
    let WholeRequest { call, caller, head, body } = &*asked;
    (Outcome("ok"), format!("{} {} {:?} {} {}", head.method, call.request, caller.name, caller.addr, body.len()))
        .into_response()
}

fn sudden(_: Arc<Notify>, _: Box<WholeRequest>) -> std::future::Ready<Response> {
    panic!("before there is anything to wait for")
}

async fn slow(State(done): State<Arc<Notify>>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(400)).await;
    done.notify_one();
    "slow but done"
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn upload(body: Body) -> String {
    axum::body::to_bytes(body, usize::MAX).await.map_or_else(|_| "broken".into(), |bytes| bytes.len().to_string())
}

async fn hangs() -> &'static str {
    std::future::pending().await
}

pub async fn serve(config: Http, access: Access) -> Served {
    let config = Http { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..config };
    let metrics = Metrics::new();
    let (link, state) = watch::channel(LinkState::Down("connection refused".into()));
    let health = Health::new(state, Arc::default());
    let web = Web::new(config, metrics);
    let listener = Listener::bind(&web).await.unwrap();
    let done = Arc::new(Notify::new());
    let router = web
        .dialect("test", shape, access)
        .route("echo", "/t/echo", post(echo).get(echo))
        .route("slow", "/t/slow", get(slow))
        .route("panics", "/t/panics", get(panics))
        .route("hangs", "/t/hangs", get(hangs))
        .route("erase", "/t/echo", delete(|| async { "erased" }))
        .verb("verb", "/t/verb", verb)
        .verb("sudden", "/t/sudden", sudden)
        .route("large", "/t/large", get(|| async { vec![b'x'; LARGE] }))
        .stream_route("upload", "/t/upload", Bounds { bytes: 1 << 20, at_once: 4 }, post(upload))
        .open_route("open", "/t/open", get(|| async { "open" }))
        .open_route("login", "/t/login", post(echo))
        .finish(Arc::clone(&done))
        .merge(health::router(web, health.clone(), "http.metrics_allow"));
    let addr = listener.addr();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(listener.serve(router, stopped));
    Served { addr, link, health, done, stop, server }
}

impl Served {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// A connection of a caller with the address `ip`.
    pub async fn connect_from(&self, ip: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        socket.connect(self.addr).await.unwrap()
    }

    /// A request on a connection of such a caller, and all that comes until it is closed.
    pub async fn raw_from(&self, ip: &str, bytes: &[u8]) -> String {
        let mut stream = self.connect_from(ip).await;
        stream.write_all(bytes).await.unwrap();
        rest(stream).await
    }

    /// Waits until the metric has that value.
    pub async fn until(&self, metric: &str, value: i64) {
        let line = format!("{metric} {value}\n");
        let mut seen = String::new();
        for _ in 0..600 {
            seen = self
                .raw_from("127.0.0.9", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .await;
            if seen.contains(&line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{metric} does not become {value}: {seen}");
    }

    /// Sends raw bytes and returns all that comes until the connection is closed.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(stream).await
    }

    pub async fn get(&self, path: &str, headers: &str) -> String {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").as_bytes())
            .await
    }

    pub async fn post(&self, body: &[u8], headers: &str) -> String {
        let head = format!(
            "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }
}

pub async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the connection stayed open").unwrap();
    String::from_utf8(answer).unwrap()
}

pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The refusal has the dialect's own shape.
pub fn assert_shaped(answer: &str, expected: u16) {
    assert_eq!(status(answer), expected, "{answer}");
    assert!(body(answer).starts_with("{\"ret\":false,\"errmsg\":\""), "{answer}");
    assert!(header(answer, "x-request-id").is_some(), "{answer}");
}
