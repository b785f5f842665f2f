//! The import rule: a layer uses only what stands below it, and every file says in its first line what it is for.

use std::path::{Path, PathBuf};

/// Which modules a module may name, beside itself and those that every layer may use.
const MAY_USE: [(&str, &[&str]); 19] = [
    ("xml", &[]),
    ("link", &["xml"]),
    ("session", &["link", "xml"]),
    ("xmpp", &["xml"]),
    ("chat", &["xmpp", "session", "link", "xml"]),
    ("http", &["chat"]),
    ("dialects", &["chat", "http"]),
    ("check", &["dialects", "chat"]),
    ("openapi", &["dialects", "http"]),
    ("admin", &["openapi", "check", "http", "chat"]),
    ("app", &["admin", "dialects", "http", "chat"]),
    ("dev", &["app", "dialects", "http", "chat"]),
    ("setup", &[]),
    ("args", &["dev", "setup"]),
    ("causes", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("metrics", &[]),
    ("log_limit", &[]),
];

/// The rooms of chat, from below: each may use those of the steps before its own, and no other of its own step. So there
/// is no circle among them.
const ROOMS: [&[&str]; 7] = [
    &["kit", "types"],
    &["server"],
    &["records", "files"],
    &["accounts"],
    &["rooms"],
    &["archive", "messages", "check"],
    &["groups"],
];

/// Used by every layer.
const COMMON: [&str; 5] = ["causes", "clock", "config", "metrics", "log_limit"];

/// These two put the others together, and name them all.
const ABOVE_ALL: [&str; 3] = ["lib", "main", "cli"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The modules of the crate that a piece of code names by `crate::`, groups in braces included.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            expand("", &code[at + "crate::".len()..], &mut names);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Takes the paths with which `code` begins, behind `prefix`.
fn expand(prefix: &str, code: &str, names: &mut Vec<String>) {
    let code = code.trim_start();
    let path: String = code.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    let Some(group) = code[path.len()..].strip_prefix('{') else {
        names.push(format!("{prefix}{path}"));
        return;
    };
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                expand(&format!("{prefix}{path}"), &group[begin..at], names);
                begin = at + 1;
                if c == '}' {
                    return;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// Whether code in a room of chat may name this.
fn stands_below(room: &str, name: &str) -> bool {
    let Some(inside) = name.strip_prefix("chat::") else { return name != "chat" };
    let other = inside.split("::").next().unwrap_or("");
    let step = |room: &str| ROOMS.iter().position(|step| step.contains(&room));
    other == room || matches!((step(other), step(room)), (Some(other), Some(room)) if other < room)
}

/// What `file`, of the module `path`, says against the rule.
fn violations(file: &str, path: &[&str], text: &str) -> Vec<String> {
    let layer = path[0];
    let mut found = Vec::new();
    if !text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 8) {
        found.push(format!("{file}:1: the first line does not say with //! what the file is for"));
    }
    if ABOVE_ALL.contains(&layer) {
        return found;
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == layer) else {
        found.push(format!(
            "{file}:1: the module {layer} has no place among the layers: give it one in tests/house/layers.rs"
        ));
        return found;
    };
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
    // Who may see an item says nothing of what it uses.
    let code = code.replace("pub(in crate::chat)", "pub(super)").replace("pub(in crate::dialects)", "pub(super)");
    let climbs = "super::".repeat(path.len());
    // Statements may span lines, so that each is read whole and counted from its first line.
    let mut line = 1;
    for statement in code.split_inclusive(';') {
        let start = line + statement.chars().take_while(|c| c.is_whitespace()).filter(|c| *c == '\n').count();
        for name in named(&statement.replace(&climbs, "crate::")) {
            let top = name.split("::").next().unwrap_or("");
            let sideways = layer == "dialects"
                && path.len() > 1
                && top == "dialects"
                && !name.starts_with(&format!("dialects::{}", path[1]))
                && (path[1] == "api" || !name.starts_with("dialects::api::"));
            let below = top == layer && !sideways;
            let listed = allowed.iter().any(|a| name == *a || name.starts_with(&format!("{a}::")));
            if layer == "chat" && path.len() > 1 && !stands_below(path[1], &name) {
                found.push(format!("{file}:{start}: the room {} may not use {name}: it does not stand below", path[1]));
            }
            let known = MAY_USE.iter().any(|(module, _)| *module == top) || ABOVE_ALL.contains(&top);
            if known && !below && !listed && !COMMON.contains(&top) {
                found.push(format!("{file}:{start}: {layer} may not use {name}: it does not stand below"));
            }
        }
        line += statement.matches('\n').count();
    }
    found
}

#[test]
fn every_import_points_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    assert!(paths.len() > 20, "only {} files found", paths.len());
    let mut found = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(&src).unwrap().with_extension("");
        let module: Vec<&str> =
            relative.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
        let file = format!("src/{}", path.strip_prefix(&src).unwrap().display());
        found.extend(violations(&file, &module, &std::fs::read_to_string(&path).unwrap()));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_rule_finds_what_breaks_it() {
    let breaks = |path: &[&str], code: &str| violations("f.rs", path, &format!("//! A file.\n{code}")).concat();
    assert!(breaks(&["link"], "\nuse crate::chat::Chat;").contains("f.rs:3: link may not use chat::Chat"));
    assert!(
        breaks(&["xmpp", "ping"], "use crate::{xml::Element,\n link::Link};").contains("f.rs:2: xmpp may not use link")
    );
    assert!(breaks(&["link", "conn"], "use super::super::chat::Chat;").contains("link may not use chat"));
    assert!(
        breaks(&["dialects", "qtalk", "routes"], "fn f() { crate::link::x() }").contains("dialects may not use link")
    );
    assert!(
        breaks(&["dialects", "qtalk", "auth"], "use crate::dialects::maxleap::x;")
            .contains("may not use dialects::maxleap")
    );
    assert!(breaks(&["dialects", "api", "call"], "use crate::dialects::qtalk::x;").contains("may not use"));
    assert!(breaks(&["chat"], "use crate::http::Web;").contains("chat may not use http"));
    for (room, code) in [
        ("accounts", "use crate::chat::rooms::Rooms;"),
        ("rooms", "fn f() { crate::chat::messages::x() }"),
        ("records", "use crate::chat::files::Files;"),
        ("messages", "use crate::{chat::{archive::Histories}};"),
        ("server", "use super::super::super::chat::groups::Groups;"),
        ("types", "use crate::chat::Chat;"),
    ] {
        let said = breaks(&["chat", room, "file"], code);
        assert!(said.contains(&format!("the room {room} may not use chat")), "{room}: {said}");
    }
    assert!(breaks(&["shelf"], "").contains("no place among the layers"));
    assert!(violations("f.rs", &["chat"], "use std::fmt;").concat().contains("f.rs:1: the first line"));
    for fine in [
        breaks(&["chat"], "use crate::link::Link;\nuse crate::config::Config; // crate::http::Web"),
        breaks(
            &["dialects", "qtalk", "auth"],
            "use crate::dialects::qtalk::x;\nuse crate::chat::types::message::Bounds;",
        ),
        breaks(
            &["chat", "groups", "look"],
            "use crate::chat::groups::Group;\nuse crate::chat::{kit::cache::Cache, server::Server};",
        ),
        breaks(&["dialects", "qtalk", "routes"], "use crate::dialects::api::call::Call;"),
        breaks(&["link", "conn"], "use super::Call;\npub(crate) fn f() {}"),
    ] {
        assert_eq!(fine, "");
    }
}
