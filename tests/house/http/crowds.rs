//! One address with many connections, requests, bodies: it takes a part, and all others are served.

use std::time::{Duration, Instant};

use stanzagate::config::access::Auth;
use stanzagate::config::http::Http;
use stanzagate::http::access::Access;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::served::{LARGE, Served, assert_shaped, body, header, open, serve, status};

const ONE: &str = "127.0.0.1";
const OTHER: &str = "127.0.0.2";
const CROWD: usize = 300;
/// Long enough on a machine with much else to do, and far below what holds a connection otherwise.
const SOON: Duration = Duration::from_secs(8);

const ECHO: &[u8] = b"GET /t/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// What nobody reads: several at once, on a connection that is to be kept.
const UNREAD: &str = "GET /t/large HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Connections of one caller, each with `sent` on its way.
async fn crowd(served: &Served, count: usize, sent: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        let mut stream = served.connect_from(ONE).await;
        // One that is refused may be closed already.
        let _ = stream.write_all(sent).await;
        crowd.push(stream);
    }
    crowd
}

/// The other caller is served, soon.
async fn other_is_served(served: &Served, request: &[u8]) {
    let answer = timeout(SOON, served.raw_from(OTHER, request)).await.expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
}

#[tokio::test]
async fn whoever_never_reads_answers_leaves_the_rest_to_others() {
    let served = serve(Http { connections: 40, ..Http::default() }, open()).await;
    let crowd = crowd(&served, CROWD, UNREAD.repeat(3).as_bytes()).await;
    for _ in 0..3 {
        other_is_served(&served, ECHO).await;
    }
    served.until("stanzagate_http_connections", 11).await;
    drop(crowd);
    served.until("stanzagate_http_connections", 1).await;
    assert_eq!(status(&served.raw_from(ONE, ECHO).await), 200);
}

#[tokio::test]
async fn answers_that_nobody_reads_are_given_up() {
    // All of one address, and no share to help: only time does.
    let http = Http { connections: CROWD + 1, address_percent: 100, write_seconds: 1, ..Http::default() };
    let served = serve(http, open()).await;
    let start = Instant::now();
    let crowd = crowd(&served, CROWD, UNREAD.repeat(3).as_bytes()).await;
    served.until("stanzagate_http_connections", 1).await;
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    drop(crowd);
}

