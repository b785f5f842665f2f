//! The gateway's own configuration: what is there stays, what is missing is added, secrets are made once.

use std::collections::BTreeSet;
use std::path::Path;

use rand::Rng;
use rand::distr::Alphanumeric;
use serde_json::json;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::error::SetupError;
use super::plan::{Api, Apis, Setting};

/// The configuration as it is, or will be.
#[derive(Clone)]
pub(super) struct Settings {
    document: DocumentMut,
    new: bool,
}

const ALL: [Api; 4] = [Api::Qtalk, Api::Maxleap, Api::Xuanxuan, Api::Rongcloud];

/// What is written at the top of a new file.
const HEAD: &str =
    "# Stanzagate's configuration, begun by `stanzagate setup`. Every key and its default: config/stanzagate.toml.\n\n";

impl Settings {
    /// Reads what is there; `None` is no file.
    pub fn read(path: &Path, text: Option<&str>) -> Result<Settings, SetupError> {
        let document = text
            .unwrap_or_default()
            .parse()
            .map_err(|error: toml_edit::TomlError| SetupError::file(path, format!("is no TOML: {error}")))?;
        Ok(Settings { document, new: text.is_none() })
    }

    /// A text of the file.
    pub fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.document.get(section)?.get(key)?.as_str()
    }

    /// Whether a setting is there.
    pub fn has(&self, section: &str, key: &str) -> bool {
        self.document.get(section).is_some_and(|section| section.get(key).is_some())
    }

    /// The port of an address or URL of this machine.
    pub fn port(&self, section: &str, key: &str) -> Option<u16> {
        let text = self.text(section, key)?;
        let text = text.strip_prefix("http://").unwrap_or(text);
        let (host, rest) = text.rsplit_once(':')?;
        let local = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        local.then(|| rest.split('/').next().and_then(|port| port.parse().ok()))?
    }

    /// The component's secret, made where there is none. One that is in a file of its own is read.
    pub fn secret(&mut self, path: &Path) -> Result<String, SetupError> {
        match self.document.get("component").and_then(|component| component.get("secret")) {
            None => {
                let secret = random(40);
                if let Some(table) = self.section("component") {
                    table.insert("secret", value(&secret));
                }
                Ok(secret)
            }
            Some(item) => match (item.as_str(), item.get("file").and_then(Item::as_str)) {
                (Some(text), _) => Ok(text.to_owned()),
                (None, Some(file)) => {
                    let text = std::fs::read_to_string(file).map_err(SetupError::io("reading", Path::new(file)))?;
                    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
                }
                _ => Err(SetupError::file(path, "component.secret is neither a text nor { file = \"…\" }")),
            },
        }
    }

    /// Adds what the server gives, where nothing is said; says where something else is said.
    pub fn follow(&mut self, settings: Vec<Setting>, notes: &mut Vec<String>) {
        for (section, key, wanted) in settings {
            let Some(table) = self.section(section) else { continue };
            match table.get(key).and_then(Item::as_value) {
                None => {
                    table.insert(key, value(wanted));
                }
                Some(there) if plain(there) == plain(&wanted) => {}
                Some(there) => notes.push(format!(
                    "{section}.{key} is {} and stays so; what the server gives now is {}",
                    plain(there),
                    plain(&wanted)
                )),
            }
        }
    }

    /// The APIs that are served already; `None` where nothing is said of any.
    pub fn apis(&self) -> Option<Apis> {
        let on = |api: &Api| {
            let section = self.document.get(api.section());
            section.and_then(|section| section.get("enabled")).and_then(Item::as_bool).unwrap_or(*api == Api::Qtalk)
        };
        let said = |api: &Api| self.document.contains_key(api.section());
        let served: BTreeSet<Api> = ALL.iter().copied().filter(on).collect();
        (ALL.iter().any(said) && !served.is_empty()).then_some(Apis(served))
    }

    /// Switches the APIs on and gives each a key, where it has none; switches the others off.
    pub fn serve(&mut self, apis: &Apis) {
        for api in ALL {
            let Some(section) = self.section(api.section()) else { continue };
            if !apis.0.contains(&api) {
                if section.get("enabled").and_then(Item::as_bool).unwrap_or(api == Api::Qtalk) {
                    section.insert("enabled", value(false));
                }
                if section.is_empty() {
                    self.document.remove(api.section());
                }
                continue;
            }
            section.insert("enabled", value(true));
            let (tables, entry): (_, Vec<(&str, toml_edit::Value)>) = match api {
                Api::Qtalk => ("keys", vec![("name", "setup".into()), ("key", random(32).into())]),
                Api::Maxleap => {
                    let keys = toml_edit::Array::from_iter([random(32)]);
                    ("apps", vec![("id", hex(24).into()), ("keys", keys.into())])
                }
                Api::Xuanxuan => ("entries", vec![("code", "stanzagate".into()), ("key", hex(32).into())]),
                Api::Rongcloud => ("keys", vec![("id", "setup".into()), ("key", hex(64).into())]),
            };
            let open = section.get("auth").and_then(Item::as_str) == Some("none");
            if section.get(tables).is_none() && !open {
                let mut list = ArrayOfTables::new();
                let mut table = Table::new();
                entry.into_iter().for_each(|(key, wanted)| drop(table.insert(key, value(wanted))));
                list.push(table);
                section.insert(tables, Item::ArrayOfTables(list));
            }
        }
    }

    /// What callers show: the first of each API.
    pub fn keys(&self, apis: &Apis) -> serde_json::Value {
        let first = |section: &str, tables: &str, key: &str| {
            let entry = self.document.get(section).and_then(|section| section.get(tables)).and_then(|list| list.get(0));
            let item = entry.and_then(|entry| entry.get(key));
            let item = item.and_then(|item| if item.is_array() { item.get(0) } else { Some(item) });
            item.and_then(Item::as_str).map(str::to_owned)
        };
        let mut keys = serde_json::Map::new();
        for api in &apis.0 {
            let section = api.section();
            let shown = match api {
                Api::Qtalk => json!(first(section, "keys", "key")),
                Api::Maxleap => json!({ "appId": first(section, "apps", "id"), "key": first_key(&self.document) }),
                Api::Xuanxuan => {
                    json!({ "code": first(section, "entries", "code"), "key": first(section, "entries", "key") })
                }
                Api::Rongcloud => json!({ "kid": first(section, "keys", "id"), "key": first(section, "keys", "key") }),
            };
            keys.insert(section.to_owned(), shown);
        }
        keys.into()
    }

    /// Says a setting that is not there.
    pub fn suggest(&mut self, section: &str, key: &str, wanted: &str) {
        if let Some(table) = self.section(section).filter(|table| table.get(key).is_none()) {
            table.insert(key, value(wanted));
        }
    }

    /// A section, made where there is none. `None` where the file has something else by its name, which it then does not load with.
    fn section(&mut self, name: &str) -> Option<&mut Table> {
        let item = self.document.entry(name).or_insert_with(toml_edit::table);
        if item.is_inline_table() {
            *item = Item::Table(std::mem::take(item).into_table().ok()?);
        }
        item.as_table_mut()
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.new {
            f.write_str(HEAD)?;
        }
        self.document.fmt(f)
    }
}

