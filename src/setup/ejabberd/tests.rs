//! The plan on files that administrators have.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::setup::plan::{Api, Apis};

const ALL: [Api; 4] = [Api::Qtalk, Api::Maxleap, Api::Xuanxuan, Api::Rongcloud];

/// What ejabberd comes with.
fn stock() -> String {
    let text =
        std::fs::read_to_string("/usr/share/ejabberd/ejabberd.yml.example").expect("Debian's package of ejabberd");
    text.replace("- localhost\n", "- a.org\n")
}

fn planned_for(text: &str, domain: &str, apis: &[Api]) -> Result<Part, String> {
    planned_as(text, domain, apis, true)
}

fn planned_as(text: &str, domain: &str, apis: &[Api], rongcloud_named: bool) -> Result<Part, String> {
    let main = File { path: "/e/ejabberd.yml".into(), text: text.to_owned() };
    let apis = Apis(apis.iter().copied().collect());
    let (domain, secret) = (domain.to_owned(), "s3cret".to_owned());
    let gateway = Gateway { name: format!("gw.{domain}"), domain, secret, apis, rongcloud_named, ports: [None; 3] };
    let control = File { path: "/e/ejabberdctl.cfg".into(), text: "ERL_OPTIONS=\"-env A 0\"\n".to_owned() };
    let input =
        Input { main: &main, others: &[], control: Some(&control), gateway: &gateway, data: Path::new("/data") };
    plan(&input, &mut Ports { taken: BTreeSet::new(), is_free: &|port| port != 5380 })
        .map_err(|error| error.to_string())
}

fn planned(text: &str) -> Result<Part, String> {
    planned_for(text, "a.org", &ALL)
}

fn file<'a>(part: &'a Part, name: &str) -> &'a str {
    let change = part.changes.iter().find(|change| change.path.ends_with(name));
    &change.unwrap_or_else(|| panic!("{name} is not written")).text
}

fn setting(part: &Part, section: &str, key: &str) -> Option<String> {
    let found = part.settings.iter().find(|(in_section, name, _)| (*in_section, *name) == (section, key));
    found.and_then(|(_, _, value)| value.as_str().map(str::to_owned))
}

#[test]
fn a_stock_file_lets_the_gateway_in_beside_its_administrators() {
    let stock = stock();
    let part = planned(&stock).unwrap();
    let main = file(&part, "ejabberd.yml");
    let tree = Node::parse("main", main).unwrap();
    for rule in ["announce", "configure", "muc_create"] {
        let rule = tree.at(&["access_rules", rule]).unwrap().scalars();
        assert_eq!((&rule[..2], &rule[2..3]), (&["allow", "stanzagate"][..], &["allow"][..]), "{rule:?}");
    }
    assert_eq!(
        tree.at(&["modules", "mod_muc", "access_admin"]).unwrap().scalars(),
        ["allow", "stanzagate", "allow", "admin"]
    );
    assert_eq!(tree.at(&["modules", "mod_muc", "default_room_options", "mam"]).and_then(Node::scalar), Some("true"));
    assert_eq!(tree.at(&["modules", "mod_fail2ban", "access"]).and_then(Node::scalar), Some("stanzagate_address"));
    assert_eq!(tree.get("disable_sasl_mechanisms").unwrap().scalars(), ["digest-md5"]);
    assert_eq!(tree.get("include_config_file").and_then(Node::scalar), Some("/e/stanzagate.yml"));
    // All that is not edited is there, in its order, comments too.
    let kept = stock.lines().filter(|line| main.lines().any(|new| new == *line)).count();
    assert!(stock.lines().count() - kept <= 6, "{} lines changed", stock.lines().count() - kept);

    let include = Node::parse("include", file(&part, "stanzagate.yml")).unwrap();
    let old = Node::parse("stock", &stock).unwrap();
    for section in ["modules", "access_rules", "acl", "api_permissions"] {
        for (key, _) in include.get(section).unwrap().entries() {
            let key = key.scalar().unwrap();
            assert!(
                tree.at(&[section, key]).is_none() && old.at(&[section, key]).is_none(),
                "{section}.{key} is there twice"
            );
        }
    }
    assert!(file(&part, "ejabberdctl.cfg").contains("\"-env A 0 +sss 8192\""));
    // 5280 and 5443 are the file's own, 5380 somebody else's.
    assert_eq!(setting(&part, "sessions", "oauth_url").as_deref(), Some("http://127.0.0.1:5381/api"));
    assert_eq!(setting(&part, "server", "pubsub").as_deref(), Some("pubsub.records.a.org"));
    assert_eq!(part.packages, ["erlang-p1-oauth2", "erlang-p1-sqlite3"]);
}

