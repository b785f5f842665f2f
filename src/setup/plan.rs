//! What `setup` is asked for, and what it would do.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

/// An API of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Api {
    /// qtalk's.
    Qtalk,
    /// MaxLeap IM's.
    Maxleap,
    /// That of Xuanxuan.
    Xuanxuan,
    /// That of RongCloud-backed groups.
    Rongcloud,
}

impl Api {
    /// Its section in the gateway's configuration.
    pub fn section(self) -> &'static str {
        match self {
            Api::Qtalk => "qtalk",
            Api::Maxleap => "maxleap",
            Api::Xuanxuan => "xuanxuan",
            Api::Rongcloud => "rongcloud",
        }
    }
}

/// The APIs that are to be served, and so the rights that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Apis(pub BTreeSet<Api>);

impl Apis {
    /// What is served where nobody says which: all that costs a server's users nothing.
    pub fn usual(server: super::Server) -> Apis {
        let all = Api::value_variants().iter().copied();
        Apis(all.filter(|api| server == super::Server::Prosody || *api != Api::Rongcloud).collect())
    }

    fn any(&self, apis: &[Api]) -> bool {
        apis.iter().any(|api| self.0.contains(api))
    }

    /// Accounts are made, listed and asked about.
    pub fn accounts(&self) -> bool {
        self.any(&[Api::Maxleap, Api::Xuanxuan])
    }

    /// Messages go to everybody; contact lists are changed, users' archives read.
    pub fn maxleap(&self) -> bool {
        self.any(&[Api::Maxleap])
    }

    /// Records are kept and files stored.
    pub fn records(&self) -> bool {
        self.any(&[Api::Maxleap, Api::Rongcloud])
    }

    /// Users' clients get what they log in with.
    pub fn tokens(&self) -> bool {
        self.any(&[Api::Rongcloud])
    }
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub path: PathBuf,
    pub text: String,
}

impl File {
    /// Its name, for errors.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// What a server is told of the gateway.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    /// The domain of the accounts.
    pub domain: String,
    /// The component's name.
    pub name: String,
    pub secret: String,
    pub apis: Apis,
    /// RongCloud-backed groups were asked for by name, with what they cost.
    pub rongcloud_named: bool,
    /// Ports on loopback that an earlier set-up chose, which stay: component, c2s, HTTP.
    pub ports: [Option<u16>; 3],
}

/// Chooses ports that nobody has.
pub(super) struct Ports<'a> {
    pub taken: BTreeSet<u16>,
    pub is_free: &'a dyn Fn(u16) -> bool,
}

impl Ports<'_> {
    /// The first free port from `wanted` on, which is taken from then on.
    pub fn choose(&mut self, wanted: u16) -> u16 {
        let port = (wanted..=u16::MAX).find(|port| !self.taken.contains(port) && (self.is_free)(*port));
        let port = port.unwrap_or(wanted);
        self.taken.insert(port);
        port
    }
}

/// A file as it is to be.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub path: PathBuf,
    pub text: String,
    /// Its mode, if it is new and `like` is not there.
    pub mode: u32,
    /// Whose owner, group and mode it gets, if it is new.
    pub like: Option<PathBuf>,
    /// It holds a secret, which this group may read, of a server whose configuration everybody may.
    pub secret_for: Option<&'static str>,
}

/// A setting of the gateway that follows from the server: section, key, value.
pub(super) type Setting = (&'static str, &'static str, toml_edit::Value);

/// What is to be done about a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub changes: Vec<Change>,
    pub settings: Vec<Setting>,
    /// What an administrator should know.
    pub notes: Vec<String>,
    /// Packages that must be there.
    pub packages: Vec<&'static str>,
    /// The command after which it all holds.
    pub restart: String,
}
