//! What an administrator's file has by a name that the include file gives too: ejabberd starts with neither.

use super::facts::Facts;
use super::modules::{ADDRESS, UPLOAD, USERS};
use crate::setup::access::OURS;
use crate::setup::error::SetupError;
use crate::setup::plan::Gateway;
use crate::setup::yaml::Node;

/// The hosts that services have where no option says another one.
const USUAL: [(&str, &str); 10] = [
    ("mod_http_upload", "upload"),
    ("mod_irc", "irc"),
    ("mod_mix", "mix"),
    ("mod_muc", "conference"),
    ("mod_multicast", "multicast"),
    ("mod_proxy65", "proxy"),
    ("mod_pubsub", "pubsub"),
    ("mod_sip", "sip"),
    ("mod_vcard", "vjud"),
    ("mod_echo", "echo"),
];

/// Refuses what would be there twice.
pub(super) fn refuse(facts: &Facts<'_>, gateway: &Gateway) -> Result<(), SetupError> {
    names(facts, gateway)?;
    permission(facts)?;
    tokens(facts)?;
    check_from(facts, gateway)?;
    services(facts, gateway)
}

fn refused(facts: &Facts<'_>, line: usize, why: String) -> Result<(), SetupError> {
    Err(SetupError::refused(facts.file, line, why))
}

/// ACLs and rules, which ejabberd takes once.
fn names(facts: &Facts<'_>, gateway: &Gateway) -> Result<(), SetupError> {
    let acls = [OURS, USERS, ADDRESS].into_iter().filter(|name| !(facts.has_acl && *name == facts.acl));
    let rules = [OURS, USERS, ADDRESS, UPLOAD].into_iter().map(|name| ("access_rules", name));
    let taken = acls.map(|name| ("acl", name)).chain(rules);
    for (section, name) in taken {
        if let Some((key, _)) = facts.tree.get(section).and_then(|section| section.entry(name)) {
            let why = format!("has {name} in {section}, which is a name of the gateway's part: call it otherwise");
            return refused(facts, key.line, why);
        }
    }
    let records = format!("records.{}", gateway.domain);
    if gateway.apis.records()
        && facts.records.is_none()
        && let Some((key, _)) = facts.tree.get("host_config").and_then(|hosts| hosts.entry(&records))
    {
        let why = format!("has options for {records}, the host of the gateway's records: take them out");
        return refused(facts, key.line, why);
    }
    if facts.sql.is_none()
        && facts.tree.at(&["modules", "mod_mam"]).is_none()
        && let Some((key, _)) = facts.tree.entry("sql_database")
    {
        let why = "has sql_database without sql_type, so that it is not known where an archive would be: say sql_type, or take it out";
        return refused(facts, key.line, why.to_owned());
    }
    Ok(())
}

/// An API permission with the gateway's name must be one that lets it ask for tokens.
fn permission(facts: &Facts<'_>) -> Result<(), SetupError> {
    let Some((key, there)) = facts.tree.get("api_permissions").and_then(|all| all.entry(OURS)) else { return Ok(()) };
    let says = |option: &str, wanted: &[&str]| {
        let node = there.get(option);
        node.is_some_and(|node| facts.scalars(node).iter().any(|text| wanted.contains(text)))
    };
    let loopback = there.at(&["who", "ip"]).is_some_and(|ip| {
        facts.scalars(ip).iter().any(|ip| matches!(*ip, "127.0.0.0/8" | "127.0.0.1/8" | "127.0.0.1" | "127.0.0.1/32"))
    });
    if loopback && says("from", &["mod_http_api"]) && says("what", &["oauth_issue_token", "*"]) {
        return Ok(());
    }
    let why = "has api_permissions by the name of the gateway's, which do not let it ask for tokens (from: [mod_http_api], who: ip: \
               127.0.0.0/8, what: [oauth_issue_token]): call them otherwise";
    refused(facts, key.line, why.to_owned())
}

