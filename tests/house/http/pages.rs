//! Web pages: what needs no key is not for pages of other origins, nor for those whose name was made to point here.

use stanzagate::config::http::Http;

use super::served::{KEY, assert_shaped, header, keyed, open, serve, status};

/// What Chromium sends for `fetch` from a page on http://localhost:3000 with mode "no-cors" and a text.
const NO_CORS: &str = "Content-Type: text/plain;charset=UTF-8\r\nAccept: */*\r\nOrigin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://localhost:3000/\r\n";
/// The same from a page elsewhere.
const CROSS: &str = "Content-Type: text/plain;charset=UTF-8\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\n";
/// To an address in the network that is not this machine no Sec-Fetch headers go, since it is plain HTTP.
const PLAIN: &str = "Content-Type: text/plain;charset=UTF-8\r\nOrigin: http://evil.example\r\n";
/// A form, under a policy that names no origin.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: null\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
/// An image, or a script.
const IMAGE: &str = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n";

fn request(line: &str, host: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_where_no_key_is_asked_for() {
    let served = serve(Http::default(), open()).await;
    for headers in [NO_CORS, CROSS, PLAIN, FORM, IMAGE] {
        for line in ["POST /t/echo", "GET /t/echo", "POST /t/verb", "POST /t/upload"] {
            assert_shaped(&served.raw(request(line, "localhost:10050", headers).as_bytes()).await, 403);
        }
        let answer = served.raw(request("GET /metrics", "127.0.0.1:10050", headers).as_bytes()).await;
        assert_eq!(status(&answer), 403, "{answer}");
        assert!(!answer.contains("stanzagate_"), "{answer}");
    }
    let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n";
    let answer = served.raw(request("OPTIONS /t/echo", "localhost:10050", preflight).as_bytes()).await;
    assert_eq!((status(&answer), header(&answer, "access-control-allow-origin")), (403, None), "{answer}");
    // A page of its own, and an address that somebody typed in.
    for headers in ["Origin: http://localhost:10050\r\nSec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n", ""]
    {
        assert_eq!(status(&served.raw(request("POST /t/echo", "localhost:10050", headers).as_bytes()).await), 200);
        assert_eq!(status(&served.raw(request("GET /metrics", "localhost:10050", headers).as_bytes()).await), 200);
    }
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_is_refused_where_no_key_is_asked_for() {
    let hosts = vec!["gateway.internal".to_owned()];
    let served = serve(Http { hosts, ..Http::default() }, open()).await;
    let same = "Sec-Fetch-Site: same-origin\r\n";
    for host in ["evil.example", "evil.example:10050", "localhost.evil.example", "192.0.2.1"] {
        let origin = format!("Origin: http://{host}\r\n{same}");
        for headers in ["", same, &origin] {
            assert_shaped(&served.raw(request("POST /t/echo", host, headers).as_bytes()).await, 403);
            assert_eq!(status(&served.raw(request("GET /metrics", host, headers).as_bytes()).await), 403);
        }
    }
    for host in ["localhost", "127.0.0.1:10050", "[::1]", "gateway.internal:80"] {
        assert_eq!(status(&served.raw(request("POST /t/echo", host, "").as_bytes()).await), 200, "{host}");
    }
}

#[tokio::test]
async fn with_a_key_of_the_callers_own_pages_are_none_of_its_business() {
    let served = serve(Http::default(), keyed(None)).await;
    let headers = format!("{CROSS}X-Api-Key: {KEY}\r\n");
    assert_eq!(status(&served.raw(request("POST /t/echo", "evil.example", &headers).as_bytes()).await), 200);
    // What is open to anybody is so to pages, and operators' probes come by whatever name.
    assert_eq!(status(&served.raw(request("GET /t/open", "evil.example", CROSS).as_bytes()).await), 200);
    assert_eq!(status(&served.raw(request("GET /health/live", "10.1.2.3:10050", "").as_bytes()).await), 200);
}
