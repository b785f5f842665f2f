//! The include file: what ejabberd merges with the main file by itself.

use std::fmt::Write;

use super::Input;
use super::facts::{Facts, quoted};
use super::modules::{ADDRESS, Modules, UPLOAD, USERS};
use crate::setup::access::OURS;
use crate::setup::error::SetupError;
use crate::setup::plan::{Gateway, Ports};

/// The ports on loopback that the gateway uses.
pub(super) struct Listeners {
    pub component: u16,
    pub c2s: u16,
    pub http: u16,
}

/// Chooses the ports; those of an earlier set-up stay.
pub(super) fn listeners(facts: &Facts<'_>, gateway: &Gateway, ports: &mut Ports<'_>) -> Listeners {
    let [component, c2s, http] = gateway.ports;
    let mut choose = |kept: Option<u16>, wanted: u16| match kept.filter(|port| !ports.taken.contains(port)) {
        Some(port) => {
            ports.taken.insert(port);
            port
        }
        None => ports.choose(wanted),
    };
    let component = match &facts.component {
        Some((port, _)) => *port,
        None => choose(component, 5347),
    };
    Listeners { component, c2s: choose(c2s, 5322), http: choose(http, 5380) }
}

/// Whether the archive comes with the gateway's part, in a data base of its own.
pub(super) fn own_archive(facts: &Facts<'_>, modules: &Modules) -> bool {
    facts.sql.is_none() && modules.adds_archives()
}

/// What the administrator should know of it.
pub(super) fn notes(facts: &Facts<'_>, gateway: &Gateway, modules: &Modules) -> Vec<String> {
    let mut notes = Vec::new();
    if gateway.apis.tokens() && gateway.rongcloud_named {
        notes.push(
            "RongCloud-backed groups on ejabberd: whoever holds a token of /api/im/token/ can log in as any other user (X-OAUTH2, every \
             version up to 26.07). The gateway's file accepts that (rongcloud.accept_oauth_impersonation); leave the API out with \
             --apis, or take sessions.grant = \"jwt\", if your users must not"
                .to_owned(),
        );
    }
    let hosts: Vec<String> = facts.hosts().into_iter().filter(|host| *host != gateway.domain).collect();
    if !hosts.is_empty() {
        notes.push(format!(
            "this server has other hosts too ({}), and ejabberd's listeners, rules and modules hold for all: the gateway's connection may send \
             and log in as their users too, and is owner of their rooms{}",
            hosts.join(", "),
            if gateway.apis.accounts() { "; the rule `configure` lets it make and delete their accounts" } else { "" }
        ));
    }
    if gateway.apis.accounts() {
        notes.push(
            "the rule `configure` also lets the gateway's connection restart and stop the node; ejabberd cannot grant fewer of its commands"
                .to_owned(),
        );
    }
    if modules.adds_archives() {
        notes.push(
            "mod_mam is switched on: what all users of this server write to each other is kept, and what rooms say (default: always)"
                .to_owned(),
        );
    }
    if !modules.kept.is_empty() {
        notes.push(format!("archives are switched on for everybody: {}", modules.kept.join("; ")));
    }
    if own_archive(facts, modules) {
        notes.push(
            "the archive is a new SQLite file. Once, while ejabberd is stopped: sudo -u ejabberd sqlite3 FILE 'PRAGMA journal_mode=WAL' \
             doubles its rate; a large server takes PostgreSQL"
                .to_owned(),
        );
    }
    notes
}

