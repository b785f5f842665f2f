//! The gateway's part of a Prosody: one file of literals that opens the hosts again, and the helper files.

mod dropin;
mod facts;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::edit::Edits;
use super::error::SetupError;
use super::lua::{Config, Section, Value};
use super::plan::{Change, File, Gateway, Part, Setting};
use facts::Facts;

pub(super) use facts::{domain, read};

/// The command after which everything holds. A reload opens no components.
const RESTART: &str = "systemctl restart prosody";
/// The drop-in's name, in the folder that the main file includes.
pub(super) const DROP_IN: &str = "stanzagate.cfg.lua";
const FIREWALL: &str = include_str!("../../config/stanzagate.pfw");
const HELPER: &str = include_str!("../../config/mod_stanzagate.lua");
const TOKENS: &str = include_str!("../../config/mod_stanzagate_tokens.lua");

/// A certificate that the server shows clients.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    /// `sha256:` and the digest, where nobody but itself vouches for it.
    pub pin: Option<String>,
}

/// What is known of the server's files.
pub(super) struct Input<'a> {
    pub main: &'a File,
    /// The files that it includes, ours left out.
    pub others: &'a [File],
    pub gateway: &'a Gateway,
    pub certificate: Option<Certificate>,
}

/// What is to be done.
pub(super) fn plan(input: &Input<'_>) -> Result<Part, SetupError> {
    let config = read(input.main, input.others)?;
    if is_set_up(&config, input.gateway) {
        return Ok(renewed(&config, input));
    }
    let facts = Facts::read(&config, input)?;
    let mut part = Part { restart: RESTART.to_owned(), packages: vec!["prosody-modules"], ..Part::default() };
    let folder = input.main.path.parent().unwrap_or(Path::new("/"));
    part.notes.extend(config.unread.iter().map(|(file, line)| {
        let domain = &input.gateway.domain;
        format!(
            "{file}:{}: Lua code, which was not read: where it sets the same for {domain} as the drop-in, that wins",
            line + 1
        )
    }));
    let place = place(&config, &facts, folder, input);
    let firewall = folder.join("stanzagate.pfw");
    let text = dropin::text(&facts, input.gateway, &firewall, &mut part.notes)?;

    let like = Some(input.main.path.clone());
    let mut add = |path: PathBuf, text: String, like: Option<PathBuf>| {
        let secret_for = path.ends_with(DROP_IN).then_some("prosody");
        part.changes.push(Change { path, text, mode: 0o644, like, secret_for });
    };
    add(firewall, firewall_rules(&input.gateway.name), like.clone());
    let modules = facts.modules.clone();
    for (name, text) in helpers(input.gateway) {
        add(modules.join(name), text.to_owned(), None);
    }
    add(place.file, text, like);
    if let Some(line) = place.include {
        let mut edits = Edits::default();
        for new in ["", "-- The gateway's part. `stanzagate setup prosody --undo` takes it away.", &line] {
            edits.insert(usize::MAX, new);
        }
        let edited = edits.apply(&input.main.text);
        Config::default().read(&File { path: input.main.path.clone(), text: edited.clone() })?;
        add(input.main.path.clone(), edited, None);
    }
    part.settings = settings(&facts, input, &mut part.notes);
    Ok(part)
}

/// The helper modules that the gateway's APIs need, by their names.
fn helpers(gateway: &Gateway) -> impl Iterator<Item = (&'static str, &'static str)> {
    let tokens = gateway.apis.tokens().then_some(("mod_stanzagate_tokens.lua", TOKENS));
    std::iter::once(("mod_stanzagate.lua", HELPER)).chain(tokens)
}

/// Whether the files have the gateway's part already, put in by hand: the component, and the helper module on the host.
fn is_set_up(config: &Config, gateway: &Gateway) -> bool {
    let host = Section::Host(gateway.domain.clone());
    config.opened(&gateway.name).is_some() && config.setting(&host, "stanzagate_component").is_some()
}

/// Brings such a server up to date: what it says stays, and the helper files are those of this version.
fn renewed(config: &Config, input: &Input<'_>) -> Part {
    let folder = input.main.path.parent().unwrap_or(Path::new("/"));
    let modules = facts::modules(config).unwrap_or_else(|| folder.to_owned());
    let change = |(name, text): (&str, &str)| Change {
        path: modules.join(name),
        text: text.to_owned(),
        mode: 0o644,
        like: None,
        secret_for: None,
    };
    let note = "the server's files have the gateway's part already, put in by hand: they stay, and only the helper modules are renewed. \
                `stanzagate check` says what they lack";
    Part {
        changes: helpers(input.gateway).map(change).collect(),
        settings: vec![("server", "kind", "prosody".into())],
        notes: vec![note.to_owned()],
        packages: vec!["prosody-modules"],
        restart: RESTART.to_owned(),
    }
}

