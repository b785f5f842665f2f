//! `stanzagate check` on each of the six servers: with the shipped files everything works, and each right that is taken
//! away is named with the lines that give it.

use std::collections::BTreeSet;
use std::process::Command;

use stanzagate::check::report::{Report, Worked};
use stanzagate::check::text::{Styles, Text};
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;

use crate::on_all_servers;
use crate::support::Server;

on_all_servers!(names_every_right_that_is_missing);

/// What one run printed.
struct Checked {
    code: Option<i32>,
    report: Report,
    errors: String,
}

impl Checked {
    /// The rights that are said to be missing.
    fn missing(&self) -> BTreeSet<&str> {
        self.report.rights.iter().filter(|right| !right.granted).map(|right| right.right.as_str()).collect()
    }

    /// The names of the calls of an API that are like this.
    fn calls(&self, api: &str, like: fn(&Worked) -> bool) -> BTreeSet<&str> {
        let calls = self.report.calls.iter().filter(|call| like(call));
        calls.filter_map(|call| call.call.strip_prefix(api)).collect()
    }

    /// Those that cannot work, and those that do less.
    fn spoilt(&self, api: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
        (self.calls(api, cannot), self.calls(api, does_less))
    }

    /// Whether these lines are to be added, and stand there as they are.
    fn advises(&self, lines: &str) -> bool {
        self.report.lines.iter().any(|section| format!("{}\n{}", section.place, section.lines).contains(lines))
    }

    /// All of it, for a test that fails.
    fn all(&self) -> String {
        format!("{:?}\n{}{}", self.code, Text { report: &self.report, styles: Styles::default() }, self.errors)
    }
}

fn cannot(call: &Worked) -> bool {
    !call.lacks.is_empty()
}

fn does_less(call: &Worked) -> bool {
    call.lacks.is_empty() && !call.without.is_empty()
}

