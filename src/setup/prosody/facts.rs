//! What an administrator's Prosody says already.

use std::path::PathBuf;

use super::Input;
use crate::setup::error::SetupError;
use crate::setup::lua::{Config, Opened, Section, Setting, Value};
use crate::setup::plan::File;

/// Where Debian's own file has modules of one's own.
const MODULES: &str = "/usr/local/lib/prosody/modules";

/// What matters for the gateway's part.
pub(super) struct Facts<'a> {
    pub config: &'a Config,
    /// The host of the accounts.
    pub host: Section,
    pub rooms: Section,
    pub has_rooms: bool,
    /// The pubsub component of the gateway's records.
    pub records: Section,
    pub upload: Section,
    pub has_upload: bool,
    /// The gateway's own component.
    pub own: Section,
    pub component_port: u16,
    pub client_port: u16,
    pub http_port: u16,
    /// Whether clients may come without TLS, and show tokens and passwords there.
    pub plain: bool,
    /// The folder for the helper modules.
    pub modules: PathBuf,
    /// Whether the drop-in must say where that is.
    pub says_modules: bool,
}

impl<'a> Facts<'a> {
    pub fn read(config: &'a Config, input: &Input<'_>) -> Result<Facts<'a>, SetupError> {
        let domain = &input.gateway.domain;
        let component = |name: String| Section::Component(name);
        let (rooms, has_rooms) = service(config, "muc", domain, "conference")?;
        let (upload, has_upload) = service(config, "http_file_share", domain, "upload")?;
        let records = match config.opened(&format!("pubsub.{domain}")) {
            // The gateway's own, of an earlier set-up.
            Some(opened) if serves(config, &opened.section, &input.gateway.name) => opened.section.clone(),
            _ => component(format!("records.{domain}")),
        };
        let own = component(input.gateway.name.clone());
        if input.gateway.apis.records() {
            is_of(config, &records, Some("pubsub"), "give it another name")?;
        }
        is_of(config, &own, None, "give it another name, or the gateway with --name")?;
        let host = Section::Host(domain.clone());
        let global = |key: &str| config.setting(&Section::Global, key);
        if let Some(Setting { value: Value::Table(disabled), file, line, .. }) =
            config.effective(&host, "modules_disabled")
        {
            let needed = ["c2s", "component", "http", "disco", "pep", "roster", "saslauth", "mam"];
            if let Some(module) = needed.iter().find(|module| disabled.texts.iter().any(|text| text == *module)) {
                return Err(SetupError::refused(
                    file,
                    *line,
                    format!("switches {module} off, which the gateway needs: take it out of the list"),
                ));
            }
        }
        if let Some(setting) = global("plugin_paths")
            && modules(config).is_none()
        {
            let why = "plugin_paths is more than a list of texts: add a folder to it that setup can read";
            return Err(SetupError::refused(&setting.file, setting.line, why));
        }
        let is = |key: &str, wanted: bool| config.effective(&host, key).is_some_and(|s| s.value == Value::Bool(wanted));
        Ok(Facts {
            config,
            plain: is("c2s_require_encryption", false) && is("allow_unencrypted_plain_auth", true),
            host,
            rooms,
            has_rooms,
            records,
            upload,
            has_upload,
            own,
            component_port: port(config, global("component_ports"), 5347)?,
            client_port: port(config, global("c2s_ports"), 5222)?,
            http_port: port(config, global("http_ports").filter(|_| input.gateway.apis.records()), 5280)?,
            says_modules: global("plugin_paths").is_none(),
            modules: modules(config).unwrap_or_else(|| PathBuf::from(MODULES)),
        })
    }
}

