//! What operators see: health, metrics, the log, the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stanzagate::chat::LinkState;
use stanzagate::config::http::Http;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::served::{KEY, body, header, keyed, open, rest, serve, status};

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
    assert!(header(&answer, "content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        "stanzagate_http_requests_total{dialect=\"test\",endpoint=\"echo\",outcome=\"echoed\"} 1",
        "stanzagate_http_requests_total{dialect=\"test\",endpoint=\"panics\",outcome=\"panic\"} 1",
        "stanzagate_http_request_seconds_count{dialect=\"test\",endpoint=\"echo\"} 1",
        "stanzagate_http_in_flight 0",
        "stanzagate_http_connections 1",
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
    kept.write_all(b"GET /t/slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
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
    let served = serve(Http::default(), keyed(None)).await;
    // What logs the line is known to tracing from here on: while another test makes it known, it would be off for this one.
    served.get("/t/echo", "").await;
    let _guard = tracing::subscriber::set_default(subscriber);
    let request = format!(
        "POST /t/echo?p=pass-word HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Api-Key: {KEY}\r\nX-Request-Id: r-1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nContent-Length: 9\r\n\r\nbody-text"
    );
    assert_eq!(status(&served.raw(request.as_bytes()).await), 200);
    assert_eq!(status(&served.get("/t/echo", "").await), 401);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("stanzagate::access") && line.contains("r-1"))
        .unwrap_or_else(|| panic!("no line: {log}"));
    for part in ["r-1", "POST", "/t/echo", "200", "echoed", "crm", "127.0.0.1", "0af7651916cd43dd8448eb211c80319c"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    for absent in ["told", "messages", "failed", "b7ad6b7169203331"] {
        assert!(!line.contains(absent), "{line}");
    }
    let refused = log.lines().find(|line| line.contains("unauthorized")).unwrap_or_else(|| panic!("no line: {log}"));
    assert!(refused.contains("\"a valid key is needed"), "{refused}");
    for secret in ["pass-word", "body-text", KEY] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
