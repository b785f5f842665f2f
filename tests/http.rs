//! What surrounds every request, over real connections to the real listener with a small dialect behind it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
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
use stanzagate::http::serve::Asked;
use stanzagate::http::{Outcome, Web};
use stanzagate::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

const KEY: &str = "0123456789abcdef";

/// A listener that serves, and what a test needs to steer it.
struct Served {
    addr: SocketAddr,
    link: watch::Sender<LinkState>,
    health: Health,
    /// Told by `/t/slow` when it is done.
    done: Arc<Notify>,
    stop: oneshot::Sender<Duration>,
    server: JoinHandle<()>,
}

fn shape(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "ret": false, "errmsg": text }))).into_response()
}

fn open() -> Access {
    Access::new(Auth::None, &[], &[])
}

fn keyed(rate: Option<u32>) -> Access {
    let rate = rate.and_then(NonZeroU32::new);
    let key = Key { name: "crm".into(), key: Secret::new(KEY), domains: Vec::new(), requests_per_second: rate };
    Access::new(Auth::Key, &[key], &[])
}

async fn echo(CallOf(call): CallOf, caller: Caller, body: Bytes) -> impl IntoResponse {
    (Outcome("echoed"), format!("{} {:?} {} {}", call.request, caller.name, caller.addr, body.len()))
}

async fn verb(_: Arc<Notify>, asked: Box<Asked>) -> Response {
    let Asked { call, caller, head, body } = &*asked;
    (Outcome("ok"), format!("{} {} {:?} {} {}", head.method, call.request, caller.name, caller.addr, body.len()))
        .into_response()
}

fn sudden(_: Arc<Notify>, _: Box<Asked>) -> std::future::Ready<Response> {
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

async fn hangs() -> &'static str {
    std::future::pending().await
}

