//! `[maxleap]`: the MaxLeap IM API.
use std::collections::HashSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::secret::Secret;
use super::server::Hosts;

/// `[maxleap]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maxleap {
    /// Whether the API is served.
    pub enabled: bool,
    /// Path before `/ctx`, `/groups` and the others.
    pub prefix: String,
    /// Networks that may call; empty: every network, since each call shows an app's key.
    pub allow: Vec<IpNet>,
    /// Greatest age of a signature's time, in seconds; 0: any.
    pub sign_seconds: u64,
    /// Origins of web pages that may call.
    pub cors_origins: Vec<String>,
    /// Members of one group, its owner included.
    pub group_members: usize,
    /// Members of one room.
    pub room_members: usize,
    /// Attributes of one subject.
    pub attributes: usize,
    /// Bytes of one attribute's value, as JSON.
    pub attribute_bytes: usize,
    /// Bytes of all attributes of one subject, names and values.
    pub attributes_bytes: usize,
    /// Bytes of one attachment.
    pub attachment_bytes: u64,
    /// Pixels of an image for which a thumbnail is made.
    pub image_pixels: u64,
    /// Days for which messages of friends and groups are shown.
    pub history_days: u32,
    /// Days for which messages of strangers and passengers are shown.
    pub stranger_days: u32,
    /// Days after which an unused passenger's account is deleted; 0: never.
    pub passenger_idle_days: u32,
    /// Names that no caller may give a passenger: `*` is any text, `#` a number.
    pub reserved: Vec<String>,
    /// The apps.
    pub apps: Vec<App>,
}

/// Mailboxes that every domain has (RFC 2142), and what users would take for the operator. Numbers are telephone numbers,
/// and users of the RongCloud API.
const RESERVED: &str = "# abuse admin* announce* daemon everyone ftp help helpdesk hostmaster info mailer-daemon marketing \
    moderator news nobody noc notice* notification* operator postmaster root sales security service stanzagate* superuser \
    support sysadmin system* usenet uucp webmaster www 管理员* 客服* 系统* 通知* 公告* 官方*";

/// One app.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its id, as callers send it.
    pub id: String,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<Secret>,
    /// Its master key.
    #[serde(default)]
    pub master_key: Option<Secret>,
    /// The domain of its users.
    #[serde(default)]
    pub domain: Option<String>,
    /// Its MUC service.
    #[serde(default)]
    pub rooms: Option<String>,
    /// Its pubsub service.
    #[serde(default)]
    pub pubsub: Option<String>,
    /// Its upload service.
    #[serde(default)]
    pub upload: Option<String>,
}

impl App {
    /// The hosts that the app names.
    pub fn hosts(&self) -> Hosts {
        Hosts {
            domain: self.domain.clone(),
            rooms: self.rooms.clone(),
            pubsub: self.pubsub.clone(),
            upload: self.upload.clone(),
        }
    }
}

impl Default for Maxleap {
    fn default() -> Self {
        Self {
            enabled: false,
            prefix: String::new(),
            allow: Vec::new(),
            sign_seconds: 0,
            cors_origins: vec!["*".to_owned()],
            group_members: 50,
            room_members: 1000,
            attributes: 100,
            attribute_bytes: 65_536,
            attributes_bytes: 262_144,
            attachment_bytes: 20 << 20,
            image_pixels: 40_000_000,
            history_days: 7,
            stranger_days: 365,
            passenger_idle_days: 0,
            reserved: RESERVED.split_whitespace().map(str::to_owned).collect(),
            apps: Vec::new(),
        }
    }
}

/// Shortest key, in characters.
const KEY_CHARS: usize = 16;
/// Largest attribute that fits into one stanza after escaping, in bytes.
const ATTRIBUTE_BYTES: usize = 100_000;

impl Maxleap {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if !self.enabled {
            return;
        }
        super::http::prefix("maxleap.prefix", &self.prefix, problems);
        if self.apps.is_empty() {
            let what = "missing: add a [[maxleap.apps]] table with id and keys";
            problems.add("maxleap.apps", what);
        }
        let mut ids = HashSet::new();
        for (index, app) in self.apps.iter().enumerate() {
            app.validate(index, !ids.insert(&app.id), problems);
        }
        for (key, value) in [
            ("maxleap.group_members", self.group_members),
            ("maxleap.room_members", self.room_members),
            ("maxleap.attributes", self.attributes),
            ("maxleap.attribute_bytes", self.attribute_bytes),
            ("maxleap.attributes_bytes", self.attributes_bytes),
        ] {
            problems.not_zero(key, value as u64);
        }
        problems.not_zero("maxleap.attachment_bytes", self.attachment_bytes);
        problems.not_zero("maxleap.history_days", u64::from(self.history_days));
        problems.not_zero("maxleap.stranger_days", u64::from(self.stranger_days));
        if self.attribute_bytes > ATTRIBUTE_BYTES {
            let what = format!("is too large: at most {ATTRIBUTE_BYTES}, so that it fits into one stanza");
            problems.add("maxleap.attribute_bytes", what);
        }
        for (index, pattern) in self.reserved.iter().enumerate() {
            if !pattern.contains(|c: char| c.is_alphanumeric() || c == '#') {
                let what = "reserves no name, or all: write letters and digits, * for any text, # for a number";
                problems.add(format!("maxleap.reserved[{index}]"), what);
            }
        }
        for (index, origin) in self.cors_origins.iter().enumerate() {
            if origin != "*" && !is_origin(origin) {
                let what = "is no origin: write \"*\" or scheme, host and port, such as \"https://app.example.org\"";
                problems.add(format!("maxleap.cors_origins[{index}]"), what);
            }
        }
    }
}

/// As browsers write it: in lower case, without a path. Anything else would never match.
fn is_origin(text: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b'/')
    };
    text.split_once("://").is_some_and(|(scheme, host)| part(scheme) && part(host))
}

impl App {
    fn validate(&self, index: usize, known: bool, problems: &mut Problems) {
        let here = |name: &str| format!("maxleap.apps[{index}].{name}");
        if self.id.is_empty() || !self.id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            problems.add(here("id"), "is no app id: letters, digits, - and _");
        } else if known {
            problems.add(here("id"), "is the id of another app");
        }
        if self.keys.is_empty() && self.master_key.is_none() {
            problems.add(here("keys"), "missing: an app needs a key, such as the output of `openssl rand -hex 24`");
        }
        for (place, key) in self.keys.iter().chain(&self.master_key).enumerate() {
            let text = key.expose();
            if text.len() < KEY_CHARS || !text.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
                let name = if place < self.keys.len() { format!("keys[{place}]") } else { "master_key".to_owned() };
                let what = format!("is too weak: at least {KEY_CHARS} visible ASCII characters without a comma");
                problems.add(here(&name), what);
            }
        }
        self.hosts().validate(&format!("maxleap.apps[{index}]"), problems);
    }
}
