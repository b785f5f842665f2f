//! The drop-in: what administrators set in the same sections is said again, with the gateway's part behind it.

use std::fmt::Write;
use std::path::Path;

use super::facts::Facts;
use crate::setup::error::SetupError;
use crate::setup::lua::{Section, Value};
use crate::setup::lua_tokens::{What, tokens};
use crate::setup::plan::Gateway;

/// The options that the drop-in sets.
pub(super) const KEYS: [&str; 19] = [
    "admins",
    "modules_enabled",
    "stanzagate_component",
    "firewall_scripts",
    "http_host",
    "http_default_host",
    "consider_websocket_secure",
    "privileged_entities",
    "storage_archive_item_limit",
    "pep_max_items",
    "muc_log_by_default",
    "component_admins_as_room_owners",
    "muc_room_cache_size",
    "pubsub_max_items",
    "http_file_share_access",
    "component_secret",
    "validate_from_addresses",
    "component_conflict_resolve",
    "plugin_paths",
];

/// The file.
pub(super) fn text(
    facts: &Facts<'_>,
    gateway: &Gateway,
    firewall: &Path,
    notes: &mut Vec<String>,
) -> Result<String, SetupError> {
    let Gateway { domain, name, secret, apis, .. } = gateway;
    let global = |key: &str| facts.config.setting(&Section::Global, key).is_some();
    let own = format!("{name:?}");
    let mut text = "-- The gateway's part of this server, written by `stanzagate setup prosody`, which also takes it back (--undo).\n\
         -- Literals only: what other files call by a local name is not known here. docs/prosody.md explains each right.\n"
        .to_owned();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let called = |section: &Section| match section {
        Section::Host(name) | Section::Component(name) => name.clone(),
        Section::Global => String::new(),
    };
    if facts.says_modules {
        line(format!("plugin_paths = {{ {:?} }}", facts.modules.display().to_string()));
    }
    if apis.records() {
        if !global("http_default_host") {
            line(format!("http_default_host = {:?}", called(&facts.upload)));
        }
        if !global("consider_websocket_secure") && !http_is_local(facts) {
            notes.push(
                "consider_websocket_secure is not set, as http_interfaces may be reached from elsewhere: over WebSocket without TLS users log in \
                 only once you set it, or let http_interfaces be loopback and run setup again"
                    .to_owned(),
            );
        } else if !global("consider_websocket_secure") {
            line("-- Without it nobody could log in over WebSocket: the port is on this machine, behind a proxy that has TLS.".to_owned());
            line("consider_websocket_secure = true".to_owned());
        }
    }

    let mut modules = vec!["admin_adhoc", "privilege", "mam", "firewall"];
    if apis.maxleap() {
        modules.push("announce");
    }
    if apis.accounts() {
        modules.push("stanzagate");
    }
    if apis.tokens() {
        modules.push("stanzagate_tokens");
    }
    if apis.records() {
        modules.push("websocket");
    }
    let everywhere = match facts.config.setting(&Section::Global, "modules_enabled").map(|setting| &setting.value) {
        Some(Value::Table(table)) => table.texts.clone(),
        _ => Vec::new(),
    };
    for needed in ["roster", "saslauth", "disco", "pep", "bookmarks", "ping", "version"] {
        if !everywhere.iter().any(|module| module == needed) {
            modules.push(needed);
        }
    }
    let host = &facts.host;
    let privileges = format!(
        "[{own}] = {{ message = \"outgoing\"; {}iq = {{ [\"http://jabber.org/protocol/pubsub\"] = \"both\" }} }}",
        if apis.maxleap() || apis.tokens() { "roster = \"both\"; " } else { "" }
    );
    line(format!("\nVirtualHost {domain:?}"));
    line(
        "\t-- Widens: admin of this host, for the commands user-stats, announce, and adding and deleting accounts."
            .to_owned(),
    );
    line(merged(facts, host, "admins", std::slice::from_ref(&own))?);
    line(merged(facts, host, "modules_enabled", &quoted(&modules))?);
    line(format!("\tstanzagate_component = {own}"));
    line("\t-- What a room sends to a user in whose name the gateway speaks there goes to the gateway.".to_owned());
    line(merged(facts, host, "firewall_scripts", &[format!("{:?}", firewall.display().to_string())])?);
    line("\t-- Widens: messages in users' names, and their PEP nodes, for bookmarks.".to_owned());
    line(merged(facts, host, "privileged_entities", &[privileges])?);
    for (key, value) in [("storage_archive_item_limit", "10000000"), ("pep_max_items", "10000")] {
        if facts.config.effective(host, key).is_none() {
            line(format!("\t{key} = {value}"));
        }
    }
    if apis.records() && facts.config.setting(host, "http_host").is_none() {
        line(format!("\thttp_host = {:?}", called(&facts.upload)));
    }

    notes.extend(widens(facts, gateway, &everywhere));
    line(format!("\nComponent {:?} \"muc\"", called(&facts.rooms)));
    for key in ["muc_log_by_default", "component_admins_as_room_owners"] {
        if let Some(setting) = facts.config.effective(&facts.rooms, key).filter(|s| s.value == Value::Bool(false)) {
            let why = format!("says otherwise about {key} than the gateway needs: it must be true");
            return Err(SetupError::refused(&setting.file, setting.line, why));
        }
    }
    let mut rooms = quoted(&["muc_mam", "stanzagate"]);
    if apis.tokens() {
        // Pictures of rooms: 0.12 needs a module for them; 13.0, which alone knows the name `Lua`, none.
        rooms.push("not Lua and \"vcard_muc\" or nil".to_owned());
    }
    line(merged(facts, &facts.rooms, "modules_enabled", &rooms)?);
    line(format!("\tstanzagate_component = {own}"));
    line("\tmuc_log_by_default = true".to_owned());
    line("\t-- Widens: the gateway is owner of every room.".to_owned());
    line(merged(facts, &facts.rooms, "admins", std::slice::from_ref(&own))?);
    line("\tcomponent_admins_as_room_owners = true".to_owned());
    for (key, value) in [("storage_archive_item_limit", "10000000"), ("muc_room_cache_size", "10000")] {
        if facts.config.effective(&facts.rooms, key).is_none() {
            line(format!("\t{key} = {value}"));
        }
    }
    if !facts.has_rooms {
        notes.push(format!("there was no component for rooms: {} is added", called(&facts.rooms)));
    }

    if apis.records() {
        line("\n-- The gateway's own records, in nodes closed to everybody else.".to_owned());
        line(format!("Component {:?} \"pubsub\"", called(&facts.records)));
        line(merged(facts, &facts.records, "modules_enabled", &quoted(&["stanzagate"]))?);
        line(format!("\tstanzagate_component = {own}"));
        line(merged(facts, &facts.records, "admins", std::slice::from_ref(&own))?);
        line("\tpubsub_max_items = 10000".to_owned());

        line(format!("\nComponent {:?} \"http_file_share\"", called(&facts.upload)));
        line(merged(facts, &facts.upload, "http_file_share_access", &[format!("{domain:?}"), own.clone()])?);
        if facts.has_upload {
            notes.push(format!(
                "{} keeps its limits: the gateway's uploads of a day count as one user's (http_file_share_daily_quota)",
                called(&facts.upload)
            ));
        } else {
            line("\thttp_file_share_size_limit = 104857600".to_owned());
            line("\t-- Counted for each uploader, and the gateway is one for all its callers.".to_owned());
            line("\thttp_file_share_daily_quota = 10737418240".to_owned());
            line("\thttp_file_share_global_quota = 107374182400".to_owned());
        }
    }

    line(
        "\n-- The gateway itself. validate_from_addresses: it sends as any user of this server, which is its purpose."
            .to_owned(),
    );
    line(format!("Component {own}"));
    line(format!("\tcomponent_secret = {secret:?}"));
    line(merged(facts, &facts.own, "modules_enabled", &quoted(&["privilege"]))?);
    line("\tvalidate_from_addresses = false".to_owned());
    line("\tcomponent_conflict_resolve = \"kick_old\"".to_owned());
    Ok(text)
}