/// The component of this kind for the domain: the one that is there, or a new one with the usual name.
fn service(config: &Config, module: &str, domain: &str, usual: &str) -> Result<(Section, bool), SetupError> {
    let usual = format!("{usual}.{domain}");
    let end = format!(".{domain}");
    let mut found = Vec::new();
    for opened in &config.opened {
        if let Section::Component(name) = &opened.section
            && opened.module.as_deref() == Some(module)
            && name.ends_with(&end)
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    if found.contains(&&usual) {
        return Ok((Section::Component(usual), true));
    }
    match found.as_slice() {
        [only] => Ok((Section::Component((*only).clone()), true)),
        [] => match config.opened(&usual) {
            None => Ok((Section::Component(usual), false)),
            Some(other) => {
                let why =
                    format!("is not a component of {module}, and its name is the one that would be taken for that");
                Err(SetupError::refused(&other.file, other.line, why))
            }
        },
        [first, ..] => {
            let line = config.opened(first);
            let (file, line) = line.map_or((String::new(), 0), |opened| (opened.file.clone(), opened.line));
            let names = found.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            Err(SetupError::refused(
                &file,
                line,
                format!("there are several components of {module} ({names}): name one {usual}, or leave one"),
            ))
        }
    }
}

/// Refuses what is opened by this section's name and is something else.
fn is_of(config: &Config, section: &Section, module: Option<&str>, what_to_do: &str) -> Result<(), SetupError> {
    let Section::Component(name) = section else { return Ok(()) };
    let other = |opened: &&Opened| match &opened.section {
        Section::Host(host) => host == name,
        Section::Component(host) => host == name && opened.module.as_deref() != module,
        Section::Global => false,
    };
    // A component may be opened again without its module.
    let again = |opened: &Opened| {
        opened.section == *section
            && opened.module.is_none()
            && config.opened(name).is_some_and(|o| o.module.as_deref() == module)
    };
    match config.opened.iter().filter(other).find(|opened| !again(opened)) {
        None => Ok(()),
        Some(opened) => {
            let why = format!("has {name} already, which is a name of the gateway's part: {what_to_do}");
            Err(SetupError::refused(&opened.file, opened.line, why))
        }
    }
}

/// Whether the helper module of this section answers the gateway.
fn serves(config: &Config, section: &Section, gateway: &str) -> bool {
    match config.setting(section, "stanzagate_component").map(|setting| &setting.value) {
        Some(Value::Text(name)) => name == gateway,
        Some(Value::Table(table)) => table.texts.iter().any(|name| name == gateway) || !table.literal,
        Some(Value::Other) => true,
        _ => false,
    }
}

/// The first port of a list, by a variable of the file too.
fn port(config: &Config, setting: Option<&Setting>, usual: u16) -> Result<u16, SetupError> {
    let Some(setting) = setting else { return Ok(usual) };
    let text = match &setting.value {
        Value::Number(port) | Value::Text(port) => Some(port.as_str()),
        Value::Table(table) => {
            table.inner.split([';', ',']).map(|port| port.trim().trim_matches('"')).find(|port| !port.is_empty())
        }
        _ => None,
    };
    let text = text.map(|text| config.local(setting, text).unwrap_or(text));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let why = format!("{} names no port that setup can tell: write one, such as {{ {usual} }}", setting.key);
        SetupError::refused(&setting.file, setting.line, why)
    })
}

/// The folder for modules of one's own that the configuration names, or would name where no variable says otherwise.
pub(super) fn modules(config: &Config) -> Option<PathBuf> {
    let setting = config.setting(&Section::Global, "plugin_paths")?;
    setting.texts.iter().find(|path| path.starts_with('/')).map(PathBuf::from)
}

/// What all the files say.
pub(in crate::setup) fn read(main: &File, others: &[File]) -> Result<Config, SetupError> {
    let mut config = Config::default();
    config.read(main)?;
    // Only the main file's own Include lines are followed.
    let includes = std::mem::take(&mut config.includes);
    others.iter().try_for_each(|file| config.read(file))?;
    config.includes = includes;
    Ok(config)
}

/// The domain of the accounts: the one that is wanted, or the only one beside localhost.
pub(in crate::setup) fn domain(main: &File, config: &Config, wanted: Option<&str>) -> Result<String, SetupError> {
    let name = main.name();
    let on = |host: &str| {
        config.setting(&Section::Host(host.to_owned()), "enabled").is_none_or(|s| s.value != Value::Bool(false))
    };
    let mut hosts: Vec<&str> = Vec::new();
    for opened in &config.opened {
        if let Section::Host(host) = &opened.section
            && on(host)
            && !hosts.contains(&host.as_str())
        {
            hosts.push(host);
        }
    }
    let own: Vec<&str> = hosts.iter().copied().filter(|host| *host != "localhost").collect();
    if let Some((file, line)) = config.unread.first() {
        // Code may open hosts, and set what is not known: that is the administrator's to say.
        return wanted.map(str::to_owned).ok_or_else(|| {
            let why = "is Lua code, of which setup cannot tell what it sets. Name the host with --domain, and setup goes on: what it \
                       writes comes last, and wins over what the code sets for the same host";
            SetupError::refused(file, *line, why)
        });
    }
    match (wanted, own.as_slice(), hosts.as_slice()) {
        (Some(wanted), _, hosts) if hosts.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), ..) => Err(SetupError::file(
            &main.path,
            format!("has no VirtualHost \"{wanted}\": add it, or name another --domain"),
        )),
        (None, [only], _) | (None, [], [only]) => Ok((*only).to_owned()),
        (None, [], _) => {
            Err(SetupError::refused(&name, 0, "has no VirtualHost: add one for the domain of the accounts"))
        }
        (None, several, _) => Err(SetupError::file(
            &main.path,
            format!("has several hosts ({}): say which with --domain", several.join(", ")),
        )),
    }
}