async fn serve(config: Http, access: Access) -> Served {
    let config = Http { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..config };
    let metrics = Metrics::new();
    let listener = Listener::bind(&config, metrics.clone()).await.unwrap();
    let (link, state) = watch::channel(LinkState::Down("connection refused".into()));
    let health = Health::new(state);
    let web = Web::new(config, metrics);
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
        .open_route("open", "/t/open", get(|| async { "open" }))
        .finish(Arc::clone(&done))
        .merge(health::router(web, health.clone()));
    let addr = listener.addr();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(listener.serve(router, stopped));
    Served { addr, link, health, done, stop, server }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends raw bytes and returns all that comes until the connection is closed.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(stream).await
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").as_bytes()).await
    }

    async fn post(&self, body: &[u8], headers: &str) -> String {
        let head = format!(
            "POST /t/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the connection stayed open").unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The refusal has the dialect's own shape.
fn assert_shaped(answer: &str, expected: u16) {
    assert_eq!(status(answer), expected, "{answer}");
    assert!(body(answer).starts_with("{\"ret\":false,\"errmsg\":\""), "{answer}");
    assert!(header(answer, "x-request-id").is_some(), "{answer}");
}

#[tokio::test]
async fn a_request_has_an_id_the_callers_own_if_it_is_harmless() {
    let served = serve(Http::default(), open()).await;
    let answer = served.post(b"hello", "X-Request-Id: order-66.b_1\r\n").await;
    assert_eq!(header(&answer, "x-request-id"), Some("order-66.b_1"));
    assert_eq!(body(&answer), "order-66.b_1 None 127.0.0.1 5");
    let mut made = Vec::new();
    for given in ["", "X-Request-Id: \r\n", "X-Request-Id: a b\r\n", &format!("X-Request-Id: {}\r\n", "a".repeat(65))] {
        let answer = served.post(b"", given).await;
        let id = header(&answer, "x-request-id").unwrap().to_owned();
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert!(body(&answer).starts_with(&id), "{answer}");
        made.push(id);
    }
    made.dedup();
    assert_eq!(made.len(), 4);
}

#[tokio::test]
async fn connections_are_kept_and_bodies_come_in_any_form() {
    let served = serve(Http::default(), open()).await;
    let requests = "POST /t/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n\
                    POST /t/echo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let answers = served.raw(requests.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("127.0.0.1 7") && answers.ends_with("127.0.0.1 2"), "{answers}");

    let mut stream = served.connect().await;
    let head =
        "POST /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut word = [0; 25];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert!(rest(stream).await.ends_with("127.0.0.1 5"));
}

#[tokio::test]
async fn a_body_over_the_bound_is_413_however_it_comes() {
    let served = serve(Http { body_bytes: 1000, ..Http::default() }, open()).await;
    assert_eq!(status(&served.post(&[b'x'; 1000], "").await), 200);
    assert_shaped(&served.post(&[b'x'; 1001], "").await, 413);
    let chunks = format!(
        "POST /t/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}0\r\n\r\n",
        format!("258\r\n{}\r\n", "x".repeat(600)).repeat(2)
    );
    assert_shaped(&served.raw(chunks.as_bytes()).await, 413);
    // The caller who asks first gets the answer, not the word to go on.
    let head = "POST /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n";
    assert_shaped(&served.raw(head.as_bytes()).await, 413);

    let served = serve(Http::default(), open()).await;
    assert_shaped(&served.post(&vec![b'x'; 10_000_000], "").await, 413);
    assert_eq!(status(&served.post(b"after", "").await), 200);
}

#[tokio::test]
async fn bodies_together_are_bounded_too() {
    let served = serve(Http { body_bytes: 600, bodies_bytes: 1000, ..Http::default() }, open()).await;
    let mut first = served.connect().await;
    let head = b"POST /t/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 600\r\n\r\n";
    first.write_all(&[&head[..], &[b'x'; 599]].concat()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = served.post(&[b'x'; 600], "").await;
    assert_shaped(&answer, 503);
    assert_eq!(header(&answer, "retry-after"), Some("1"));
    first.write_all(b"x").await.unwrap();
    assert_eq!(status(&rest(first).await), 200);
    assert_eq!(status(&served.post(&[b'x'; 600], "").await), 200);
}

#[tokio::test]
async fn callers_without_a_right_are_refused_in_the_apis_own_shape() {
    let served = serve(Http::default(), keyed(None)).await;
    for wrong in ["", "X-Api-Key: wrong\r\n", "Authorization: Bearer 0123456789abcdeg\r\n", "Authorization: é\r\n"] {
        let answer = served.post(&[b'x'; 100_000], wrong).await;
        assert_shaped(&answer, 401);
        assert_eq!(header(&answer, "www-authenticate"), Some("Bearer"));
    }
    let answer = served.post(b"", &format!("Authorization: Bearer {KEY}\r\n")).await;
    assert!(body(&answer).contains("Some(\"crm\")"), "{answer}");
    let answer = served
        .raw(
            format!(
                "PUT /t/echo HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        )
        .await;
    assert_shaped(&answer, 405);
    assert!(header(&answer, "allow").is_some(), "{answer}");
    assert_eq!(body(&served.get("/t/open", "").await), "open");
    let answer = served.get("/nowhere", "").await;
    assert_eq!((status(&answer), body(&answer)), (404, "{\"error\":\"there is nothing at this path\"}"));
}

#[tokio::test]
async fn a_proxys_word_counts_only_when_the_proxy_is_trusted() {
    let direct = serve(Http::default(), open()).await;
    assert_eq!(status(&direct.get("/t/echo", "").await), 200);
    assert_shaped(&direct.get("/t/echo", "X-Forwarded-For: 127.0.0.1\r\n").await, 403);

    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let proxied = serve(
        Http { trusted_proxies, ..Http::default() },
        Access::new(Auth::None, &[], &["192.0.2.0/24".parse().unwrap()]),
    )
    .await;
    let answer = proxied.get("/t/echo", "X-Forwarded-For: 127.0.0.1, 192.0.2.7\r\n").await;
    assert!(body(&answer).contains(" 192.0.2.7 "), "{answer}");
    assert_shaped(&proxied.get("/t/echo", "X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n").await, 403);
    assert_shaped(&proxied.get("/t/echo", "X-Real-IP: 198.51.100.1\r\n").await, 403);
    assert_shaped(&proxied.get("/t/echo", "").await, 403);
}

#[tokio::test]
async fn too_often_is_429_and_too_many_at_once_is_503() {
    let served = serve(Http::default(), keyed(Some(1))).await;
    let key = format!("X-Api-Key: {KEY}\r\n");
    assert_eq!(status(&served.post(b"", &key).await), 200);
    let answer = served.post(b"", &key).await;
    assert_shaped(&answer, 429);
    assert_eq!(header(&answer, "retry-after"), Some("1"));

    let served = serve(Http { requests: 1, ..Http::default() }, open()).await;
    let (first, second) = tokio::join!(served.get("/t/slow", ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (served.get("/t/echo", "").await, served.get("/health/live", "").await)
    });
    assert_eq!(status(&first), 200);
    assert_shaped(&second.0, 503);
    assert_eq!(header(&second.0, "retry-after"), Some("1"));
    assert_eq!(status(&second.1), 200);
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
}

#[tokio::test]
async fn slow_callers_are_cut_off() {
    let served = serve(Http { read_seconds: 1, ..Http::default() }, open()).await;
    let start = Instant::now();
    let mut head = served.connect().await;
    head.write_all(b"POST /t/echo HTTP/1.1\r\nHost:").await.unwrap();
    let part = b"POST /t/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc";
    let (head, body) = tokio::join!(rest(head), served.raw(part));
    assert_eq!(head, "");
    assert_shaped(&body, 408);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
}

#[tokio::test]
async fn a_handler_that_panics_or_hangs_harms_nobody_else() {
    let served = serve(Http { request_seconds: 1, ..Http::default() }, open()).await;
    assert_shaped(&served.get("/t/panics", "").await, 500);
    let (hung, other) = tokio::join!(served.get("/t/hangs", ""), served.get("/t/echo", ""));
    assert_shaped(&hung, 504);
    assert_eq!(status(&other), 200);
}

#[tokio::test]
async fn a_verb_takes_whole_requests_of_every_method_within_the_same_bounds() {
    let served = serve(Http { body_bytes: 1000, ..Http::default() }, keyed(None)).await;
    let key = format!("X-Api-Key: {KEY}\r\nX-Request-Id: r-1\r\n");
    let ask = async |method: &str, path: &str, headers: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
        served.raw(format!("{head}{headers}\r\n{body}").as_bytes()).await
    };
    for (method, path, sent) in [("POST", "/t/verb", "hello"), ("GET", "/t/verb/", ""), ("BREW", "/t/verb?x=y", "")] {
        let answer = ask(method, path, &key, sent).await;
        assert_eq!((status(&answer), header(&answer, "x-request-id")), (200, Some("r-1")), "{answer}");
        assert_eq!(body(&answer), format!("{method} r-1 Some(\"crm\") 127.0.0.1 {}", sent.len()));
    }
    let answer = ask("HEAD", "/t/verb", &key, "").await;
    assert_eq!((status(&answer), header(&answer, "content-length"), body(&answer)), (200, Some("32"), ""));
    assert_shaped(&ask("POST", "/t/verb", "", "hello").await, 401);
    assert_shaped(&ask("POST", "/t/verb", &key, &"x".repeat(1001)).await, 413);
    assert_shaped(&ask("POST", "/t/sudden", &key, "").await, 500);
}

#[tokio::test]
async fn methods_of_one_path_may_be_endpoints_of_their_own() {
    let served = serve(Http::default(), open()).await;
    let delete = "DELETE /t/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(body(&served.raw(delete.as_bytes()).await), "erased");
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
    let answer = served.raw(delete.replace("DELETE", "PUT").as_bytes()).await;
    assert_shaped(&answer, 405);
    let mut allowed: Vec<&str> = header(&answer, "allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "POST"]);
    let metrics = served.get("/metrics", "").await;
    for endpoint in ["endpoint=\"erase\",outcome=\"ok\"", "endpoint=\"echo\",outcome=\"echoed\""] {
        assert!(metrics.contains(&format!("http_requests_total{{dialect=\"test\",{endpoint}}} 1")), "{metrics}");
    }
}

#[tokio::test]
async fn a_head_of_more_than_a_hundred_headers_is_refused() {
    let served = serve(Http::default(), open()).await;
    // Host and Connection are two of them.
    for (more, expected) in [(98, 200), (99, 431)] {
        assert_eq!(status(&served.get("/t/open", &"X: y\r\n".repeat(more)).await), expected);
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_what_he_began() {
    let served = serve(Http::default(), open()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /t/slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), served.done.notified()).await.expect("the handler was dropped");
}

#[tokio::test]
async fn health_follows_the_link_and_metrics_count_by_outcome() {
    let served = serve(Http::default(), open()).await;
    assert_eq!(status(&served.get("/health/live", "").await), 200);
    let answer = served.get("/health/ready", "").await;
    let reason = "{\"status\":\"not ready\",\"reason\":\"the XMPP server is not connected: connection refused\"}";
    assert_eq!((status(&answer), body(&answer)), (503, reason));
    served.link.send(LinkState::Up).unwrap();
    assert_eq!(status(&served.get("/health/ready", "").await), 200);
    served.health.drain();
    assert_eq!(status(&served.get("/health/ready", "").await), 503);
    assert_eq!(status(&served.get("/health/live", "").await), 200);

    served.get("/t/echo", "").await;
    served.get("/t/panics", "").await;
    let answer = served.get("/metrics", "").await;
    assert!(header(&answer, "content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "stanzagate_http_requests_total{dialect=\"test\",endpoint=\"echo\",outcome=\"echoed\"} 1",
        "stanzagate_http_requests_total{dialect=\"test\",endpoint=\"panics\",outcome=\"panic\"} 1",
        "stanzagate_http_request_seconds_count{dialect=\"test\",endpoint=\"echo\"} 1",
        "stanzagate_http_in_flight 0",
        "stanzagate_http_connections 1",
        "# EOF",
    ] {
        assert!(answer.contains(line), "{line} is not in {answer}");
    }
    assert_eq!(status(&served.get("/metrics", "X-Forwarded-For: 127.0.0.1\r\n").await), 403);
}

#[tokio::test]
async fn at_shutdown_what_is_in_flight_is_answered_and_nothing_new_is_taken() {
    let served = serve(Http::default(), open()).await;
    let addr = served.addr;
    let idle = served.connect().await;
    let mut kept = served.connect().await;
    kept.write_all(b"GET /t/slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    served.stop.send(Duration::from_secs(5)).unwrap();
    let start = Instant::now();
    served.server.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "an idle connection held the drain up: {:?}", start.elapsed());
    assert!(TcpStream::connect(addr).await.is_err());
    let answer = rest(kept).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (200, Some("close")));
    assert!(answer.ends_with("slow but done"));
    drop(idle);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let served = serve(Http { connections: 1, ..Http::default() }, open()).await;
    let mut first = served.connect().await;
    first.write_all(b"GET /t/echo HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 512]).await.unwrap() > 0);
    let waiting = tokio::time::timeout(Duration::from_millis(300), served.get("/t/echo", ""));
    assert!(waiting.await.is_err(), "a second connection was served");
    drop(first);
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
}

/// Collects log lines.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_request_and_caller_but_neither_query_nor_body_nor_key() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let served = serve(Http::default(), keyed(None)).await;
    let request = format!(
        "POST /t/echo?p=pass-word HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {KEY}\r\nX-Request-Id: r-1\r\nContent-Length: 9\r\n\r\nbody-text"
    );
    assert_eq!(status(&served.raw(request.as_bytes()).await), 200);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = log.lines().find(|line| line.contains("stanzagate::access")).unwrap_or_else(|| panic!("no line: {log}"));
    for part in ["r-1", "POST", "/t/echo", "200", "echoed", "crm", "127.0.0.1"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    for secret in ["pass-word", "body-text", KEY] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
