//! What an administrator's ejabberd.yml says already.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{INCLUDE, Input};
use crate::setup::access::OURS;
use crate::setup::error::SetupError;
use crate::setup::plan::File;
use crate::setup::yaml::Node;

/// What matters for the gateway's part.
pub(super) struct Facts<'a> {
    pub file: &'a str,
    pub tree: &'a Node,
    /// The ACL that names the gateway: one that is there, or ours.
    pub acl: String,
    pub has_acl: bool,
    /// Port and secret of a component listener that lets the gateway in already.
    pub component: Option<(u16, Option<String>)>,
    /// The access rule of the clients' listener.
    pub c2s_access: Option<String>,
    /// The port at which browsers' clients are served, with TLS.
    pub websocket: Option<u16>,
    /// The listener, with TLS, that a handler for uploads fits into.
    pub web: Option<(&'a Node, u16)>,
    /// The kind of the data base that is set.
    pub sql: Option<String>,
    /// The pubsub service of a host for the records that is there already.
    pub records: Option<String>,
}

impl<'a> Facts<'a> {
    pub fn read(file: &'a str, tree: &'a Node, input: &Input<'_>) -> Result<Facts<'a>, SetupError> {
        let gateway = input.gateway;
        let refuse = |line, why: String| Err(SetupError::refused(file, line, why));
        if let Some((key, _)) = tree.at(&["modules"]).and_then(|modules| modules.entry("mod_privilege")) {
            let why = "mod_privilege drops what components ask, from 24.10 to 26.07 without a word: take it out first";
            return refuse(key.line, why.to_owned());
        }
        for section in ["access", "api_permissions", "modules", "access_rules", "acl", "listen"] {
            let Some((key, value)) = tree.entry(section) else { continue };
            if section == "access" {
                return refuse(
                    key.line,
                    "is the form of before 16: rename the rules to access_rules, as ejabberd's log advises".to_owned(),
                );
            }
            if value.is_flow() && !value.is_empty() {
                return refuse(
                    key.line,
                    format!("has {section} in brackets, where nothing can be added: write one entry on each line"),
                );
            }
        }
        for section in ["host_config", "append_host_config"] {
            let config = tree.at(&[section, &gateway.domain]);
            if let Some((key, _)) = config.and_then(|config| config.entry("modules").or(config.entry("access_rules"))) {
                let why = format!(
                    "gives {} rules or modules of its own, which setup does not merge: move them to the top, or copy the \
                    parts marked [gateway] of config/ejabberd.yml by hand",
                    gateway.domain
                );
                return refuse(key.line, why);
            }
        }
        for other in input.others {
            let name = other.name();
            let tree = Node::parse(&name, &other.text)?;
            for section in ["modules", "access_rules", "acl", "host_config"] {
                if let Some((key, _)) = tree.entry(section) {
                    let why =
                        format!("an included file has {section}, which setup does not merge: move it to {file} first");
                    return Err(SetupError::refused(&name, key.line, why));
                }
            }
        }
        let mut facts = Facts {
            file,
            tree,
            acl: OURS.to_owned(),
            has_acl: false,
            component: None,
            c2s_access: None,
            websocket: None,
            web: None,
            sql: None,
            records: None,
        };
        facts.find(gateway.name.as_str(), gateway.domain.as_str());
        super::conflicts::refuse(&facts, gateway)?;
        Ok(facts)
    }

    fn find(&mut self, component: &str, domain: &str) {
        let tree = self.tree;
        let pattern = format!("^{}$", component.replace('.', "[.]"));
        let named = |who: &Node| who.scalars().iter().any(|text| *text == pattern);
        if let Some((name, _)) = tree.get("acl").and_then(|acl| acl.entries().iter().find(|(_, who)| named(who))) {
            self.acl = name.scalar().unwrap_or(OURS).to_owned();
            self.has_acl = true;
        }
        self.component = self::component(tree, component);
        for listener in self.listeners() {
            let port = self.port(listener);
            let is = |module: &str| listener.get("module").and_then(Node::scalar) == Some(module);
            let handler = |wanted: &str| {
                listener
                    .get("request_handlers")
                    .is_some_and(|all| all.entries().iter().any(|(_, m)| m.scalar() == Some(wanted)))
            };
            let tls = listener.get("tls").and_then(|tls| self.value(tls)) == Some("true");
            if is("ejabberd_c2s") && self.c2s_access.is_none() {
                self.c2s_access = listener.get("access").and_then(Node::scalar).map(str::to_owned);
            }
            if is("ejabberd_http") && tls {
                if handler("ejabberd_http_ws") && self.websocket.is_none() {
                    self.websocket = port;
                }
                let fits = listener.get("request_handlers").is_some_and(|all| !all.is_flow() && !all.is_empty());
                if fits && (self.web.is_none() || handler("ejabberd_http_ws")) {
                    self.web = port.map(|port| (listener, port));
                }
            }
        }
        self.sql = tree.get("sql_type").and_then(|kind| self.value(kind)).map(str::to_owned);
        let host = format!("records.{domain}");
        if self.hosts().contains(&host) {
            let service = tree.at(&["host_config", &host, "modules", "mod_pubsub", "host"]);
            self.records = Some(service.and_then(Node::scalar).map_or_else(|| format!("pubsub.{host}"), str::to_owned));
        }
    }

    fn listeners(&self) -> Vec<&'a Node> {
        self.tree.get("listen").map(Node::values).unwrap_or_default()
    }