/// What administrators should know of: more is archived, and other hosts are reached.
fn widens(facts: &Facts<'_>, gateway: &Gateway, everywhere: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let own = match facts.config.setting(&facts.host, "modules_enabled").map(|setting| &setting.value) {
        Some(Value::Table(table)) => table.texts.as_slice(),
        _ => &[],
    };
    let domain = &gateway.domain;
    if !everywhere.iter().chain(own).any(|module| module == "mam") {
        notes.push(format!("mam is switched on: what all users of {domain} write to each other is kept"));
    }
    if facts.config.effective(&facts.rooms, "muc_log_by_default").is_none() {
        notes.push("muc_log_by_default is switched on: what is said in rooms is kept".to_owned());
    }
    if let Section::Component(name) = &facts.records
        && gateway.apis.records()
        && facts.config.opened(name).is_some()
        && facts.config.setting(&facts.records, "stanzagate_component").is_none()
    {
        notes.push(format!(
            "{name} is there already: the gateway keeps its records in that pubsub component, as an admin of it"
        ));
    }
    let mut hosts: Vec<&str> = Vec::new();
    for opened in &facts.config.opened {
        if let Section::Host(name) = &opened.section
            && name != domain
            && !hosts.contains(&name.as_str())
        {
            hosts.push(name);
        }
    }
    if !hosts.is_empty() {
        notes.push(format!(
            "this server has other hosts too ({}): the gateway's connection may send as their users (validate_from_addresses)",
            hosts.join(", ")
        ));
    }
    notes
}

