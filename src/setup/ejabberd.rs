//! The gateway's part of an ejabberd: an include file, and the edits of the main file that cannot be included.

mod conflicts;
mod control;
mod facts;
mod include;
mod modules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::access::Rules;
use super::edit::{Edits, at};
use super::error::SetupError;
use super::plan::{Change, File, Gateway, Part, Ports, Setting};
use super::yaml::{Kind, Node};
use facts::Facts;

pub(super) use control::control_file;
pub(super) use facts::{domain, included};

/// The command after which everything holds: listeners and the Erlang machine's settings are read at the start only.
const RESTART: &str = "systemctl restart ejabberd";
/// The include file's name.
pub(super) const INCLUDE: &str = "stanzagate.yml";

/// What is known of the server's files.
pub(super) struct Input<'a> {
    pub main: &'a File,
    /// The files that it includes, ours left out.
    pub others: &'a [File],
    /// Settings of the Erlang machine.
    pub control: Option<&'a File>,
    pub gateway: &'a Gateway,
    /// Where the archive is kept, if it is ours.
    pub data: &'a Path,
}

/// What is to be done.
pub(super) fn plan(input: &Input<'_>, ports: &mut Ports<'_>) -> Result<Part, SetupError> {
    let name = input.main.name();
    let text = input.main.text.as_str();
    let tree = Node::parse(&name, text)?;
    let facts = Facts::read(&name, &tree, input)?;
    ports.taken.extend(facts.ports());
    let mut rules = Rules { file: &name, text, tree: &tree, acl: &facts.acl, merged: BTreeSet::new() };
    let mut edits = Edits::default();
    let mut part = Part { restart: RESTART.to_owned(), ..Part::default() };

    if allow_mechanism(&tree, text, &mut edits) {
        part.notes.push(
            "X-OAUTH2 is taken out of disable_sasl_mechanisms, for the gateway's sessions: from then on whoever holds an OAuth token of this \
             server, such as one of a page of ejabberd_oauth, can log in as any other user (every version up to 26.07)"
                .to_owned(),
        );
    }
    let modules = modules::edit(&facts, input.gateway, &mut rules, &mut edits, &mut part)?;
    if input.gateway.apis.accounts() && tree.at(&["access_rules", "configure"]).is_some() {
        rules.rule("configure", 0, &facts.acl, &mut edits)?;
    }
    let folder = input.main.path.parent().unwrap_or(Path::new("/"));
    let include_path = folder.join(INCLUDE);
    include_line(&tree, text, &name, &include_path, &mut edits)?;

    let listeners = include::listeners(&facts, input.gateway, ports);
    part.notes.extend(include::notes(&facts, input.gateway, &modules));
    let include = include::text(&facts, input, &modules, &listeners)?;
    part.settings = settings(&facts, input.gateway, &modules, &listeners);
    let edited = edits.apply(text);
    proves(&name, &edited, &tree)?;
    Node::parse(INCLUDE, &include)?;
    part.changes.push(Change {
        path: include_path,
        text: include,
        mode: 0o640,
        like: Some(input.main.path.clone()),
        secret_for: Some("ejabberd"),
    });
    part.changes.push(Change {
        path: input.main.path.clone(),
        text: edited,
        mode: 0o640,
        like: None,
        secret_for: None,
    });
    if let Some(control) = input.control {
        part.changes.extend(control::more_stack(control, &mut part.notes));
    } else {
        part.notes.push(control::missing());
    }
    part.packages = vec!["erlang-p1-oauth2"];
    if include::own_archive(&facts, &modules) {
        part.packages.push("erlang-p1-sqlite3");
    }
    Ok(part)
}

/// The secret of a component listener that lets the gateway in already.
pub(super) fn component_secret(main: &File, component: &str) -> Result<Option<String>, SetupError> {
    let tree = Node::parse(&main.name(), &main.text)?;
    Ok(facts::component(&tree, component).and_then(|(_, secret)| secret))
}