/// The first key of the first app.
fn first_key(document: &DocumentMut) -> Option<String> {
    let app = document.get("maxleap")?.get("apps")?.get(0)?;
    Some(app.get("keys")?.as_array()?.get(0)?.as_str()?.to_owned())
}

/// A value without the blanks and comments around it.
fn plain(there: &toml_edit::Value) -> String {
    let mut there = there.clone();
    there.decor_mut().clear();
    there.to_string()
}

/// Random letters and digits, safe in every file they are written to.
fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// Random hex digits.
fn hex(length: usize) -> String {
    (0..length).map(|_| format!("{:x}", rand::random_range(0..16_u8))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_secrets_once_and_leaves_what_is_there() {
        let path = Path::new("s.toml");
        let apis = Apis([Api::Qtalk, Api::Maxleap, Api::Xuanxuan, Api::Rongcloud].into());
        let mut first = Settings::read(path, None).unwrap();
        let mut notes = Vec::new();
        let given = || {
            vec![
                ("server", "domain", "a.org".into()),
                ("component", "address", "127.0.0.1:5348".into()),
                ("rongcloud", "accept_oauth_impersonation", true.into()),
            ]
        };
        first.suggest("component", "name", "gw.a.org");
        let secret = first.secret(path).unwrap();
        first.follow(given(), &mut notes);
        first.serve(&apis);
        let text = first.to_string();
        crate::config::load::parse("s.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));

        let mut again = Settings::read(path, Some(&text)).unwrap();
        assert_eq!(again.secret(path).unwrap(), secret);
        assert_eq!(again.port("component", "address"), Some(5348));
        again.follow(given(), &mut notes);
        again.serve(&apis);
        assert_eq!(again.to_string(), text);
        assert_eq!(again.keys(&apis), first.keys(&apis));
        assert!(again.keys(&apis)["maxleap"]["key"].is_string(), "{}", again.keys(&apis));
        assert!(notes.is_empty());

        let edited =
            text.replace("5348", "5349 # moved").replace("\"127.0.0.1:5349 # moved\"", "\"127.0.0.1:5349\" # moved");
        let mut edited = Settings::read(path, Some(&edited)).unwrap();
        edited.follow(given(), &mut notes);
        assert!(
            edited.to_string().contains("# moved") && notes[0].contains("component.address is \"127.0.0.1:5349\""),
            "{notes:?}"
        );
    }

    #[test]
    fn serves_only_what_is_asked_for() {
        let path = Path::new("s.toml");
        let mut settings = Settings::read(path, None).unwrap();
        settings.suggest("component", "name", "gw.a.org");
        settings.suggest("server", "domain", "a.org");
        settings.secret(path).unwrap();
        let apis = Apis([Api::Xuanxuan].into());
        settings.serve(&apis);
        let config = crate::config::load::parse("s.toml", &settings.to_string(), &[]).unwrap();
        assert!(
            !config.qtalk.enabled && config.xuanxuan.enabled && !config.maxleap.enabled && !config.rongcloud.enabled
        );
        assert_eq!(settings.keys(&apis).as_object().map(|keys| keys.len()), Some(1));
        // Run again without a word about APIs it keeps to these.
        let mut again = Settings::read(path, Some(&settings.to_string())).unwrap();
        assert_eq!(again.apis().unwrap().0, apis.0);
        again.serve(&Apis([Api::Qtalk].into()));
        assert_eq!(again.apis().unwrap().0, [Api::Qtalk].into());
        assert!(again.to_string().contains("code = \"stanzagate\""), "keys are kept: {again}");
        assert!(Settings::read(path, Some("[http]\n")).unwrap().apis().is_none());
        // Of RongCloud-backed groups on ejabberd an administrator must want what they open.
        assert_eq!(Apis::usual(crate::setup::Server::Prosody).0, ALL.into());
        assert_eq!(Apis::usual(crate::setup::Server::Ejabberd).0, [Api::Qtalk, Api::Maxleap, Api::Xuanxuan].into());
    }
}
