//! The modules that the gateway needs: those that are there are given what they lack, the others are included.

use super::facts::Facts;
use crate::setup::access::{OURS, Rules, replaced};
use crate::setup::edit::Edits;
use crate::setup::error::SetupError;
use crate::setup::plan::{Gateway, Part};
use crate::setup::yaml::{Kind, Node};

/// The ACLs of the include file beside the gateway's own.
pub(super) const USERS: &str = "stanzagate_users";
/// Where the gateway is.
pub(super) const ADDRESS: &str = "stanzagate_address";
/// The rule for those who may store files.
pub(super) const UPLOAD: &str = "stanzagate_upload";

/// What the modules come to.
pub(super) struct Modules {
    /// Lines for the include file, under `modules:`.
    pub include: Vec<String>,
    /// Where more is archived than the server's file said.
    pub kept: Vec<&'static str>,
    /// The MUC service.
    pub rooms: String,
    /// The upload service.
    pub upload: String,
}

impl Modules {
    /// Whether archives come with the include file.
    pub fn adds_archives(&self) -> bool {
        self.include.iter().any(|line| line == "  mod_mam:")
    }
}

/// The settings with which XEP-0402 wants bookmarks kept.
const BOOKMARKS: [&str; 4] =
    ["\"urn:xmpp:bookmarks:1\":", "  access_model: whitelist", "  max_items: max", "  send_last_published_item: never"];

/// Edits the modules that are there.
pub(super) fn edit(
    facts: &Facts<'_>,
    gateway: &Gateway,
    rules: &mut Rules<'_>,
    edits: &mut Edits,
    part: &mut Part,
) -> Result<Modules, SetupError> {
    let apis = &gateway.apis;
    let mut modules = Modules { include: Vec::new(), kept: Vec::new(), rooms: String::new(), upload: String::new() };
    let mut editor = Editor { facts, text: rules.text, include: Vec::new() };
    let acl = facts.acl.as_str();

    let mut plain = vec!["mod_disco", "mod_http_api", "mod_offline", "mod_ping", "mod_roster", "mod_version"];
    if apis.accounts() {
        plain.extend(["mod_adhoc", "mod_configure"]);
    }
    if apis.maxleap() {
        plain.push("mod_last");
    }
    for module in plain {
        editor.module(module, &[]);
    }

    if apis.maxleap()
        && let Some(announce) = editor.module("mod_announce", &[&format!("access: {OURS}")])
    {
        match announce.get("access") {
            Some(access) => rules.option(access, acl, edits)?,
            None => editor.add("mod_announce", announce, &[&format!("access: {OURS}")], edits)?,
        }
    }
    if let Some((_, ban)) = facts.tree.get("modules").and_then(|all| all.entry("mod_fail2ban")) {
        match ban.get("access") {
            Some(access) if allows_loopback(facts, access) => {}
            Some(access) => rules.option(access, ADDRESS, edits)?,
            None => editor.add("mod_fail2ban", ban, &[&format!("access: {ADDRESS}")], edits)?,
        }
    }

    modules.rooms = format!("conference.{}", gateway.domain);
    let room = ["access_admin: stanzagate", "default_room_options:", "  mam: true", "  allow_subscription: true"];
    if let Some(muc) = editor.module("mod_muc", &room) {
        if let Some(host) = service(muc, &gateway.domain) {
            modules.rooms = host;
        }
        let mut missing: Vec<&str> = Vec::new();
        match muc.get("access_admin") {
            Some(access) => rules.option(access, acl, edits)?,
            None => missing.push(room[0]),
        }
        for option in ["access", "access_create", "access_persistent", "access_mam"] {
            if let Some(access) = muc.get(option) {
                rules.option(access, acl, edits)?;
            }
        }
        if muc.at(&["default_room_options", "mam"]).is_none() {
            modules.kept.push("mod_muc gets default_room_options: mam: true, for new rooms");
        }
        match muc.get("default_room_options") {
            None => missing.extend(&room[1..]),
            Some(options) => {
                let wanted = [("mam", "mam: true"), ("allow_subscription", "allow_subscription: true")];
                editor.all("default_room_options", options, &wanted, edits)?;
            }
        }
        editor.add("mod_muc", muc, &missing, edits)?;
    }

    let archive = ["db_type: sql", "default: always"];
    if let Some(mam) = editor.module("mod_mam", &archive) {
        match mam.get("default").and_then(|value| facts.value(value)) {
            Some("always") => {}
            Some(other) => part.notes.push(format!(
                "mod_mam has default: {other}: histories and what is waited for until it is archived are as complete as that"
            )),
            None => {
                modules.kept.push("mod_mam gets default: always");
                editor.add("mod_mam", mam, &archive[1..], edits)?;
            }
        }
    }

    let pep: Vec<String> =
        [vec!["plugins: [flat, pep]".to_owned(), "max_items_node: 10000".to_owned()], bookmarks()].concat();
    if let Some(pubsub) = editor.module("mod_pubsub", &pep.iter().map(String::as_str).collect::<Vec<_>>()) {
        let plugins = pubsub.get("plugins");
        if plugins.is_none_or(|plugins| !plugins.values().iter().any(|plugin| plugin.scalar() == Some("pep"))) {
            let line = plugins.map_or(pubsub.line, |plugins| plugins.line);
            return Err(SetupError::refused(
                facts.file,
                line,
                "mod_pubsub has no plugin pep, where bookmarks are kept: add it",
            ));
        }
        let mut missing = Vec::new();
        if pubsub.get("max_items_node").is_none() {
            missing.push("max_items_node: 10000".to_owned());
        }
        match pubsub.get("force_node_config") {
            None => missing.extend(bookmarks()),
            Some(config) if config.get("urn:xmpp:bookmarks:1").is_none() => {
                editor.add("force_node_config", config, &BOOKMARKS, edits)?;
            }
            Some(_) => {}
        }
        editor.add("mod_pubsub", pubsub, &missing.iter().map(String::as_str).collect::<Vec<_>>(), edits)?;
    }

    if apis.records() {
        upload(facts, gateway, rules, edits, part, &mut editor, &mut modules)?;
    }
    modules.include = editor.include;
    Ok(modules)
}

