//! `[xuanxuan]`: the third-party API of Xuanxuan.
use std::collections::HashSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::secret::Secret;
use super::server::Hosts;

/// `[xuanxuan]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Xuanxuan {
    /// Whether the API is served.
    pub enabled: bool,
    /// Path before `/api.php` and `/x.php`.
    pub prefix: String,
    /// The domain of its users. Default: that of the server.
    pub domain: Option<String>,
    /// Its MUC service. Default: that of the domain.
    pub rooms: Option<String>,
    /// Localpart of the user in whose name users get notifications. Their account is made where there is none.
    pub sender: String,
    /// The nick under which notifications are said in groups.
    pub name: String,
    /// Greatest distance of the parameter `time` from now, in seconds; 0: any.
    pub time_seconds: u64,
    /// Bytes of one notification, as JSON.
    pub notification_bytes: usize,
    /// The applications that may call.
    pub entries: Vec<Entry>,
}

/// One application.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its code, as callers send it.
    pub code: String,
    /// Its key; without one nobody can call as this application.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Networks from which it may call; empty: every network, since each call is signed.
    #[serde(default)]
    pub allow: Vec<IpNet>,
}

impl Default for Xuanxuan {
    fn default() -> Self {
        Self {
            enabled: false,
            prefix: String::new(),
            domain: None,
            rooms: None,
            sender: "notice".to_owned(),
            name: "通知".to_owned(),
            time_seconds: 0,
            notification_bytes: 65_536,
            entries: Vec::new(),
        }
    }
}

/// Shortest key, in characters.
const KEY_CHARS: usize = 16;
/// Largest notification that fits into one stanza, where it stands twice, in bytes.
const NOTIFICATION_BYTES: usize = 100_000;

impl Xuanxuan {
    /// The hosts that the section names.
    pub fn hosts(&self) -> Hosts {
        Hosts { domain: self.domain.clone(), rooms: self.rooms.clone(), ..Hosts::default() }
    }

    pub(super) fn validate(&self, problems: &mut Problems) {
        if !self.enabled {
            return;
        }
        super::http::prefix("xuanxuan.prefix", &self.prefix, problems);
        self.hosts().validate("xuanxuan", problems);
        if !jid::NodePart::new(&self.sender).is_ok_and(|local| local.as_str() == self.sender) {
            problems.add("xuanxuan.sender", "is no localpart of a user: write it without domain, in lower case");
        }
        if !jid::ResourcePart::new(&self.name).is_ok_and(|nick| nick.as_str() == self.name) {
            problems.add("xuanxuan.name", "is no nick that a room would take");
        }
        problems.not_zero("xuanxuan.notification_bytes", self.notification_bytes as u64);
        if self.notification_bytes > NOTIFICATION_BYTES {
            let what = format!("is too large: at most {NOTIFICATION_BYTES}, so that it fits into one stanza");
            problems.add("xuanxuan.notification_bytes", what);
        }
        if self.entries.is_empty() {
            problems.add("xuanxuan.entries", "missing: add a [[xuanxuan.entries]] table with code and key");
        }
        let mut codes = HashSet::new();
        for (index, entry) in self.entries.iter().enumerate() {
            entry.validate(index, !codes.insert(&entry.code), problems);
        }
    }
}

impl Entry {
    fn validate(&self, index: usize, known: bool, problems: &mut Problems) {
        let here = |name: &str| format!("xuanxuan.entries[{index}].{name}");
        if self.code.is_empty() || !self.code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            problems.add(here("code"), "is no code: letters, digits and _");
        } else if known {
            problems.add(here("code"), "is the code of another entry");
        }
        let Some(key) = &self.key else { return };
        let text = key.expose();
        if text.len() < KEY_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
            let what = format!("is too weak: at least {KEY_CHARS} visible ASCII characters, better 32 hex digits");
            problems.add(here("key"), what);
        }
    }
}
