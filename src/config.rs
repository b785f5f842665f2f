//! The configuration: defaults < file < environment < flags; unknown keys are refused, errors name file, line and key.

pub mod access;
pub mod admin;
mod beside;
pub mod c2s;
pub mod component;
pub mod error;
pub mod http;
pub mod limits;
pub mod load;
pub mod log;
pub mod maxleap;
mod position;
pub mod qtalk;
pub mod rongcloud;
pub mod secret;
pub mod server;
pub mod sessions;
pub mod xuanxuan;

use serde::{Deserialize, Serialize};

use error::{ConfigError, Problems};

/// The configuration that `setup` writes, and `serve` and `check` read where nothing else is said.
pub const DEFAULT_FILE: &str = "/etc/stanzagate/stanzagate.toml";

/// Everything that `config/stanzagate.toml` can say.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The XMPP server behind the gateway.
    pub server: server::Server,
    /// The component connection to it.
    pub component: component::Component,
    /// Client-to-server streams: sessions and password checks.
    pub c2s: c2s::C2s,
    /// The grant that opens users' sessions.
    pub sessions: sessions::Sessions,
    /// The HTTP listener.
    pub http: http::Http,
    /// The listener for those who run the gateway.
    pub admin: admin::Admin,
    /// Bounds of what a caller may send.
    pub limits: limits::Limits,
    /// Logging.
    pub log: log::Log,
    /// The qtalk API.
    pub qtalk: qtalk::Qtalk,
    /// The MaxLeap IM API.
    pub maxleap: maxleap::Maxleap,
    /// The third-party API of Xuanxuan.
    pub xuanxuan: xuanxuan::Xuanxuan,
    /// The API of RongCloud-backed groups.
    pub rongcloud: rongcloud::Rongcloud,
}

impl Config {
    /// The names of the sections.
    pub fn sections() -> impl Iterator<Item = &'static str> {
        [
            "server",
            "component",
            "c2s",
            "sessions",
            "http",
            "admin",
            "limits",
            "log",
            "qtalk",
            "maxleap",
            "xuanxuan",
            "rongcloud",
        ]
        .into_iter()
    }

    /// Refuses everything that cannot work, and an API that would be open to the world.
    ///
    /// # Errors
    /// Each problem with its key and what to do about it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_at(|_| String::new())
    }

    /// As [`Config::validate`]; `place_of` says where a key was given.
    fn validate_at(&self, place_of: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.server.validate(&mut problems);
        self.component.validate(&self.server, &mut problems);
        self.c2s.validate(&mut problems);
        self.sessions.validate(&mut problems);
        self.http.validate(&mut problems);
        self.admin.validate(&self.http, &mut problems);
        self.limits.validate(&mut problems);
        self.log.validate(&mut problems);
        self.qtalk.validate(&self.server, &self.http, &mut problems);
        self.maxleap.validate(&mut problems);
        self.xuanxuan.validate(&mut problems);
        self.rongcloud.validate(self.server.kind, &self.sessions, self.http.body_bytes, &mut problems);
        problems.into_result(place_of)
    }
}
