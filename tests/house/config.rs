//! The configuration as operators write it: precedence, and errors that say where and what to do.

use std::collections::BTreeMap;

use serde::Deserialize;
use stanzagate::config::Config;
use stanzagate::config::load::{self, Override};

const KEY: &str = "0123456789abcdef-key";

/// A configuration that works, and more of it.
fn with(more: &str) -> String {
    format!(
        "[server]\ndomain = \"example.org\"\n[component]\nname = \"gw.example.org\"\nsecret = \"s\"\n\
         [[qtalk.keys]]\nname = \"crm\"\nkey = \"{KEY}\"\n{more}"
    )
}

fn env(variables: &[(&str, &str)]) -> Vec<Override> {
    load::environment(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))).unwrap()
}

fn loaded(text: &str, overrides: &[Override]) -> Config {
    load::parse("gw.toml", text, overrides).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn refusal(text: &str, overrides: &[Override]) -> String {
    load::parse("gw.toml", text, overrides).map(|_| ()).expect_err(text).to_string()
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = with("[http]\nlisten = \"127.0.0.1:1\"\nread_seconds = 3\nrequests = 7");
    let mut overrides = env(&[("STANZAGATE_HTTP__LISTEN", "127.0.0.1:2"), ("STANZAGATE_HTTP__READ_SECONDS", "4")]);
    overrides.push(Override::flag("--listen", "http", "listen", "127.0.0.1:3"));
    let http = loaded(&file, &overrides).http;
    assert_eq!((http.listen.port(), http.read_seconds, http.requests, http.request_seconds), (3, 4, 7, 30));
}

#[test]
fn the_environment_can_say_everything() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "12345\n").unwrap();
    let overrides = env(&[
        ("STANZAGATE_SERVER__DOMAIN", "example.org"),
        ("STANZAGATE_SERVER__DOMAINS", "example.com, example.net"),
        ("STANZAGATE_COMPONENT__NAME", "gw.example.org"),
        ("STANZAGATE_COMPONENT__SECRET_FILE", secret.to_str().unwrap()),
        ("STANZAGATE_C2S__CA_FILE", secret.to_str().unwrap()),
        ("STANZAGATE_QTALK__KEYS", &format!("[{{ name = \"crm\", key = \"{KEY}\" }}]")),
        ("STANZAGATE_QTALK__UK_SECRET", "1234567890123456"),
        ("STANZAGATE_QTALK__SENDER_COPY", "false"),
        ("STANZAGATE_HTTP__TRUSTED_PROXIES", "10.0.0.0/8"),
        ("STANZAGATE_PORT", "tcp://10.0.0.1:10050"),
        ("HOME", "/root"),
    ]);
    let config = loaded("", &overrides);
    assert_eq!(config.server.domains, ["example.com", "example.net"]);
    assert_eq!(config.component.secret.unwrap().expose(), "12345");
    assert_eq!(config.c2s.ca_file.unwrap(), secret);
    assert_eq!(config.qtalk.keys[0].key.expose(), KEY);
    assert_eq!(config.qtalk.uk_secret.unwrap().expose(), "1234567890123456");
    assert!(!config.qtalk.sender_copy);
    assert_eq!(config.http.trusted_proxies.len(), 1);
}

#[test]
fn errors_name_file_line_and_key() {
    let cases = [
        (
            "[http]\nlisten = \"nowhere\"",
            "gw.toml:10: http.listen: is not an address and port of this machine, such as 127.0.0.1:10050, [::1]:10050 or localhost:10050",
        ),
        ("[http]\nrequests = \"many\"", "gw.toml:10: http.requests: invalid type: string, expected usize"),
        ("[http]\nlissten = \"x\"", "gw.toml:10: http.lissten: unknown field `lissten`"),
        ("[htpp]", "gw.toml:9: htpp: unknown field `htpp`"),
        ("[http]\nrequests = = 1", "gw.toml:10: "),
        ("[http]\nrequests = 0", "gw.toml:10: http.requests: must be at least 1"),
        (
            "[[qtalk.keys]]\nname = \"crm\"\nkey = \"another-key-0123456789\"",
            "gw.toml:10: qtalk.keys[1].name: is the name",
        ),
        ("[qtalk]\nuk_secret = { file = \"/nowhere/at/all\" }", "gw.toml:"),
    ];
    for (more, expected) in cases {
        let error = refusal(&with(more), &[]);
        assert!(error.starts_with(expected), "{more:?}: {error}");
    }
    assert!(refusal(&with(cases[7].0), &[]).contains("/nowhere/at/all: cannot read this secret file"));
}

