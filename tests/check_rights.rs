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

    fn endpoints(&self, says: &str) -> usize {
        self.output.lines().filter(|line| line.starts_with("qtalk") && line.contains(says)).count()
    }
}

/// Runs `stanzagate check` with a configuration file for this rig, `edit`ed.
fn check(rig: &Rig, edit: impl FnOnce(String) -> String) -> Checked {
    let grant = rig.http_api().map(|url| format!("[sessions]\ngrant = \"oauth\"\noauth_url = \"{url}\"\n"));
    let config = format!(
        "[server]\ndomain = \"{}\"\n[component]\naddress = \"{}\"\nname = \"{}\"\nsecret = \"{}\"\n[c2s]\naddress = \"{}\"\n\
         tls = \"none\"\n{}[qtalk]\nauth = \"none\"\n[log]\nlevel = \"off\"\n",
        rig.domain(),
        rig.component_addr(),
        rig.component_name(),
        rig.component_secret(),
        rig.c2s_addr(),
        grant.unwrap_or_default()
    );
    let file = rig.dir().join("stanzagate.toml");
    std::fs::write(&file, edit(config)).expect("the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.args(["check", "--user", "alice", "--config"]).arg(file).env_clear();
    let output = command.output().expect("the program");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Checked { code: output.status.code(), output: text(&output.stdout), errors: text(&output.stderr) }
}

/// A line of the server's configuration that is replaced, the rights that are then missing, whether every endpoint still
/// works somehow, and what the advice must hold.
type Case = (&'static str, &'static str, &'static [&'static str], bool, &'static str);

const EJABBERD: &[Case] = &[
    ("    access_admin: muc_admin\n", "", &["manage rooms"], false, "access_admin: muc_admin"),
    ("    check_from: false\n", "", &["send as users"], false, "check_from: false"),
    (
        "    what: [oauth_issue_token]\n",
        "    what: []\n",
        &["sender's own copy", "members' bookmarks"],
        true,
        "what: [",
    ),
];

/// 24.12 drops every IQ of every component while this module is loaded.
const PRIVILEGE: Case =
    ("\nmodules:\n", "\nmodules:\n  mod_privilege: {}\n", &["be answered"], false, "remove mod_privilege");

const PROSODY: &[Case] = &[
    ("\t\tmessage = \"outgoing\";\n", "", &["sender's own copy"], true, "message = \"outgoing\""),
    ("\t\t\t[\"http://jabber.org/protocol/pubsub\"] = \"both\";\n", "", &["members' bookmarks"], true, "= \"both\""),
    ("\tmodules_enabled = { \"firewall\" }\n", "", &["speak in rooms"], false, "firewall_scripts"),
    ("\tmodules_enabled = { \"muc_mam\" }\n", "", &["archived rooms"], true, "\"muc_mam\""),
    ("\tvalidate_from_addresses = false\n", "", &["send as users"], false, "validate_from_addresses = false"),
];

async fn names_every_right_that_is_missing(server: Server) {
    let rig = server.start(Grant::Oauth);
    let whole = check(&rig, |config| config);
    assert_eq!((whole.code, whole.missing().len()), (Some(0), 0), "{}{}", whole.output, whole.errors);
    assert_eq!(whole.endpoints(" works"), 11, "{}", whole.output);
    assert_eq!(whole.endpoints("without"), 0, "{}", whole.output);

    let secret = rig.component_secret().to_owned();
    let refused = check(&rig, |config| config.replace(&secret, "wrong"));
    assert_eq!(refused.code, Some(1), "{}", refused.errors);
    assert!(refused.errors.contains("no component connection"), "{}", refused.errors);
    assert!(!format!("{}{}", refused.output, refused.errors).contains(&secret));

    if server.is_ejabberd() {
        let bare = check(&rig, |config| config.replace("\"oauth\"", "\"none\"").replace("oauth_url", "# oauth_url"));
        assert_eq!(bare.missing(), ["members' bookmarks", "sender's own copy"].into(), "{}", bare.output);
        assert_eq!((bare.code, bare.endpoints("without")), (Some(0), 7), "{}{}", bare.output, bare.errors);
        assert!(bare.output.contains("sessions.grant"), "{}", bare.output);
    }

    let (file, cases) = match server {
        Server::Ejabberd23 => ("ejabberd.yml", EJABBERD.to_vec()),
        Server::Ejabberd24 => ("ejabberd.yml", [EJABBERD, &[PRIVILEGE]].concat()),
        Server::Prosody012 | Server::Prosody13 => ("prosody.cfg.lua", PROSODY.to_vec()),
    };
    let path = rig.dir().join(file);
    let shipped = std::fs::read_to_string(&path).expect("the server's configuration");
    for (line, instead, missing, works, advice) in cases {
        assert!(shipped.contains(line), "{line} is not in {file}");
        rig.stop_server().expect("the server stops");
        std::fs::write(&path, shipped.replace(line, instead)).expect("the server's configuration");
        rig.start_server().expect("the server starts");
        let seen = check(&rig, |config| config);
        let report = format!("without {line}: {:?}\n{}{}", seen.code, seen.output, seen.errors);
        assert_eq!(seen.missing(), missing.iter().copied().collect(), "{report}");
        assert_eq!(seen.code, Some(i32::from(!works)), "{report}");
        assert_eq!(seen.endpoints("CANNOT") == 0, works, "{report}");
        assert!(seen.output.contains(advice), "{report}");
        // Nothing is left of the runs before.
        assert!(seen.output.contains(" 0 rooms") || missing.contains(&"be answered"), "{report}");
    }
}
