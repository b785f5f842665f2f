//! A server that stalls, closes or lies at each stage of a log-in: the deadline is kept and the error is clear.

use std::time::{Duration, Instant};

use stanzagate::config::Config;
use stanzagate::config::c2s::Tls;
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::session::{SessionError, Sessions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::session_support::*;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org' version='1.0'>";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// What the client says, and what is answered.
type Script = Vec<(&'static str, String)>;

#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Stall,
    Close,
}

/// Plays a script on every connection: when the client has sent this, answer that. Then stalls or closes.
async fn play(script: Script, end: End) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let script = script.clone();
            tokio::spawn(async move {
                let mut read = Vec::with_capacity(16 << 10);
                for (heard, answer) in script {
                    while !String::from_utf8_lossy(&read).contains(heard) {
                        if tcp.read_buf(&mut read).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    read.clear();
                    if tcp.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
                if end == End::Stall {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                } else {
                    // What the client still says is read, so that it sees an end and not a reset.
                    let _ = tokio::time::timeout(Duration::from_millis(250), tcp.read_buf(&mut read)).await;
                }
            });
        }
    });
    address
}

fn features(inner: &str) -> String {
    format!("{HEADER}<stream:features>{inner}</stream:features>")
}

fn mechanisms(names: &[&str]) -> String {
    let names: String = names.iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect();
    features(&format!("<mechanisms xmlns='{SASL}'>{names}</mechanisms>"))
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='{SASL}'><{condition}/></failure>")
}

fn towards(address: String, tls: Tls) -> Sessions {
    let mut config = Config::default();
    config.c2s.address = address;
    config.c2s.tls = tls;
    config.sessions.grant = Grant::Jwt;
    config.sessions.jwt_key = Some(Secret::new("a key that no server of this test looks at"));
    sessions(config)
}

