//! `stanzagate check` on each of the four servers: with the shipped files everything works, and each right that is taken
//! away is named with the lines that give it.

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use support::Server;

on_all_servers!(names_every_right_that_is_missing);

/// What one run printed.
struct Checked {
    code: Option<i32>,
    output: String,
    errors: String,
}

impl Checked {
    /// The rights that are said to be missing.
    fn missing(&self) -> BTreeSet<&str> {
        self.output.lines().filter_map(|line| line.split_once(" MISSING ")).map(|(name, _)| name.trim()).collect()
    }

    /// How many lines about endpoints of an API say this.
    fn endpoints(&self, api: &str, says: &str) -> usize {
        self.output.lines().filter(|line| line.starts_with(api) && line.contains(says)).count()
    }

    /// The methods of Xuanxuan of which this is said.
    fn xuanxuan(&self, says: &str) -> BTreeSet<&str> {
        let lines = self.output.lines().filter_map(|line| line.strip_prefix("xuanxuan/"));
        lines.filter_map(|line| line.split_once(says)).map(|(method, _)| method.trim()).collect()
    }
}

/// Runs `stanzagate check` with a configuration file for this rig, `edit`ed.
fn check(rig: &Rig, edit: impl FnOnce(String) -> String) -> Checked {
    let grant = rig.http_api().map(|url| format!("[sessions]\ngrant = \"oauth\"\noauth_url = \"{url}\"\n"));
    let config = format!(
        "[server]\ndomain = \"{}\"\n[component]\naddress = \"{}\"\nname = \"{}\"\nsecret = \"{}\"\n[c2s]\naddress = \"{}\"\n\
         tls = \"none\"\n{}[qtalk]\nauth = \"none\"\n[log]\nlevel = \"off\"\n[maxleap]\nenabled = true\n\
         [[maxleap.apps]]\nid = \"{}\"\nkeys = [\"{}\"]\n[xuanxuan]\nenabled = true\n\
         [[xuanxuan.entries]]\ncode = \"{}\"\nkey = \"{}\"\n",
        rig.domain(),
        rig.component_addr(),
        rig.component_name(),
        rig.component_secret(),
        rig.c2s_addr(),
        grant.unwrap_or_default(),
        rig.maxleap().0,
        rig.maxleap().1,
        rig.xuanxuan().0,
        rig.xuanxuan().1
    );
    let file = rig.dir().join("stanzagate.toml");
    std::fs::write(&file, edit(config)).expect("the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.args(["check", "--user", "alice", "--config"]).arg(file).env_clear();
    let output = command.output().expect("the program");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Checked { code: output.status.code(), output: text(&output.stdout), errors: text(&output.stderr) }
}

/// Lines of the server's configuration that are replaced, the rights that are then missing, whether every endpoint of
/// qtalk and of MaxLeap still works somehow, and what the advice must hold.
type Case = (&'static str, &'static str, &'static [&'static str], bool, bool, &'static str);

const EJABBERD: &[Case] = &[
    ("    access_admin: muc_admin\n", "", &["manage rooms"], false, false, "access_admin: muc_admin"),
    ("    check_from: false\n", "", &["send as users"], false, false, "check_from: false"),
    (
        "    what: [oauth_issue_token]\n",
        "    what: []\n",
        &["sender's own copy", "members' bookmarks", "contact lists", "users' archives"],
        true,
        false,
        "what: [",
    ),
    (
        "  pubsub_createnode:\n    - allow: gateway\n",
        "  pubsub_createnode:\n",
        &["own records"],
        true,
        false,
        "access_createnode: pubsub_createnode",
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

/// 24.12 drops every IQ of every component while this module is loaded.
const PRIVILEGE: Case =
    ("\nmodules:\n", "\nmodules:\n  mod_privilege: {}\n", &["be answered"], false, false, "remove mod_privilege");

const PROSODY: &[Case] = &[
    ("\t\tmessage = \"outgoing\";\n", "", &["sender's own copy"], true, true, "message = \"outgoing\""),
    (
        "\t\t\t[\"http://jabber.org/protocol/pubsub\"] = \"both\";\n",
        "",
        &["members' bookmarks"],
        true,
        true,
        "= \"both\"",
    ),
    ("\"firewall\"; ", "", &["speak in rooms"], false, true, "firewall_scripts"),
    ("\"muc_mam\"; ", "", &["archived rooms"], true, false, "\"muc_mam\""),
    ("\tvalidate_from_addresses = false\n", "", &["send as users"], false, false, "validate_from_addresses = false"),
    ("\t\troster = \"both\";\n", "", &["contact lists"], true, false, "roster = \"both\""),
    (
        "{ \"firewall\"; \"stanzagate\" }",
        "{ \"firewall\" }",
        &["list accounts", "users' archives"],
        true,
        false,
        "modules_enabled = { \"stanzagate\" }",
    ),
    ("\t\"announce\";\n", "", &["send to everybody"], true, false, "modules_enabled = { \"announce\" }"),
    (
        "\"pubsub\"\n\tadmins = { \"gw.example.org\" }\n",
        "\"pubsub\"\n",
        &["own records"],
        true,
        false,
        "Component \"pubsub.example.org\" \"pubsub\"\n    admins",
    ),
    (
        "http_file_share_access = { \"gw.example.org\"; ",
        "http_file_share_access = { ",
        &["store files"],
        true,
        false,
        "http_file_share_access = { \"gw.example.org\"",
    ),
    (
        "\tadmins = { \"gw.example.org\" }\n\t-- [gateway] A user",
        "\t-- [gateway] A user",
        &["find accounts", "make accounts", "see who is online", "send to everybody"],
        false,
        false,
        "modules_enabled = { \"admin_adhoc\" }\n    admins = { \"gw.example.org\" }",
    ),
];

/// What may be left out of the shipped files where only qtalk is served.
const EJABBERD_MAXLEAP: &[(&str, &str)] = &[
    ("  configure:\n    allow: gateway\n", ""),
    ("  announce:\n    allow: gateway\n", ""),
    ("  mod_announce:\n    access: announce\n", ""),
    ("  pubsub_createnode:\n    - allow: gateway\n", "  pubsub_createnode:\n"),
    ("  upload:\n    - allow: gateway\n", "  upload:\n"),
];
const PROSODY_MAXLEAP: &[(&str, &str)] = &[
    ("\t\troster = \"both\";\n", ""),
    ("\t\"announce\";\n", ""),
    ("{ \"firewall\"; \"stanzagate\" }", "{ \"firewall\" }"),
    ("\"muc_mam\"; \"stanzagate\"; ", "\"muc_mam\"; "),
    ("\"pubsub\"\n\tadmins = { \"gw.example.org\" }\n", "\"pubsub\"\n"),
    ("http_file_share_access = { \"gw.example.org\"; ", "http_file_share_access = { "),
];

/// Endpoint lines of the APIs.
const QTALK: usize = 11;
const MAXLEAP: usize = 14;
const XUANXUAN: usize = 5;

/// What each right is to Xuanxuan's methods: those that cannot work without it, and those that do less.
const XUANXUAN_NEEDS: &[(&str, &[&str], &[&str])] = &[
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

/// Xuanxuan's methods that cannot work without the rights, and those that do less.
fn xuanxuan_without(missing: &[&str]) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let needs = || XUANXUAN_NEEDS.iter().filter(|(right, ..)| missing.contains(right));
    let cannot: BTreeSet<_> = needs().flat_map(|(_, cannot, _)| cannot.iter().copied()).collect();
    let less =
        needs().flat_map(|(_, _, less)| less.iter().copied()).filter(|method| !cannot.contains(method)).collect();
    (cannot, less)
}

async fn names_every_right_that_is_missing(server: Server) {
    let rig = server.start(Grant::Oauth);
    let whole = check(&rig, |config| config);
    assert_eq!((whole.code, whole.missing().len()), (Some(0), 0), "{}{}", whole.output, whole.errors);
    for (api, lines) in [("qtalk/", QTALK), ("maxleap/", MAXLEAP), ("xuanxuan/", XUANXUAN)] {
        assert_eq!(whole.endpoints(api, " works"), lines, "{}", whole.output);
        assert_eq!(whole.endpoints(api, "without"), 0, "{}", whole.output);
    }

    let secret = rig.component_secret().to_owned();
    let refused = check(&rig, |config| config.replace(&secret, "wrong"));
    assert_eq!(refused.code, Some(1), "{}", refused.errors);
    assert!(refused.errors.contains("no component connection"), "{}", refused.errors);
    assert!(!format!("{}{}", refused.output, refused.errors).contains(&secret));

    if server.is_ejabberd() {
        let bare = check(&rig, |config| config.replace("\"oauth\"", "\"none\"").replace("oauth_url", "# oauth_url"));
        let sessions = ["members' bookmarks", "sender's own copy", "contact lists", "users' archives"];
        assert_eq!(bare.missing(), sessions.into(), "{}", bare.output);
        assert_eq!((bare.code, bare.endpoints("qtalk/", "without")), (Some(1), 7), "{}{}", bare.output, bare.errors);
        assert!(bare.output.contains("sessions.grant"), "{}", bare.output);
    }

    let (file, cases, maxleap) = match server {
        Server::Ejabberd23 => ("ejabberd.yml", EJABBERD.to_vec(), EJABBERD_MAXLEAP),
        Server::Ejabberd24 => ("ejabberd.yml", [EJABBERD, &[PRIVILEGE]].concat(), EJABBERD_MAXLEAP),
        Server::Prosody012 | Server::Prosody13 => ("prosody.cfg.lua", PROSODY.to_vec(), PROSODY_MAXLEAP),
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
        let report = format!("without {lines}: {:?}\n{}{}", seen.code, seen.output, seen.errors);
        assert_eq!(seen.missing(), missing.iter().copied().collect(), "{report}");
        let (cannot, less) = xuanxuan_without(missing);
        assert_eq!(seen.code, Some(i32::from(!(qtalk && also_maxleap && cannot.is_empty()))), "{report}");
        assert_eq!((seen.xuanxuan(" CANNOT "), seen.xuanxuan(" works, without: ")), (cannot, less), "{report}");
        assert_eq!(seen.endpoints("qtalk/", "CANNOT") == 0, qtalk, "{report}");
        assert_eq!(seen.endpoints("maxleap/", "CANNOT") == 0, also_maxleap, "{report}");
        assert!(seen.output.contains(advice), "{report}");
        // Nothing is left of the runs before.
        assert!(seen.output.contains(" 0 rooms") || missing.contains(&"be answered"), "{report}");
    }

    restart(maxleap);
    let others = ["[maxleap]\n", "[xuanxuan]\n"];
    let alone = check(&rig, |config| {
        others.iter().fold(config, |config, api| config.replace(&format!("{api}enabled = true\n"), api))
    });
    let report = format!("{:?}\n{}{}", alone.code, alone.output, alone.errors);
    assert_eq!((alone.code, alone.missing().len()), (Some(0), 0), "{report}");
    assert_eq!(alone.endpoints("qtalk/", " works"), QTALK, "{report}");
    assert_eq!((alone.endpoints("maxleap", ""), alone.endpoints("xuanxuan", "")), (0, 0), "{report}");
    assert!(!alone.output.contains("own records") && !alone.output.contains("without"), "{report}");
}
