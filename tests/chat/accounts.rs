//! Accounts that the gateway makes, deletes and lists, and the rights that this needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jid::BareJid;
use serde_json::json;
use stanzagate::chat::types::card::{Card, CardChild, Extras};
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::config::sessions::Grant;
use stanzagate::metrics::Metrics;

use crate::on_all_servers;
use crate::support::verbs::call;
use crate::support::{Account, Client, LoginError, Server, Verbs, account, fresh};

on_all_servers!(
    made_accounts_log_in_and_deleted_ones_do_not,
    passwords_of_all_sorts,
    one_account_is_made_once,
    when_users_were_online,
    all_accounts_are_listed,
    a_missing_right_is_named,
);

fn new(prefix: &str) -> BareJid {
    BareJid::new(&format!("{}@example.org", fresh(prefix))).expect("a JID")
}

fn local(user: &BareJid) -> &str {
    user.as_str().split('@').next().unwrap_or_default()
}

async fn logs_in(server: Server, user: &BareJid, password: &str) -> bool {
    match Client::try_connect(server.shared(), local(user), password, None).await {
        Ok(client) => {
            client.ping().await;
            true
        }
        Err(LoginError::Refused(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

async fn made_accounts_log_in_and_deleted_ones_do_not(server: Server) {
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let chat = &verbs.chat;
            let user = new("made");
            assert!(!chat.accounts.account_exists(&call(), &user).await.expect("an answer"));
            assert!(chat.accounts.create_account(&call(), &user, "secret").await.expect("an account"));
            assert!(chat.accounts.account_exists(&call(), &user).await.expect("an answer"));
            assert!(!chat.accounts.create_account(&call(), &user, "other").await.expect("it is there"));
            assert!(logs_in(server, &user, "secret").await);
            assert!(!logs_in(server, &user, "other").await, "the second call changed the password");
            assert!(chat.accounts.accounts(&call(), &verbs.realm).await.expect("a list").contains(&user));

            // One whom the gateway has a session for, and friends.
            let friend = new("friend");
            assert!(chat.accounts.create_account(&call(), &friend, "secret").await.expect("an account"));
            chat.accounts.befriend(&call(), &verbs.realm, &user, &friend).await.expect("friends");
            for _ in 0..2 {
                chat.accounts.delete_account(&call(), &user).await.expect("deleted");
            }
            assert!(!chat.accounts.account_exists(&call(), &user).await.expect("an answer"));
            assert!(!logs_in(server, &user, "secret").await);
            assert!(!chat.accounts.accounts(&call(), &verbs.realm).await.expect("a list").contains(&user));
            let gone = chat.accounts.friends(&call(), &user).await.expect_err("no account");
            assert!(matches!(gone, ChatError::UnknownUser(_)), "{gone}");
            chat.accounts.unfriend(&call(), &verbs.realm, &friend, &user).await.expect("nothing is left");
            assert!(chat.accounts.friends(&call(), &friend).await.expect("a list").is_empty());

            assert!(chat.accounts.create_account(&call(), &user, "third").await.expect("an account"));
            assert!(logs_in(server, &user, "third").await);
            assert!(
                chat.accounts.friends(&call(), &user).await.expect("a list").is_empty(),
                "the old account's friends"
            );
        })
        .await;
}

async fn passwords_of_all_sorts(server: Server) {
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            for password in ["p<ä>&ss'\" wörd", "密码密码", " ~!@#$%^*()_+{}|:?-=[]\\;,./ x", &"x".repeat(500)] {
                let user = new("odd");
                assert!(
                    verbs.chat.accounts.create_account(&call(), &user, password).await.expect("an account"),
                    "{password}"
                );
                assert!(logs_in(server, &user, password).await, "{password}");
            }
            for password in ["", "a\0b", "a\nb", "\u{7f}"] {
                let user = new("bad");
                verbs.chat.accounts.create_account(&call(), &user, password).await.expect_err("no password");
                assert!(!verbs.chat.accounts.account_exists(&call(), &user).await.expect("an answer"), "{password:?}");
            }
        })
        .await;
}

async fn one_account_is_made_once(server: Server) {
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let user = new("once");
            let made = (0..8).map(async |n| {
                verbs.chat.accounts.create_account(&call(), &user, &format!("secret{n}")).await.expect("an answer")
            });
            let made = futures::future::join_all(made).await;
            let first: Vec<usize> = (0..8).filter(|n| made[*n]).collect();
            assert_eq!(first.len(), 1, "{made:?}");
            assert!(logs_in(server, &user, &format!("secret{}", first[0])).await);
        })
        .await;
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("a time in this age")
}

async fn when_users_were_online(server: Server) {
    let (alice, bob): (Account, Account) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let chat = &verbs.chat;
            let users = [&alice, &bob].map(|account| BareJid::new(&account.jid).expect("a JID"));
            let seen = async || {
                let seen = chat.accounts.last_online(&call(), &users).await;
                seen.into_iter().map(|seen| seen.expect("an answer")).collect::<Vec<_>>()
            };
            let phone = Client::login(server.shared(), &alice).await;
            assert!(seen().await[0].is_some_and(|at| now().abs_diff(at) < 5000));
            phone.close().await;
            let left = now();
            tokio::time::sleep(Duration::from_millis(3100)).await;
            let before = seen().await;
            assert!(before[0].is_some_and(|at| left.abs_diff(at) < 2000), "{before:?}, left at {left}");
            // What the gateway does in her name does not make her seen; ejabberd cannot tell while its session is open.
            chat.accounts.befriend(&call(), &verbs.realm, &users[0], &users[1]).await.expect("friends");
            let after = seen().await;
            let now_for_ejabberd = |at: u64| server.is_ejabberd() && now().abs_diff(at) < 1000;
            assert!(after[0].is_some_and(|at| left.abs_diff(at) < 2000 || now_for_ejabberd(at)), "{after:?}, {left}");
            // They were never here: 0, or when their account was made.
            let made = |at: u64| (at > 0) == server.is_ejabberd() && at <= left;
            assert!(before[1].is_some_and(made), "{before:?}");
        })
        .await;
}

