//! The plan on files that administrators have.

use super::*;
use crate::setup::lua::Value;
use crate::setup::plan::{Api, Apis};

const ALL: [Api; 4] = [Api::Qtalk, Api::Maxleap, Api::Xuanxuan, Api::Rongcloud];

/// What Prosody comes with.
fn stock() -> String {
    let text = std::fs::read_to_string("/etc/prosody/prosody.cfg.lua").expect("Debian's package of Prosody");
    text.replace("VirtualHost \"localhost\"", "VirtualHost \"a.org\"")
}

fn planned_with(main: &str, others: &[(&str, &str)], domain: &str, apis: &[Api]) -> Result<Part, String> {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.to_owned() };
    let main = file("/p/prosody.cfg.lua", main);
    let others: Vec<File> = others.iter().map(|(path, text)| file(path, text)).collect();
    let gateway = Gateway {
        domain: domain.to_owned(),
        name: format!("gw.{domain}"),
        secret: "s3cret".to_owned(),
        apis: Apis(apis.iter().copied().collect()),
        rongcloud_named: true,
        ports: [None; 3],
    };
    let certificate = Some(Certificate { pin: Some("sha256:00".to_owned()) });
    plan(&Input { main: &main, others: &others, gateway: &gateway, certificate }).map_err(|error| error.to_string())
}

fn planned(main: &str, others: &[(&str, &str)]) -> Result<Part, String> {
    planned_with(main, others, "a.org", &ALL)
}

/// What all files say together once the plan is carried out.
fn config(part: &Part, main: &str, others: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    let mut read = |path: &Path, text: &str| {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        config.read(&file).unwrap_or_else(|error| panic!("{error}\n{text}"));
    };
    read(Path::new("main"), main);
    others.iter().for_each(|(path, text)| read(Path::new(path), text));
    read(Path::new("drop-in"), &drop_in(part).text);
    config
}

fn drop_in(part: &Part) -> &Change {
    part.changes.iter().find(|change| change.path.ends_with(DROP_IN)).expect("a drop-in")
}