    fn port(&self, listener: &Node) -> Option<u16> {
        self.value(listener.get("port")?)?.parse().ok()
    }

    /// The ports that the file's own listeners have.
    pub fn ports(&self) -> BTreeSet<u16> {
        self.listeners().into_iter().filter_map(|listener| self.port(listener)).collect()
    }

    /// A scalar, or what the macro of this name stands for.
    pub fn value<'n>(&self, node: &'n Node) -> Option<&'n str>
    where
        'a: 'n,
    {
        resolved(self.tree, node)
    }

    /// All scalars of an option, or of what the macro of its name stands for.
    pub fn scalars<'n>(&self, node: &'n Node) -> Vec<&'n str>
    where
        'a: 'n,
    {
        let meant = |text: &'n str| match self.tree.at(&["define_macro", text]) {
            Some(meant) => meant.scalars(),
            None => vec![text],
        };
        node.scalars().into_iter().flat_map(meant).collect()
    }

    /// The hosts of the component listeners, with their lines.
    pub fn listened(&self) -> Vec<(String, usize)> {
        let is_ours = |listener: &&Node| listener.get("module").and_then(Node::scalar) == Some("ejabberd_service");
        let hosts = self.listeners().into_iter().filter(is_ours).filter_map(|listener| listener.get("hosts"));
        hosts
            .flat_map(|hosts| hosts.entries())
            .filter_map(|(key, _)| Some((key.scalar()?.to_owned(), key.line)))
            .collect()
    }

    /// The hosts, without an earlier set-up's for records.
    pub fn hosts(&self) -> Vec<String> {
        hosts(self.tree)
    }
}

/// A scalar, or what the macro of this name stands for.
fn resolved<'n>(tree: &'n Node, node: &'n Node) -> Option<&'n str> {
    let text = node.scalar()?;
    Some(tree.at(&["define_macro", text]).and_then(Node::scalar).unwrap_or(text))
}

/// Port and secret of a component listener that lets this component in.
pub(super) fn component(tree: &Node, component: &str) -> Option<(u16, Option<String>)> {
    let listeners = tree.get("listen").map(Node::values).unwrap_or_default();
    let (listener, host) = listeners.into_iter().find_map(|listener| {
        let host = listener.at(&["hosts", component])?;
        (listener.get("module")?.scalar() == Some("ejabberd_service")).then_some((listener, host))
    })?;
    let secret = host.get("password").and_then(|text| resolved(tree, text)).map(str::to_owned);
    Some((resolved(tree, listener.get("port")?)?.parse().ok()?, secret))
}

/// Whether a host is a macro's name: of this file, or of another, where names of macros are in capitals.
fn is_macro(tree: &Node, node: &Node) -> bool {
    node.scalar().is_some_and(|name| {
        let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        tree.at(&["define_macro", name]).is_some()
            || name.chars().all(capital) && name.chars().any(|c| c.is_ascii_uppercase())
    })
}

fn hosts(tree: &Node) -> Vec<String> {
    let values = tree.get("hosts").map(Node::values).unwrap_or_default();
    values.into_iter().filter_map(Node::scalar).map(str::to_owned).collect()
}

/// The domain of the accounts: the one that is wanted, or the only one.
pub(in crate::setup) fn domain(main: &File, wanted: Option<&str>) -> Result<String, SetupError> {
    let name = main.name();
    let tree = Node::parse(&name, &main.text)?;
    let all = hosts(&tree);
    if let Some(node) =
        tree.get("hosts").map(Node::values).unwrap_or_default().into_iter().find(|node| is_macro(&tree, node))
    {
        let why = "gives hosts by a macro, which setup does not follow: write them out";
        return Err(SetupError::refused(&name, node.line, why));
    }
    let line = tree.entry("hosts").map_or(0, |(key, _)| key.line);
    let own: Vec<&String> = all
        .iter()
        .filter(|host| !host.strip_prefix("records.").is_some_and(|rest| all.iter().any(|h| h == rest)))
        .collect();
    match (wanted, own.as_slice()) {
        (Some(wanted), own) if own.iter().any(|host| *host == wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => Err(SetupError::refused(
            &name,
            line,
            format!("{wanted} is not among the hosts: add it, or name another --domain"),
        )),
        (None, [only]) => Ok((*only).clone()),
        (None, []) => Err(SetupError::refused(&name, line, "names no hosts: add the domain of the accounts")),
        (None, several) => {
            let list = several.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
            Err(SetupError::refused(&name, line, format!("has several hosts ({list}): say which with --domain")))
        }
    }
}

/// The files that the main one includes, ours left out.
pub(in crate::setup) fn included(main: &File) -> Result<Vec<PathBuf>, SetupError> {
    let tree = Node::parse(&main.name(), &main.text)?;
    let files = tree.get("include_config_file").map(Node::values).unwrap_or_default();
    let names = files.into_iter().flat_map(|file| match file.entries() {
        [] => file.scalar().into_iter().collect(),
        entries => entries.iter().filter_map(|(key, _)| key.scalar()).collect::<Vec<_>>(),
    });
    Ok(names.map(PathBuf::from).filter(|path| path.file_name().is_none_or(|name| name != INCLUDE)).collect())
}

/// A text as YAML reads it, and Erlang too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
