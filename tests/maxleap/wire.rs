//! The ground of the MaxLeap API: who may call, from which pages, and what is answered to what cannot be read. None of
//! it depends on the XMPP server, so that one of them is enough.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stanzagate::config::Config;
use stanzagate::config::maxleap::App;
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Gateway, Reply, Server};

/// The two samples that MaxLeap published: app, key, signature.
const FIRST: (&str, &str, &str) =
    ("56a86320e9db7300015438f7", "M3pyVEdsSFBBZm5UTDlLMTB3a0xYdw", "aa2cdfc982f44a770b4be0dec7d3a1df,1456373078542");
const SECOND: (&str, &str, &str) =
    ("569d84a0169e7d00012c7afe", "MjVvSjJUMTZveUR2d1hoNlVoQ0R1QQ", "da1bb6b56200c84995127c784de90445,1461920236060");
const APP: &str = "x-ml-appid";
const SIGN: &str = "x-ml-request-sign";
const KEY: &str = "x-ml-apikey";

/// A path that is nobody's, so that an admitted caller gets 404 and no verb runs.
const NOWHERE: &str = "/ctx/alice/nowhere";

async fn rig() -> Rig {
    tokio::task::spawn_blocking(|| Server::Prosody012.start(Grant::None)).await.expect("a server")
}

async fn shared() -> &'static Gateway {
    tokio::task::spawn_blocking(|| Server::Prosody012.shared()).await.expect("a server");
    Gateway::shared(Server::Prosody012).await
}