fn texts(config: &Config, section: &Section, key: &str) -> Vec<String> {
    match config.setting(section, key).map(|setting| &setting.value) {
        Some(Value::Table(table)) => table.texts.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

fn host() -> Section {
    Section::Host("a.org".to_owned())
}

fn component(name: &str) -> Section {
    Section::Component(format!("{name}.a.org"))
}

#[test]
fn a_stock_file_gets_one_drop_in() {
    let stock = stock();
    let part = planned(&stock, &[]).unwrap();
    assert_eq!(drop_in(&part).path, Path::new("/p/conf.d/stanzagate.cfg.lua"));
    assert!(part.changes.iter().all(|change| change.path != Path::new("/p/prosody.cfg.lua")));
    let helpers = part.changes.iter().filter(|change| change.path.starts_with("/usr/local/lib/prosody/modules"));
    assert_eq!(helpers.count(), 2);
    let config = config(&part, &stock, &[]);
    assert_eq!(config.opened("conference.a.org").and_then(|opened| opened.module.as_deref()), Some("muc"));
    assert_eq!(config.opened("records.a.org").and_then(|opened| opened.module.as_deref()), Some("pubsub"));
    assert!(texts(&config, &host(), "modules_enabled").contains(&"stanzagate".to_owned()));
    let said: Vec<_> = part.settings.iter().map(|(section, key, value)| format!("{section}.{key}={value}")).collect();
    for expected in ["component.address=\"127.0.0.1:5347\"", "c2s.pin=\"sha256:00\"", "server.pubsub=\"records.a.org\""]
    {
        assert!(said.iter().any(|line| line == expected), "{expected}: {said:?}");
    }
    let firewall = part.changes.iter().find(|change| change.path.ends_with("stanzagate.pfw")).unwrap();
    assert!(firewall.text.contains("REDIRECT=gw.a.org") && !firewall.text.contains("example.org"), "{}", firewall.text);
}

#[test]
fn grants_only_what_the_apis_need() {
    let part = planned_with(&stock(), &[], "a.org", &[Api::Qtalk]).unwrap();
    let text = &drop_in(&part).text;
    for word in ["announce\"", "roster =", "stanzagate_tokens", "records.", "upload.", "websocket"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn what_an_administrator_set_stays_and_comes_with_ours() {
    let stock = stock();
    let own = "VirtualHost \"a.org\"\n\tadmins = { \"me@a.org\" } -- me\n\tmodules_enabled = {\n\t\t\"motd\"; -- hello\n\t}\n\
               Component \"rooms.a.org\" \"muc\"\n\tadmins = { \"me@a.org\", }\n\trestrict_room_creation = true\n\
               Component \"files.a.org\" \"http_file_share\"\n\thttp_file_share_access = { \"b.org\" }\n";
    let others = [("/p/conf.d/a.cfg.lua", own)];
    let part = planned(&stock, &others).unwrap();
    // Another file of the folder sets the same: ours comes last, by a line at the end of the main file.
    assert_eq!(drop_in(&part).path, Path::new("/p/stanzagate.cfg.lua"));
    let main = part.changes.iter().find(|change| change.path == Path::new("/p/prosody.cfg.lua")).unwrap();
    assert!(main.text.starts_with(&stock) && main.text.ends_with("Include \"/p/stanzagate.cfg.lua\"\n"));
    let config = config(&part, &stock, &others);
    assert_eq!(texts(&config, &host(), "admins"), ["gw.a.org", "me@a.org"]);
    assert!(texts(&config, &host(), "modules_enabled").contains(&"motd".to_owned()));
    assert_eq!(texts(&config, &component("rooms"), "admins"), ["gw.a.org", "me@a.org"]);
    assert_eq!(texts(&config, &component("files"), "http_file_share_access"), ["a.org", "gw.a.org", "b.org"]);
    assert!(part.settings.iter().any(|(_, key, value)| *key == "rooms" && value.as_str() == Some("rooms.a.org")));
    assert!(part.settings.iter().any(|(_, key, value)| *key == "upload" && value.as_str() == Some("files.a.org")));
}

#[test]
fn refuses_with_the_line_what_it_could_only_guess() {
    let stock = stock();
    for (own, expected) in [
        (
            "local mine = { \"me@a.org\" }\nVirtualHost \"a.org\"\n\tadmins = mine\n",
            "/p/conf.d/a.cfg.lua:3: admins is more than",
        ),
        ("return 1\n", "/p/conf.d/a.cfg.lua:1: is Lua code"),
        ("Component \"conference.a.org\" \"pubsub\"\n", "/p/conf.d/a.cfg.lua:1: is not a component of muc"),
        (
            "Component \"x.a.org\" \"muc\"\nComponent \"y.a.org\" \"muc\"\n",
            "/p/conf.d/a.cfg.lua:1: there are several components of muc",
        ),
        (
            "Component \"records.a.org\" \"muc\"\nComponent \"conference.a.org\" \"muc\"\n",
            "/p/conf.d/a.cfg.lua:1: has records.a.org",
        ),
        ("Component \"records.a.org\"\n", "/p/conf.d/a.cfg.lua:1: has records.a.org"),
        ("VirtualHost \"records.a.org\"\n", "/p/conf.d/a.cfg.lua:1: has records.a.org"),
        ("Component \"gw.a.org\" \"pubsub\"\n", "/p/conf.d/a.cfg.lua:1: has gw.a.org"),
        (
            "Component \"conference.a.org\" \"muc\"\n\tcomponent_admins_as_room_owners = false\n",
            "/p/conf.d/a.cfg.lua:2: says otherwise about component_admins",
        ),
        ("muc_log_by_default = false\n", "/p/conf.d/a.cfg.lua:1: says otherwise about muc_log_by_default"),
        ("modules_disabled = { \"http\" }\n", "/p/conf.d/a.cfg.lua:1: switches http off"),
        ("component_ports = { }\n", "/p/conf.d/a.cfg.lua:1: component_ports names no port"),
    ] {
        let error = planned(&stock, &[("/p/conf.d/a.cfg.lua", own)]).map(|_| ()).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// The file that 0.1.0 shipped, put in by hand.
#[test]
fn an_older_set_up_gets_this_versions_helpers() {
    let shipped = include_str!("../../../config/prosody.cfg.lua");
    let part = planned_with(shipped, &[], "example.org", &ALL).unwrap();
    let paths: Vec<_> = part.changes.iter().map(|change| change.path.display().to_string()).collect();
    assert_eq!(paths, ["/etc/prosody/mod_stanzagate.lua", "/etc/prosody/mod_stanzagate_tokens.lua"]);
    let main = File { path: "f".into(), text: shipped.to_owned() };
    let config = read(&main, &[]).unwrap();
    assert_eq!(component_secret(&config, "gw.example.org", true).unwrap(), None);
    let why = component_secret(&config, "gw.example.org", false).unwrap_err().to_string();
    assert!(why.starts_with("f:") && why.contains("component.secret"), "{why}");
}

/// What it lets the gateway do is less than this version needs.
#[test]
fn the_gateways_own_privileges_are_renewed() {
    let stock = stock();
    for end in ["", ";", ", -- no more"] {
        let own = format!(
            "VirtualHost \"a.org\"\nprivileged_entities = {{\n\t[\"other.a.org\"] = {{ roster = \"get\" }};\n\t\
             [\"gw.a.org\"] = {{ message = \"outgoing\" }}{end}\n}}\n"
        );
        let others = [("/p/conf.d/a.cfg.lua", own.as_str())];
        let part = planned(&stock, &others).unwrap();
        let all = config(&part, &stock, &others);
        let host = Section::Host("a.org".into());
        let Value::Table(table) = &all.setting(&host, "privileged_entities").unwrap().value else { panic!("no table") };
        assert_eq!(table.keys, ["other.a.org", "gw.a.org", "gw.a.org"], "{}", table.inner);
        let last = table.inner.rsplit("gw.a.org").next().unwrap();
        assert!(last.contains("roster = \"both\"") && last.contains("pubsub"), "{}", table.inner);
    }
}

/// As in the official container images, whose file is a program: hosts come from variables, the drop-in's folder is included.
#[test]
fn a_program_gets_the_drop_in_too_once_the_host_is_named() {
    let image = "local function split(s)\n\tif not s then return nil; end\n\treturn {}\nend\nplugin_paths = split(ENV_PATHS or \"/etc/prosody/modules\")\n\
                 modules_enabled = {\n\t\"disco\"; \"roster\"; \"pep\";\n}\nif ENV_MORE then\n\tmodules_enabled:append(split(ENV_MORE))\nend\n\
                 certificates = ENV_CERTIFICATES or \"certs\"\nfor _, host in ipairs(hosts) do\n\tVirtualHost (host)\nend\n\
                 Include (ENV_CONFIG or \"/p/conf.d/*.cfg.lua\")\n";
    let part = planned(image, &[]).unwrap();
    assert_eq!(drop_in(&part).path, Path::new("/p/conf.d/stanzagate.cfg.lua"));
    assert!(part.changes.iter().any(|change| change.path == Path::new("/etc/prosody/modules/mod_stanzagate.lua")));
    assert!(part.notes.iter().any(|note| note.starts_with("/p/prosody.cfg.lua:9: Lua code")), "{:?}", part.notes);
    let main = File { path: "f".into(), text: image.to_owned() };
    let config = read(&main, &[]).unwrap();
    assert!(domain(&main, &config, None).unwrap_err().to_string().starts_with("f:1: is Lua code"));
    assert_eq!(domain(&main, &config, Some("a.org")).unwrap(), "a.org");
}

#[test]
fn knows_the_domain() {
    let found = |text: &str, wanted: Option<&str>| {
        let main = File { path: "f".into(), text: text.to_owned() };
        let config = read(&main, &[]).unwrap();
        domain(&main, &config, wanted).map_err(|error| error.to_string())
    };
    let two = "VirtualHost \"localhost\"\nVirtualHost \"a.org\"\nVirtualHost \"off.org\"\nenabled = false\n";
    assert_eq!(found(two, None).unwrap(), "a.org");
    assert_eq!(found("VirtualHost \"localhost\"\n", None).unwrap(), "localhost");
    assert!(found(&format!("{two}VirtualHost \"b.org\"\n"), None).unwrap_err().contains("a.org, b.org"));
    assert_eq!(found(two, Some("localhost")).unwrap(), "localhost");
    assert!(found(two, Some("c.org")).is_err() && found("a = 1\n", None).is_err());
}

#[test]
fn says_what_it_widens() {
    let stock = stock();
    let notes = |own: &str| planned(&stock, &[("/p/conf.d/a.cfg.lua", own)]).unwrap().notes.join("\n");
    let plain = notes("http_interfaces = { \"127.0.0.1\", \"::1\" }\n");
    for expected in ["mam is switched on: what all users of a.org", "muc_log_by_default is switched on"] {
        assert!(plain.contains(expected), "{plain}");
    }
    assert!(!plain.contains("other hosts") && !plain.contains("consider_websocket_secure"), "{plain}");
    let on = "muc_log_by_default = true\nVirtualHost \"a.org\"\n\tmodules_enabled = { \"mam\" }\n";
    assert!(!notes(on).contains("switched on"), "{}", notes(on));
    assert!(notes("VirtualHost \"b.org\"\n").contains("other hosts too (b.org)"));
    assert!(notes("Component \"records.a.org\" \"pubsub\"\n").contains("records.a.org is there already"));
    assert!(!plain.contains("there already"), "{plain}");
    let open = [("/p/conf.d/a.cfg.lua", "http_interfaces = { \"*\" }\n")];
    let part = planned(&stock, &open).unwrap();
    assert!(!drop_in(&part).text.contains("consider_websocket_secure"), "{}", drop_in(&part).text);
    assert!(part.notes.iter().any(|note| note.starts_with("consider_websocket_secure is not set")), "{:?}", part.notes);
    assert!(drop_in(&planned(&stock, &[]).unwrap()).text.contains("consider_websocket_secure = true"));
}
