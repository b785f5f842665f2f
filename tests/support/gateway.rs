//! The gateway under test, in this process: one for each server that all tests of a binary share, and further ones with
//! a configuration of their own.
//!
//! It lives on a runtime that outlasts the single test's; so do the connections of its HTTP client.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use stanzagate::app;
use stanzagate::config::Config;
use stanzagate::dev::Rig;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

use super::servers::Server;

/// Longest wait for the link.
const LINK: Duration = Duration::from_secs(20);

/// A running gateway.
///
/// A component name is one link: a second gateway on the same server takes the first one's place. So a test that needs
/// a configuration of its own takes a server of its own, or shuts one gateway down before it starts the next.
pub struct Gateway {
    running: Option<app::Gateway>,
    url: String,
    http: reqwest::Client,
    maxleap: (String, String),
    xuanxuan: (String, String),
    rongcloud: (String, String),
}

/// An answer of the gateway, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; `null` when it is not JSON.
    pub json: Value,
}

impl Reply {
    /// `ret` of a qtalk body.
    pub fn ret(&self) -> bool {
        self.json["ret"] == Value::Bool(true)
    }

    /// `errcode` of a qtalk body, -1 when it is not a number.
    pub fn errcode(&self) -> i64 {
        self.json["errcode"].as_i64().unwrap_or(-1)
    }

    /// `errmsg` of a qtalk body.
    pub fn errmsg(&self) -> &str {
        self.json["errmsg"].as_str().unwrap_or_default()
    }

    /// Fails the test unless the call succeeded.
    #[track_caller]
    pub fn expect_success(self) -> Reply {
        assert!(self.status == StatusCode::OK && self.ret() && self.errcode() == 0, "{} {}", self.status, self.text);
        self
    }

    /// Fails the test unless the call failed with `errcode` and HTTP 200.
    #[track_caller]
    pub fn expect_failure(self, errcode: i64) -> Reply {
        let failed = self.status == StatusCode::OK && self.json["ret"] == Value::Bool(false);
        assert!(failed && self.errcode() == errcode && !self.errmsg().is_empty(), "{} {}", self.status, self.text);
        self
    }
}

impl Gateway {
    /// The gateway of the server that all tests of this binary share, with the rig's own configuration.
    pub async fn shared(server: Server) -> &'static Gateway {
        static GATEWAYS: [OnceCell<Gateway>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
        GATEWAYS[server as usize].get_or_init(|| Gateway::start(server.shared(), |_| {})).await
    }

    /// A gateway of the caller's own, with the rig's configuration as changed by `edit`; its link is up.
    pub async fn start(rig: &Rig, edit: impl FnOnce(&mut Config)) -> Gateway {
        let mut config = rig.gateway_config();
        edit(&mut config);
        let started = async move {
            let gateway = app::Gateway::start(config).await.map_err(|error| error.to_string())?;
            gateway.ready(LINK).await.map(|()| gateway)
        };
        match background().spawn(started).await {
            Ok(Ok(running)) => {
                let (url, http) = (format!("http://{}", running.addr()), reqwest::Client::new());
                let (app, key) = rig.maxleap();
                let maxleap = (app.to_owned(), key.to_owned());
                let (code, key) = rig.xuanxuan();
                let xuanxuan = (code.to_owned(), key.to_owned());
                let (kid, key) = rig.rongcloud();
                let rongcloud = (kid.to_owned(), key.to_owned());
                Gateway { running: Some(running), url, http, maxleap, xuanxuan, rongcloud }
            }
            Ok(Err(error)) => panic!("the gateway does not start: {error}"),
            Err(error) => panic!("the gateway failed: {error}"),
        }
    }

    /// Where those who run it ask.
    pub fn admin(&self) -> String {
        let addr = self.running.as_ref().and_then(app::Gateway::admin_addr).expect("an admin listener");
        format!("http://{addr}")
    }

    /// A gateway that runs as a program of its own, with the keys that `stanzagate setup --json` told.
    pub fn outside(url: String, keys: &Value) -> Gateway {
        let text = |section: &str, key: &str| match keys[section][key].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("no {key} of {section} in {keys}"),
        };
        Gateway {
            running: None,
            url,
            http: reqwest::Client::new(),
            maxleap: (text("maxleap", "appId"), text("maxleap", "key")),
            xuanxuan: (text("xuanxuan", "code"), text("xuanxuan", "key")),
            rongcloud: (text("rongcloud", "kid"), text("rongcloud", "key")),
        }
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The rig's app of the MaxLeap API, and its key.
    pub fn maxleap_app(&self) -> (&str, &str) {
        (&self.maxleap.0, &self.maxleap.1)
    }

    /// The rig's application of the API of Xuanxuan, and its key.
    pub fn xuanxuan_entry(&self) -> (&str, &str) {
        (&self.xuanxuan.0, &self.xuanxuan.1)
    }

    /// What signs the tokens of the API of RongCloud-backed groups: the key's id and the key.
    pub fn rongcloud_key(&self) -> (&str, &str) {
        (&self.rongcloud.0, &self.rongcloud.1)
    }

    /// Posts JSON to a path such as `/qtalk/send_message`.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_raw(path, body.to_string()).await
    }

    /// Posts a body as it is.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.request(|http, url| http.post(format!("{url}{path}")).body(body)).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Reply {
        self.request(|http, url| http.get(format!("{url}{path}"))).await
    }

    /// Makes any request; `build` is given a client and the base URL.
    pub async fn request(&self, build: impl FnOnce(&reqwest::Client, &str) -> RequestBuilder) -> Reply {
        Self::send(build(&self.http, &self.url)).await
    }

    /// Apart from [`Gateway::request`], so that it is compiled once and not for each way to build a request.
    async fn send(request: RequestBuilder) -> Reply {
        let asked = async move {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let text = response.text().await?;
            let json = serde_json::from_str(&text).unwrap_or_default();
            Ok::<_, reqwest::Error>(Reply { status, headers, text, json })
        };
        match background().spawn(asked).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => panic!("no answer from the gateway: {error:?}"),
            Err(error) => panic!("the request failed: {error}"),
        }
    }

    /// Ends the gateway in order; returns when its link is closed.
    pub async fn shutdown(mut self) {
        if let Some(running) = self.running.take()
            && let Err(error) = background().spawn(running.shutdown()).await
        {
            panic!("the gateway failed: {error}");
        }
    }
}

/// A test that fails leaves no gateway behind, whose link would take part of what is meant for the next one's.
impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let (done, ended) = std::sync::mpsc::channel();
            background().spawn(async move {
                running.shutdown().await;
                let _ = done.send(());
            });
            let _ = ended.recv_timeout(LINK);
        }
    }
}

/// What gateways run on: threads that end with the process.
fn background() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a tokio runtime"))
}