async fn check(script: Script, end: End, tls: Tls) -> Result<bool, SessionError> {
    let sessions = towards(play(script, end).await, tls);
    let begun = Instant::now();
    let result = sessions.check_password(&call_within(Duration::from_millis(400)), &jid("alice"), "pw").await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "the deadline is kept: {:?}", begun.elapsed());
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_or_an_end_at_any_stage_is_named_in_time() {
    let plain = || ("<stream:stream", mechanisms(&["PLAIN"]));
    let starttls = || ("<stream:stream", features(&format!("<starttls xmlns='{TLS}'/>")));
    let stages: Vec<(Script, Tls, &str)> = vec![
        (vec![], Tls::None, "the stream header"),
        (vec![("<stream:stream", HEADER.into())], Tls::None, "the stream features"),
        (vec![plain()], Tls::None, "the SASL answer"),
        (vec![], Tls::Direct, "TLS"),
        (vec![starttls()], Tls::Starttls, "the answer to STARTTLS"),
        (vec![starttls(), ("<starttls", format!("<proceed xmlns='{TLS}'/>"))], Tls::Starttls, "TLS"),
    ];
    for (script, tls, what) in stages {
        for end in [End::Stall, End::Close] {
            match check(script.clone(), end, tls).await {
                Err(SessionError::Connect(why)) => assert!(why.contains(what), "{what}, {end:?}: {why}"),
                other => panic!("{what}, {end:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_clear_denial_means_a_wrong_password() {
    let plain = |answer: String| vec![("<stream:stream", mechanisms(&["PLAIN"])), ("<auth", answer)];
    for condition in ["not-authorized", "account-disabled", "credentials-expired", "malformed-request"] {
        assert!(matches!(check(plain(failure(condition)), End::Stall, Tls::None).await, Ok(false)), "{condition}");
    }
    let answer = check(plain(failure("temporary-auth-failure")), End::Stall, Tls::None).await;
    assert!(matches!(&answer, Err(SessionError::Connect(why)) if why.contains("temporary-auth-failure")), "{answer:?}");
    assert!(matches!(check(plain(format!("<success xmlns='{SASL}'/>")), End::Stall, Tls::None).await, Ok(true)));

    let refused = |answer: String| async move {
        match check(vec![("<stream:stream", answer)], End::Stall, Tls::None).await {
            Err(error) => error.to_string(),
            Ok(valid) => panic!("no answer can be {valid}"),
        }
    };
    let why = refused(mechanisms(&["DIGEST-MD5", "EXTERNAL"])).await;
    assert!(why.contains("SCRAM-SHA-256 or SCRAM-SHA-1 or PLAIN wanted, DIGEST-MD5, EXTERNAL offered"), "{why}");
    let ns = "urn:ietf:params:xml:ns:xmpp-streams";
    let why = refused(format!("{HEADER}<stream:error><host-unknown xmlns='{ns}'/></stream:error>")).await;
    assert!(why.contains("host-unknown"), "{why}");
    refused("HTTP/1.1 400 Bad Request\r\n\r\n".into()).await;
    refused(features(&"<x xmlns='y'/>".repeat(20_000))).await;
    refused(format!("{HEADER}{}", "<a xmlns='b'>".repeat(5_000))).await;
    refused(format!("{HEADER}<message/>")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_prove_itself_is_not_believed() {
    let scram = |answer: String| vec![("<stream:stream", mechanisms(&["SCRAM-SHA-1", "PLAIN"])), ("<auth", answer)];
    for answer in [
        format!("<success xmlns='{SASL}'/>"),
        format!("<success xmlns='{SASL}'>dj1BQUFB</success>"),
        // A challenge whose nonce is not ours: r=other,s=QUFBQQ==,i=4096
        format!("<challenge xmlns='{SASL}'>cj1vdGhlcixzPVFVRkJRUT09LGk9NDA5Ng==</challenge>"),
        format!("<challenge xmlns='{SASL}'>not base64!</challenge>"),
        format!("<challenge xmlns='{SASL}'/>"),
    ] {
        let result = check(scram(answer.clone()), End::Stall, Tls::None).await;
        assert!(matches!(result, Err(SessionError::Refused(_))), "{answer}: {result:?}");
    }
    let injected = format!("<proceed xmlns='{TLS}'/><stream:features/>");
    let script = vec![("<stream:stream", features(&format!("<starttls xmlns='{TLS}'/>"))), ("<starttls", injected)];
    match check(script, End::Stall, Tls::Starttls).await {
        Err(SessionError::Refused(why)) => assert!(why.contains("in clear"), "{why}"),
        other => panic!("data before TLS: {other:?}"),
    }
}

async fn session(bind: Option<&str>, end: End) -> SessionError {
    let mut script = vec![
        ("<stream:stream", mechanisms(&["PLAIN"])),
        ("<auth", format!("<success xmlns='{SASL}'/>")),
        ("<stream:stream", features(&format!("<bind xmlns='{BIND}'/>"))),
    ];
    script.extend(bind.map(|answer| ("<bind", answer.to_owned())));
    let sessions = towards(play(script, end).await, Tls::None);
    let begun = Instant::now();
    let result = sessions.iq(&call_within(Duration::from_millis(400)), &jid("alice"), roster()).await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "the deadline is kept");
    result.expect_err("no session")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_bound_is_an_error_in_time() {
    let stalled = session(None, End::Stall).await;
    assert!(matches!(stalled, SessionError::Connect(_)), "{stalled}");
    let ended = session(None, End::Close).await.to_string();
    assert!(ended.contains("the answer to bind"), "{ended}");
    let other = format!("<iq type='result' id='bind'><bind xmlns='{BIND}'><jid>bob@example.org/x</jid></bind></iq>");
    let why = session(Some(&other), End::Stall).await.to_string();
    assert!(why.contains("another user"), "{why}");
    let error = "<iq type='error' id='bind'><error type='cancel'>\
                 <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    let why = session(Some(error), End::Stall).await.to_string();
    assert!(why.contains("bind: conflict"), "{why}");
}
