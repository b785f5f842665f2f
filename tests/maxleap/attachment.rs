//! Attachments of the MaxLeap API on real servers: what was posted can be got by anybody, images with a
//! thumbnail, and what is no upload of one file is refused whole.

use std::time::{Duration, Instant};

use image::ImageFormat;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use stanzagate::config::maxleap::App;
use stanzagate::config::secret::Secret;
use stanzagate::dev::Rig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::on_oldest_and_newest;
use crate::support::upload::{BOUNDARY, bomb, form, picture};
use crate::support::{Gateway, Reply, Server, Servers};

mod process;

on_oldest_and_newest!(
    files_go_round,
    images_have_thumbnails,
    an_image_of_too_many_pixels_is_stored_without_thumbnail,
    images_that_are_none_are_refused,
    names_and_types_do_no_harm,
    forms_that_are_no_upload_are_refused,
    senders_that_stop_are_not_waited_for,
    a_missing_service_is_named,
);

/// The documented bound.
const LIMIT: usize = 20 << 20;
/// An app whose upload service does not exist.
const LOST: (&str, &str) = ("lost-files", "the-key-of-an-app-without-files");
/// How long a sender may be silent, in seconds.
const SILENCE: u64 = 5;

/// The servers of these tests: their gateway is configured in its own way.
fn rig(server: Server) -> &'static Rig {
    static SERVERS: Servers = Servers::new();
    SERVERS.get(server)
}

async fn gateway(server: Server) -> &'static Gateway {
    static GATEWAYS: [OnceCell<Gateway>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
    let start = || {
        Gateway::start(rig(server), |config| {
            config.http.read_seconds = SILENCE;
            let keys = vec![Secret::new(LOST.1)];
            let upload = Some("nowhere.example.org".to_owned());
            config.maxleap.apps.push(App { id: LOST.0.to_owned(), keys, upload, ..App::default() });
        })
    };
    GATEWAYS[server as usize].get_or_init(start).await
}

fn head(name: &str, content_type: &str) -> String {
    format!("Content-Disposition: form-data; name=\"attachment\"; filename=\"{name}\"\r\nContent-Type: {content_type}")
}

fn usual() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

async fn post(gateway: &Gateway, app: (&str, &str), content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
    let ask = |http: &reqwest::Client, url: &str| {
        let request = http.post(format!("{url}/attachment")).header("x-ml-appid", app.0).header("x-ml-apikey", app.1);
        // A connection that was idle might be closed just when it is used again.
        let request = request.header("connection", "close").body(body);
        if content_type.is_empty() { request } else { request.header(CONTENT_TYPE, content_type) }
    };
    gateway.request(ask).await
}

async fn attach(gateway: &Gateway, name: &str, content_type: &str, bytes: &[u8]) -> Reply {
    post(gateway, gateway.maxleap_app(), &usual(), form(&[(&head(name, content_type), bytes)])).await
}

