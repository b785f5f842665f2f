//! Who may call, and from where.

use stanzagate::config::access::Auth;
use stanzagate::config::http::Http;
use stanzagate::http::access::Access;

use super::served::{KEY, assert_shaped, body, header, keyed, open, serve, status};

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
                "PUT /t/echo HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {KEY}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
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