#[test]
fn errors_name_the_variable_or_flag() {
    let wrong = env(&[("STANZAGATE_HTTP__REQUESTS", "many")]);
    let expected = "STANZAGATE_HTTP__REQUESTS: http.requests: invalid type: string, expected usize";
    assert_eq!(refusal(&with(""), &wrong), expected);
    let unknown = env(&[("STANZAGATE_HTTP__PORT", "1")]);
    assert!(refusal(&with(""), &unknown).starts_with("STANZAGATE_HTTP__PORT: http.port: unknown field `port`"));
    let invalid = [Override::flag("--listen", "http", "listen", "0.0.0.0:99999")];
    assert_eq!(
        refusal(&with(""), &invalid),
        "--listen: http.listen: is not an address and port of this machine, such as 127.0.0.1:10050, [::1]:10050 or localhost:10050"
    );
    let impossible = env(&[("STANZAGATE_COMPONENT__NAME", "example.org")]);
    assert!(refusal(&with(""), &impossible).starts_with("STANZAGATE_COMPONENT__NAME: component.name: is a domain"));
    let typing_error = [("STANZAGATE_COMPONENT_SECRET".to_owned(), "x".to_owned())];
    let error = load::environment(typing_error).unwrap_err().to_string();
    assert!(error.contains("STANZAGATE_COMPONENT__SECRET"), "{error}");
}