async fn all_accounts_are_listed(server: Server) {
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let made: Vec<BareJid> = (0..120).map(|_| new("listed")).collect();
            let creating = made
                .iter()
                .map(async |user| verbs.chat.accounts.create_account(&call(), user, "secret").await.expect("made"));
            assert!(futures::future::join_all(creating).await.into_iter().all(|made| made));
            let listed = verbs.chat.accounts.accounts(&call(), &verbs.realm).await.expect("a list");
            assert!(listed.is_sorted(), "{listed:?}");
            assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "{listed:?}");
            assert!(made.iter().all(|user| listed.contains(user)));
            assert!(listed.iter().any(|user| user.as_str() == "alice@example.org"));
            assert!(listed.iter().all(|user| user.domain().as_str() == "example.org" && user.node().is_some()));
        })
        .await;
}

/// The helper module gives Prosody's accounts in pages of 5,000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_of_several_pages_are_listed() {
    for server in Server::PROSODY {
        let rig = server.start(Grant::None);
        let files = rig.dir().join("data/example%2eorg/accounts");
        let names: BTreeSet<String> = (0..11_000).map(|n| format!("m{}", n * 7919 % 1_000_003)).collect();
        for name in &names {
            std::fs::write(files.join(format!("{name}.dat")), "return { };\n").expect("an account");
        }
        let chat = Chat::start(Arc::new(rig.gateway_config()), Metrics::new()).expect("the verbs");
        chat.link_state().wait_for(|state| *state == LinkState::Up).await.expect("a link");
        let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
        let listed = chat.accounts.accounts(&call(), &realm).await.expect("a list");
        let listed: Vec<String> = listed.iter().map(|user| local(user).to_owned()).collect();
        assert!(
            BTreeSet::from_iter(listed.iter()).is_superset(&names.iter().collect()),
            "{} of {}",
            listed.len(),
            names.len()
        );
        assert_eq!(listed.len(), names.len() + rig.users().len());
        chat.drain(Duration::from_secs(2)).await;
    }
}

/// Takes each right away and looks whether the error names it.
async fn a_missing_right_is_named(server: Server) {
    let (file, cuts): (_, &[(&str, &str)]) = match server.is_ejabberd() {
        true => {
            ("ejabberd.yml", &[("  configure:\n    allow: gateway\n", ""), ("  announce:\n    allow: gateway\n", "")])
        }
        false => (
            "prosody.cfg.lua",
            &[
                ("\tadmins = gateways\n\t-- [gateway] A user", "\t-- [gateway] A user"),
                ("\troster = \"both\";\n", ""),
                ("\tstanzagate_component = gateways\n\tfirewall", "\tfirewall"),
            ],
        ),
    };
    let rig = server.start(Grant::Oauth);
    let path = rig.dir().join(file);
    let mut text = std::fs::read_to_string(&path).expect("the server's configuration");
    for (line, instead) in cuts {
        assert!(text.contains(line), "{line} is not in {file}");
        text = text.replace(line, instead);
    }
    rig.stop_server().expect("the server stops");
    std::fs::write(&path, text).expect("the server's configuration");
    rig.start_server().expect("the server starts");
    let mut config = rig.gateway_config();
    config.sessions.grant = Grant::None;
    let chat = Chat::start(Arc::new(config), Metrics::new()).expect("the verbs");
    chat.link_state().wait_for(|state| *state == LinkState::Up).await.expect("a link");
    let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");
    let [alice, bob] = ["alice", "bob"].map(|name| BareJid::new(&format!("{name}@example.org")).expect("a JID"));
    let card = Card {
        body: "hello".into(),
        child: CardChild { ns: "urn:example:card", name: "card" },
        json: json!({}),
        store: false,
        extras: Extras::default(),
    };
    let (admin, lists, announce) = match server.is_ejabberd() {
        true => ("`configure`", "sessions.grant", "`announce`"),
        false => ("admins", "roster = \"both\"", "admins"),
    };
    let names = |what: &str, right: &str, error: ChatError| {
        let named = error.to_string().contains(right);
        assert!(named && error.kind() == stanzagate::chat::types::error::Kind::MissingRight, "{what}: {error:?}");
    };
    names("create", admin, chat.accounts.create_account(&call(), &alice, "x").await.expect_err("no right"));
    names("delete", admin, chat.accounts.delete_account(&call(), &alice).await.expect_err("no right"));
    names(
        "sessions",
        admin,
        chat.accounts.sessions(&call(), std::slice::from_ref(&alice)).await.remove(0).expect_err("no right"),
    );
    names("broadcast", announce, chat.messages.broadcast(&call(), &realm, &card).await.expect_err("no right"));
    let list = if server.is_ejabberd() { admin } else { "stanzagate_component" };
    names("accounts", list, chat.accounts.accounts(&call(), &realm).await.expect_err("no right"));
    // On Prosody the same right tells whether an account exists.
    let lists = if server.is_ejabberd() { lists } else { admin };
    names("friends", lists, chat.accounts.friends(&call(), &alice).await.expect_err("no right"));
    names("befriend", lists, chat.accounts.befriend(&call(), &realm, &alice, &bob).await.expect_err("no right"));
    assert!(Client::try_connect(&rig, "alice", &rig.users()["alice"], None).await.is_ok(), "alice is still there");
    chat.drain(Duration::from_secs(2)).await;
}
