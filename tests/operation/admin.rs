//! The admin listener: `check` by a gateway that serves, beside its calls, and who else may ask there.

use std::process::{Command, Output};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use stanzagate::check::report::Report;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use tokio::task::JoinSet;

use crate::on_newest;
use crate::support::{Gateway, Server, account};

on_newest!(a_gateway_that_serves_tries_its_server_beside_its_calls);

async fn a_gateway_that_serves_tries_its_server_beside_its_calls(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let admin = gateway.admin();

    // Calls go on all the time, and none of them is to fail.
    let (alice, bob) = (account(&rig, "alice"), account(&rig, "bob"));
    let body = json!({"from": alice.jid, "to": bob.jid, "message": "<message type='chat'><body>x</body></message>"});
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let (http, url, body) = (Client::new(), format!("{}/qtalk/send_thirdmessage", gateway.url()), body.clone());
        calls.spawn(async move {
            for n in 1.. {
                let answer: Value =
                    http.post(&url).json(&body).send().await.expect("an answer").json().await.expect("JSON");
                assert_eq!(answer["ret"], true, "call {n}: {answer}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    let report = checked(&rig, &admin, "gw.example.org", &["--json", "--user", "alice"]).await;
    assert!(report.status.success(), "{report:?}");
    let found: Report = serde_json::from_slice(&report.stdout).expect("a report");
    assert!(found.works && found.failure.is_none() && found.lines.is_empty(), "{found:?}");
    assert_eq!(found.component, "gw.example.org");
    let missing: Vec<_> = found.rights.iter().filter(|right| !right.granted).collect();
    assert!(missing.is_empty() && found.rights.len() > 15, "{found:?}");
    // Every call of every API, though the command's own settings have qtalk alone: those of the gateway count.
    for api in ["qtalk/", "maxleap/", "xuanxuan/", "rongcloud/"] {
        assert!(found.calls.iter().any(|call| call.call.starts_with(api)), "{api}");
    }
    let text = checked(&rig, &admin, "gw.example.org", &[]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("11 of 11 work") && !text.contains('\x1b') && !text.contains("MISSING"), "{text}");

    // Two at once would see what the other makes.
    let (url, http) = (format!("{admin}/check"), Client::new());
    let (one, other) = tokio::join!(http.post(&url).send(), http.post(&url).send());
    let mut statuses = [one.expect("an answer").status(), other.expect("an answer").status()];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
    // Whoever hangs up does not end it half-way.
    let gave_up = http.post(&url).timeout(Duration::from_millis(10)).send().await;
    assert!(gave_up.is_err_and(|error| error.is_timeout()));
    let busy = http.post(&url).send().await.expect("an answer");
    assert_eq!(busy.status(), StatusCode::CONFLICT);
    while http.post(&url).send().await.expect("an answer").status() == StatusCode::CONFLICT {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Some(ended) = calls.try_join_next() {
        ended.expect("calls that succeed");
    }
    calls.shutdown().await;
    // Nothing of all that is left.
    let rooms = gateway.maxleap(reqwest::Method::GET, "/groups", &Value::Null).await.expect_status(200).json;
    assert_eq!(rooms, json!([]));

    others_are_refused(&admin).await;
    // A gateway of another name is not this one: the command connects by itself.
    let refused = checked(&rig, &admin, "other.example.org", &["--json"]).await;
    let found: Report = serde_json::from_slice(&refused.stdout).expect("a report");
    assert_eq!((refused.status.code(), found.component.as_str()), (Some(1), "other.example.org"), "{found:?}");
    gateway.shutdown().await;
}

/// Web pages, by their origin or by a name that they had made to point here, and callers behind a proxy.
async fn others_are_refused(admin: &str) {
    let http = Client::new();
    for (path, post) in [("/check", true), ("/metrics", false), ("/openapi.json", false)] {
        for (header, value) in [
            ("Origin", "https://evil.example"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Host", "evil.example"),
            ("X-Forwarded-For", "192.0.2.1"),
        ] {
            let url = format!("{admin}{path}");
            let request = if post { http.post(url) } else { http.get(url) };
            let answer = request.header(header, value).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {header}");
        }
    }
    let odd = http.post(format!("{admin}/check?who=alice")).send().await.expect("an answer");
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    let looked = http.get(format!("{admin}/check")).send().await.expect("an answer");
    assert_eq!(looked.status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/health/live", "/health/ready", "/metrics", "/"] {
        let answer = http.get(format!("{admin}{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

/// Runs `stanzagate check` with settings for the gateway `name` whose admin listener is `admin`.
async fn checked(rig: &Rig, admin: &str, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.arg("check").args(arguments).env_clear();
    for (setting, value) in [
        ("SERVER__DOMAIN", rig.domain()),
        ("COMPONENT__NAME", name),
        ("COMPONENT__SECRET", rig.component_secret()),
        ("COMPONENT__ADDRESS", &rig.component_addr().to_string()),
        ("ADMIN__LISTEN", admin.trim_start_matches("http://")),
        ("HTTP__LISTEN", "127.0.0.1:1"),
        ("QTALK__AUTH", "none"),
    ] {
        command.env(format!("STANZAGATE_{setting}"), value);
    }
    tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("the program")
}