#[test]
fn tokens_that_make_their_holder_anybody_must_be_accepted_by_name() {
    let file = |server: &str, grant: &str, accepted: &str| {
        format!(
            "[server]\ndomain = \"example.org\"\n{server}[component]\nname = \"gw.example.org\"\nsecret = \"s\"\n[qtalk]\n\
             enabled = false\n[sessions]\n{grant}[rongcloud]\nenabled = true\n{accepted}[[rongcloud.keys]]\nid = \"k\"\n\
             key = \"0123456789abcdef0123456789abcdef\"\n"
        )
    };
    let oauth = "grant = \"oauth\"\noauth_url = \"http://127.0.0.1:5280/api\"\n";
    let jwt = "grant = \"jwt\"\njwt_key = \"fedcba9876543210fedcba9876543210\"\n";
    let accepted = "accept_oauth_impersonation = true\n";
    for server in ["", "kind = \"ejabberd\"\n"] {
        let why = refusal(&file(server, oauth, ""), &[]);
        assert!(why.contains("rongcloud.accept_oauth_impersonation: is not set"), "{why}");
        assert!(why.contains("log in as any other user") && why.contains("\"jwt\""), "{why}");
        loaded(&file(server, oauth, accepted), &[]);
        loaded(&file(server, jwt, ""), &[]);
        loaded(&file(server, "", ""), &[]);
    }
    loaded(&file("kind = \"prosody\"\n", oauth, ""), &[]);
    loaded(&file("", oauth, "").replace("[rongcloud]\nenabled = true", "[rongcloud]\nenabled = false"), &[]);
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    let cases = [
        ("", "server.domain: missing"),
        ("", "component.name: missing"),
        ("", "component.secret: missing"),
        ("", "qtalk.keys: missing"),
        ("[server]\ndomain = \"a b\"", "server.domain: is not a domain"),
        ("[server]\ndomain = \"bob@example.org\"", "server.domain: is not a domain"),
        ("[server]\ndomain = \"example.org\"\nrooms = \"example.org\"", "server.rooms: is a domain of accounts"),
        ("[server]\ndomains = [\"x.org\"]\n[component]\nname = \"X.org\"", "component.name: is a domain that"),
        ("[server]\ndomain = \"x.org\"\n[component]\nname = \"conference.x.org\"", "component.name: is a domain that"),
        ("[component]\nname = \"gw.x.org\"\nsiblings = [\"Gw.x.org\"]", "component.siblings[0]: is this gateway's own"),
        ("[component]\nsiblings = [\"gw2.x.org\", \"x y\"]", "component.siblings[1]: is not a domain"),
        ("[component]\nextra_links = [\"x y\"]", "component.extra_links[0]: is not a domain"),
        (
            "[component]\nname = \"gw.x.org\"\nextra_links = [\"GW.x.org\"]",
            "component.extra_links[0]: is the name of a gateway",
        ),
        (
            "[component]\nsiblings = [\"gw2.x.org\"]\nextra_links = [\"gw2.x.org\"]",
            "component.extra_links[0]: is the name of a gateway",
        ),
        ("[component]\nextra_links = [\"a.x.org\", \"A.x.org\"]", "component.extra_links[1]: is there twice"),
        (
            "[server]\ndomain = \"x.org\"\n[component]\nextra_links = [\"x.org\"]",
            "component.extra_links[0]: is a domain that",
        ),
        (
            "[server]\ndomain = \"x.org\"\n[component]\nsiblings = [\"conference.x.org\"]",
            "component.siblings[0]: is a domain that",
        ),
        ("[component]\naddress = \"localhost\"", "component.address: is not host:port"),
        ("[component]\nsecret = \"\"", "component.secret: is empty"),
        ("[c2s]\naddress = \"192.0.2.1:5222\"\ntls = \"none\"", "c2s.tls: would send passwords in clear"),
        ("[c2s]\nca_file = \"/nowhere/at/all\"", "c2s.ca_file: there is no such file"),
        ("[sessions]\ngrant = \"oauth\"", "sessions.oauth_url: missing"),
        ("[sessions]\ngrant = \"oauth\"\noauth_url = \"127.0.0.1:5280\"", "sessions.oauth_url: is not a URL"),
        ("[sessions]\ngrant = \"jwt\"", "sessions.jwt_key: missing"),
        ("[sessions]\ngrant = \"jwt\"\njwt_key = \"short\"", "sessions.jwt_key: is too short"),
        ("[http]\npublic_url = \"gw.example.org\"", "http.public_url: is not a URL"),
        ("[http]\npublic_url = \"https://gw.example.org/?a=b\"", "http.public_url: is not a URL"),
        ("[http]\ntrusted_proxies = [\"0.0.0.0/0\"]", "http.trusted_proxies[0]: would believe every caller"),
        ("[http]\nbodies_bytes = 1000", "http.bodies_bytes: is less than http.body_bytes"),
        ("[limits]\nxml_depth = 5000", "limits.xml_depth: must be 2 to 100"),
        ("[log]\nlevel = \"loud=yes\"", "log.level: is neither"),
        ("[qtalk]\nprefix = \"innerpackage/\"", "qtalk.prefix: is not a path"),
        ("[qtalk]\nprefix = \"/a/../b\"", "qtalk.prefix: is not a path"),
        ("[qtalk]\nprefix = \"/{x}\"", "qtalk.prefix: is not a path"),
        ("[qtalk]\nuk_secret = \"short\"", "qtalk.uk_secret: is too short"),
        ("[[qtalk.keys]]\nname = \"\"\nkey = \"0123456789abcdef\"", "qtalk.keys[0].name: is empty"),
        ("[[qtalk.keys]]\nname = \"a\"\nkey = \"hunter2\"", "qtalk.keys[0].key: is too weak"),
        (
            "[server]\ndomain = \"x.org\"\n[[qtalk.keys]]\nname = \"a\"\nkey = \"0123456789abcdef\"\ndomains = [\"y.org\"]",
            "qtalk.keys[0].domains[0]: is no served domain",
        ),
    ];
    for (text, expected) in cases {
        let error = refusal(text, &[]);
        assert!(error.lines().any(|line| line.contains(expected)), "{text:?} lacks {expected:?}: {error}");
    }
    for (more, expected) in [
        ("", "maxleap.apps: missing"),
        ("prefix = \"im\"", "maxleap.prefix: is not a path"),
        ("attributes = 0", "maxleap.attributes: must be at least 1"),
        ("attribute_bytes = 1000000", "maxleap.attribute_bytes: is too large"),
        ("cors_origins = [\"app.example.org\"]", "maxleap.cors_origins[0]: is no origin"),
        ("cors_origins = [\"*\", \"https://app.example.org/\"]", "maxleap.cors_origins[1]: is no origin"),
        ("cors_origins = [\"https://App.example.org\"]", "maxleap.cors_origins[0]: is no origin"),
        ("cors_origins = [\"https://\"]", "maxleap.cors_origins[0]: is no origin"),
        ("[[maxleap.apps]]\nid = \"a b\"", "maxleap.apps[0].id: is no app id"),
        ("[[maxleap.apps]]\nid = \"a\"", "maxleap.apps[0].keys: missing"),
        ("[[maxleap.apps]]\nid = \"a\"\nkeys = [\"hunter2\"]", "maxleap.apps[0].keys[0]: is too weak"),
        ("[[maxleap.apps]]\nid = \"a\"\nkeys = [\"0123456789,abcdef\"]", "maxleap.apps[0].keys[0]: is too weak"),
        ("[[maxleap.apps]]\nid = \"a\"\nmaster_key = \"short\"", "maxleap.apps[0].master_key: is too weak"),
        ("[[maxleap.apps]]\nid = \"a\"\n[[maxleap.apps]]\nid = \"a\"", "maxleap.apps[1].id: is the id of another app"),
        ("[[maxleap.apps]]\nid = \"a\"\ndomain = \"x y\"", "maxleap.apps[0].domain: is not a domain"),
        ("[[maxleap.apps]]\nid = \"a\"\nname = \"x\"", "unknown field `name`"),
    ] {
        let error = refusal(&with(&format!("[maxleap]\nenabled = true\n{more}")), &[]);
        assert!(error.contains(expected), "{more:?} lacks {expected:?}: {error}");
    }
    let entry = |more: &str| format!("[[xuanxuan.entries]]\ncode = \"a\"\nkey = \"{KEY}\"\n{more}");
    for (more, expected) in [
        (String::new(), "xuanxuan.entries: missing"),
        (entry("[[xuanxuan.entries]]\ncode = \"a b\""), "xuanxuan.entries[1].code: is no code"),
        (entry("[[xuanxuan.entries]]\ncode = \"a\""), "xuanxuan.entries[1].code: is the code of another"),
        (entry("[[xuanxuan.entries]]\ncode = \"b\"\nkey = \"short\""), "xuanxuan.entries[1].key: is too weak"),
        (entry("allow = [\"192.168.1.*\"]"), "xuanxuan.entries"),
        (format!("sender = \"Notice\"\n{}", entry("")), "xuanxuan.sender: is no localpart"),
        (format!("sender = \"a@b\"\n{}", entry("")), "xuanxuan.sender: is no localpart"),
        (format!("name = \"\"\n{}", entry("")), "xuanxuan.name: is no nick"),
        (format!("domain = \"x y\"\n{}", entry("")), "xuanxuan.domain: is not a domain"),
        (format!("prefix = \"xxb\"\n{}", entry("")), "xuanxuan.prefix"),
        (format!("notification_bytes = 0\n{}", entry("")), "xuanxuan.notification_bytes: must be"),
        (format!("notification_bytes = 200000\n{}", entry("")), "xuanxuan.notification_bytes: is too large"),
    ] {
        let error = refusal(&with(&format!("[xuanxuan]\nenabled = true\n{more}")), &[]);
        assert!(error.contains(expected), "{more:?} lacks {expected:?}: {error}");
    }
    let twice = with(&format!("[[qtalk.keys]]\nname = \"erp\"\nkey = \"{KEY}\""));
    assert!(refusal(&twice, &[]).contains("qtalk.keys[1].key: is another caller's key"));
}

