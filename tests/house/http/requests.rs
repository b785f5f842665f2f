//! What a request meets on its way, and how its handler may end.

use std::time::Duration;

use stanzagate::config::http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::served::{KEY, assert_shaped, body, header, keyed, open, rest, serve, status};

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
    let requests = "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n\
                    POST /t/echo/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let answers = served.raw(requests.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("127.0.0.1 7") && answers.ends_with("127.0.0.1 2"), "{answers}");

    let mut stream = served.connect().await;
    let head = "POST /t/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut word = [0; 25];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert!(rest(stream).await.ends_with("127.0.0.1 5"));
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
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n");
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
    let delete = "DELETE /t/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
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
async fn a_caller_who_hangs_up_does_not_stop_what_he_began() {
    let served = serve(Http::default(), open()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /t/slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), served.done.notified()).await.expect("the handler was dropped");
}
