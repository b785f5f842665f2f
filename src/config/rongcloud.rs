//! `[rongcloud]`: the API of groups that a RongCloud back end once served.
use std::collections::HashSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::error::Problems;
use super::secret::Secret;
use super::server::{Hosts, Kind};
use super::sessions::{Grant, Sessions};

/// `[rongcloud]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rongcloud {
    /// Whether the API is served.
    pub enabled: bool,
    /// Path before `/api/im/…` and `/api/auth/login/`.
    pub prefix: String,
    /// The domain of its users. Default: that of the server.
    pub domain: Option<String>,
    /// Its MUC service. Default: that of the domain.
    pub rooms: Option<String>,
    /// Its pubsub service. Default: that of the domain.
    pub pubsub: Option<String>,
    /// Its upload service. Default: that of the domain.
    pub upload: Option<String>,
    /// Networks that may call; empty: every network, since each call shows a user's token.
    pub allow: Vec<IpNet>,
    /// Origins of web pages that may call.
    pub cors_origins: Vec<String>,
    /// Life of a token that a user logs in for, in seconds.
    pub token_seconds: u64,
    /// Life of what `/api/im/token/` hands out, in seconds.
    pub realtime_seconds: u64,
    /// Whether `/api/im/token/` may hand out tokens with which their holders can be any user (grant `oauth`).
    pub accept_oauth_impersonation: bool,
    /// Host and port to which clients are sent. Default: none, clients find the server by the domain.
    pub client_address: Option<String>,
    /// The WebSocket URL to which clients are sent. Default: none.
    pub websocket_url: Option<String>,
    /// Members of one group, its owner included.
    pub group_members: usize,
    /// Whether members bring in only those on their contact lists.
    pub friends_only: bool,
    /// Whether any user may list the members of any group.
    pub open_lists: bool,
    /// Whether an owner who quits hands the group over, instead of being refused.
    pub hand_over: bool,
    /// Bytes of a cover.
    pub cover_bytes: usize,
    /// Pixels of a cover.
    pub cover_pixels: u64,
    /// URL of the cover of groups without one.
    pub default_cover: String,
    /// URL of the avatar of users without one.
    pub default_avatar: String,
    /// The keys that tokens are signed with; the first one signs.
    pub keys: Vec<Key>,
}

/// One key, HS256.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its id, as tokens name it in `kid`.
    pub id: String,
    /// The key, as text.
    pub key: Secret,
}

impl Default for Rongcloud {
    fn default() -> Self {
        Self {
            enabled: false,
            prefix: String::new(),
            domain: None,
            rooms: None,
            pubsub: None,
            upload: None,
            allow: Vec::new(),
            cors_origins: vec!["*".to_owned()],
            token_seconds: 7 * 24 * 3600,
            realtime_seconds: 24 * 3600,
            accept_oauth_impersonation: false,
            client_address: None,
            websocket_url: None,
            group_members: 3000,
            friends_only: false,
            open_lists: false,
            hand_over: false,
            cover_bytes: 5_000_000,
            cover_pixels: 40_000_000,
            default_cover: String::new(),
            default_avatar: String::new(),
            keys: Vec::new(),
        }
    }
}

/// Shortest HS256 key, in bytes (RFC 7518 section 3.2).
const KEY_BYTES: usize = 32;

impl Rongcloud {
    /// The hosts that the section names.
    pub fn hosts(&self) -> Hosts {
        Hosts {
            domain: self.domain.clone(),
            rooms: self.rooms.clone(),
            pubsub: self.pubsub.clone(),
            upload: self.upload.clone(),
        }
    }

    pub(super) fn validate(&self, server: Kind, sessions: &Sessions, body_bytes: usize, problems: &mut Problems) {
        if !self.enabled {
            return;
        }
        super::http::prefix("rongcloud.prefix", &self.prefix, problems);
        self.hosts().validate("rongcloud", problems);
        for (key, value) in [
            ("rongcloud.token_seconds", self.token_seconds),
            ("rongcloud.realtime_seconds", self.realtime_seconds),
            ("rongcloud.group_members", self.group_members as u64),
            ("rongcloud.cover_bytes", self.cover_bytes as u64),
            ("rongcloud.cover_pixels", self.cover_pixels),
        ] {
            problems.not_zero(key, value);
        }
        if self.cover_bytes > body_bytes {
            problems.add("rongcloud.cover_bytes", "is more than http.body_bytes lets through");
        }
        for (key, url) in
            [("rongcloud.default_cover", &self.default_cover), ("rongcloud.default_avatar", &self.default_avatar)]
        {
            if !url.is_empty() {
                super::http::web_url(key, url, problems);
            }
        }
        // Prosody's tokens come from its helper module, whatever the grant.
        if sessions.grant == Grant::Oauth && server != Kind::Prosody && !self.accept_oauth_impersonation {
            problems.add(
                "rongcloud.accept_oauth_impersonation",
                "is not set: with sessions.grant = \"oauth\", /api/im/token/ hands out tokens for X-OAUTH2, and ejabberd lets \
                 whoever holds one log in as any other user (authzid; every version up to 26.07). Take sessions.grant = \
                 \"jwt\", whose tokens are not open to that; or set this to true to accept it (on Prosody leave \
                 sessions.grant out)",
            );
        }
        self.validate_keys(sessions, problems);
    }

    fn validate_keys(&self, sessions: &Sessions, problems: &mut Problems) {
        if self.keys.is_empty() {
            problems.add("rongcloud.keys", "missing: add a [[rongcloud.keys]] table with id and key");
        }
        let mut ids = HashSet::new();
        for (index, Key { id, key }) in self.keys.iter().enumerate() {
            let here = |name: &str| format!("rongcloud.keys[{index}].{name}");
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic()) {
                problems.add(here("id"), "is no id: visible ASCII characters");
            } else if !ids.insert(id) {
                problems.add(here("id"), "is the id of another key");
            }
            if key.expose().len() < KEY_BYTES {
                problems.add(here("key"), format!("is too short for HS256: at least {KEY_BYTES} bytes"));
            }
            // A token of one sort would pass for one of the other.
            if sessions.jwt_key.as_ref().is_some_and(|other| other.expose() == key.expose()) {
                problems.add(here("key"), "is that of sessions.jwt_key: take another, or its tokens log in to XMPP");
            }
        }
    }
}