#[test]
fn what_is_edited_already_is_not_edited_again() {
    let first = planned(&stock()).unwrap();
    let again = planned(file(&first, "ejabberd.yml")).unwrap();
    assert_eq!(file(&again, "ejabberd.yml"), file(&first, "ejabberd.yml"));
    assert_eq!(file(&again, "stanzagate.yml"), file(&first, "stanzagate.yml"));
}

#[test]
fn grants_only_what_the_apis_need() {
    let part = planned_for(&stock(), "a.org", &[Api::Qtalk]).unwrap();
    let (main, include) = (file(&part, "ejabberd.yml"), file(&part, "stanzagate.yml"));
    let tree = Node::parse("main", main).unwrap();
    for rule in ["announce", "configure"] {
        assert!(!tree.at(&["access_rules", rule]).unwrap().scalars().contains(&"stanzagate"), "{rule}");
    }
    assert!(
        !include.contains("records.")
            && !include.contains("upload")
            && !main.contains("/upload: mod_http_upload\n      /api")
    );
    assert_eq!(setting(&part, "server", "pubsub"), None);
}

/// The file that 0.1.0 shipped lets its gateway in by another name.
#[test]
fn an_older_set_up_keeps_its_names_and_secret() {
    let shipped = include_str!("../../../config/ejabberd.yml");
    let part = planned_for(shipped, "example.org", &ALL).unwrap();
    let (main, include) = (file(&part, "ejabberd.yml"), file(&part, "stanzagate.yml"));
    let added: Vec<_> = main.lines().filter(|line| !shipped.lines().any(|old| old == *line)).collect();
    assert_eq!(added.len(), 2, "{added:?}");
    assert!(
        !include.contains("ejabberd_service")
            && !include.contains("host_config")
            && include.contains("allow: gateway\n"),
        "{include}"
    );
    assert_eq!(setting(&part, "component", "address").as_deref(), Some("127.0.0.1:5347"));
    assert_eq!(setting(&part, "server", "pubsub").as_deref(), Some("pubsub.example.org"));
    let main = File { path: "f".into(), text: shipped.to_owned() };
    assert_eq!(component_secret(&main, "gw.example.org").unwrap().as_deref(), Some("change-me"));
    assert_eq!(domain(&main, None).unwrap(), "example.org");
}

#[test]
fn a_data_base_that_is_set_is_used() {
    let part = planned(&format!("{}\nsql_type: pgsql\n", stock())).unwrap();
    let include = file(&part, "stanzagate.yml");
    assert!(include.contains("db_type: sql") && !include.contains("sql_type"), "{include}");
    assert_eq!(part.packages, ["erlang-p1-oauth2"]);
}

#[test]
fn adds_to_what_is_written_in_other_ways() {
    let text = "hosts: [a.org]\nlisten: []\ninclude_config_file: /e/more.yml\ndisable_sasl_mechanisms: [PLAIN, x-oauth2]\nmodules:\n  mod_muc:\n    access_admin: admins\n  mod_pubsub:\n    plugins: [pep]\n  mod_http_upload: {}\naccess_rules:\n  admins:\n    allow: admin\n";
    let part = planned(text).unwrap();
    let main = file(&part, "ejabberd.yml");
    let tree = Node::parse("main", main).unwrap();
    assert_eq!(tree.get("include_config_file").unwrap().scalars(), ["/e/more.yml", "/e/stanzagate.yml"]);
    assert_eq!(tree.get("disable_sasl_mechanisms").unwrap().scalars(), ["PLAIN"]);
    assert_eq!(tree.at(&["access_rules", "admins"]).unwrap().scalars(), ["allow", "stanzagate", "allow", "admin"]);
    assert_eq!(tree.at(&["modules", "mod_http_upload", "access"]).and_then(Node::scalar), Some("stanzagate_upload"));
    assert!(tree.at(&["modules", "mod_muc", "default_room_options", "allow_subscription"]).is_some(), "{main}");
    let only = planned(&text.replace("[PLAIN, x-oauth2]", "X-OAUTH2")).unwrap();
    assert!(Node::parse("main", file(&only, "ejabberd.yml")).unwrap().get("disable_sasl_mechanisms").is_none());
}