/// Where the drop-in goes, and the line that includes it where none does.
struct Place {
    file: PathBuf,
    include: Option<String>,
}

/// In the folder that is included at the end of the main file; or beside the main file, where it comes last, if something
/// else sets what the drop-in sets and could win.
fn place(config: &Config, facts: &Facts<'_>, folder: &Path, input: &Input<'_>) -> Place {
    let pattern = config.includes.iter().find_map(|include| {
        let dir = include.pattern.strip_suffix("/*.cfg.lua").or(include.pattern.strip_suffix("/*.lua"))?;
        Some((include, folder.join(dir)))
    });
    let beside = Place {
        file: folder.join(DROP_IN),
        include: Some(format!("Include {:?}", folder.join(DROP_IN).display().to_string())),
    };
    let Some((include, dir)) = pattern else { return beside };
    let main = input.main.name();
    let behind = |file: &str, position: usize| file != main || position >= include.after;
    let ours = [&facts.host, &facts.rooms, &facts.records, &facts.upload, &facts.own];
    let sets = config.settings.iter().enumerate().any(|(position, setting)| {
        behind(&setting.file, position)
            && ours.contains(&&setting.section)
            && dropin::KEYS.contains(&setting.key.as_str())
    });
    // The files of a folder are read in no order that Prosody promises.
    if sets { beside } else { Place { file: dir.join(DROP_IN), include: None } }
}

/// The secret of a component that is the gateway's already. `known`: the gateway's own configuration says it.
pub(super) fn component_secret(config: &Config, name: &str, known: bool) -> Result<Option<String>, SetupError> {
    match config.setting(&Section::Component(name.to_owned()), "component_secret") {
        None => Ok(None),
        Some(setting) => match &setting.value {
            Value::Text(secret) => Ok(Some(secret.clone())),
            _ if known => Ok(None),
            _ => {
                let why = "gives the component's secret by a name, which setup cannot read: write component.name and component.secret \
                           into the gateway's configuration first, or name that with --gateway-config";
                Err(SetupError::refused(&setting.file, setting.line, why))
            }
        },
    }
}

/// The rule for mod_firewall, without the comments for further gateways.
fn firewall_rules(name: &str) -> String {
    let lines = FIREWALL.lines().filter(|line| !line.starts_with("# [gw2]"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("gw.example.org", name);
    format!("{}\n", text.trim_end())
}

/// What follows from the server for the gateway's own configuration.
fn settings(facts: &Facts<'_>, input: &Input<'_>, notes: &mut Vec<String>) -> Vec<Setting> {
    let Gateway { domain, apis, .. } = input.gateway;
    let mut settings: Vec<Setting> = vec![
        ("server", "kind", "prosody".into()),
        ("server", "domain", domain.as_str().into()),
        ("component", "address", format!("127.0.0.1:{}", facts.component_port).into()),
        ("c2s", "address", format!("127.0.0.1:{}", facts.client_port).into()),
    ];
    match &input.certificate {
        _ if facts.plain => settings.push(("c2s", "tls", "none".into())),
        Some(Certificate { pin }) => {
            settings.push(("c2s", "tls", "starttls".into()));
            settings.extend(pin.as_ref().map(|pin| ("c2s", "pin", pin.as_str().into())));
        }
        None => {
            settings.push(("c2s", "tls", "starttls".into()));
            notes.push(format!(
                "no certificate for {domain} was found where Prosody looks for one: passwords are checked in a session with TLS, which \
                 needs one. Get it (prosodyctl cert generate {domain}), then run setup again"
            ));
        }
    }
    let mut name = |key: &'static str, section: &Section, usual: String| {
        if let Section::Component(name) = section
            && *name != usual
        {
            settings.push(("server", key, name.as_str().into()));
        }
    };
    name("rooms", &facts.rooms, format!("conference.{domain}"));
    if apis.records() {
        name("pubsub", &facts.records, format!("pubsub.{domain}"));
        name("upload", &facts.upload, format!("upload.{domain}"));
        settings.push(("server", "upload_origin", format!("http://127.0.0.1:{}", facts.http_port).into()));
    }
    settings
}
