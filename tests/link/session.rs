//! Users' sessions on real ejabberds of both generations, with both grants.

use std::time::{Duration, Instant};

use base64::Engine as _;
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig};
use stanzagate::link::LinkError;
use stanzagate::session::{RESOURCE_PREFIX, SessionError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::session_support::*;

/// A session answers as its user, their message is archived as their own, and it takes none of their mail.
async fn acts_as_its_user_and_takes_no_mail(rig: Rig) {
    let sessions = sessions(rig.gateway_config());
    let (alice, bob) = (jid("alice"), jid("bob"));
    let reply = sessions.iq(&call(), &alice, roster()).await.expect("a roster");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    assert!(reply.has_child("query", "jabber:iq:roster"));
    assert_eq!(counted(&sessions.iq(&call(), &alice, archive_count()).await.expect("an archive")), "0");

    // The only session of bob is the gateway's: they count as offline.
    sessions.iq(&call(), &bob, roster()).await.expect("bob's session opens");
    let bounce = sessions.send_routed(&call(), &alice, message("chat", "bob@example.org", "while away")).await;
    assert!(bounce.expect("routed").is_none());
    assert_eq!(counted(&sessions.iq(&call(), &alice, archive_count()).await.expect("an archive")), "1");
    let mut device = client(&rig, "bob").await;
    let (from, body) = next_body(&mut device).await;
    assert_eq!(body, "while away");
    assert!(from.starts_with(&format!("alice@example.org/{RESOURCE_PREFIX}")), "{from}");

    // With a device online, both kinds of message go to the device, whatever the gateway's session does.
    for kind in ["headline", "chat"] {
        let bounce = sessions.send_routed(&call(), &alice, message(kind, "bob@example.org", kind)).await;
        assert!(bounce.expect("routed").is_none());
        assert_eq!(next_body(&mut device).await.1, kind);
    }
    let bounce = sessions.send_routed(&call(), &alice, message("chat", "nobody@example.org", "?")).await;
    assert_eq!(bounce.expect("routed").expect("a bounce").attr("type"), Some("error"));
    sessions.drain().await;
    let after = sessions.iq(&call(), &alice, roster()).await;
    assert!(matches!(after, Err(SessionError::Link(LinkError::Draining))), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_session_on_the_older_ejabberd() {
    acts_as_its_user_and_takes_no_mail(start(Product::Ejabberd, None, Grant::Oauth)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_session_on_the_newest_ejabberd() {
    acts_as_its_user_and_takes_no_mail(start(Product::Ejabberd, newest(), Grant::Oauth)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_session_on_the_older_ejabberd() {
    acts_as_its_user_and_takes_no_mail(start(Product::Ejabberd, None, Grant::Jwt)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_session_on_the_newest_ejabberd() {
    acts_as_its_user_and_takes_no_mail(start(Product::Ejabberd, newest(), Grant::Jwt)).await;
}

/// What the server answers to X-OAUTH2 with this token as this user.
async fn x_oauth2(rig: &Rig, user: &str, token: &str) -> String {
    let mut tcp = tokio::net::TcpStream::connect(rig.c2s_addr()).await.expect("c2s");
    let data = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{token}"));
    let login = format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' \
         version='1.0'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X-OAUTH2'>{data}</auth>"
    );
    tcp.write_all(login.as_bytes()).await.expect("written");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(":xmpp-sasl'><not-authorized")
        && !String::from_utf8_lossy(&read).contains("<success")
    {
        assert_ne!(tcp.read_buf(&mut read).await.expect("an answer"), 0, "{}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

async fn token_opens_only_its_users_session(rig: Rig, scopes: serde_json::Value) {
    let url = format!("{}/oauth_issue_token", rig.http_api().expect("an API"));
    let body = serde_json::json!({ "jid": "alice@example.org", "ttl": 60, "scopes": scopes });
    let answer = reqwest::Client::new().post(url).json(&body).send().await.expect("an answer");
    let answer: serde_json::Value = answer.json().await.expect("JSON");
    let token = answer["token"].as_str().expect("a token");
    assert!(x_oauth2(&rig, "alice", token).await.contains("<success"));
    assert!(x_oauth2(&rig, "bob", token).await.contains("<not-authorized"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_only_its_users_session() {
    token_opens_only_its_users_session(start(Product::Ejabberd, None, Grant::Oauth), "sasl_auth".into()).await;
    let scopes = serde_json::json!(["sasl_auth"]);
    token_opens_only_its_users_session(start(Product::Ejabberd, newest(), Grant::Oauth), scopes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_opens_once_keeps_its_bound_and_closes_what_is_idle() {
    let rig = start(Product::Ejabberd, None, Grant::Jwt);
    let proxy = Proxy::to(rig.c2s_addr()).await;
    let mut config = rig.gateway_config();
    config.c2s.address = proxy.address.to_string();
    config.sessions.max = 2;
    config.sessions.idle_seconds = 1;
    let sessions = sessions(config);

    let many = (0..40).map(|_| {
        let sessions = sessions.clone();
        tokio::spawn(async move { sessions.iq(&call(), &jid("alice"), roster()).await.expect("a roster") })
    });
    futures::future::try_join_all(many).await.expect("all forty");
    assert_eq!(proxy.count(), (1, 1), "forty callers of one user share one log-in");

    for user in ["bob", "carol", "dave", "alice"] {
        sessions.iq(&call(), &jid(user), roster()).await.expect("a roster");
    }
    assert_eq!(proxy.total.load(std::sync::atomic::Ordering::SeqCst), 5);
    assert_eq!(proxy.peak.load(std::sync::atomic::Ordering::SeqCst), 2, "the evicted are closed first");

    // With every session in use there is no room, and nobody's session is taken away.
    proxy.paused.send_replace(true);
    let held: Vec<_> = ["dave", "alice"]
        .map(|user| {
            let sessions = sessions.clone();
            tokio::spawn(async move { sessions.iq(&call(), &jid(user), roster()).await })
        })
        .into();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = sessions.iq(&call(), &jid("bob"), roster()).await;
    assert!(matches!(refused, Err(SessionError::Link(LinkError::Busy))), "{refused:?}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    proxy.paused.send_replace(false);
    for done in held {
        done.await.expect("no panic").expect("used sessions are not closed as idle");
    }

    eventually("idle sessions are closed", || proxy.count().1 == 0).await;
    assert_eq!(sessions.metrics().open.get(), 0);
    sessions.iq(&call(), &jid("alice"), roster()).await.expect("opened anew");
    assert_eq!(proxy.count(), (6, 1));
    sessions.forget(&jid("alice")).await;
    eventually("a forgotten session is closed", || proxy.count().1 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_restart_costs_no_call_and_an_absent_server_fails_fast() {
    for root in [None, newest()] {
        let rig = start(Product::Ejabberd, root, Grant::Oauth);
        let sessions = sessions(rig.gateway_config());
        let alice = jid("alice");
        for kill in [false, true] {
            sessions.iq(&call(), &alice, roster()).await.expect("before");
            if kill { rig.kill_server() } else { rig.stop_server() }.expect("stopped");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let absent = sessions.iq(&call(), &alice, roster()).await;
            assert!(matches!(absent, Err(SessionError::Connect(_))), "{absent:?}");
            let begun = Instant::now();
            for _ in 0..100 {
                sessions.iq(&call(), &jid("bob"), roster()).await.expect_err("absent");
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "fails fast");
            rig.start_server().expect("started");
            tokio::time::sleep(Duration::from_millis(1100)).await;
            sessions.iq(&call(), &alice, roster()).await.expect("after");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_written_is_not_done_again() {
    let rig = start(Product::Ejabberd, None, Grant::Jwt);
    let proxy = Proxy::to(rig.c2s_addr()).await;
    let mut config = rig.gateway_config();
    config.c2s.address = proxy.address.to_string();
    let sessions = sessions(config);
    sessions.iq(&call(), &jid("alice"), roster()).await.expect("a roster");
    proxy.paused.send_replace(true);
    let asking = sessions.clone();
    let asked = tokio::spawn(async move { asking.iq(&call(), &jid("alice"), roster()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.kill_server().expect("killed");
    let lost = asked.await.expect("no panic");
    assert!(matches!(lost, Err(SessionError::Link(LinkError::Unknown))), "{lost:?}");
    assert_eq!(proxy.count().0, 1, "no second session was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_harms_no_other() {
    let rig = start(Product::Ejabberd, None, Grant::Jwt);
    let sessions = sessions(rig.gateway_config());
    let alice = jid("alice");
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_millis(1), sessions.iq(&call(), &alice, roster())).await;
    }
    sessions.iq(&call(), &alice, roster()).await.expect("a roster");
    assert_eq!(sessions.metrics().opened.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_must_mend_is_named() {
    let rig = start(Product::Ejabberd, None, Grant::Oauth);
    let said = |config| async move {
        sessions(config).iq(&call(), &jid("alice"), roster()).await.expect_err("not granted").to_string()
    };
    let mut config = rig.gateway_config();
    // Held without listening: nobody else can answer there meanwhile.
    let held = tokio::net::TcpSocket::new_v4().expect("a socket");
    held.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let url = format!("http://{}/api", held.local_addr().expect("an address"));
    config.sessions.oauth_url = Some(url.clone());
    let why = said(config).await;
    assert!(why.contains(&format!("HTTP API ({url}/oauth_issue_token) cannot be reached")), "{why}");

    let mut config = rig.gateway_config();
    config.sessions.oauth_url = config.sessions.oauth_url.map(|url| url.replace("/api", "/nowhere"));
    let why = said(config).await;
    assert!(why.contains("mod_http_api"), "{why}");

    let mut config = rig.gateway_config();
    config.sessions.grant = Grant::Jwt;
    config.sessions.jwt_key = Some(Secret::new("not the server's key, which has another text"));
    let why = said(config).await;
    assert!(why.contains("not-authorized") && why.contains("jwt_jid_field"), "{why}");

    let mut config = rig.gateway_config();
    config.sessions.grant = Grant::None;
    assert!(said(config).await.contains("sessions.grant"));
}

/// Changes the running server's configuration.
fn reconfigure(rig: &Rig, from: &str, to: &str) {
    let file = rig.dir().join("ejabberd.yml");
    let config = std::fs::read_to_string(&file).expect("a configuration");
    assert!(config.contains(from), "{from} is in the configuration");
    rig.stop_server().expect("stopped");
    std::fs::write(&file, config.replace(from, to)).expect("written");
    rig.start_server().expect("started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_missing_in_ejabberd_is_named() {
    for root in [None, newest()] {
        let rig = start(Product::Ejabberd, root, Grant::Oauth);
        let said = |config| async move {
            sessions(config).iq(&call(), &jid("alice"), roster()).await.expect_err("not granted").to_string()
        };
        reconfigure(&rig, "what: [oauth_issue_token]", "what: [status]");
        let why = said(rig.gateway_config()).await;
        assert!(why.contains("api_permissions"), "{why}");
        reconfigure(&rig, "what: [status]", "what: [oauth_issue_token]");
        reconfigure(&rig, "disable_sasl_mechanisms: [", "disable_sasl_mechanisms: [\"X-OAUTH2\", ");
        let why = said(rig.gateway_config()).await;
        assert!(why.contains("X-OAUTH2 wanted") && why.contains("SCRAM-SHA-1"), "{why}");
    }
}