#[track_caller]
fn urls(reply: Reply) -> Vec<String> {
    let reply = reply.expect_status(200);
    let urls = reply.json.as_array().map(|urls| urls.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    urls.unwrap_or_else(|| panic!("{}", reply.text))
}

/// Gets a URL as anybody would.
async fn got(url: &str) -> (String, Vec<u8>) {
    let response = reqwest::get(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(response.status(), 200, "{url}");
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (content_type.to_owned(), response.bytes().await.expect("a body").to_vec())
}

/// Bytes that hold everything a form is parted by, or nearly.
fn bytes(size: usize) -> Vec<u8> {
    let near = format!("\r\n--{}\r\n\r\n-- \0\u{1F389}", &BOUNDARY[..BOUNDARY.len() - 1]);
    let mut bytes: Vec<u8> = near.bytes().chain(0..=255u8).cycle().take(size).collect();
    for (index, byte) in bytes.iter_mut().enumerate().step_by(4099) {
        *byte = (index >> 12) as u8;
    }
    bytes
}

async fn files_go_round(server: Server) {
    let gateway = gateway(server).await;
    let large = bytes(LIMIT);
    for file in [&large[..], &large[..1], b"\r\n", format!("--{}", &BOUNDARY[1..]).as_bytes()] {
        let urls = urls(attach(gateway, "film.mp4", "video/mp4", file).await);
        assert_eq!(urls.len(), 1);
        assert!(urls[0].ends_with("/film.mp4"), "{urls:?}");
        let (_, bytes) = got(&urls[0]).await;
        assert!(bytes == file, "{} bytes of {} came back", bytes.len(), file.len());
    }
    let more = [&large[..], b"!"].concat();
    attach(gateway, "film.mp4", "video/mp4", &more).await.expect_error(413, 5011);
    let far_more = vec![0; 2 * LIMIT];
    attach(gateway, "film.mp4", "video/mp4", &far_more).await.expect_error(413, 5011);
    // The same of a length that nobody said beforehand.
    let body = reqwest::Body::wrap_stream(futures::stream::iter(
        form(&[(&head("film.mp4", "video/mp4"), &more)])
            .chunks(100_000)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    ));
    post(gateway, gateway.maxleap_app(), &usual(), body).await.expect_error(413, 5011);
}

async fn images_have_thumbnails(server: Server) {
    let gateway = gateway(server).await;
    for (format, content_type, ending) in [
        (ImageFormat::Png, "image/png", "png"),
        (ImageFormat::Jpeg, "image/jpeg", "jpg"),
        (ImageFormat::Gif, "image/gif", "gif"),
        (ImageFormat::WebP, "image/webp", "webp"),
    ] {
        let file = picture(400, 300, format);
        // What the sender says of it is not what decides; a name without an ending gets one.
        for (name, claimed) in [("snap", content_type), ("snap", "application/octet-stream"), ("snap", "text/html")] {
            let urls = urls(attach(gateway, name, claimed, &file).await);
            let [original, thumbnail] = urls.as_slice() else { panic!("{urls:?}") };
            let (served, bytes) = got(original).await;
            assert!(bytes == file && served == content_type, "{claimed} {served}");
            assert!(original.ends_with(&format!("/snap.{ending}")), "{original}");
            let (served, bytes) = got(thumbnail).await;
            let small = image::load_from_memory(&bytes).unwrap_or_else(|error| panic!("{thumbnail}: {error}"));
            assert_eq!((small.width(), small.height(), served.as_str()), (128, 96, "image/jpeg"), "{thumbnail}");
        }
    }
    for (width, height, expected) in [(30, 20, (30, 20)), (900, 3, (128, 1))] {
        let urls = urls(attach(gateway, "i.png", "image/png", &picture(width, height, ImageFormat::Png)).await);
        let small = image::load_from_memory(&got(&urls[1]).await.1).expect("a picture");
        assert_eq!((small.width(), small.height()), expected);
    }
}

/// Of more pixels than are decoded: whatever it is said to be, it is served as the image that its head says it is.
async fn an_image_of_too_many_pixels_is_stored_without_thumbnail(server: Server) {
    let gateway = gateway(server).await;
    let file = bomb();
    for (name, claimed) in [("bomb.png", "image/png"), ("bomb", "application/octet-stream"), ("bomb", "text/html")] {
        let begun = Instant::now();
        let urls = urls(attach(gateway, name, claimed, &file).await);
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
        assert_eq!(urls.len(), 1, "{urls:?}");
        let (served, bytes) = got(&urls[0]).await;
        assert!(bytes == file && served == "image/png" && urls[0].ends_with("/bomb.png"), "{served} {urls:?}");
    }
}

async fn images_that_are_none_are_refused(server: Server) {
    let gateway = gateway(server).await;
    let whole = picture(600, 400, ImageFormat::Png);
    let jpeg = picture(600, 400, ImageFormat::Jpeg);
    let broken: [(&str, &str, &[u8]); 4] = [
        ("cut.png", "image/png", &whole[..whole.len() / 2]),
        ("cut.jpg", "image/jpeg; x=y", &jpeg[..200]),
        ("page.gif", "IMAGE/GIF", b"<html><script>alert(1)</script></html>"),
        ("empty.webp", "image/webp", b"RIFF\0\0\0\0WEBP"),
    ];
    for (name, claimed, file) in broken {
        let begun = Instant::now();
        attach(gateway, name, claimed, file).await.expect_error(422, 5007);
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
        // As a file like any other it may be stored.
        let urls = urls(attach(gateway, "data.bin", "application/octet-stream", file).await);
        assert_eq!(urls.len(), 1, "{name}");
        assert!(got(&urls[0]).await.1 == file, "{name}");
    }
    // Of other sorts of images there is no thumbnail.
    let urls = urls(attach(gateway, "i.bmp", "image/bmp", b"BM no picture at all").await);
    assert_eq!(urls.len(), 1);
}

async fn names_and_types_do_no_harm(server: Server) {
    let gateway = gateway(server).await;
    let long = "n".repeat(300) + ".txt";
    for (name, content_type) in [
        ("../../etc/passwd", "text/plain"),
        ("C:\\\\boot.ini", "text/plain"),
        ("a%0d%0aX-Evil: 1.txt", "text/plain"),
        ("a\\\"b.txt", "text/plain"),
        ("测试 🎉 ü.txt", "text/plain"),
        ("", "text/plain"),
        (&long, "text/plain"),
        ("a.txt", "text/html"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.svg", "image/png2"),
        ("a", "not/a/type"),
        ("a", "text/plain, text/html"),
        ("a", "\u{1F389}"),
    ] {
        let file = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        let reply = attach(gateway, name, content_type, file).await;
        let urls = if reply.status == 400 {
            // Refused by the form's own rules; in the API's shape.
            reply.expect_error(400, 5012);
            assert!(content_type.contains(['/', '\u{1F389}']) && name == "a", "{name} {content_type}");
            continue;
        } else {
            urls(reply)
        };
        let (served, bytes) = got(&urls[0]).await;
        assert_eq!(bytes, file, "{name}");
        assert!(!served.contains("html") && !served.contains("svg"), "{name} {content_type}: {served}");
        assert!(!urls[0].contains("..") && !urls[0].contains("X-Evil:"), "{urls:?}");
    }
}

async fn forms_that_are_no_upload_are_refused(server: Server) {
    let gateway = gateway(server).await;
    let app = gateway.maxleap_app();
    let head = head("a.txt", "text/plain");
    let good = form(&[(&head, b"what is in it")]);

    // As curl sends it when the header is set by hand, as documented; and with everything that a form may have.
    for content_type in [
        format!("multipart/form-data;; boundary={BOUNDARY}"),
        format!("Multipart/Form-Data ;boundary=\"{BOUNDARY}\"; charset=utf-8"),
    ] {
        assert_eq!(urls(post(gateway, app, &content_type, good.clone()).await).len(), 1, "{content_type}");
    }
    let field = "Content-Disposition: form-data; name=\"token\"";
    let nameless = "Content-Disposition: form-data; name=\"attachment\"";
    let all = form(&[(field, b"before"), (nameless, b"what is in it"), (field, &[b'x'; 100_000])]);
    let stored = urls(post(gateway, app, &usual(), all).await);
    assert_eq!(got(&stored[0]).await.1, b"what is in it");

    for content_type in ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x", "boundary=x"] {
        post(gateway, app, content_type, good.clone()).await.expect_error(400, 5001);
    }
    for parts in [
        &[][..],
        &[(field, &b"no file"[..])],
        &[("Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"", b"another field")],
        &[(&head, b"")],
        &[(&head, b"one"), (&head, b"two")],
    ] {
        post(gateway, app, &usual(), form(parts)).await.expect_error(400, 5001);
    }
    // Broken off in every place, of another boundary, with heads that are none or do not end.
    let endless = [format!("--{BOUNDARY}\r\nX: ").as_bytes(), &[b'y'; 1 << 20]].concat();
    let other = String::from_utf8_lossy(&good).replace(BOUNDARY, "another");
    let mut broken = vec![endless, other.into_bytes(), b"nonsense".to_vec(), Vec::new()];
    broken.extend([1, 20, 60, good.len() - 60, good.len() - 40, good.len() - 5].map(|end| good[..end].to_vec()));
    broken.push(form(&[("no head at all", b"x")]));
    broken.push(form(&[("Content-Disposition: form-data; name=\"attachment\"\0", b"x")]));
    for body in broken {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let reply = post(gateway, app, &usual(), body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json["errorCode"]),
            (400, &Value::from(5012)),
            "{shown}: {}",
            reply.text
        );
    }
    post(gateway, (app.0, "a key of nobody's"), &usual(), good.clone()).await.expect_error(401, 5003);
    let url = "/attachment";
    gateway.maxleap(reqwest::Method::GET, url, &Value::Null).await.expect_error(405, 5009);
    let slash = |http: &reqwest::Client, base: &str| {
        let request = http.post(format!("{base}{url}/")).header("x-ml-appid", app.0).header("x-ml-apikey", app.1);
        request.header(CONTENT_TYPE, usual()).body(good.clone())
    };
    assert_eq!(urls(gateway.request(slash).await).len(), 1);
}

/// Opens a request for an upload of `length` bytes and sends what is given of it.
pub async fn begin(url: &str, app: (&str, &str), length: usize, sent: &[u8]) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /attachment HTTP/1.1\r\nHost: {address}\r\nX-ML-AppId: {}\r\nX-ML-APIKey: {}\r\nContent-Type: {}\r\n\
         Content-Length: {length}\r\n\r\n",
        app.0,
        app.1,
        usual()
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    socket.write_all(sent).await.expect("a body");
    socket
}

async fn senders_that_stop_are_not_waited_for(server: Server) {
    let gateway = gateway(server).await;
    let whole = form(&[(&head("a.bin", "application/octet-stream"), &bytes(1 << 20))]);
    let half = &whole[..whole.len() / 2];
    let mut answer = String::new();

    let begun = Instant::now();
    let mut socket = begin(gateway.url(), gateway.maxleap_app(), whole.len(), half).await;
    socket.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"errorCode\":5012"), "{answer}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(SILENCE) && took < Duration::from_secs(3 * SILENCE), "{took:?}");

    // One who stops sending for good is told so at once.
    let mut socket = begin(gateway.url(), gateway.maxleap_app(), whole.len(), half).await;
    socket.shutdown().await.expect("an end");
    answer.clear();
    socket.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"errorCode\":5012"), "{answer}");

    // One who may not upload is told so before they have sent it all.
    let begun = Instant::now();
    let mut socket = begin(gateway.url(), ("nobody", "a key of nobody's"), LIMIT, half).await;
    answer.clear();
    socket.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\"errorCode\":5003"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(SILENCE), "{:?}", begun.elapsed());
}

async fn a_missing_service_is_named(server: Server) {
    let gateway = gateway(server).await;
    let file = form(&[(&head("a.png", "image/png"), &picture(10, 10, ImageFormat::Png))]);
    let reply = post(gateway, LOST, &usual(), file).await.expect_error(502, 5002);
    assert!(reply.text.contains("nowhere.example.org") && reply.text.contains("mod_http_upload"), "{}", reply.text);
}
