//! `[server]`: what the XMPP server is and which domains it serves.
use serde::{Deserialize, Serialize};

use super::error::Problems;

/// Which product the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Ask it at start (XEP-0092).
    #[default]
    Auto,
    /// ejabberd.
    Ejabberd,
    /// Prosody.
    Prosody,
}

/// What is known of a message to a user before it is called sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// It is written to the connection.
    Written,
    /// The server has processed it. On ejabberd the recipient's own process has it then, which archives it.
    #[default]
    Routed,
    /// It was found in the recipient's archive.
    Archived,
}

impl Wait {
    /// The level of this name.
    pub fn named(name: &str) -> Option<Wait> {
        match name {
            "written" => Some(Wait::Written),
            "routed" => Some(Wait::Routed),
            "archived" => Some(Wait::Archived),
            _ => None,
        }
    }
}

/// `[server]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Product.
    pub kind: Kind,
    /// The domain of the accounts; the default wherever a caller names none.
    pub domain: String,
    /// Further domains of the same server whose accounts callers may name.
    pub domains: Vec<String>,
    /// The MUC service. Default: `conference.` and the domain.
    pub rooms: Option<String>,
    /// The pubsub service that holds the gateway's own records. Default: `pubsub.` and the domain.
    pub pubsub: Option<String>,
    /// The upload service (XEP-0363). Default: `upload.` and the domain.
    pub upload: Option<String>,
    /// Where the gateway reaches the upload service, when that is not where clients do: scheme, host and port.
    pub upload_origin: Option<String>,
    /// How long an account or a membership that was seen to exist is believed without asking again.
    pub cache_seconds: u64,
    /// Messages from senders that have no account are refused unless this is true.
    pub unknown_senders: bool,
    /// What is waited for before a message to a user is called sent, where the call itself does not say it.
    pub wait: Wait,
}

/// The hosts of one tenant of a server; each one left out is the configured one, or derived from the domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// The domain of the accounts.
    pub domain: Option<String>,
    /// The MUC service.
    pub rooms: Option<String>,
    /// The pubsub service.
    pub pubsub: Option<String>,
    /// The upload service.
    pub upload: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            kind: Kind::Auto,
            domain: String::new(),
            domains: Vec::new(),
            rooms: None,
            pubsub: None,
            upload: None,
            upload_origin: None,
            cache_seconds: 60,
            unknown_senders: false,
            wait: Wait::Routed,
        }
    }
}

impl Server {
    /// The MUC service: the configured one, else `conference.` and the domain.
    pub fn rooms(&self) -> String {
        self.rooms.clone().unwrap_or_else(|| format!("conference.{}", self.domain))
    }

    /// True when accounts of `domain` are served.
    pub fn serves(&self, domain: &str) -> bool {
        std::iter::once(&self.domain).chain(&self.domains).any(|served| served.eq_ignore_ascii_case(domain))
    }

    pub(super) fn validate(&self, problems: &mut Problems) {
        if self.domain.is_empty() {
            problems.add("server.domain", "missing: set it to the domain of the accounts, such as \"example.org\"");
        } else {
            host_name("server.domain", &self.domain, problems);
        }
        for (index, domain) in self.domains.iter().enumerate() {
            host_name(&format!("server.domains[{index}]"), domain, problems);
        }
        for (key, name, example) in [
            ("server.rooms", &self.rooms, "MUC service, such as \"conference.example.org\""),
            ("server.pubsub", &self.pubsub, "pubsub service, such as \"pubsub.example.org\""),
            ("server.upload", &self.upload, "upload service, such as \"upload.example.org\""),
        ] {
            let Some(name) = name else { continue };
            host_name(key, name, problems);
            if self.serves(name) {
                problems.add(key, format!("is a domain of accounts: name the {example}"));
            }
        }
        let origin = self.upload_origin.as_deref().map(reqwest::Url::parse);
        if origin.is_some_and(|url| !url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/"))
        {
            let what = "is no origin: write scheme, host and port, such as \"http://xmpp.internal:5443\"";
            problems.add("server.upload_origin", what);
        }
    }
}

impl Hosts {
    /// Refuses what is no domain; `section` is where the hosts stand.
    pub(super) fn validate(&self, section: &str, problems: &mut Problems) {
        let Hosts { domain, rooms, pubsub, upload } = self;
        for (name, host) in [("domain", domain), ("rooms", rooms), ("pubsub", pubsub), ("upload", upload)] {
            if let Some(host) = host {
                host_name(&format!("{section}.{name}"), host, problems);
            }
        }
    }
}

/// Refuses what is no domain in the sense of XMPP addresses.
pub(super) fn host_name(key: &str, name: &str, problems: &mut Problems) {
    if name.parse::<jid::BareJid>().is_ok_and(|jid| jid.node().is_none()) {
        return;
    }
    problems.add(key, "is not a domain: write it without user, port or scheme, such as \"example.org\"");
}