#[test]
fn refuses_with_the_line_what_it_could_only_guess() {
    let stock = stock();
    let line = |text: &str| stock.lines().position(|line| line.starts_with(text)).unwrap() + 1;
    for (from, to, expected) in [
        (
            "  mod_ping: {}\n",
            "  mod_privilege: {}\n",
            format!("/e/ejabberd.yml:{}: mod_privilege drops", line("  mod_ping")),
        ),
        (
            "    access_create: muc_create\n",
            "    access_create: nobody\n",
            format!("/e/ejabberd.yml:{}: names the rule nobody", line("    access_create")),
        ),
        (
            "      mam: true\n",
            "      mam: false\n",
            format!("/e/ejabberd.yml:{}: says otherwise about mam", line("      mam: true")),
        ),
        (
            "acl:\n",
            "host_config:\n  a.org:\n    modules:\n      mod_muc: {}\nacl:\n",
            format!("/e/ejabberd.yml:{}: gives a.org rules", line("acl:") + 2),
        ),
        ("hosts:\n", "hosts\n", "/e/ejabberd.yml:".to_owned()),
    ] {
        assert!(stock.contains(from), "{from}");
        let error = planned(&stock.replace(from, to)).map(|_| ()).unwrap_err();
        assert!(error.starts_with(&expected), "{error}");
    }
    let several = File { path: "f".into(), text: "hosts:\n  - a.org\n  - b.org\n".to_owned() };
    assert!(domain(&several, None).unwrap_err().to_string().starts_with("f:1: has several hosts (a.org, b.org)"));
    assert_eq!(domain(&several, Some("b.org")).unwrap(), "b.org");
    assert!(domain(&several, Some("c.org")).is_err());
    let other = File { path: "/e/more.yml".into(), text: "modules:\n  mod_muc: {}\n".to_owned() };
    let main = File { path: "/e/ejabberd.yml".into(), text: stock };
    let gateway = Gateway {
        domain: "a.org".to_owned(),
        name: "gw.a.org".to_owned(),
        secret: "s".to_owned(),
        apis: Apis(ALL.into()),
        rongcloud_named: true,
        ports: [None; 3],
    };
    let input = Input { main: &main, others: &[other], control: None, gateway: &gateway, data: Path::new("/data") };
    let error =
        plan(&input, &mut Ports { taken: BTreeSet::new(), is_free: &|_| true }).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("/e/more.yml:1: an included file has modules"), "{error}");
}

#[test]
fn gives_the_erlang_machine_more_stack() {
    let stack = |text: &str| {
        let mut notes = Vec::new();
        let file = File { path: "c".into(), text: text.to_owned() };
        (control::more_stack(&file, &mut notes).map(|change| change.text), notes.len())
    };
    assert_eq!(stack("A=1\n"), (Some("A=1\nERL_OPTIONS=\"+sss 8192\"\n".to_owned()), 0));
    assert_eq!(
        stack("#ERL_OPTIONS=\"x\"\nERL_OPTIONS=''\n"),
        (Some("#ERL_OPTIONS=\"x\"\nERL_OPTIONS='+sss 8192'\n".to_owned()), 0)
    );
    assert_eq!(stack("ERL_OPTIONS=\"+sss 9000\"\n"), (None, 0));
    assert_eq!(stack("ERL_OPTIONS=$X\n"), (None, 1));
}

