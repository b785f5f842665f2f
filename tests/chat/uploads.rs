//! Files through the upload service of each of the four servers, and through services that do as they like.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;
use stanzagate::chat::files::file::{Content, NewFile};
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::error::Kind;
use stanzagate::chat::{Call, Chat, LinkState, Trace};
use stanzagate::config::Config;
use stanzagate::config::sessions::Grant;
use stanzagate::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::on_oldest_and_newest;
use crate::support::element::{child, show};
use crate::support::{Client, Server, account, stanza};

on_oldest_and_newest!(uploads);

/// One test for all of it: the verbs live on the test's own runtime, and a component has one link.
async fn uploads(server: Server) {
    let rig = &server.start(Grant::Oauth);
    let chat = linked(rig.gateway_config()).await;
    let hosts = Default::default();
    let realm = chat.addresses().realm(&hosts).expect("the default hosts");

    every_name_and_type(&chat, &realm).await;
    from_disk(&chat, &realm).await;
    no_service(&chat, &realm).await;
    let user = Client::connect(rig, &account(rig, "slots"), None).await;
    services_of_all_sorts(&chat, &realm, &user).await;
    chat.drain(Duration::from_secs(5)).await;

    // The gateway's own way to the service; clients go on by the service's.
    let service = Url::parse(&rig.websocket()).expect("a URL");
    let mut config = rig.gateway_config();
    config.server.upload_origin = service.port().map(|port| format!("http://localhost:{port}"));
    let chat = linked(config).await;
    let url =
        chat.files.upload(&call(), &realm, &small("a.txt", "text/plain", b"by another way")).await.expect("a URL");
    assert_eq!(Url::parse(&url).expect("a URL").host_str(), Some("127.0.0.1"));
    assert_eq!(got(&url).await.1, "by another way");
    chat.drain(Duration::from_secs(5)).await;
}

async fn linked(config: Config) -> Chat {
    let chat = Chat::start(Arc::new(config), Metrics::new()).expect("the verbs");
    let up = Duration::from_secs(20);
    let mut state = chat.link_state();
    let linked = tokio::time::timeout(up, state.wait_for(|state| *state == LinkState::Up)).await;
    linked.expect("a link in time").expect("a link");
    chat
}

fn call() -> Call {
    Call::new("test".into(), Instant::now() + Duration::from_secs(20))
}

fn small(name: &str, content_type: &str, bytes: &'static [u8]) -> NewFile {
    let content = Content::Memory(Bytes::from_static(bytes));
    NewFile { name: name.to_owned(), content_type: content_type.to_owned(), content }
}