fn with_samples(config: &mut Config) {
    let app = |(id, key, _): (&str, &str, &str)| App { id: id.into(), keys: vec![Secret::new(key)], ..App::default() };
    config.maxleap.apps = vec![app(FIRST), app(SECOND)];
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Reply {
    let with = |request: RequestBuilder| headers.iter().fold(request, |all, (name, value)| all.header(*name, *value));
    gateway.request(|http, url| with(http.get(format!("{url}{path}")))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_known_by_signature_or_key() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| {
        with_samples(config);
        config.maxleap.apps[0].master_key = Some(Secret::new("the-master-key-of-one"));
    })
    .await;
    let (hex, time) = FIRST.2.split_once(',').unwrap();
    let capitals = format!("{},{time}", hex.to_uppercase());
    for right in [
        [(APP, FIRST.0), (SIGN, FIRST.2)],
        [("X-ML-AppId", FIRST.0), ("X-ML-Request-Sign", &capitals)],
        [(APP, SECOND.0), (SIGN, SECOND.2)],
        [(APP, FIRST.0), (KEY, FIRST.1)],
        [(APP, FIRST.0), (KEY, "the-master-key-of-one")],
    ] {
        get(&gateway, NOWHERE, &right).await.expect_error(404, 5004);
    }
    let as_master = format!("{},master", FIRST.2);
    let wrong: [&[(&str, &str)]; 11] = [
        &[],
        &[(APP, FIRST.0)],
        &[(SIGN, FIRST.2)],
        &[(KEY, FIRST.1)],
        &[(APP, SECOND.0), (SIGN, FIRST.2)],
        &[(APP, SECOND.0), (KEY, FIRST.1)],
        &[(APP, "56a86320e9db7300015438f8"), (KEY, FIRST.1)],
        &[(APP, FIRST.0), (SIGN, hex)],
        &[(APP, FIRST.0), (SIGN, &as_master)],
        &[(APP, FIRST.0), (SIGN, "00000000000000000000000000000000,1456373078542"), (KEY, FIRST.1)],
        &[("authorization", "Bearer M3pyVEdsSFBBZm5UTDlLMTB3a0xYdw")],
    ];
    for headers in wrong {
        let reply = get(&gateway, NOWHERE, headers).await.expect_error(401, 5003);
        assert!(reply.headers.contains_key("www-authenticate"), "{headers:?}");
        let text = reply.text.to_lowercase();
        assert!(!headers.iter().any(|(_, value)| text.contains(&value.to_lowercase())), "{text}");
    }
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_foreign_networks_are_kept_out() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| {
        with_samples(config);
        config.maxleap.sign_seconds = 60;
    })
    .await;
    get(&gateway, NOWHERE, &[(APP, FIRST.0), (SIGN, FIRST.2)]).await.expect_error(401, 5003);
    get(&gateway, NOWHERE, &[(APP, FIRST.0), (KEY, FIRST.1)]).await.expect_error(404, 5004);
    for _ in 0..30 {
        get(&gateway, NOWHERE, &[(APP, FIRST.0), (KEY, "wrong")]).await.expect_error(401, 5003);
    }
    let reply = get(&gateway, NOWHERE, &[(APP, FIRST.0), (KEY, "wrong")]).await.expect_error(429, 5003);
    assert!(reply.headers.contains_key("retry-after"));
    for (app, key, _) in [FIRST, SECOND] {
        get(&gateway, NOWHERE, &[(APP, app), (KEY, key)]).await.expect_error(404, 5004);
    }
    gateway.shutdown().await;

    let gateway = Gateway::start(&rig, |config| {
        with_samples(config);
        config.maxleap.allow = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    get(&gateway, NOWHERE, &[(APP, FIRST.0), (KEY, FIRST.1)]).await.expect_error(403, 5003);
    gateway.shutdown().await;
}

async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Reply {
    gateway
        .request(|http, url| {
            http.request(Method::OPTIONS, format!("{url}{path}"))
                .header("origin", origin)
                .header("access-control-request-method", "DELETE")
                .header("access-control-request-headers", "content-type,x-ml-appid,x-ml-apikey,x-parrot-version")
        })
        .await
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_call() {
    let gateway = shared().await;
    let page = "https://app.example.org";
    let families = ["/ctx/alice", "/groups/g", "/rooms/r"]
        .map(|object| ["", "/attributes", "/attributes/", "/attributes/name"].map(|rest| format!("{object}{rest}")));
    let others = [
        "/ctx?_skip=0&_sort=name,-age",
        "/ctx/alice/friends?detail",
        "/ctx/alice/friends/bob",
        "/ctx/alice/friends/bob/chats?ts=1&limit=2",
        "/ctx/alice/strangers?detail&skip=1",
        "/ctx/alice/strangers/bob/chats",
        "/ctx/alice/groups",
        "/ctx/alice/rooms",
        "/groups",
        "/groups/g/members",
        "/groups/g/members/alice",
        "/groups/g/chats",
        "/rooms",
        "/rooms/r/members",
        "/rooms/r/members/alice",
        "/passengers/",
        "/passengers/p",
        "/passengers/p/chats/alice",
        "/system",
        "/system/g?group",
        "/attachment",
        "/attachment/x",
    ];
    for path in families.iter().flatten().map(String::as_str).chain(others) {
        let reply = preflight(gateway, path, page).await;
        assert!(reply.status.is_success() && reply.text.is_empty(), "{path} {} {}", reply.status, reply.text);
        assert_eq!(header(&reply, "access-control-allow-origin"), "*");
        for method in ["GET", "POST", "PUT", "DELETE"] {
            assert!(header(&reply, "access-control-allow-methods").contains(method), "{:?}", reply.headers);
        }
        for name in ["content-type", "x-ml-appid", "x-ml-apikey", "x-parrot-version"] {
            assert!(header(&reply, "access-control-allow-headers").contains(name), "{:?}", reply.headers);
        }
    }
    let (app, key) = gateway.maxleap_app();
    for (key, status) in [(key, 404), ("wrong", 401)] {
        let reply = get(gateway, NOWHERE, &[(APP, app), (KEY, key), ("origin", page)]).await;
        assert_eq!((reply.status.as_u16(), header(&reply, "access-control-allow-origin")), (status, "*"));
        for name in ["x-request-id", "retry-after", "x-xmpp-jid", "x-xmpp-password"] {
            assert!(header(&reply, "access-control-expose-headers").contains(name), "{:?}", reply.headers);
        }
    }
    let other = gateway.get("/qtalk/muc_users").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"), "another API's answers are not shared");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_that_are_named_may_call() {
    let rig = rig().await;
    let (named, other) = ("https://app.example.org", "https://evil.example");
    let gateway = Gateway::start(&rig, |config| config.maxleap.cors_origins = vec![named.into()]).await;
    for (origin, allowed) in [(named, named), (other, "")] {
        assert_eq!(
            header(&preflight(&gateway, "/groups/x/attributes", origin).await, "access-control-allow-origin"),
            allowed
        );
        let reply = get(&gateway, NOWHERE, &[("origin", origin)]).await.expect_error(401, 5003);
        assert_eq!(header(&reply, "access-control-allow-origin"), allowed);
    }
    gateway.shutdown().await;
    let gateway = Gateway::start(&rig, |config| config.maxleap.cors_origins.clear()).await;
    let reply = preflight(&gateway, "/groups/x/attributes", named).await.expect_error(401, 5003);
    assert!(!reply.headers.contains_key("access-control-allow-origin"));
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_are_refused_in_shape() {
    let gateway = shared().await;
    let none = Value::Null;
    for path in [
        "/ctx/a/nowhere",
        "/ctx/a/attributes/b/c",
        "/ctx//attributes",
        "/groups/g/nowhere",
        "/rooms/r/chats",
        "/passengers/p/x/y/z",
        "/system/t/x",
        "/attachment/x",
    ] {
        gateway.maxleap(Method::GET, path, &none).await.expect_error(404, 5004);
        gateway.maxleap(Method::POST, &format!("{path}/"), &json!({})).await.expect_error(404, 5004);
    }
    for path in ["/ctx/a", "/ctx/a/", "/ctx/a/attributes/b", "/groups/g/attributes/b/"] {
        let reply = gateway.maxleap(Method::PATCH, path, &none).await.expect_error(405, 5009);
        assert!(header(&reply, "allow").contains("GET"), "{:?}", reply.headers);
    }
    let foreign = gateway.maxleap(Method::GET, "/nowhere", &none).await;
    assert_eq!((foreign.status.as_u16(), foreign.json.get("errorCode")), (404, None), "not a path of this API");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_all_of_the_api() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| config.maxleap.prefix = "/im".into()).await;
    let none = Value::Null;
    gateway.maxleap(Method::GET, "/im/ctx/a%40b", &none).await.expect_error(400, 5001);
    for path in ["/im/nowhere", "/im/nowhere/", "/im/ctx/a/nowhere"] {
        gateway.maxleap(Method::GET, path, &none).await.expect_error(404, 5004);
    }
    assert_eq!(gateway.maxleap(Method::GET, "/ctx/a%40b", &none).await.json.get("errorCode"), None);
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_nobody_can_have_are_refused() {
    let gateway = shared().await;
    let none = Value::Null;
    let families = [("/ctx", ""), ("/ctx", "/attributes"), ("/groups", "/attributes"), ("/rooms", "/attributes/name")];
    for (family, rest) in families {
        for wrong in [
            "~bob",
            "a%40b",
            "a%2Fb",
            "%20a",
            "a%20b",
            "%E2%80%8Ba",
            "a%00",
            "%EF%AC%81",
            "%3Ca%3E",
            "John.Doe",
            "%C3%89",
        ] {
            let path = format!("{family}/{wrong}{rest}");
            gateway.maxleap(Method::GET, &path, &none).await.expect_error(400, 5001);
        }
        gateway.maxleap(Method::GET, &format!("{family}/%FF{rest}"), &none).await.expect_error(400, 5001);
        gateway
            .maxleap(Method::GET, &format!("{family}/{}{rest}", "a".repeat(129)), &none)
            .await
            .expect_error(400, 5010);
    }
    // As the libraries call: a slash at the end, a body where none is read, POST for GET.
    for (method, path) in [
        (Method::DELETE, "/ctx/~bob/attributes/"),
        (Method::POST, "/ctx/~bob"),
        (Method::POST, "/ctx/~bob/"),
        (Method::GET, "/ctx/~bob?detail"),
    ] {
        gateway.maxleap(method, path, &json!({})).await.expect_error(400, 5001);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_queries_that_cannot_be_read_are_refused() {
    let gateway = shared().await;
    let (app, key) = gateway.maxleap_app();
    for body in ["{", "[]", "null", "\"x\"", "7", "{\"a\":1}x", "{'a':1}", "{\"a\":nul}", "a=1&b=2"] {
        for method in [Method::POST, Method::PUT] {
            let request = |http: &reqwest::Client, url: &str| {
                let request = http.request(method, format!("{url}/ctx/alice/attributes"));
                request.header(APP, app).header(KEY, key).body(body)
            };
            gateway.request(request).await.expect_error(400, 5001);
        }
    }
    let path = "/groups/g/attributes";
    for wrong in ["", " ", "a\n", " a"] {
        gateway.maxleap(Method::POST, path, &json!({ wrong: 1 })).await.expect_error(400, 5001);
    }
    let many: Value = (0..201).map(|n| (format!("k{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    for wrong in [json!({ "a".repeat(257): 1 }), json!({"a": "x".repeat(65_536)}), many] {
        gateway.maxleap(Method::PUT, path, &wrong).await.expect_error(400, 5010);
    }
    gateway.maxleap(Method::GET, "/ctx/alice?name=%FF", &Value::Null).await.expect_error(400, 5001);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_large_requests_and_a_full_gateway_are_told_in_shape() {
    let rig = rig().await;
    let gateway = Gateway::start(&rig, |config| {
        config.http.requests = 1;
        config.http.read_seconds = 2;
        config.http.body_bytes = 1000;
        config.rongcloud.enabled = false;
    })
    .await;
    let large = json!({"a": "x".repeat(1000)});
    gateway.maxleap(Method::PUT, "/ctx/alice/attributes", &large).await.expect_error(413, 5010);
    let (app, key) = gateway.maxleap_app();
    let mut slow = TcpStream::connect(gateway.url().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /ctx/alice/attributes HTTP/1.1\r\nhost: x\r\n{APP}: {app}\r\n{KEY}: {key}\r\ncontent-length: 9\r\n\
         connection: close\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let reply = gateway.maxleap(Method::GET, NOWHERE, &Value::Null).await.expect_error(503, 5002);
    assert!(reply.headers.contains_key("retry-after"));
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("{\"errorCode\":5001,"), "{answer}");
    gateway.shutdown().await;
}