/// What the include file would say a second time: ejabberd starts with neither.
#[test]
fn refuses_what_would_be_there_twice() {
    let stock = stock();
    let line = |text: &str| stock.lines().position(|line| line == text).unwrap() + 1;
    let (acl, rules, modules) = (line("acl:"), line("access_rules:"), line("modules:"));
    for (after, new, place, expected) in [
        ("acl:\n", "  stanzagate:\n    user: me\n", acl + 1, "has stanzagate in acl"),
        ("acl:\n", "  stanzagate_users:\n    user: me\n", acl + 1, "has stanzagate_users in acl"),
        ("access_rules:\n", "  stanzagate:\n    allow: admin\n", rules + 1, "has stanzagate in access_rules"),
        ("access_rules:\n", "  stanzagate_upload:\n    allow: admin\n", rules + 1, "has stanzagate_upload in access"),
        (
            "api_permissions:\n",
            "  \"stanzagate\":\n    who: all\n    what: \"status\"\n",
            line("api_permissions:") + 1,
            "has api_permissions by the name",
        ),
    ] {
        let error = planned(&stock.replacen(after, &format!("{after}{new}"), 1)).map(|_| ()).unwrap_err();
        assert!(error.starts_with(&format!("/e/ejabberd.yml:{place}: {expected}")), "{error}");
    }
    let front = |new: &str| planned(&format!("{new}{stock}")).map(|_| ());
    assert!(front("oauth_access: admin\n").unwrap_err().starts_with("/e/ejabberd.yml:1: lets only some users"));
    assert_eq!((front("oauth_access: all\n"), front("oauth_access: local\n")), (Ok(()), Ok(())));
    // A rule of the administrator's that begins like ours is theirs.
    let theirs = stock
        .replace("access_create: muc_create", "access_create: stanzagate_makers")
        .replace("access_rules:\n", "access_rules:\n  stanzagate_makers:\n    allow: local\n");
    let part = planned(&theirs).unwrap();
    let tree = Node::parse("main", file(&part, "ejabberd.yml")).unwrap();
    assert!(tree.at(&["access_rules", "stanzagate_makers"]).unwrap().scalars().contains(&"stanzagate"));

    for (text, module, host, more) in [
        (stock.clone(), "mod_pubsub", "records.@HOST@", 0),
        (stock.clone(), "mod_muc", "pubsub.records.a.org", 0),
        (stock.clone(), "mod_muc", "upload.@HOST@", 0),
        (stock.replace("  - a.org\n", "  - b.org\n  - a.org\n"), "mod_muc", "records.a.org", 1),
    ] {
        let text = text.replace(&format!("  {module}:\n"), &format!("  {module}:\n    host: \"{host}\"\n"));
        let place = text.lines().position(|line| line.contains(host)).unwrap() + 1;
        let error = planned(&text).map(|_| ()).unwrap_err();
        assert!(error.starts_with(&format!("/e/ejabberd.yml:{place}: {module} has ")), "{error}");
        assert!(place > modules + more);
    }
    let service =
        "listen:\n  -\n    port: 5999\n    module: ejabberd_service\n    hosts:\n      records.a.org: {password: x}\n";
    let error = planned(&stock.replace("listen:\n", service)).map(|_| ()).unwrap_err();
    assert!(error.contains("ejabberd_service has records.a.org already"), "{error}");
}

#[test]
fn says_what_it_widens() {
    let stock = stock();
    let notes = |text: &str| planned(text).unwrap().notes.join("\n");
    let plain = notes(&stock);
    for expected in ["X-OAUTH2 is taken out", "mod_mam is switched on: what all users"] {
        assert!(plain.contains(expected), "{plain}");
    }
    assert!(!plain.contains("other hosts"), "{plain}");
    assert!(!notes(&stock.replace("X-OAUTH2", "PLAIN")).contains("X-OAUTH2 is"), "{plain}");
    let two = notes(&stock.replace("  - a.org\n", "  - a.org\n  - b.org\n"));
    assert!(two.contains("other hosts too (b.org)") && two.contains("delete their accounts"), "{two}");
    let silent = stock.replace("      mam: true\n", "").replace("modules:\n", "modules:\n  mod_mam: {}\n");
    let kept = "archives are switched on for everybody: mod_muc gets default_room_options: mam: true, for new rooms; mod_mam gets";
    assert!(notes(&silent).contains(kept) && !notes(&silent).contains("mod_mam is"), "{}", notes(&silent));
}

/// That tokens of users' clients open every account is accepted by whoever asks for RongCloud-backed groups, and by nobody else.
#[test]
fn accepts_impersonation_only_where_it_is_asked_for() {
    for named in [true, false] {
        let part = planned_as(&stock(), "a.org", &ALL, named).unwrap();
        let accepts = part.settings.iter().any(|(_, key, _)| *key == "accept_oauth_impersonation");
        assert_eq!((accepts, part.notes.iter().any(|note| note.starts_with("RongCloud-backed"))), (named, named));
    }
}

#[test]
fn refuses_what_it_cannot_follow() {
    for text in ["define_macro:\n  HOSTS: [a.org]\nhosts: HOSTS\n", "\n\nhosts:\n  - HOST_A\n"] {
        let main = File { path: "f".into(), text: text.to_owned() };
        for wanted in [None, Some("a.org")] {
            let error = domain(&main, wanted).unwrap_err().to_string();
            assert!(error.contains("gives hosts by a macro") && !error.starts_with("f:1:"), "{error}");
        }
    }
    let listener = "listen:\n  -\n    port: 5999\n    module: ejabberd_service\n    hosts:\n      gw.a.org:\n        password: x\n";
    let stock = stock().replace("listen:\n", listener);
    let error = planned(&stock).map(|_| ()).unwrap_err();
    let place = stock.lines().position(|line| line.contains("gw.a.org:")).unwrap() + 1;
    assert!(error.starts_with(&format!("/e/ejabberd.yml:{place}: lets gw.a.org in")), "{error}");
    planned(&stock.replace("    port: 5999\n", "    port: 5999\n    check_from: false\n")).unwrap();
}