/// Runs `stanzagate check` with a configuration file for this rig, `edit`ed.
fn check(rig: &Rig, edit: impl FnOnce(String) -> String) -> Checked {
    let grant = rig.http_api().map(|url| format!("[sessions]\ngrant = \"oauth\"\noauth_url = \"{url}\"\n"));
    let config = format!(
        "[server]\ndomain = \"{}\"\n[component]\naddress = \"{}\"\nname = \"{}\"\nsecret = \"{}\"\n[c2s]\naddress = \"{}\"\n\
         tls = \"none\"\n{}[qtalk]\nauth = \"none\"\n[log]\nlevel = \"off\"\n[maxleap]\nenabled = true\n\
         [[maxleap.apps]]\nid = \"{}\"\nkeys = [\"{}\"]\n[xuanxuan]\nenabled = true\n\
         [[xuanxuan.entries]]\ncode = \"{}\"\nkey = \"{}\"\n[rongcloud]\nenabled = true\nfriends_only = true\n\
         accept_oauth_impersonation = true\n\
         [[rongcloud.keys]]\nid = \"{}\"\nkey = \"{}\"\n",
        rig.domain(),
        rig.component_addr(),
        rig.component_name(),
        rig.component_secret(),
        rig.c2s_addr(),
        grant.unwrap_or_default(),
        rig.maxleap().0,
        rig.maxleap().1,
        rig.xuanxuan().0,
        rig.xuanxuan().1,
        rig.rongcloud().0,
        rig.rongcloud().1
    );
    let config = edit(config) + "[admin]\nenabled = false\n";
    let file = rig.dir().join("stanzagate.toml");
    std::fs::write(&file, config).expect("the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.args(["check", "--json", "--user", "alice", "--config"]).arg(file).env_clear();
    let output = command.output().expect("the program");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    Checked { code: output.status.code(), report, errors }
}

/// Lines of the server's configuration that are replaced, the rights that are then missing, whether every endpoint of
/// qtalk and of MaxLeap still works somehow, and what the advice must hold.
type Case = (&'static str, &'static str, &'static [&'static str], bool, bool, &'static str);

/// What the gateway does in sessions of users (ejabberd).
const SESSIONS: &[&str] =
    &["sender's own copy", "members' bookmarks", "contact lists", "users' archives", "log-in tokens"];

/// What no endpoint needs to work, and is a failure all the same.
const FORGED: &str = "records not forged";
const SHUT_OUT: &str = "not shut out";

const EJABBERD: &[Case] = &[
    ("    access_admin: muc_admin\n", "", &["manage rooms"], false, false, "access_admin: muc_admin"),
    ("    check_from: false\n", "", &["send as users"], false, false, "check_from: false"),
    ("    access: trusted_network\n", "    access: none\n", &[SHUT_OUT], true, true, "    access: trusted_network"),
    ("    what: [oauth_issue_token]\n", "    what: []\n", SESSIONS, true, false, "what: ["),
    (
        "  records_createnode:\n    allow: gateway\n",
        "  records_createnode:\n    allow: none\n",
        &["own records"],
        true,
        false,
        "access_createnode: records_createnode",
    ),
    (
        "  records_createnode:\n    allow: gateway\n",
        "  records_createnode:\n    - allow: gateway\n    - allow: local\n",
        &[FORGED],
        true,
        true,
        "access_createnode: records_createnode",
    ),
    (
        "  configure:\n    allow: gateway\n",
        "",
        &["make accounts", "list accounts", "see who is online"],
        true,
        false,
        "  configure:\n    allow: gateway",
    ),
    (
        "  mod_announce:\n    access: announce\n",
        "  mod_announce: {}\n",
        &["send to everybody"],
        true,
        false,
        "mod_announce:\n    access: announce",
    ),
    (
        "  upload:\n    - allow: gateway\n",
        "  upload:\n",
        &["store files"],
        true,
        false,
        "  upload:\n    - allow: gateway",
    ),
];

/// From 24.10 on every IQ of a component is dropped that this module grants no IQs.
const PRIVILEGE: Case =
    ("\nmodules:\n", "\nmodules:\n  mod_privilege: {}\n", &["be answered"], false, false, "remove mod_privilege");

/// And of one to which 26.07 grants some, those to any other host.
const PRIVILEGE_GRANTED: Case = (
    "\nmodules:\n",
    "\nmodules:\n  mod_privilege:\n    iq:\n      \"http://jabber.org/protocol/pubsub\":\n        both: gateway\n",
    &["manage rooms", "list all rooms", "archived rooms", "speak in rooms", "own records", "store files"],
    false,
    false,
    "remove mod_privilege",
);

const PROSODY: &[Case] = &[
    ("\tmessage = \"outgoing\";\n", "", &["sender's own copy"], true, true, "message = \"outgoing\""),
    (
        "\t\t[\"http://jabber.org/protocol/pubsub\"] = \"both\";\n",
        "",
        &["members' bookmarks"],
        true,
        true,
        "= \"both\"",
    ),
    ("\"firewall\"; ", "", &["speak in rooms"], false, true, "firewall_scripts"),
    // 13.0.6 loads it by itself where `mam` is loaded.
    (
        "\tmodules_enabled = { \"muc_mam\"; ",
        "\tmodules_disabled = { \"muc_mam\" }\n\tmodules_enabled = { ",
        &["archived rooms"],
        true,
        false,
        "\"muc_mam\"",
    ),
    ("\tvalidate_from_addresses = false\n", "", &["send as users"], false, false, "validate_from_addresses = false"),
    ("\troster = \"both\";\n", "", &["contact lists"], true, false, "roster = \"both\""),
    (
        "{ \"firewall\"; \"stanzagate\" }",
        "{ \"firewall\" }",
        &["list accounts", "users' archives"],
        true,
        false,
        "modules_enabled = { \"stanzagate\"; \"mam\" }",
    ),
    ("\t\"announce\";\n", "", &["send to everybody"], true, false, "modules_enabled = { \"announce\" }"),
    (
        "\t\"stanzagate_tokens\";\n",
        "",
        &["log-in tokens"],
        true,
        true,
        "modules_enabled = { \"stanzagate_tokens\" }\n    stanzagate_component = \"gw.example.org\"",
    ),
    (
        "\tstanzagate_component = gateways\n\tadmins = gateways\n\tpubsub",
        "\tstanzagate_component = gateways\n\tpubsub",
        &["own records"],
        true,
        false,
        "Component \"pubsub.example.org\" \"pubsub\"\n    admins",
    ),
    (
        "\t\t\"example.org\";\n\t\t\"gw.example.org\";\n",
        "\t\t\"example.org\";\n",
        &["store files"],
        true,
        false,
        "http_file_share_access = { \"gw.example.org\"",
    ),
    (
        "\tadmins = gateways\n\t-- [gateway] A user",
        "\t-- [gateway] A user",
        &["find accounts", "make accounts", "see who is online", "send to everybody"],
        false,
        false,
        "modules_enabled = { \"admin_adhoc\"; \"announce\" }\n    admins = { \"gw.example.org\" }",
    ),
];

/// What may be left out of the shipped files where only qtalk is served.
const EJABBERD_OTHERS: &[(&str, &str)] = &[
    ("  configure:\n    allow: gateway\n", ""),
    ("  announce:\n    allow: gateway\n", ""),
    ("  mod_announce:\n    access: announce\n", ""),
    ("  records_createnode:\n    allow: gateway\n", "  records_createnode:\n    allow: none\n"),
    ("  upload:\n    - allow: gateway\n", "  upload:\n"),
];
const PROSODY_OTHERS: &[(&str, &str)] = &[
    ("\t\"stanzagate_tokens\";\n", ""),
    ("\troster = \"both\";\n", ""),
    ("\t\"announce\";\n", ""),
    ("{ \"firewall\"; \"stanzagate\" }", "{ \"firewall\" }"),
    ("\"muc_mam\"; \"stanzagate\"; ", "\"muc_mam\"; "),
    ("\tadmins = gateways\n\tpubsub", "\tpubsub"),
    ("\t\t\"example.org\";\n\t\t\"gw.example.org\";\n", "\t\t\"example.org\";\n"),
];

/// Endpoint lines of the APIs.
const QTALK: usize = 11;
const MAXLEAP: usize = 53;
const XUANXUAN: usize = 5;
const RONGCLOUD: usize = 10;

/// A right, the endpoints that cannot work without it, and those that do less.
type Cost = (&'static str, &'static [&'static str], &'static [&'static str]);

/// What each right is to Xuanxuan's methods.
const XUANXUAN_NEEDS: &[Cost] = &[
    (
        "be answered",
        &["getChatGroups", "getChatUsers", "getChatUsers (all)", "notifyMSG (users)", "notifyMSG (group)"],
        &[],
    ),
    ("manage rooms", &["getChatGroups", "getChatUsers", "getChatUsers (all)", "notifyMSG (group)"], &[]),
    ("speak in rooms", &["notifyMSG (group)"], &[]),
    ("archived rooms", &[], &["notifyMSG (group)"]),
    ("send as users", &["notifyMSG (users)"], &[]),
    ("find accounts", &["notifyMSG (users)"], &[]),
    ("make accounts", &[], &["notifyMSG (users)"]),
    ("list accounts", &[], &["getChatUsers (all)"]),
];

/// What a user does with groups.
const OF_GROUPS: &[&str] =
    &["group_create", "groups", "group_join", "group_invite", "group_quit", "group_users", "group_dismiss"];

/// What each right is to the endpoints of RongCloud-backed groups, where members bring in only their friends.
const RONGCLOUD_NEEDS: &[Cost] = &[
    ("be answered", OF_GROUPS, &[]),
    // Passwords are not tried then.
    ("be answered", &["group", "token", "login"], &[]),
    ("manage rooms", OF_GROUPS, &[]),
    ("manage rooms", &["group"], &[]),
    ("own records", OF_GROUPS, &[]),
    ("own records", &["group", "token"], &["login"]),
    ("find accounts", OF_GROUPS, &[]),
    ("find accounts", &["token", "login"], &[]),
    ("check passwords", &["login"], &[]),
    ("log-in tokens", &["token"], &[]),
    ("send as users", &["group_join"], &[]),
    ("contact lists", &["group_join"], &[]),
    ("members' bookmarks", &[], &["group_create", "group_join", "group_invite", "group_quit", "group_dismiss"]),
    ("archived rooms", &[], &["group_create"]),
    ("store files", &[], &["group_create"]),
];

/// The endpoints that cannot work without the rights, and those that do less.
fn without(needs: &[Cost], missing: &[&str]) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let lost = || needs.iter().filter(|(right, ..)| missing.contains(right));
    let cannot: BTreeSet<_> = lost().flat_map(|(_, cannot, _)| cannot.iter().copied()).collect();
    let less = lost().flat_map(|(_, _, less)| less.iter().copied()).filter(|endpoint| !cannot.contains(endpoint));
    let less = less.collect();
    (cannot, less)
}

async fn names_every_right_that_is_missing(server: Server) {
    let rig = server.start(Grant::Oauth);
    let whole = check(&rig, |config| config);
    assert_eq!((whole.code, whole.missing().len()), (Some(0), 0), "{}", whole.all());
    for (api, lines) in [("qtalk/", QTALK), ("maxleap/", MAXLEAP), ("xuanxuan/", XUANXUAN), ("rongcloud/", RONGCLOUD)] {
        assert_eq!(whole.calls(api, |_| true).len(), lines, "{}", whole.all());
        assert_eq!(whole.spoilt(api), Default::default(), "{}", whole.all());
    }

    let secret = rig.component_secret().to_owned();
    let refused = check(&rig, |config| config.replace(&secret, "wrong"));
    assert_eq!(refused.code, Some(1), "{}", refused.errors);
    let failure = refused.report.failure.as_deref().unwrap_or_default();
    assert!(failure.starts_with("no component connection: "), "{}", refused.all());
    assert!(!refused.all().contains(&secret));

    if server.is_ejabberd() {
        let bare = check(&rig, |config| config.replace("\"oauth\"", "\"none\"").replace("oauth_url", "# oauth_url"));
        assert_eq!(bare.missing(), SESSIONS.iter().copied().collect(), "{}", bare.all());
        assert_eq!(bare.spoilt("rongcloud/"), without(RONGCLOUD_NEEDS, SESSIONS), "{}", bare.all());
        assert_eq!((bare.code, bare.calls("qtalk/", does_less).len()), (Some(1), 7), "{}", bare.all());
        assert!(bare.advises("sessions.grant"), "{}", bare.all());
    }

    let port = rig.c2s_addr().to_string();
    let unreachable = check(&rig, |config| config.replace(&port, "127.0.0.1:1"));
    let tokens: &[&str] = if server.is_ejabberd() { SESSIONS } else { &["log-in tokens"] };
    let gone = [tokens, &["check passwords"]].concat();
    assert_eq!(unreachable.missing(), gone.iter().copied().collect(), "{}", unreachable.all());
    assert_eq!(unreachable.spoilt("rongcloud/"), without(RONGCLOUD_NEEDS, &gone), "{}", unreachable.all());

    let (file, cases, others) = match server {
        Server::Ejabberd23 => ("ejabberd.yml", EJABBERD.to_vec(), EJABBERD_OTHERS),
        Server::Ejabberd24 => ("ejabberd.yml", [EJABBERD, &[PRIVILEGE]].concat(), EJABBERD_OTHERS),
        Server::Ejabberd26 => ("ejabberd.yml", [EJABBERD, &[PRIVILEGE, PRIVILEGE_GRANTED]].concat(), EJABBERD_OTHERS),
        Server::Prosody012 | Server::Prosody13 | Server::Prosody136 => {
            ("prosody.cfg.lua", PROSODY.to_vec(), PROSODY_OTHERS)
        }
    };
    let path = rig.dir().join(file);
    let shipped = std::fs::read_to_string(&path).expect("the server's configuration");
    let restart = |replaced: &[(&str, &str)]| {
        let changed = replaced.iter().fold(shipped.clone(), |config, (lines, instead)| {
            assert!(config.contains(lines), "{lines} is not in {file}");
            config.replace(lines, instead)
        });
        rig.stop_server().expect("the server stops");
        std::fs::write(&path, changed).expect("the server's configuration");
        rig.start_server().expect("the server starts");
    };
    for (lines, instead, missing, qtalk, also_maxleap, advice) in cases {
        restart(&[(lines, instead)]);
        let seen = check(&rig, |config| config);
        let report = format!("without {lines}: {}", seen.all());
        assert_eq!(seen.missing(), missing.iter().copied().collect(), "{report}");
        let (xuanxuan, rongcloud) = (without(XUANXUAN_NEEDS, missing), without(RONGCLOUD_NEEDS, missing));
        let all = qtalk && also_maxleap && xuanxuan.0.is_empty() && rongcloud.0.is_empty();
        assert_eq!(
            seen.code,
            Some(i32::from(!all || missing.contains(&FORGED) || missing.contains(&SHUT_OUT))),
            "{report}"
        );
        assert_eq!((seen.spoilt("xuanxuan/"), seen.spoilt("rongcloud/")), (xuanxuan, rongcloud), "{report}");
        assert_eq!(seen.calls("qtalk/", cannot).is_empty(), qtalk, "{report}");
        assert_eq!(seen.calls("maxleap/", cannot).is_empty(), also_maxleap, "{report}");
        assert!(seen.advises(advice), "{report}");
        // Nothing is left of the runs before.
        let unseen = ["be answered", "list all rooms"].iter().any(|right| missing.contains(right));
        assert!(seen.report.rights.iter().any(|right| right.says == "0 rooms") || unseen, "{report}");
        if missing.contains(&"contact lists") {
            let anybody = check(&rig, |config| config.replace("friends_only = true", "friends_only = false"));
            assert!(!anybody.calls("rongcloud/", cannot).contains("group_join"), "{}", anybody.all());
        }
    }

    restart(others);
    let apis = ["[maxleap]\n", "[xuanxuan]\n", "[rongcloud]\n"];
    let alone = check(&rig, |config| {
        apis.iter().fold(config, |config, api| config.replace(&format!("{api}enabled = true\n"), api))
    });
    let report = alone.all();
    assert_eq!((alone.code, alone.missing().len()), (Some(0), 0), "{report}");
    assert_eq!((alone.calls("qtalk/", |_| true).len(), alone.report.calls.len()), (QTALK, QTALK), "{report}");
    assert!(!alone.report.rights.iter().any(|right| right.right == "own records"), "{report}");
    assert_eq!(alone.spoilt("qtalk/"), Default::default(), "{report}");
}