/// Takes X-OAUTH2 out of the mechanisms that are switched off: the gateway's sessions log in with it.
fn allow_mechanism(tree: &Node, text: &str, edits: &mut Edits) -> bool {
    let Some((key, value)) = tree.entry("disable_sasl_mechanisms") else { return false };
    let wanted = |node: &&Node| node.scalar().is_some_and(|name| name.eq_ignore_ascii_case("X-OAUTH2"));
    let values = value.values();
    let Some(item) = values.iter().copied().find(wanted) else { return false };
    let left: Vec<&str> = values.iter().filter(|node| !wanted(node)).filter_map(|node| node.scalar()).collect();
    match &value.kind {
        Kind::List { flow: true, .. } if value.line == value.end_line && !left.is_empty() => {
            let list = left.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            edits.change(text, value.line, |line| {
                super::access::replaced(line, value.col, value.end_col, &format!("[{list}]"))
            });
        }
        Kind::List { flow: false, .. } if !left.is_empty() => edits.remove(item.line),
        _ => (key.line..=value.end_line.max(key.line)).for_each(|line| edits.remove(line)),
    }
    true
}

/// Names the include file in the main one.
fn include_line(tree: &Node, text: &str, name: &str, include: &Path, edits: &mut Edits) -> Result<(), SetupError> {
    let quoted = facts::quoted(&include.display().to_string());
    let Some((key, value)) = tree.entry("include_config_file") else {
        // Behind the hosts, where an administrator sees it.
        let line = tree.get("hosts").map_or(0, |hosts| hosts.end_line + 1);
        for new in [
            "",
            "# The gateway's part. `stanzagate setup ejabberd --undo` takes it away.",
            &format!("include_config_file: {quoted}"),
        ] {
            edits.insert(line, new);
        }
        return Ok(());
    };
    if value.scalars().contains(&include.display().to_string().as_str()) {
        return Ok(());
    }
    match &value.kind {
        Kind::List { flow: false, .. } => {
            edits.insert(value.line, format!("{}- {quoted}", " ".repeat(value.col)));
            Ok(())
        }
        Kind::Scalar(_) if value.line == key.line => {
            edits.change(text, key.line, |line| {
                let (before, old) = line.split_at(at(line, value.col));
                format!("{}\n  - {old}\n  - {quoted}", before.trim_end())
            });
            Ok(())
        }
        _ => {
            let why = format!(
                "includes files in a way that cannot be added to: write a list, one `- file` on each line, {quoted} among them"
            );
            Err(SetupError::refused(name, key.line, why))
        }
    }
}

/// What follows from the server for the gateway's own configuration.
fn settings(
    facts: &Facts<'_>,
    gateway: &Gateway,
    modules: &modules::Modules,
    listeners: &include::Listeners,
) -> Vec<Setting> {
    let domain = &gateway.domain;
    let mut settings: Vec<Setting> = vec![
        ("server", "kind", "ejabberd".into()),
        ("server", "domain", domain.as_str().into()),
        ("component", "address", format!("127.0.0.1:{}", listeners.component).into()),
        ("c2s", "address", format!("127.0.0.1:{}", listeners.c2s).into()),
        ("c2s", "tls", "none".into()),
        ("sessions", "grant", "oauth".into()),
        ("sessions", "oauth_url", format!("http://127.0.0.1:{}/api", listeners.http).into()),
    ];
    if modules.rooms != format!("conference.{domain}") {
        settings.push(("server", "rooms", modules.rooms.as_str().into()));
    }
    if gateway.apis.records() {
        let pubsub = facts.records.clone().unwrap_or_else(|| format!("pubsub.records.{domain}"));
        settings.push(("server", "pubsub", pubsub.into()));
        if modules.upload != format!("upload.{domain}") {
            settings.push(("server", "upload", modules.upload.as_str().into()));
        }
        settings.push(("server", "upload_origin", format!("http://127.0.0.1:{}", listeners.http).into()));
    }
    if gateway.apis.tokens() {
        if gateway.rongcloud_named {
            settings.push(("rongcloud", "accept_oauth_impersonation", true.into()));
        }
        if let Some(port) = facts.websocket {
            settings.push(("rongcloud", "websocket_url", format!("wss://{domain}:{port}/ws").into()));
        }
    }
    settings
}

/// Fails unless the edited file is read as one that has all that the old one had at its top.
fn proves(name: &str, edited: &str, old: &Node) -> Result<(), SetupError> {
    let new = Node::parse(name, edited)?;
    for (key, value) in old.entries() {
        let Some(key) = key.scalar() else { continue };
        let kept = match new.get(key) {
            None => key == "disable_sasl_mechanisms",
            Some(now) => {
                value.entries().iter().all(|(inner, _)| inner.scalar().is_none_or(|inner| now.get(inner).is_some()))
            }
        };
        if !kept {
            let why = format!(
                "would not be as it is meant after the edit: {key} would have lost something. Nothing was changed"
            );
            return Err(SetupError::file(&PathBuf::from(name), why));
        }
    }
    Ok(())
}