/// The upload service, and where clients reach it.
fn upload(
    facts: &Facts<'_>,
    gateway: &Gateway,
    rules: &mut Rules<'_>,
    edits: &mut Edits,
    part: &mut Part,
    editor: &mut Editor<'_>,
    modules: &mut Modules,
) -> Result<(), SetupError> {
    modules.upload = format!("upload.{}", gateway.domain);
    let url = match facts.web {
        Some((_, port)) => format!("put_url: \"https://@HOST@:{port}/upload\""),
        None => "put_url: \"https://@HOST@:5443/upload\"".to_owned(),
    };
    let access = format!("access: {UPLOAD}");
    let lines = [access.as_str(), url.as_str(), "max_size: 104857600", "rm_on_unregister: false"];
    if let Some(module) = editor.module("mod_http_upload", &lines) {
        if let Some(host) = service(module, &gateway.domain) {
            modules.upload = host;
        }
        match module.get("access") {
            Some(access) => rules.option(access, &facts.acl, edits)?,
            None => editor.add("mod_http_upload", module, &lines[..1], edits)?,
        }
        return Ok(());
    }
    match facts.web {
        Some((listener, _)) => {
            let Some((key, handlers)) = listener.entry("request_handlers") else { return Ok(()) };
            if !handlers.entries().iter().any(|(_, module)| module.scalar() == Some("mod_http_upload")) {
                edits.insert(key.line + 1, format!("{}/upload: mod_http_upload", " ".repeat(handlers.col)));
            }
        }
        None => part.notes.push(
            "no listener of ejabberd_http with TLS was found: add one with `/upload: mod_http_upload`, and set its URL in put_url of \
             mod_http_upload in stanzagate.yml, so that clients can fetch attachments"
                .to_owned(),
        ),
    }
    Ok(())
}