#[test]
fn an_app_may_have_its_own_hosts_and_pages() {
    let app = format!("[[maxleap.apps]]\nid = \"56a8-x_Y\"\nkeys = [\"{KEY}\"]\ndomain = \"im.example.com\"");
    for origin in ["https://app.example.org", "http://127.0.0.1:8080", "capacitor://localhost", "http://[::1]:80", "*"]
    {
        let text = with(&format!("[maxleap]\nenabled = true\ncors_origins = [\"{origin}\"]\n{app}"));
        let maxleap = loaded(&text, &[]).maxleap;
        assert_eq!(maxleap.apps[0].hosts().domain.as_deref(), Some("im.example.com"));
        assert_eq!((maxleap.cors_origins, maxleap.sign_seconds), (vec![origin.to_owned()], 0));
    }
}

#[test]
fn an_api_open_to_the_world_is_refused() {
    let case = |listen: &str, more: &str| {
        let text = format!(
            "[server]\ndomain = \"example.org\"\n[component]\nname = \"gw.example.org\"\nsecret = \"s\"\n\
             [http]\nlisten = \"{listen}\"\n{more}"
        );
        load::parse("gw.toml", &text, &[]).map(|_| ()).map_err(|e| e.to_string())
    };
    let refused = [
        case("0.0.0.0:1", "[qtalk]\nauth = \"none\""),
        case("[::]:1", "[qtalk]\nauth = \"none\""),
        case("192.0.2.1:1", "[qtalk]\nauth = \"none\"\nallow = [\"10.0.0.0/8\", \"0.0.0.0/0\"]"),
        case("0.0.0.0:1", "[qtalk]\nauth = \"none\"\nallow = [\"0.0.0.0/1\", \"128.0.0.0/1\"]"),
        case("127.0.0.1:1", "trusted_proxies = [\"127.0.0.1/32\"]\n[qtalk]\nauth = \"none\"\nallow = [\"::/0\"]"),
    ];
    for result in refused {
        let error = result.unwrap_err();
        assert!(error.contains("qtalk.auth: would be open to the world"), "{error}");
    }
    assert!(case("0.0.0.0:1", "").unwrap_err().contains("qtalk.keys: missing"));
    assert_eq!(case("127.0.0.1:1", "[qtalk]\nauth = \"none\""), Ok(()));
    assert_eq!(case("0.0.0.0:1", "[qtalk]\nauth = \"none\"\nallow = [\"10.0.0.0/8\"]"), Ok(()));
    assert_eq!(case("0.0.0.0:1", "[qtalk]\nenabled = false"), Ok(()));
}

