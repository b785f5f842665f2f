//! What is bounded: bodies, heads, requests, time, connections.

use std::time::{Duration, Instant};

use stanzagate::config::http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::served::{KEY, assert_shaped, header, keyed, open, rest, serve, status};

#[tokio::test]
async fn a_body_over_the_bound_is_413_however_it_comes() {
    let served = serve(Http { body_bytes: 1000, ..Http::default() }, open()).await;
    assert_eq!(status(&served.post(&[b'x'; 1000], "").await), 200);
    assert_shaped(&served.post(&[b'x'; 1001], "").await, 413);
    let chunks = format!(
        "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}0\r\n\r\n",
        format!("258\r\n{}\r\n", "x".repeat(600)).repeat(2)
    );
    assert_shaped(&served.raw(chunks.as_bytes()).await, 413);
    // The caller who asks first gets the answer, not the word to go on.
    let head = "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n";
    assert_shaped(&served.raw(head.as_bytes()).await, 413);

    let served = serve(Http::default(), open()).await;
    assert_shaped(&served.post(&vec![b'x'; 10_000_000], "").await, 413);
    assert_eq!(status(&served.post(b"after", "").await), 200);
}

#[tokio::test]
async fn bodies_together_are_bounded_too() {
    let served = serve(Http { body_bytes: 600, bodies_bytes: 1000, ..Http::default() }, open()).await;
    let mut first = served.connect().await;
    let head = b"POST /t/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 600\r\n\r\n";
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
    let part = b"POST /t/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc";
    let (head, body) = tokio::join!(rest(head), served.raw(part));
    assert_eq!(head, "");
    assert_shaped(&body, 408);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
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
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let served = serve(Http { connections: 1, ..Http::default() }, open()).await;
    let mut first = served.connect().await;
    first.write_all(b"GET /t/echo HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 512]).await.unwrap() > 0);
    let waiting = tokio::time::timeout(Duration::from_millis(300), served.get("/t/echo", ""));
    assert!(waiting.await.is_err(), "a second connection was served");
    drop(first);
    assert_eq!(status(&served.get("/t/echo", "").await), 200);
}
