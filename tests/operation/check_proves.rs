//! What `check` says it has tried: without any account of the operator's it puts a file and gets it back, counts a message
//! in an archive, opens sessions; where one of these is broken it says so and how to mend it; and nothing of it stays.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stanzagate::chat::Chat;
use stanzagate::check::report::{Report, Tried};
use stanzagate::check::{Asked, run};
use stanzagate::config::Config;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Rig, RigOptions};
use stanzagate::metrics::Metrics;

use crate::on_oldest_and_newest;
use crate::support::postgres::Postgres;
use crate::support::{Server, Verbs, verbs::call};

on_oldest_and_newest!(needs_no_account_and_leaves_none, what_is_broken_is_not_green);

/// What one run found, and how long it took.
pub struct Checked {
    pub report: Report,
    pub took: Duration,
}

impl Checked {
    pub fn tried(&self, right: &str) -> &Tried {
        let found = self.report.rights.iter().find(|tried| tried.right == right);
        found.unwrap_or_else(|| panic!("{right} was not tried: {:?}", self.report))
    }

    pub fn missing(&self) -> Vec<&str> {
        self.report.rights.iter().filter(|tried| !tried.granted).map(|tried| tried.right.as_str()).collect()
    }

    /// Fails unless the right is missing, and these words are said of it.
    pub fn says(&self, right: &str, words: &[&str]) {
        let tried = self.tried(right);
        assert!(!tried.granted && words.iter().all(|word| tried.says.contains(word)), "{words:?}: {:?}", self.report);
    }
}

/// Checks as the command does, without a user.
pub async fn check(config: Config) -> Checked {
    let (config, start) = (Arc::new(config), Instant::now());
    let chat = Chat::start(Arc::clone(&config), Metrics::new()).expect("a valid configuration");
    let report = run(&chat, &config, None, Asked::Alone).await;
    let took = start.elapsed();
    chat.drain(Duration::from_secs(5)).await;
    Checked { report, took }
}

/// Restarts the server with other lines in its configuration.
pub fn restart(rig: &Rig, shipped: &str, replaced: &[(&str, &str)]) {
    let changed = replaced.iter().fold(shipped.to_owned(), |config, (lines, instead)| {
        assert!(config.contains(lines), "{lines} is not in the configuration");
        config.replace(lines, instead)
    });
    rig.stop_server().expect("the server stops");
    std::fs::write(configuration(rig), changed).expect("the server's configuration");
    rig.start_server().expect("the server starts");
}

/// The file of the server's configuration.
pub fn configuration(rig: &Rig) -> std::path::PathBuf {
    rig.dir().join(if rig.dir().join("ejabberd.yml").exists() { "ejabberd.yml" } else { "prosody.cfg.lua" })
}

/// Files below a folder whose name has these words.
fn named(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(named(&path, words));
        } else if path.to_string_lossy().contains(words) {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found
}

