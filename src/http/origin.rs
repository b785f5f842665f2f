//! The gateway's URL as a caller sees it, for links in answers.

use axum::http::{HeaderMap, header, request::Parts};

use super::client_addr::{Peer, is_in};
use crate::config::http::Http;

/// The configured URL, else the one of the Host header, which must be a plain `host[:port]`. X-Forwarded-Proto counts only
/// from a trusted proxy. Without a slash at its end.
pub fn origin(http: &Http, parts: &Parts) -> String {
    let peer = parts.extensions.get::<Peer>();
    let trusted = peer.is_some_and(|peer| is_in(&http.trusted_proxies, peer.addr.ip().to_canonical()));
    let proto = parts.headers.get("x-forwarded-proto").filter(|_| trusted);
    let secure = proto.is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    seen(http.public_url.as_deref(), &parts.headers, secure, http.listen)
}

fn seen(public_url: Option<&str>, headers: &HeaderMap, secure: bool, listen: std::net::SocketAddr) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if secure { "https" } else { "http" };
    match headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_authority(host)) {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}://{listen}"),
    }
}

fn is_authority(host: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (1..=255).contains(&host.len()) && host.bytes().all(allowed) && host.parse::<axum::http::uri::Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_host(host: &str, secure: bool) -> String {
        let mut headers = HeaderMap::new();
        if let Ok(host) = host.parse() {
            headers.insert(header::HOST, host);
        }
        seen(None, &headers, secure, ([127, 0, 0, 1], 10050).into())
    }

    #[test]
    fn the_origin_comes_from_the_host_header_when_that_is_one() {
        assert_eq!(by_host("im.example.org:8031", false), "http://im.example.org:8031");
        assert_eq!(by_host("[::1]:10050", true), "https://[::1]:10050");
        for hostile in ["user@evil.example", "a/b", "a?b", "a b", "\"><script>", ""] {
            assert_eq!(by_host(hostile, false), "http://127.0.0.1:10050", "{hostile}");
        }
        let configured = seen(Some("https://im.example.org/"), &HeaderMap::new(), false, ([0, 0, 0, 0], 1).into());
        assert_eq!(configured, "https://im.example.org");
    }
}
