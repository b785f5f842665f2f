//! The examples for nginx and Caddy, with the programs of Debian's packages in front of gateway and server: calls, a caller's
//! own address, a large body, XMPP over WebSocket, an upload; and what must not be reached.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::json;
use stanzagate::dev::Rig;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::on_newest;
use crate::support::upload::{BOUNDARY, form};
use crate::support::{Client, Gateway, Server, account, stanza};

on_newest!(what_clients_and_callers_need_goes_through_a_proxy);

/// Longest wait for a proxy to listen, or for a stanza.
const WAIT: Duration = Duration::from_secs(10);
/// The one caller whom the gateway lets in, and another.
const CALLER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// A proxy that runs on an example's text, with ports and certificate of the test's own.
struct Proxy {
    name: &'static str,
    addr: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Proxy {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// `text` with each word replaced, all of which must be there.
fn replaced(text: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example has no {from}");
        text.replace(from, to)
    })
}

fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).expect("the example")
}

fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gw.example.org"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl: install the package of that name");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn run(mut command: Command, name: &'static str, dir: &Path, port: u16) -> Proxy {
    let log = dir.join("log");
    let file = File::options().create(true).append(true).open(&log).expect("a log");
    let child = command.stdout(Stdio::null()).stderr(file).spawn();
    let child = child.unwrap_or_else(|error| panic!("{name}: install the package of that name: {error}"));
    let mut proxy = Proxy { name, addr: SocketAddr::from(([127, 0, 0, 1], port)), log, child };
    let started = Instant::now();
    while std::net::TcpStream::connect(proxy.addr).is_err() {
        let ended = proxy.child.try_wait().expect("a child");
        assert!(ended.is_none() && started.elapsed() < WAIT, "{name} does not listen: {ended:?}\n{}", proxy.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    proxy
}

fn nginx(dir: &Path, gateway: &str, xmpp: &str) -> Proxy {
    let port = free_port();
    let listen = format!("listen 127.0.0.1:{port} ssl;");
    let site = replaced(
        &example("nginx/stanzagate.conf"),
        &[
            ("listen 443 ssl;", &listen),
            ("listen [::]:443 ssl;", ""),
            ("http://127.0.0.1:10050;", &format!("http://{gateway};")),
            ("http://127.0.0.1:5443;", &format!("http://{xmpp};")),
            ("/etc/ssl/gw.example.org/fullchain.pem", "cert.pem"),
            ("/etc/ssl/gw.example.org/privkey.pem", "key.pem"),
            ("/etc/ssl/xmpp.example.org/fullchain.pem", "cert.pem"),
            ("/etc/ssl/xmpp.example.org/privkey.pem", "key.pem"),
        ],
    );
    let whole = format!(
        "daemon off;\nuser root;\npid nginx.pid;\nerror_log log;\nevents {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path body;\n\
         proxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{site}\n}}\n"
    );
    std::fs::write(dir.join("nginx.conf"), whole).expect("written");
    let nginx = |more: &[&str]| {
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(dir).args(["-e", "log", "-c"]).arg(dir.join("nginx.conf")).args(more);
        command
    };
    let read = nginx(&["-t"]).output().expect("nginx: install the package of that name");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    run(nginx(&[]), "nginx", dir, port)
}

fn caddy(dir: &Path, gateway: &str, xmpp: &str) -> Proxy {
    let port = free_port();
    let tls = "{\n\ttls cert.pem key.pem";
    let site = replaced(
        &example("caddy/Caddyfile"),
        &[
            ("\ngw.example.org {", &format!("\ngw.example.org:{port} {tls}")),
            ("\nxmpp.example.org {", &format!("\nxmpp.example.org:{port} {tls}")),
            ("reverse_proxy 127.0.0.1:10050", &format!("reverse_proxy {gateway}")),
            ("reverse_proxy 127.0.0.1:5443", &format!("reverse_proxy {xmpp}")),
        ],
    );
    std::fs::write(dir.join("Caddyfile"), format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")).expect("written");
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]).current_dir(dir).env("HOME", dir);
    run(command, "caddy", dir, port)
}

/// What speaks to the proxy as somebody at `ip`.
fn http(proxy: &Proxy, ip: Ipv4Addr) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .tls_danger_accept_invalid_certs(true)
        .local_address(IpAddr::from(ip))
        .resolve("gw.example.org", proxy.addr)
        .resolve("xmpp.example.org", proxy.addr)
        .timeout(Duration::from_secs(60))
        .build()
        .expect("a client")
}

async fn what_clients_and_callers_need_goes_through_a_proxy(server: Server) {
    // As the examples say it of the server: clients reach uploads at the proxy.
    // And ejabberd's listener has what it has in the file of its package, too.
    let rig = if server.is_ejabberd() {
        server.start_changed(&[
            ("put_url: UPLOAD_URL", "put_url: \"https://xmpp.example.org/upload\""),
            ("      /upload: mod_http_upload\n", "      /upload: mod_http_upload\n      /api: mod_http_api\n"),
        ])
    } else {
        server.start_changed(&[("http_external_url = upload_url", "http_external_url = \"https://xmpp.example.org/\"")])
    };
    let xmpp = rig.websocket().trim_start_matches("ws://").split('/').next().expect("an address").to_owned();
    let gateway = Gateway::start(&rig, |config| {
        config.server.upload_origin = Some(format!("http://{xmpp}"));
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.http.public_url = Some("https://gw.example.org".to_owned());
        config.maxleap.allow = vec![format!("{CALLER}/32").parse().expect("a network")];
    })
    .await;
    let upstream = gateway.url().trim_start_matches("http://").to_owned();
    for start in [nginx, caddy] {
        let dir = tempfile::tempdir().expect("a folder");
        certificate(dir.path());
        let proxy = start(dir.path(), &upstream, &xmpp);
        calls(&proxy, &gateway).await;
        websocket(&proxy, &rig).await;
        upload(&proxy, &rig).await;
    }
    gateway.shutdown().await;
}