#[test]
fn no_secret_is_printed() {
    let config = loaded(&with("[qtalk]\nuk_secret = \"very-secret-0123456789\""), &[]);
    let printed = format!("{config:?}");
    assert!(!printed.contains("very-secret") && !printed.contains(KEY), "{printed}");
    let mistyped = env(&[("STANZAGATE_QTALK__KEYS", "very-secret-0123456789")]);
    let mut errors = refusal(&with(""), &mistyped);
    errors += &refusal("[qtalk]\nkeys = [\"very-secret-0123456789\"]", &[]);
    errors += &refusal("[qtalk]\nkeys = \"very-secret-0123456789\"", &[]);
    errors += &refusal("[[maxleap.apps]]\nid = \"a\"\nkeys = \"very-secret-0123456789\"", &[]);
    errors += &refusal("[component]\nsecret = \"very-secret-0123456789", &[]);
    assert!(!errors.contains("very-secret"), "{errors}");
}

const EXAMPLE: &str = include_str!("../../config/stanzagate.toml");

/// The example with the lines that are examples themselves made real.
fn example_with_optional_keys() -> String {
    let is_setting = |line: &str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        line.starts_with("[[") || (!key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_setting(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The keys that serde knows in `path`, from the list in its error about one it does not know.
fn known_keys(path: &[&str]) -> Vec<String> {
    let mut value = toml::Value::Table(toml::Table::from_iter([("no_such_key".to_owned(), toml::Value::Integer(1))]));
    for name in path.iter().rev() {
        if *name == "keys" {
            value = toml::Value::Array(vec![value]);
        }
        value = toml::Value::Table(toml::Table::from_iter([((*name).to_owned(), value)]));
    }
    let error = Config::deserialize(value).map(|_| ()).unwrap_err().to_string();
    let list = error.lines().next().and_then(|line| line.split("expected").nth(1)).unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_example_file_shows_every_key_with_its_default() {
    let shown: Config = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(format!("{shown:#?}"), format!("{:#?}", Config::default()));

    let table: toml::Table = toml::from_str(&example_with_optional_keys()).unwrap();
    let sections: Vec<String> = table.keys().cloned().collect();
    assert_eq!(sections.iter().collect::<std::collections::BTreeSet<_>>(), known_keys(&[]).iter().collect());
    assert_eq!(Config::sections().collect::<Vec<_>>(), known_keys(&[]));
    for section in &sections {
        let keys: BTreeMap<_, _> = table[section].as_table().unwrap().iter().collect();
        let mut known = known_keys(&[section]);
        known.sort();
        assert_eq!(keys.keys().map(|k| k.as_str()).collect::<Vec<_>>(), known, "[{section}]");
    }
    let key = table["qtalk"]["keys"][0].as_table().unwrap();
    let mut known = known_keys(&["qtalk", "keys"]);
    known.sort();
    let mut keys: Vec<_> = key.keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, known);
}

#[test]
fn every_key_of_the_example_file_has_its_sentence() {
    let mut previous = "";
    for line in EXAMPLE.lines() {
        let is_key = line.trim_start_matches("# ").split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        assert!(!is_key || previous.starts_with('#'), "no sentence above: {line}");
        previous = line;
    }
}