fn bookmarks() -> Vec<String> {
    std::iter::once("force_node_config:".to_owned()).chain(BOOKMARKS.iter().map(|line| format!("  {line}"))).collect()
}

/// The host that a module's service has for this domain.
fn service(module: &Node, domain: &str) -> Option<String> {
    let host = module.get("hosts").or(module.get("host"))?;
    host.values().into_iter().find_map(Node::scalar).map(|host| host.replace("@HOST@", domain))
}

/// Whether a rule lets in who calls from this machine.
fn allows_loopback(facts: &Facts<'_>, access: &Node) -> bool {
    let rule = access.scalar().and_then(|name| facts.tree.at(&["access_rules", name])).unwrap_or(access);
    let names = rule.scalars();
    let is_loopback = |name: &str| {
        facts
            .tree
            .at(&["acl", name, "ip"])
            .is_some_and(|ip| ip.values().iter().any(|ip| facts.value(ip) == Some("127.0.0.0/8")))
    };
    rule.entries().len() <= 1 && names.first() == Some(&"allow") && names.iter().any(|name| is_loopback(name))
}

/// Edits one module after the other.
struct Editor<'a> {
    facts: &'a Facts<'a>,
    text: &'a str,
    include: Vec<String>,
}

impl<'a> Editor<'a> {
    /// The options of a module that is there; another one is included with these.
    fn module(&mut self, name: &str, options: &[&str]) -> Option<&'a Node> {
        if let Some(module) = self.facts.tree.at(&["modules", name]) {
            return Some(module);
        }
        if options.is_empty() {
            self.include.push(format!("  {name}: {{}}"));
        } else {
            self.include.push(format!("  {name}:"));
            self.include.extend(options.iter().map(|option| format!("    {option}")));
        }
        None
    }

    /// Adds lines to the map under `key`, in front of what is there.
    fn add(&self, key: &str, map: &Node, lines: &[&str], edits: &mut Edits) -> Result<(), SetupError> {
        if lines.is_empty() {
            return Ok(());
        }
        let text = |line: usize| self.text.lines().nth(line).unwrap_or_default();
        match &map.kind {
            Kind::Map { flow: false, entries } if !entries.is_empty() => {
                let indent = " ".repeat(map.col);
                lines.iter().for_each(|line| edits.insert(map.line, format!("{indent}{line}")));
                Ok(())
            }
            _ if map.is_empty() && text(map.line).trim_start().starts_with(key) => {
                let own = text(map.line);
                let indent = " ".repeat(own.len() - own.trim_start().len() + 2);
                edits
                    .change(self.text, map.line, |line| replaced(line, map.col, map.end_col, "").trim_end().to_owned());
                lines.iter().for_each(|line| edits.insert(map.line + 1, format!("{indent}{line}")));
                Ok(())
            }
            _ => {
                let why = format!(
                    "has {key} in a form that cannot be added to: write one option on each line, among them `{}`",
                    lines.join("`, `")
                );
                Err(SetupError::refused(self.facts.file, map.line, why))
            }
        }
    }

    /// Sees that options have values: adds those that are missing, refuses others.
    fn all(&self, key: &str, map: &Node, wanted: &[(&str, &str)], edits: &mut Edits) -> Result<(), SetupError> {
        let mut missing = Vec::new();
        for (option, line) in wanted {
            match map.get(option) {
                None => missing.push(*line),
                Some(value) if line.ends_with(&format!(" {}", self.facts.value(value).unwrap_or_default())) => {}
                Some(value) => {
                    let why = format!("says otherwise about {option} than the gateway needs: it must be `{line}`");
                    return Err(SetupError::refused(self.facts.file, value.line, why));
                }
            }
        }
        self.add(key, map, &missing, edits)
    }
}
