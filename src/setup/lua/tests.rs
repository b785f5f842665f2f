//! Reading configurations of Prosody.

use super::*;

fn read(text: &str) -> Config {
    let mut config = Config::default();
    config.read(&File { path: "p.lua".into(), text: text.to_owned() }).unwrap_or_else(|error| panic!("{error}"));
    config
}

#[test]
fn tells_sections_and_settings() {
    let config = read(
        "local x = { 1 }\nadmins = { } -- none\nlimit = 256*1024\nmodules_enabled = {\n\t-- Needed\n\t\"a\"; -- one\n\t'b', --\"c\";\n}\n\
         http_ports = { 5280 };pidfile = \"/run/p.pid\";\nVirtualHost \"a.org\"\n\tenabled = false\n\tadmins = { x }\n\
         Component(\"c.a.org\") \"muc\"\n\tname = [[Rooms]]\n\
         p = { [\"gw\"] = { iq = { [\"u\"] = \"both\" } }; n = 1 }\nlog = {\n info = \"f\"; { levels = { \"error\" }; to = \"syslog\"; };\n}\nInclude \"conf.d/*.cfg.lua\"\n",
    );
    let host = Section::Host("a.org".into());
    let component = Section::Component("c.a.org".into());
    let table = |section: &Section, key: &str| match config.setting(section, key).map(|setting| &setting.value) {
        Some(Value::Table(table)) => table.clone(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(table(&Section::Global, "modules_enabled").texts, ["a", "b"]);
    assert!(table(&Section::Global, "admins").literal && !table(&host, "admins").literal);
    assert_eq!(config.setting(&Section::Global, "limit").map(|s| (&s.value, s.line)), Some((&Value::Other, 2)));
    assert_eq!(config.setting(&host, "enabled").map(|s| &s.value), Some(&Value::Bool(false)));
    assert_eq!(config.setting(&component, "name").map(|s| &s.value), Some(&Value::Text("Rooms".into())));
    assert_eq!(table(&component, "p").keys, ["gw", "n"]);
    assert!(table(&component, "p").literal && table(&component, "log").literal);
    assert_eq!(table(&Section::Global, "http_ports").inner.trim(), "5280");
    assert_eq!(config.opened("c.a.org").and_then(|opened| opened.module.as_deref()), Some("muc"));
    assert_eq!(config.includes.len(), 1);
}

#[test]
fn reads_what_prosody_comes_with() {
    let text = std::fs::read_to_string("/etc/prosody/prosody.cfg.lua").expect("Debian's package of Prosody");
    let config = read(&text);
    let names: Vec<_> = config.opened.iter().map(|opened| opened.section.clone()).collect();
    assert_eq!(names, [Section::Host("localhost".into())]);
    assert_eq!(config.includes[0].pattern, "conf.d/*.cfg.lua");
    let Some(Value::Table(modules)) = config.setting(&Section::Global, "modules_enabled").map(|s| &s.value) else {
        panic!("no modules")
    };
    assert!(modules.texts.contains(&"roster".to_owned()) && !modules.texts.contains(&"mam".to_owned()));
    assert!(
        config.setting(&Section::Global, "limits").is_some()
            && config.setting(&Section::Global, "certificates").is_some()
    );
    let shipped = read(include_str!("../../../config/prosody.cfg.lua"));
    assert_eq!(shipped.opened("gw.example.org").map(|opened| opened.module.as_deref()), Some(None));
}

#[test]
fn refuses_code() {
    let mut config = Config::default();
    for (text, expected) in [("a = 1\nreturn b\n", "p.lua:2: is Lua code"), ("a = \"x\n", "p.lua:1: ")] {
        let error = config.read(&File { path: "p.lua".into(), text: text.to_owned() }).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn goes_past_code_and_says_where_it_was() {
    let config = read(
        "local function split(s)\n\tfor part in s:gmatch(\"x\") do\n\t\tif part then f() end\n\tend\n\treturn function() end\nend\n\
         paths = split(ENV_PATHS or \"/m\")\nif a then\n\tb:append{ \"c\" };\nelseif d then e = 1 end\n\
         for _, v in ipairs(hosts) do\n\tVirtualHost (v)\nend\nwhile x do y() end\nz = 1\n\
         Include (ENV_MORE or \"/e/conf.d/*.cfg.lua\")\n",
    );
    assert_eq!(config.unread.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [0, 7, 10, 13]);
    assert_eq!(config.settings.iter().map(|setting| setting.key.as_str()).collect::<Vec<_>>(), ["paths", "z"]);
    assert_eq!(config.settings[0].texts, ["/m"]);
    assert_eq!(config.includes[0].pattern, "/e/conf.d/*.cfg.lua");
    assert!(config.opened.is_empty());
}