/// A rig of its own: what others do on a shared one would be taken for what is left.
async fn needs_no_account_and_leaves_none(server: Server) {
    let rig = server.start(Grant::Oauth);
    let seen = check(rig.gateway_config()).await;
    assert_eq!(seen.missing(), [""; 0], "{:?}", seen.report);
    assert!(seen.report.works && !seen.report.notes.iter().any(|note| note.contains("not seen")), "{:?}", seen.report);
    assert!(seen.tried("store files").says.contains("got back"), "{:?}", seen.report);
    assert!(seen.tried("users' archives").says.contains("read from its recipient's archive"), "{:?}", seen.report);
    assert!(seen.tried("log-in tokens").says.contains("was logged in"), "{:?}", seen.report);
    assert!(seen.tried("members' bookmarks").says.contains("was asked"), "{:?}", seen.report);
    assert!(seen.took < Duration::from_secs(15), "{:?}", seen.took);

    let verbs = Verbs::start(&rig).await;
    let accounts = verbs.chat.accounts.accounts(&call(), &verbs.realm).await.expect("the accounts");
    assert!(accounts.iter().all(|user| !user.as_str().contains("check")), "{accounts:?}");
    let folder = rig.dir().canonicalize().expect("the rig's folder");
    // Prosody keeps what an account has in files of its name: `-` is written %2d there.
    for words in ["stanzagate-check-", "stanzagate%2dcheck%2d"] {
        assert_eq!(named(&folder, words), [""; 0]);
    }
    let archive = folder.join("archive.sqlite");
    if let Some(archive) = [archive, folder.join("spool/archive.sqlite")].iter().find(|path| path.exists()) {
        let output = std::process::Command::new("sqlite3")
            .arg(archive)
            .arg("select count(*) from archive where username like 'stanzagate-check%'")
            .output()
            .expect("sqlite3");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    }

    // Whoever leaves in the middle leaves nothing either.
    let guest_is_there = async {
        loop {
            let accounts = verbs.chat.accounts.accounts(&call(), &verbs.realm).await.expect("the accounts");
            if accounts.iter().any(|user| user.as_str().contains("check-")) {
                return;
            }
        }
    };
    let config = Arc::new(rig.gateway_config());
    tokio::select! {
        biased;
        () = guest_is_there => {}
        report = run(&verbs.chat, &config, None, Asked::Alone) => panic!("over before it could be left: {report:?}"),
    }
    let start = Instant::now();
    loop {
        let accounts = verbs.chat.accounts.accounts(&call(), &verbs.realm).await.expect("the accounts");
        if accounts.iter().all(|user| !user.as_str().contains("check")) && start.elapsed() > Duration::from_secs(1) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{accounts:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn what_is_broken_is_not_green(server: Server) {
    let rig = server.start(Grant::Oauth);
    let shipped = std::fs::read_to_string(configuration(&rig)).expect("the server's configuration");
    let broken: &[(&str, &str)] = match server.is_ejabberd() {
        // No handler where the URL leads, no archive.
        true => &[("      /upload: mod_http_upload\n", ""), ("    default: always\n", "    default: never\n")],
        // The name that the URL has is no host of the HTTP server's; no archive.
        false => &[("http_default_host = \"upload.example.org\"\n", ""), ("\t\"mam\";\n", "")],
    };
    restart(&rig, &shipped, broken);
    let seen = check(rig.gateway_config()).await;
    assert_eq!(seen.missing(), ["users' archives", "store files"], "{:?}", seen.report);
    assert!(!seen.report.works);
    match server.is_ejabberd() {
        true => {
            seen.says("store files", &["404", "put_url of mod_http_upload"]);
            seen.says("users' archives", &["does not have it", "default: always"]);
        }
        false => {
            seen.says("store files", &["404", "http_default_host = \"upload.example.org\""]);
            seen.says("users' archives", &["cannot be read", "\"mam\""]);
        }
    }

    // Nobody listens where files go, and the gateway may make no accounts: that costs other calls, and is told of what could
    // not be tried.
    let broken: &[(&str, &str)] = match server.is_ejabberd() {
        true => &[
            ("put_url: UPLOAD_URL", "put_url: \"http://127.0.0.1:1/upload\""),
            ("  configure:\n    allow: gateway\n", ""),
        ],
        false => &[
            ("\thttp_external_url = upload_url\n", "\thttp_external_url = \"http://127.0.0.1:1/\"\n"),
            ("\tadmins = gateways\n\t-- [gateway] A user", "\t-- [gateway] A user"),
        ],
    };
    restart(&rig, &shipped, broken);
    let seen = check(rig.gateway_config()).await;
    seen.says("store files", &["refused", "server.upload_origin"]);
    assert!(!seen.tried("make accounts").granted, "{:?}", seen.report);
    let unseen = seen.report.notes.iter().filter(|note| note.contains("not seen to work")).count();
    assert!(unseen >= 2, "{:?}", seen.report);
    if !server.is_ejabberd() {
        return;
    }

    // Sessions are slowed down as in ejabberd's own file.
    restart(&rig, &shipped, &[("  c2s:\n    none: gateway_address\n", "  c2s:\n")]);
    let seen = check(rig.gateway_config()).await;
    assert_eq!(seen.missing(), ["sessions not slowed"], "{:?}", seen.report);
    assert!(!seen.report.works && seen.report.calls.iter().all(|call| call.lacks.is_empty()), "{:?}", seen.report);
    let says = &seen.tried("sessions not slowed").says;
    let pace = says.split_once(" pass at ").and_then(|(_, rest)| rest.split_once(" bytes a second"));
    let pace: u32 = pace.and_then(|(pace, _)| pace.parse().ok()).unwrap_or_else(|| panic!("{says}"));
    assert!((2000..=4500).contains(&pace), "{says}");
    let advice = format!("{:?}", seen.report.lines);
    assert!(says.contains("c2s_shaper") && advice.contains("none: loopback"), "{says} {advice}");
}

crate::tests_on_servers!([(ejabberd_23, Ejabberd23), (ejabberd_26, Ejabberd26)] a_dead_database_is_one_cause);

/// ejabberd keeps all but passwords in a database that ends while it runs.
async fn a_dead_database_is_one_cause(server: Server) {
    let postgres = Postgres::start();
    let changes = vec![(
        "sql_type: sqlite\nsql_database: ARCHIVE_FILE\n".to_owned(),
        format!("default_db: sql\n{}", postgres.settings("")),
    )];
    let (product, root) = (server.product(), server.root());
    let options = RigOptions { server: product, root, grant: Grant::Oauth, changes, ..RigOptions::default() };
    let rig = Rig::start(options).expect("ejabberd with PostgreSQL (erlang-p1-pgsql)");
    drop(postgres);
    let seen = check(rig.gateway_config()).await;
    assert!(seen.took < Duration::from_secs(40), "{:?}", seen.took);
    let first = seen.report.rights.iter().find(|tried| !tried.granted).expect("something that is missing");
    assert!(first.right == "server's storage" && first.says.contains("database"), "{:?}", seen.report);
    // It is said once, and no lines that are there are to be added.
    let others = seen.report.rights.iter().filter(|tried| !tried.granted && tried.right != first.right);
    assert!(others.clone().all(|tried| tried.cause.as_deref() == Some("server's storage")), "{:?}", seen.report);
    assert!(others.count() > 5 && seen.report.causes.len() == 1, "{:?}", seen.report);
    assert!(seen.report.lines.len() == 1 && seen.report.lines[0].lines.is_empty(), "{:?}", seen.report.lines);
}

crate::on_oldest_and_newest!(a_way_that_is_wrong_has_its_own_sentence);

/// A name that the server does not let in is not called a wrong secret; and a mechanism that is switched off is named.
async fn a_way_that_is_wrong_has_its_own_sentence(server: Server) {
    let rig = server.start(Grant::Oauth);
    for (name, words) in [
        (
            "other.example.org",
            ["component.name", if server.is_ejabberd() { "`hosts`" } else { "not configured on the server" }],
        ),
        (
            "example.org",
            ["component.name", if server.is_ejabberd() { "a host of the server itself" } else { "not configured" }],
        ),
    ] {
        let mut config = rig.gateway_config();
        config.component.name = name.into();
        let seen = check(config).await;
        let why = seen.report.failure.unwrap_or_default();
        assert!(words.iter().all(|word| why.contains(word)), "{name}: {why}");
    }
    let shipped = std::fs::read_to_string(configuration(&rig)).expect("the server's configuration");
    let broken: &[(&str, &str)] = match server.is_ejabberd() {
        true => &[("[\"digest-md5\"]", "[\"digest-md5\", \"X-OAUTH2\"]")],
        false => &[("authentication = ", "disable_sasl_mechanisms = { \"OAUTHBEARER\" }\nauthentication = ")],
    };
    restart(&rig, &shipped, broken);
    let seen = check(rig.gateway_config()).await;
    match server.is_ejabberd() {
        true => seen.says("sender's own copy", &["offered", "take X-OAUTH2 out of disable_sasl_mechanisms"]),
        false => seen.says("log-in tokens", &["log-in token", "take OAUTHBEARER out of disable_sasl_mechanisms"]),
    }
}