/// The APIs: the caller's own address counts, and they cannot choose it. A body of 3 MB goes through: nginx
/// alone lets 1 MB through.
async fn calls(proxy: &Proxy, gateway: &Gateway) {
    let (app, key) = gateway.maxleap_app();
    let url = format!("https://gw.example.org:{}", proxy.addr.port());
    let attach = |ip: Ipv4Addr, size: usize| {
        let head =
            "Content-Disposition: form-data; name=\"attachment\"; filename=\"film.mp4\"\r\nContent-Type: video/mp4";
        http(proxy, ip)
            .post(format!("{url}/attachment"))
            .header("x-ml-appid", app)
            .header("x-ml-apikey", key)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(form(&[(head, &vec![7; size])]))
    };
    for header in ["x-forwarded-for", "x-real-ip", "x-nothing"] {
        let answer = attach(CALLER, 3 << 20).header(header, STRANGER.to_string()).send().await.expect("an answer");
        let status = answer.status();
        assert_eq!(status, StatusCode::OK, "{}, {header}: {}", proxy.name, answer.text().await.unwrap_or_default());
        let answer = attach(STRANGER, 1).header(header, CALLER.to_string()).send().await.expect("an answer");
        assert!(answer.status().is_client_error(), "{}: {header} is believed: {}", proxy.name, answer.status());
    }
    // Callers of qtalk without a key: the name is the one of public_url.
    let send = json!({"From": "alice", "To": [{"User": "bob"}], "Body": "over TLS", "Type": "chat", "Host": "example.org", "Domain": "example.org"});
    let answer =
        http(proxy, CALLER).post(format!("{url}/qtalk/send_message")).json(&send).send().await.expect("an answer");
    let text = answer.text().await.expect("a body");
    assert!(text.contains("\"ret\":true"), "{}: {text}", proxy.name);
}

async fn websocket(proxy: &Proxy, rig: &Rig) {
    let path = rig.websocket().rsplit('/').next().expect("a path").to_owned();
    let answer = http(proxy, CALLER)
        .get(format!("https://xmpp.example.org:{}/{path}", proxy.addr.port()))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
        .header("sec-websocket-protocol", "xmpp")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS, "{}", proxy.name);
    let socket = answer.upgrade().await.expect("an upgraded connection");
    let mut page = WebSocketStream::from_raw_socket(socket, Role::Client, None).await;
    let open = format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{}' version='1.0'/>", rig.domain());
    page.send(Message::text(open)).await.expect("an open socket");
    let features = async {
        while let Some(Ok(frame)) = page.next().await {
            if matches!(&frame, Message::Text(text) if text.contains("mechanisms")) {
                return;
            }
        }
        panic!("{}: the socket was closed", proxy.name)
    };
    tokio::time::timeout(WAIT, features).await.expect("the server's features");
}

/// A file that a client puts and gets at the proxy; what else the server has is not reached there.
async fn upload(proxy: &Proxy, rig: &Rig) {
    const SIZE: usize = 3_000_000;
    let user = Client::connect(rig, &account(rig, "uploads"), None).await;
    let ask = format!(
        "<iq type='get' to='upload.{}'><request xmlns='urn:xmpp:http:upload:0' filename='a.bin' size='{SIZE}'/></iq>",
        rig.domain()
    );
    let slot = user.iq(stanza(&ask)).await;
    let slot = slot.children().next().expect("a slot");
    let put = slot.children().find(|child| child.name() == "put").expect("where to put it");
    let get = slot.children().find(|child| child.name() == "get").and_then(|get| get.attr("url")).expect("a URL");
    let there = |url: &str| {
        let path = url.strip_prefix("https://xmpp.example.org/").expect("a URL at the proxy");
        format!("https://xmpp.example.org:{}/{path}", proxy.addr.port())
    };
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
    let mut request = http(proxy, CALLER).put(there(put.attr("url").expect("a URL"))).body(bytes.clone());
    for header in put.children() {
        request = request.header(header.attr("name").expect("a name"), header.text());
    }
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}: {}\n{}", proxy.name, answer.status(), proxy.log());
    let answer = http(proxy, CALLER).get(there(get)).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}: {}\n{}", proxy.name, answer.status(), proxy.log());
    assert!(answer.bytes().await.expect("a body") == bytes, "{}: another file", proxy.name);
    for path in ["api/status", "admin/", "", "register"] {
        let url = format!("https://xmpp.example.org:{}/{path}", proxy.addr.port());
        let answer = http(proxy, CALLER).get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{} at {path}", proxy.name);
    }
    user.close().await;
}