/// Gets a URL as anybody would; the media type and the bytes.
async fn got(url: &str) -> (String, Bytes) {
    let response = reqwest::get(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(response.status(), 200, "{url}");
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    (content_type.to_owned(), response.bytes().await.expect("a body"))
}

async fn every_name_and_type(chat: &Chat, realm: &Realm) {
    let long = format!("{}.txt", "n".repeat(300));
    let wide = format!("{}.txt", "测试".repeat(150));
    let names = [
        "a b.txt",
        "Übersicht 测试 🎉.txt",
        "a+b=c,d@e!f(g)[h]{i}~.txt",
        "%2e%2e%2fa.txt",
        "x?y#z&w.txt",
        "../../etc/passwd",
        "a\r\nX-Evil: 1\r\n.txt",
        "\"quotes'.txt",
        "..",
        "",
        &long,
        &wide,
    ];
    for name in names {
        let url = chat.files.upload(&call(), realm, &small(name, "text/plain", b"what is in it")).await;
        let url = url.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        let (_, bytes) = got(&url).await;
        assert_eq!(bytes, "what is in it", "{name:?} {url}");
        let path = Url::parse(&url).expect("a URL");
        let last = path.path_segments().and_then(Iterator::last).unwrap_or_default();
        assert!(!last.is_empty() && !url.contains("..") && !url.contains(['\r', '\n', '"', ' ']), "{url}");
    }
    // What a browser would run is handed out as what it only saves.
    let page = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for (name, content_type) in [
        ("page.html", "text/html"),
        ("page.html", "image/png"),
        ("picture.svg", "image/svg+xml"),
        ("picture.SVG", "IMAGE/SVG+XML; charset=utf-8"),
        ("picture", "image/svg+xml"),
        ("data.xml", "text/xml"),
        ("script.js", "text/javascript"),
        ("x.bin", "text/html\r\nX-Evil: 1"),
        ("x.bin", "no type at all"),
    ] {
        let url = chat.files.upload(&call(), realm, &small(name, content_type, page)).await.expect(name);
        let (served, bytes) = got(&url).await;
        assert_eq!(bytes, &page[..]);
        let inert = ["application/octet-stream", "application/javascript", "text/javascript"];
        let inert = inert.contains(&served.as_str()) || (name == "page.html" && served == "image/png");
        assert!(inert, "{name} {content_type} is served as {served}");
    }
    let url = chat.files.upload(&call(), realm, &small("small.png", "image/png", b"\x89PNG")).await.expect("a picture");
    assert_eq!(got(&url).await.0, "image/png");
}

async fn from_disk(chat: &Chat, realm: &Realm) {
    let mut file = tempfile::tempfile().expect("a file");
    let block: Vec<u8> = (0..=250u8).cycle().take(1 << 20).collect();
    for _ in 0..12 {
        file.write_all(&block).expect("room on the disk");
    }
    let size = 12 << 20;
    let content = Content::Disk(file, size);
    let file = NewFile { name: "film.mp4".to_owned(), content_type: "video/mp4".to_owned(), content };
    for _ in 0..2 {
        let url = chat.files.upload(&call(), realm, &file).await.expect("a URL");
        let (content_type, bytes) = got(&url).await;
        assert_eq!(content_type, "video/mp4");
        assert!(bytes.len() as u64 == size && bytes.chunks(1 << 20).all(|chunk| chunk == block), "{url}");
    }
    // The services' own bound; nothing of this is sent.
    let mut file = tempfile::tempfile().expect("a file");
    file.seek(SeekFrom::Start(100 << 20)).expect("a hole");
    file.write_all(b"!").expect("room on the disk");
    let content = Content::Disk(file, (100 << 20) + 1);
    let large = NewFile { name: "large".to_owned(), content_type: String::new(), content };
    match chat.files.upload(&call(), realm, &large).await {
        Err(ChatError::FileTooLarge(Some(most))) => assert_eq!(most, 100 << 20),
        other => panic!("{other:?}"),
    }
}

async fn no_service(chat: &Chat, realm: &Realm) {
    for nowhere in ["nowhere.example.org", "example.org", "conference.example.org"] {
        let realm = Realm { upload: nowhere.to_owned(), ..realm.clone() };
        let error = chat.files.upload(&call(), &realm, &small("a", "", b"a")).await.expect_err(nowhere);
        assert_eq!(error.kind(), Kind::MissingRight, "{nowhere}: {error}");
        assert!(error.to_string().contains(nowhere) && error.to_string().contains("http_file_share"), "{error}");
    }
}

/// Answers the next request for a slot, as `user`, with what is inside of an IQ of this kind; returns the request.
async fn answer(user: &Client, kind: &str, inside: &str) -> String {
    let asked = |el: &tokio_xmpp::minidom::Element| el.name() == "iq" && child(el, "request").is_some();
    let request = user.wait_for("a request for a slot", asked).await;
    let (id, from) = (request.attr("id").unwrap_or_default(), request.attr("from").unwrap_or_default());
    user.send(stanza(&format!("<iq type='{kind}' id='{id}' to='{from}'>{inside}</iq>")));
    show(&request)
}

fn slot(put: &str, headers: &str) -> String {
    let get = "https://files.example/1/a.txt";
    format!("<slot xmlns='urn:xmpp:http:upload:0'><put url='{put}'>{headers}</put><get url='{get}'/></slot>")
}

/// Takes one request over HTTP, answers it with `head`, and returns what came; `None` when nobody calls.
async fn one_request(listener: &TcpListener, head: &str) -> Option<String> {
    let accepted = tokio::time::timeout(Duration::from_secs(3), listener.accept()).await.ok()?;
    let (mut socket, _) = accepted.expect("a connection");
    let mut came = Vec::new();
    while !came.ends_with(b"the file") {
        if socket.read_buf(&mut came).await.expect("a request") == 0 {
            break;
        }
    }
    if head.is_empty() {
        // Never a word, until the other side has had enough.
        let _ = socket.read_buf(&mut came).await;
    } else {
        let _ = socket.write_all(format!("{head}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
    }
    Some(String::from_utf8_lossy(&came).into_owned())
}

/// A user stands in for the service, so that it can do what real ones do not on demand.
async fn services_of_all_sorts(chat: &Chat, realm: &Realm, user: &Client) {
    let realm = &Realm { upload: user.jid().to_owned(), ..realm.clone() };
    let file = &small("a.txt", "text/plain", b"the file");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/put/1?token=secret", listener.local_addr().expect("its address"));

    // The headers that a slot may ask for, and no others.
    let headers = "<header name='Authorization'>Bearer a&#10;bc</header><header name='Host'>evil.example</header>\
                   <header name='X-Evil'>1</header><header name='Cookie'>c=d</header>";
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = Trace { parent: parent.into(), state: Some("a=1,b=2".into()) };
    let (now, inside) = (Call { trace: Some(trace.into()), ..call() }, slot(&url, headers));
    let (done, _, came) = tokio::join!(
        chat.files.upload(&now, realm, file),
        answer(user, "result", &inside),
        one_request(&listener, "HTTP/1.1 204 No Content"),
    );
    assert_eq!(done.expect("a URL"), "https://files.example/1/a.txt");
    let came = came.expect("a request").to_lowercase();
    assert!(came.starts_with("put /put/1?token=secret http/1.1\r\n"), "{came}");
    // The service may be traced too.
    let traced = format!("traceparent: {parent}");
    for header in [
        &traced,
        "tracestate: a=1,b=2",
        "authorization: bearer abc",
        "cookie: c=d",
        "content-length: 8",
        "content-type: text/plain",
    ] {
        assert!(came.contains(&format!("\r\n{header}\r\n")), "{header} is not in {came}");
    }
    assert!(!came.contains("evil") && !came.contains("transfer-encoding"), "{came}");

    // Answers over HTTP that are not success; a redirect is not followed.
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let location = format!("Location: http://{}/", elsewhere.local_addr().expect("its address"));
    for (head, kind) in [
        (format!("HTTP/1.1 307 Temporary Redirect\r\n{location}"), Kind::Storage),
        ("HTTP/1.1 413 Too Large".to_owned(), Kind::TooLarge),
        ("HTTP/1.1 500 Oh".to_owned(), Kind::Storage),
        ("HTTP/1.1 403 No".to_owned(), Kind::Storage),
        ("nonsense".to_owned(), Kind::Storage),
    ] {
        let (now, inside) = (call(), slot(&url, ""));
        let (done, _, _) = tokio::join!(
            chat.files.upload(&now, realm, file),
            answer(user, "result", &inside),
            one_request(&listener, &head)
        );
        let error = done.expect_err(&head);
        assert_eq!(error.kind(), kind, "{head}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let followed = tokio::time::timeout(Duration::from_millis(200), elsewhere.accept()).await;
    assert!(followed.is_err(), "a redirect was followed");

    // Silence, within the call's own time.
    let brief = Call { deadline: Instant::now() + Duration::from_secs(2), ..call() };
    let silent = slot(&url, "");
    let (done, _, _) = tokio::join!(
        chat.files.upload(&brief, realm, file),
        answer(user, "result", &silent),
        one_request(&listener, "")
    );
    let error = done.expect_err("silence");
    assert!(error.kind() == Kind::Storage && error.to_string().contains("in time"), "{error}");

    // Slots and refusals that cannot be used, each its own error.
    let closed = {
        let unused = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}/", unused.local_addr().expect("its address"))
    };
    let upload = "xmlns='urn:xmpp:http:upload:0'";
    let refusal = |condition: &str, more: &str| {
        format!("<error type='wait'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{more}</error>")
    };
    let size = format!("<file-too-large {upload}><max-file-size>7</max-file-size></file-too-large>");
    let retry = format!("<retry {upload} stamp='2030-01-02T03:04:05Z'/>");
    for (kind, inside, expected, says) in [
        ("result", slot(&closed, ""), Kind::Storage, "127.0.0.1"),
        ("result", slot("https://127.0.0.1:1/", ""), Kind::Storage, "127.0.0.1"),
        ("result", slot("ftp://127.0.0.1/", ""), Kind::Storage, "http"),
        ("result", slot("/etc/passwd", ""), Kind::Storage, "http"),
        ("result", format!("<slot {upload}/>"), Kind::Storage, "URL"),
        ("result", String::new(), Kind::Storage, "URL"),
        ("error", refusal("not-acceptable", &size), Kind::TooLarge, "7 bytes"),
        ("error", refusal("resource-constraint", &retry), Kind::TryLater, "2030-01-02T03:04:05Z"),
        ("error", refusal("forbidden", ""), Kind::MissingRight, "mod_http_upload"),
        ("error", refusal("internal-server-error", ""), Kind::TryLater, "internal-server-error"),
    ] {
        let now = call();
        let (done, request) = tokio::join!(chat.files.upload(&now, realm, file), answer(user, kind, &inside));
        let error = done.expect_err(&inside);
        assert_eq!(error.kind(), expected, "{inside}: {error}");
        assert!(error.to_string().contains(says), "{inside}: {error}");
        assert!(request.contains("gw.example.org") && request.contains("size='8'"), "{request}");
    }
}
