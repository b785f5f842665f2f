//! Who may call a dialect: keys and networks, shared by the dialects' sections.
use serde::{Deserialize, Serialize};

use ipnet::IpNet;

use super::error::Problems;
use super::http::Http;
use super::server::Server;

/// How callers of a dialect prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Not at all: only the allowed networks protect it.
    None,
    /// A key, as `Authorization: Bearer` or `X-Api-Key`.
    #[default]
    Key,
}

/// One caller's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The caller's name, for logs.
    pub name: String,
    /// The key.
    pub key: super::secret::Secret,
    /// Domains for whose users this key may speak, whose users it is told about and may bring into rooms, and whose rooms it
    /// may list and change; empty: all served domains.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Requests a second, with one second's worth at once; absent: any number.
    #[serde(default)]
    pub requests_per_second: Option<std::num::NonZeroU32>,
}

/// Shortest key, in characters.
const KEY_CHARS: usize = 16;

/// A dialect's rules, as its section gives them.
pub(super) struct Rules<'a> {
    pub(super) section: &'static str,
    pub(super) auth: Auth,
    pub(super) keys: &'a [Key],
    pub(super) allow: &'a [IpNet],
}

impl Rules<'_> {
    /// Refuses rules that admit nobody, or everybody.
    pub(super) fn validate(&self, server: &Server, http: &Http, problems: &mut Problems) {
        let section = self.section;
        match self.auth {
            Auth::Key if self.keys.is_empty() => {
                let what = "missing: add a [[SECTION.keys]] table with name and key, or set auth = \"none\" for callers on this machine";
                problems.add(format!("{section}.keys"), what.replace("SECTION", section));
            }
            Auth::Key => self.validate_keys(server, problems),
            Auth::None => self.validate_open(http, problems),
        }
    }

    fn validate_keys(&self, server: &Server, problems: &mut Problems) {
        for (index, key) in self.keys.iter().enumerate() {
            let here = |name: &str| format!("{}.keys[{index}].{name}", self.section);
            let earlier = self.keys.get(..index).unwrap_or_default();
            if key.name.is_empty() {
                problems.add(here("name"), "is empty: name the caller");
            } else if earlier.iter().any(|other| other.name == key.name) {
                problems.add(here("name"), "is the name of another key: each needs its own");
            }
            let text = key.key.expose();
            if text.len() < KEY_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
                let what = "is too weak: at least KEY_CHARS visible ASCII characters, such as the output of `openssl rand -hex 24`";
                problems.add(here("key"), what.replace("KEY_CHARS", &KEY_CHARS.to_string()));
            } else if earlier.iter().any(|other| other.key.expose() == text) {
                problems.add(here("key"), "is another caller's key as well: each needs its own");
            }
            for (place, domain) in key.domains.iter().enumerate() {
                if !server.serves(domain) {
                    let what = "is no served domain: name those of server.domain and server.domains";
                    problems.add(here(&format!("domains[{place}]")), what);
                }
            }
        }
    }

    fn validate_open(&self, http: &Http, problems: &mut Problems) {
        let reachable = !http.listen.ip().is_loopback() || !http.trusted_proxies.is_empty();
        let everyone = IpNet::aggregate(&self.allow.to_vec()).iter().any(|network| network.prefix_len() == 0);
        // Behind a trusted proxy the caller's own address decides, so that loopback only is a real limit there.
        let unlimited = self.allow.is_empty() && !http.listen.ip().is_loopback();
        if reachable && (everyone || unlimited) {
            let what = "would be open to the world: set it to \"key\" and add keys, or list the callers' networks in SECTION.allow, or listen on loopback";
            problems.add(format!("{}.auth", self.section), what.replace("SECTION", self.section));
        }
    }
}