/// The file.
pub(super) fn text(
    facts: &Facts<'_>,
    input: &Input<'_>,
    modules: &Modules,
    listeners: &Listeners,
) -> Result<String, SetupError> {
    let Gateway { domain, name, secret, apis, .. } = input.gateway;
    let Listeners { component, c2s, http } = listeners;
    let mut text = "# The gateway's part of this server, written by `stanzagate setup ejabberd`, which also takes it back (--undo).\n\
         # docs/ejabberd.md explains each right.\n"
        .to_owned();
    let mut add = |part: &str| text.push_str(part);
    let records = apis.records() && facts.records.is_none();
    if records {
        add(&format!(
            "\n# A host without accounts, for the pubsub service of the gateway's records alone.\nhosts:\n  - records.{domain}\n"
        ));
    }

    add("\nlisten:\n");
    if facts.component.is_none() {
        add(&format!(
            "  # The component connection (XEP-0114). check_from: the gateway sends as any user of this server, which is its purpose.\n  \
             - port: {component}\n    ip: \"127.0.0.1\"\n    module: ejabberd_service\n    check_from: false\n    shaper: none\n    \
             max_stanza_size: 1048576\n    global_routes: false\n    hosts:\n      {}:\n        password: {}\n",
            quoted(name),
            quoted(secret)
        ));
    }
    let access = facts.c2s_access.as_ref().map(|rule| format!("    access: {}\n", quoted(rule))).unwrap_or_default();
    add(&format!(
        "  # Sessions of users that the gateway opens: from this machine only, so without TLS, and without the shaper, which is made for\n  \
         # one user's devices.\n  - port: {c2s}\n    ip: \"127.0.0.1\"\n    module: ejabberd_c2s\n    max_stanza_size: 262144\n    \
         shaper: none\n{access}"
    ));
    add(&format!(
        "  # Where the gateway asks for tokens (api_permissions){}.\n  - port: {http}\n    ip: \"127.0.0.1\"\n    module: ejabberd_http\n    \
         request_handlers:\n      /api: mod_http_api\n",
        if apis.records() { ", and reaches the upload service" } else { "" }
    ));
    if apis.records() {
        add("      /upload: mod_http_upload\n");
    }

    add("\nacl:\n");
    if !facts.has_acl {
        add(&format!(
            "  # The gateway's own address, with no localpart.\n  {OURS}:\n    node_regexp:\n      - \"^$\": \"^{}$\"\n",
            name.replace('.', "[.]")
        ));
    }
    add(&format!("  {USERS}:\n    user_regexp: \"\"\n  {ADDRESS}:\n    ip:\n      - 127.0.0.0/8\n      - ::1/128\n"));
    let acl = &facts.acl;
    add(&format!(
        "\naccess_rules:\n  {OURS}:\n    allow: {acl}\n  {USERS}:\n    allow: {USERS}\n  {ADDRESS}:\n    allow: {ADDRESS}\n"
    ));
    if apis.records() {
        add(&format!("  {UPLOAD}:\n    - allow: {acl}\n    - allow: {USERS}\n"));
    }
    if apis.accounts() && facts.tree.at(&["access_rules", "configure"]).is_none() {
        add(&format!("  configure:\n    allow: {acl}\n"));
    }

    if facts.tree.get("oauth_access").is_none() {
        add(&format!(
            "\n# Whose OAuth tokens exist at all: those of this server's own users.\noauth_access: {USERS}\n"
        ));
    }
    if facts.tree.at(&["api_permissions", OURS]).is_none() {
        add("\napi_permissions:\n");
    }
    if facts.tree.get("api_permissions").is_none() {
        add("  \"console commands\":\n    from: [ejabberd_ctl]\n    who: all\n    what: \"*\"\n");
    }
    if facts.tree.at(&["api_permissions", OURS]).is_none() {
        add("  # Widens: whoever calls from this machine may log in as any user. Let no other users log in to it.\n  \
             \"stanzagate\":\n    from: [mod_http_api]\n    who:\n      ip: 127.0.0.0/8\n    what: [oauth_issue_token]\n");
    }

    if own_archive(facts, modules) {
        let file = input.data.join("stanzagate-archive.sqlite");
        add(&format!("\nsql_type: sqlite\nsql_database: {}\n", quoted(&file.display().to_string())));
    }
    if !modules.include.is_empty() {
        add(&format!("\nmodules:\n{}\n", modules.include.join("\n")));
    }
    if records {
        let _ = write!(
            text,
            "\nhost_config:\n  records.{domain}:\n    # Nobody has an account here.\n    auth_method: [mnesia]\n    modules:\n      \
             mod_pubsub:\n        host: pubsub.records.{domain}\n        access_createnode: {OURS}\n        max_items_node: 10000\n        \
             last_item_cache: false\n        max_nodes_discoitems: infinity\n        plugins: [flat]\n"
        );
    }
    Ok(text)
}