#[tokio::test]
async fn heads_that_do_not_come_and_connections_that_idle_are_given_up() {
    let served = serve(Http { read_seconds: 2, ..Http::default() }, open()).await;
    let heads = crowd(&served, CROWD / 3, b"GET /t/echo HTTP/1.1\r\nHost: loc").await;
    let idle = crowd(&served, CROWD / 3, b"").await;
    let kept = crowd(&served, CROWD / 3, b"GET /t/echo HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    other_is_served(&served, ECHO).await;
    served.until("stanzagate_http_connections", 1).await;
    drop((heads, idle, kept));
}

#[tokio::test]
async fn a_slow_reader_gets_his_whole_answer() {
    let served = serve(Http { write_seconds: 4, ..Http::default() }, open()).await;
    let start = Instant::now();
    let mut stream = served.connect_from(ONE).await;
    stream.write_all(UNREAD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let (mut got, mut piece) = (0, vec![0; 64 << 10]);
    loop {
        let read = stream.read(&mut piece).await.expect("the connection was cut off");
        if read == 0 {
            break;
        }
        got += read;
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    assert!(got > LARGE, "{got} bytes");
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_connection_over_the_share_is_told_so() {
    let served = serve(Http { connections: 8, ..Http::default() }, open()).await;
    let held = crowd(&served, 2, UNREAD.as_bytes()).await;
    let answer = served.raw_from(ONE, ECHO).await;
    assert_eq!((status(&answer), header(&answer, "Retry-After")), (503, Some("1")), "{answer}");
    let length = header(&answer, "Content-Length").and_then(|length| length.parse().ok());
    assert_eq!(length, Some(body(&answer).len()), "{answer}");
    assert!(body(&answer).contains("too many connections"), "{answer}");
    served.until("stanzagate_http_over_share_total{what=\"connections\"}", 1).await;
    drop(held);
}

#[tokio::test]
async fn requests_are_shared_out_by_the_callers_address_behind_a_trusted_proxy_too() {
    let trusted_proxies = vec!["127.0.0.3/32".parse().unwrap()];
    let http = Http { requests: 4, trusted_proxies: trusted_proxies.clone(), ..Http::default() };
    let served = serve(http, open()).await;
    let slow = b"GET /t/slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (first, second, other) = tokio::join!(served.raw_from(ONE, slow), served.raw_from(ONE, slow), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        served.raw_from(OTHER, ECHO).await
    });
    let mut both = [status(&first), status(&second)];
    both.sort_unstable();
    assert_eq!((both, status(&other)), ([200, 503], 200));

    // Both of one caller, by whichever of their addresses: their /64.
    let of = |caller: &str| {
        format!("GET /t/slow HTTP/1.1\r\nHost: localhost\r\nX-Real-IP: {caller}\r\nConnection: close\r\n\r\n")
    };
    let (first, second, other) = (of("2001:db8::1"), of("2001:db8::2"), of("2001:db8:0:1::1"));
    let access = Access::new(Auth::None, &[], &["2001:db8::/32".parse().unwrap()]);
    let served = serve(Http { requests: 4, trusted_proxies, ..Http::default() }, access).await;
    let (first, second, other) = tokio::join!(
        served.raw_from("127.0.0.3", first.as_bytes()),
        served.raw_from("127.0.0.3", second.as_bytes()),
        served.raw_from("127.0.0.3", other.as_bytes())
    );
    let mut both = [status(&first), status(&second)];
    both.sort_unstable();
    assert_eq!((both, status(&other)), ([200, 503], 200));
}

#[tokio::test]
async fn bodies_are_shared_out() {
    let http = Http { body_bytes: 1000, bodies_bytes: 4000, address_percent: 50, ..Http::default() };
    let served = serve(http, open()).await;
    let head = "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
    let post = [head.as_bytes(), &[b'x'; 1000]].concat();
    let half = crowd(&served, 2, &post[..post.len() - 1]).await;
    served.until("stanzagate_http_in_flight", 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = served.raw_from(ONE, &post).await;
    assert_shaped(&answer, 503);
    assert_eq!(header(&answer, "retry-after"), Some("1"));
    other_is_served(&served, &post).await;
    for mut stream in half {
        stream.write_all(b"x").await.unwrap();
        assert_eq!(status(&super::served::rest(stream).await), 200);
    }
    assert_eq!(status(&served.raw_from(ONE, &post).await), 200);
}

#[tokio::test]
async fn slow_uploads_leave_places_to_others() {
    let served = serve(Http { address_percent: 50, ..Http::default() }, open()).await;
    let head = "POST /t/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
    let post = [head.as_bytes(), &[b'x'; 1000]].concat();
    let slow = crowd(&served, 4, &post[..post.len() - 1]).await;
    served.until("stanzagate_http_over_share_total{what=\"uploads\"}", 2).await;
    assert_shaped(&served.raw_from(ONE, &post).await, 503);
    other_is_served(&served, &post).await;
    drop(slow);
    served.until("stanzagate_http_connections", 1).await;
    assert_eq!(body(&served.raw_from(ONE, &post).await), "1000");
}

#[tokio::test]
async fn where_anybody_may_call_bodies_are_small_and_refused_at_once() {
    let served = serve(Http::default(), open()).await;
    let ask = async |line: &str, length: usize, sent: usize| {
        let head =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let start = Instant::now();
        let answer = served.raw_from(ONE, &[head.as_bytes(), &vec![b'x'; sent]].concat()).await;
        assert!(start.elapsed() < SOON, "{line} {length}: {:?}", start.elapsed());
        answer
    };
    assert_eq!(status(&ask("POST /t/login", 8192, 8192).await), 200);
    assert_eq!(body(&ask("GET /t/open", 0, 0).await), "open");
    // Whether any of it comes or not.
    for sent in [0, 1, 200_000] {
        assert_shaped(&ask("POST /t/login", 8_000_000, sent).await, 413);
        assert_shaped(&ask("GET /t/open", 8_000_000, sent).await, 413);
    }
    assert_shaped(&ask("GET /t/open", 1, 1).await, 413);
    for path in ["/health/live", "/metrics"] {
        assert_eq!(status(&ask(&format!("GET {path}"), 8_000_000, 0).await), 200);
    }
    assert_eq!(status(&ask("POST /nowhere", 8_000_000, 0).await), 404);
    let chunked =
        b"GET /t/open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(body(&served.raw_from(ONE, chunked).await), "open");
    // One that keeps its small body to itself is not waited for long where there is none.
    let start = Instant::now();
    assert_shaped(&served.raw_from(ONE, &chunked[..chunked.len() - 5]).await, 408);
    assert!(start.elapsed() < SOON);
}
