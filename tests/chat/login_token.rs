//! Tokens with which users' own clients log in, on real servers, and on ejabberd with both grants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jid::BareJid;
use secrecy::ExposeSecret as _;
use stanzagate::chat::accounts::login::LoginToken;
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::error::Kind;
use stanzagate::chat::types::right::Right;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::config::Config;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use stanzagate::metrics::Metrics;

use crate::on_all_servers;
use crate::support::element::says;
use crate::support::people::until;
use crate::support::verbs::call;
use crate::support::wire::Wire;
use crate::support::{Account, Client, Server, Verbs, account, fresh};

on_all_servers!(a_token_logs_in_its_user_and_nobody_else, a_missing_right_is_named);

/// Life of the tokens that are to outlast their test.
const LIFE: Duration = Duration::from_secs(600);
/// Life of the one that is to expire. Servers count whole seconds: it is good for two at least.
const SHORT: Duration = Duration::from_secs(3);
/// Longest wait for the link, and for its end.
const WAIT: Duration = Duration::from_secs(20);
/// Tokens of one user that Prosody's helper module keeps.
const KEPT: usize = 20;

async fn a_token_logs_in_its_user_and_nobody_else(server: Server) {
    let verbs = Verbs::shared(server).await;
    let mechanism = if server.is_ejabberd() { "X-OAUTH2" } else { "OAUTHBEARER" };
    verbs
        .run(async move { logs_in_its_user_and_nobody_else(&verbs.chat, server.shared(), server, mechanism).await })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_is_its_users_password() {
    for server in Server::EJABBERD {
        let rig = server.start(Grant::Jwt);
        let chat = start(rig.gateway_config()).await;
        logs_in_its_user_and_nobody_else(&chat, &rig, server, "PLAIN").await;
        let (alice, bob) = (account(&rig, "alice"), account(&rig, "bob"));
        let token = chat.accounts.login_token(&call(), &jid(&alice.jid), LIFE).await.expect("a token");
        // With passwords 23.01 and 24.12 let that pass.
        for other in [&bob.jid, &bob.name] {
            let data = format!("{other}\0{}\0{}", alice.name, token.key.expose_secret());
            assert!(Wire::authenticate(&rig, "PLAIN", &data).await.is_err(), "alice's token, authorised as {other}");
        }
        // Any client that knows PLAIN takes it for a password.
        let password = token.key.expose_secret().to_owned();
        Client::login(&rig, &Account { password, ..alice }).await.ping().await;
    }
}

async fn logs_in_its_user_and_nobody_else(chat: &Chat, rig: &Rig, server: Server, mechanism: &str) {
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let token = async |life| chat.accounts.login_token(&call(), &jid(&alice.jid), life).await.expect("a token");
    let listener = Client::login(rig, &bob).await;

    let asked = Instant::now();
    let short = token(SHORT).await;
    let at_once = log_in(rig, &short, &alice).await;
    if asked.elapsed() < SHORT - Duration::from_secs(1) {
        at_once.expect("the short life has not ended");
    }

    let long = token(LIFE).await;
    assert_eq!((long.mechanism, long.expires_in, short.expires_in), (mechanism, LIFE.as_secs(), SHORT.as_secs()));
    assert!(!format!("{long:?}").contains(long.key.expose_secret()), "nothing secret in logs");
    for text in ["first", "again"] {
        let mut wire = log_in(rig, &long, &alice).await.expect("a log-in");
        assert_eq!(wire.bind().await.split('/').next(), Some(alice.jid.as_str()));
        wire.say(&format!("<message to='{}' type='chat'><body>{text}</body></message>", bob.jid)).await;
        let message = listener.wait_for(text, says(text)).await;
        assert!(message.attr("from").is_some_and(|from| from.starts_with(&format!("{}/", alice.jid))));
    }

    // Whoever has a token for X-OAUTH2 can be anybody: rongcloud.accept_oauth_impersonation and what `check` says rest on it.
    if mechanism == "X-OAUTH2" {
        let data = format!("{}\0{}\0{}", bob.name, alice.name, long.key.expose_secret());
        let mut wire = Wire::authenticate(rig, mechanism, &data).await.expect("bob, with alice's token");
        assert_eq!(wire.bind().await.split('/').next(), Some(bob.jid.as_str()));
    }
    match log_in(rig, &long, &bob).await {
        // Prosody 13 looks at the token only, and not at the name beside it.
        Ok(mut wire) if matches!(server, Server::Prosody13 | Server::Prosody136) => {
            assert!(wire.bind().await.starts_with(&alice.jid))
        }
        other => assert!(other.is_err(), "alice's token logged in as bob"),
    }
    for key in altered(long.key.expose_secret(), &alice.name, &bob.name) {
        let refused = LoginToken { key: key.clone().into(), ..long.clone() };
        for user in [&alice, &bob] {
            assert!(log_in(rig, &refused, user).await.is_err(), "{key} in place of {:?}", long.key.expose_secret());
        }
    }
    until("the end of the short life", || async { log_in(rig, &short, &alice).await.err() }).await;

    let nobody = jid(&format!("{}@{}", fresh("nobody"), rig.domain()));
    let unknown = chat.accounts.login_token(&call(), &nobody, LIFE).await.expect_err("no account");
    assert!(matches!(unknown, ChatError::UnknownUser(ref user) if *user == nobody), "{unknown}");

    // Each call gives another token, and the one before stays good. Prosody keeps a number of them.
    let mut keys = vec![long.key.expose_secret().to_owned()];
    for _ in 0..KEPT {
        let next = token(LIFE).await;
        assert!(!keys.iter().any(|key| key == next.key.expose_secret()) || mechanism == "PLAIN", "a token of its own");
        keys.push(next.key.expose_secret().to_owned());
    }
    let key = |n: usize| LoginToken { key: keys[n].clone().into(), ..long.clone() };
    assert_eq!(log_in(rig, &key(0), &alice).await.is_ok(), server.is_ejabberd(), "the oldest");
    log_in(rig, &key(KEPT), &alice).await.expect("the newest").bind().await;

    let before = Client::login(rig, &alice).await;
    before.tell(&bob.jid, "by password", "");
    listener.wait_for("the message of the other session", says("by password")).await;
    let offered = Wire::open(rig).await.1;
    assert_eq!(offered.contains(">SCRAM-SHA-1<"), mechanism != "PLAIN", "{offered}");

    // On ejabberd a token goes on until its end, for whoever has the name.
    if !server.is_ejabberd() {
        let user = jid(&alice.jid);
        chat.accounts.delete_account(&call(), &user).await.expect("deleted");
        assert!(chat.accounts.create_account(&call(), &user, "anew").await.expect("an account"));
        assert!(log_in(rig, &key(KEPT), &alice).await.is_err(), "the token of an account that is gone");
    }
}

/// Tokens that nobody made: one character differs, or the user's name in what is only encoded.
fn altered(key: &str, user: &str, other: &str) -> Vec<String> {
    let instead = |at: usize| {
        let differs = if key[at..].starts_with('x') { "y" } else { "x" };
        format!("{}{differs}{}", &key[..at], &key[at + 1..])
    };
    let mut all: Vec<String> = [0, key.len() / 4, key.len() / 2, key.len() * 3 / 4].map(instead).into();
    all.push(key[..key.len() - 4].to_owned());
    let renamed = |bytes: Vec<u8>| {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let renamed: Vec<u8> = text.replace(user, other).chars().map(|c| c as u8).collect();
        (renamed != bytes).then_some(renamed)
    };
    let bare = key.strip_prefix("secret-token:").unwrap_or(key);
    if let Some(forged) = STANDARD.decode(bare).ok().and_then(renamed) {
        all.push(key.replace(bare, &STANDARD.encode(forged)));
    }
    if let [header, claims, signature] = key.split('.').collect::<Vec<_>>()[..] {
        let claims = renamed(URL_SAFE_NO_PAD.decode(claims).expect("claims")).expect("a name");
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        all.extend([format!("{header}.{claims}.{signature}"), format!("{unsigned}.{claims}.")]);
    }
    all
}

/// The verbs say what is missing, with the lines; so does `check`, which logs in for it where everything is there.
async fn a_missing_right_is_named(server: Server) {
    let rig = server.start(Grant::Oauth);
    let alice = jid(&account(&rig, "alice").jid);
    let verdict = async |chat: &Chat, user| {
        let report = chat.check().run(user, [Right::LoginTokens]).await;
        let found = report.findings.into_iter().find(|finding| finding.right == Right::LoginTokens);
        found.expect("the right was tried").verdict
    };
    let chat = start(rig.gateway_config()).await;
    assert!(
        verdict(&chat, None).await.expect("granted").contains("stanzagate-check-"),
        "a throw-away account was tried"
    );
    assert!(verdict(&chat, Some(&alice)).await.expect("granted").contains(alice.as_str()));

    let (change, instead, expected) = match server.is_ejabberd() {
        true => ("disable_sasl_mechanisms: [", "disable_sasl_mechanisms: [\"X-OAUTH2\", ", "X-OAUTH2 wanted"),
        false => ("\t\"stanzagate_tokens\";\n", "", "service-unavailable"),
    };
    chat.drain(WAIT).await;
    reconfigure(&rig, server, change, instead);
    let chat = start(rig.gateway_config()).await;
    let why = verdict(&chat, Some(&alice)).await.expect_err("not granted");
    assert!(why.contains(expected), "{why}");
    chat.drain(WAIT).await;

    let mut config = rig.gateway_config();
    config.sessions.grant = Grant::None;
    let chat = start(config).await;
    let error = chat.accounts.login_token(&call(), &alice, LIFE).await.expect_err("not granted");
    assert!(matches!(error, ChatError::Right(_)) && error.kind() == Kind::MissingRight, "{error}");
    let lines = match server.is_ejabberd() {
        true => "grant = \"oauth\"\noauth_url = ",
        false => "modules_enabled = { \"stanzagate_tokens\" }",
    };
    assert!(error.to_string().contains(lines), "{error}");
    assert!(error.to_string().contains("oauth_issue_token") || error.to_string().contains("= \"gw.example.org\""));
    assert!(verdict(&chat, None).await.is_err());

    if server == Server::Prosody012 {
        assert!(!Wire::open(&rig).await.1.contains("OAUTHBEARER"), "only with the module");
        reconfigure(&rig, server, "\t\"websocket\";\n", "\t\"websocket\";\n\t\"stanzagate_tokens\";\n");
        assert!(Wire::open(&rig).await.1.contains("OAUTHBEARER"));
        reconfigure(
            &rig,
            server,
            "allow_unencrypted_plain_auth = not client_tls",
            "allow_unencrypted_plain_auth = false",
        );
        let offered = Wire::open(&rig).await.1;
        assert!(offered.contains("SCRAM-SHA-1") && !offered.contains("OAUTHBEARER"), "in the clear: {offered}");
    }
}

fn reconfigure(rig: &Rig, server: Server, from: &str, to: &str) {
    let file = rig.dir().join(if server.is_ejabberd() { "ejabberd.yml" } else { "prosody.cfg.lua" });
    let config = std::fs::read_to_string(&file).expect("a configuration");
    assert!(config.contains(from), "{from} is in the configuration");
    rig.stop_server().expect("stopped");
    std::fs::write(&file, config.replace(from, to)).expect("written");
    rig.start_server().expect("started");
}

async fn start(config: Config) -> Chat {
    let chat = Chat::start(Arc::new(config), Metrics::new()).expect("the verbs");
    let mut state = chat.link_state();
    let up = state.wait_for(|state| *state == LinkState::Up);
    tokio::time::timeout(WAIT, up).await.expect("a link within the time").expect("a link");
    chat
}

fn jid(text: &str) -> BareJid {
    BareJid::new(text).expect("a JID")
}

async fn log_in(rig: &Rig, token: &LoginToken, user: &Account) -> Result<Wire, String> {
    Wire::log_in(rig, token.mechanism, token.key.expose_secret(), user).await
}