/// Whether only this machine reaches the port for HTTP, as it is where nothing is said.
fn http_is_local(facts: &Facts<'_>) -> bool {
    let keys = ["http_interfaces", "http_interface", "local_interfaces"];
    let said = keys.iter().find_map(|key| facts.config.setting(&Section::Global, key));
    let local = |name: &String| name.starts_with("127.") || matches!(name.as_str(), "::1" | "localhost");
    match said.map(|setting| &setting.value) {
        None => true,
        Some(Value::Text(name)) => local(name),
        Some(Value::Table(table)) => table.literal && table.texts.iter().all(local),
        Some(_) => false,
    }
}

fn ends_with_separator(inner: &str) -> bool {
    let tokens = tokens("", inner).unwrap_or_default();
    tokens.last().is_none_or(|token| matches!(&token.what, What::Sign(sign) if matches!(sign.as_str(), ";" | ",")))
}

fn quoted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name:?}")).collect()
}

/// An option of a section as it is there, with our entries.
fn merged(facts: &Facts<'_>, section: &Section, key: &str, ours: &[String]) -> Result<String, SetupError> {
    // What holds for the whole server would be hidden by what a host says of its own, but not so for these two.
    let adds = matches!(key, "modules_enabled" | "admins");
    let there = if adds { facts.config.setting(section, key) } else { facts.config.effective(section, key) };
    let ours_only = || format!("\t{key} = {{ {} }}", ours.join("; "));
    let Some(setting) = there else { return Ok(ours_only()) };
    let refuse = || {
        let why = format!(
            "{key} is more than setup can repeat in its own file: write it as a list of literals, or add {} to it by hand",
            ours.join("; ")
        );
        Err(SetupError::refused(&setting.file, setting.line, why))
    };
    match &setting.value {
        Value::Text(text) => Ok(format!("\t{key} = {{ {text:?}; {} }}", ours.join("; "))),
        Value::Table(table) if table.literal => {
            let has = |new: &&String| {
                let name = new.trim_start_matches('[').split(']').next().unwrap_or_default().trim_matches('"');
                !table.texts.iter().chain(&table.keys).any(|there| there == name)
            };
            let (new, known): (Vec<&String>, Vec<&String>) = ours.iter().partition(has);
            // What is there of an older version may say less: the last one of a key counts.
            let renewed: Vec<&str> =
                known.into_iter().filter(|entry| entry.starts_with('[')).map(String::as_str).collect();
            let behind = match renewed.as_slice() {
                [] => String::new(),
                _ if ends_with_separator(&table.inner) => format!("\n\t\t{}", renewed.join("; ")),
                _ => format!("\n\t\t; {}", renewed.join("; ")),
            };
            let new: Vec<&str> = new.into_iter().map(String::as_str).collect();
            if new.is_empty() {
                return Ok(format!("\t{key} = {{{}{behind}\n\t}}", table.inner));
            }
            // Ours first: what is there may end with a separator or a comment.
            Ok(match table.inner.trim() {
                "" => ours_only(),
                _ => format!("\t{key} = {{ {}; {}{behind}\n\t}}", new.join("; "), table.inner),
            })
        }
        _ => refuse(),
    }
}