/// Every user may have a token, as the gateway opens sessions of any of them.
fn tokens(facts: &Facts<'_>) -> Result<(), SetupError> {
    let Some((_, access)) = facts.tree.entry("oauth_access") else { return Ok(()) };
    let is_everybody = |name: &str| {
        matches!(name, "all" | "allow")
            || facts.tree.at(&["acl", name, "user_regexp"]).is_some_and(|users| users.scalar() == Some(""))
    };
    let allows = |node: &Node| {
        let steps = node.values();
        let first = steps.first().and_then(|step| step.get("allow"));
        first.or(steps.first().copied()).and_then(Node::scalar).is_some_and(is_everybody)
    };
    let rule = access.scalar().and_then(|name| facts.tree.at(&["access_rules", name])).unwrap_or(access);
    if allows(rule) {
        return Ok(());
    }
    let why = "lets only some users have OAuth tokens, and the gateway opens sessions of any: write `oauth_access: all`, or take the line \
               out, and setup lets this server's own users";
    refused(facts, access.line, why.to_owned())
}

/// A component listener of an older set-up must let the gateway send as users.
fn check_from(facts: &Facts<'_>, gateway: &Gateway) -> Result<(), SetupError> {
    let listeners = facts.tree.get("listen").map(Node::values).unwrap_or_default();
    for listener in listeners {
        let is_service = listener.get("module").and_then(Node::scalar) == Some("ejabberd_service");
        let Some((key, _)) = listener.get("hosts").and_then(|hosts| hosts.entry(&gateway.name)) else { continue };
        let off = listener.get("check_from").and_then(|value| facts.value(value));
        if is_service && !matches!(off, Some("false" | "no" | "off")) {
            let why = format!(
                "lets {} in on a listener without `check_from: false`, on which it cannot send as users: add that, or take the host out",
                gateway.name
            );
            return refused(facts, key.line, why);
        }
    }
    Ok(())
}

/// The hosts of services, of which each must be there once.
fn services(facts: &Facts<'_>, gateway: &Gateway) -> Result<(), SetupError> {
    let hosts = facts.hosts();
    let mut taken: Vec<(String, &str, usize)> = Vec::new();
    for (host, modules) in sets(facts, &hosts) {
        for (key, module) in modules.entries() {
            let Some(name) = key.scalar() else { continue };
            match module.get("hosts").or(module.get("host")) {
                Some(said) => taken.extend(said.values().into_iter().filter_map(|node| {
                    let service = facts.value(node)?.replace("@HOST@", host);
                    Some((service, name, node.line))
                })),
                None => {
                    let usual = USUAL.iter().find(|(module, _)| *module == name);
                    taken.extend(usual.map(|(_, usual)| (format!("{usual}.{host}"), name, key.line)));
                }
            }
        }
    }
    for (service, line) in facts.listened() {
        // The gateway's own, of an older set-up, stays.
        if service != gateway.name {
            taken.push((service, "ejabberd_service", line));
        }
    }
    let records = gateway.apis.records();
    let mut wanted = vec![gateway.name.clone()];
    if records && facts.records.is_none() {
        wanted.extend([format!("records.{}", gateway.domain), format!("pubsub.records.{}", gateway.domain)]);
    }
    let is_new = |module: &str| facts.tree.at(&["modules", module]).is_none();
    for (module, usual) in USUAL {
        let ours = matches!(module, "mod_muc" | "mod_pubsub") || records && module == "mod_http_upload";
        if ours && is_new(module) {
            wanted.extend(hosts.iter().map(|host| format!("{usual}.{host}")));
        }
    }
    for (service, module, line) in taken {
        if wanted.contains(&service) {
            let why = format!(
                "{module} has {service} already, which is a name of the gateway's part: give it another one{}",
                if service == gateway.name { ", or the gateway with --name" } else { "" }
            );
            return refused(facts, line, why);
        }
    }
    Ok(())
}

/// The modules of each host.
fn sets<'n>(facts: &Facts<'n>, hosts: &'n [String]) -> Vec<(&'n str, &'n Node)> {
    let mut sets = Vec::new();
    for host in hosts {
        let own = ["host_config", "append_host_config"].map(|section| facts.tree.at(&[section, host, "modules"]));
        let common = facts.tree.get("modules").filter(|_| own[0].is_none());
        sets.extend(own.into_iter().flatten().chain(common).map(|modules| (host.as_str(), modules)));
    }
    sets
}
