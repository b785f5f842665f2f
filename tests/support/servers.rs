//! The six servers, one of each per test binary, and accounts on them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig, RigOptions};

/// One of the servers that the tests run on, both products in three generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// 23.01, of Debian 12.
    Ejabberd23,
    /// 0.12, of Debian 12.
    Prosody012,
    /// 24.12, of Debian 13.
    Ejabberd24,
    /// 13.0.1, of Debian 13.
    Prosody13,
    /// 26.07, of Debian 13's backports.
    Ejabberd26,
    /// 13.0.6 or later with the modules of the same year, of Debian 13's backports.
    Prosody136,
}

impl Server {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// The oldest and the newest ejabberd.
    pub const EJABBERD: [Server; 2] = [Server::Ejabberd23, Server::Ejabberd26];
    /// The oldest and the newest Prosody.
    pub const PROSODY: [Server; 2] = [Server::Prosody012, Server::Prosody136];

    /// The server that all tests of this binary share.
    pub fn shared(self) -> &'static Rig {
        static SERVERS: Servers = Servers::new();
        SERVERS.get(self)
    }

    /// A server of the caller's own, to stop and restart, or with another grant.
    pub fn start(self, grant: Grant) -> Rig {
        self.start_with(grant, 0)
    }

    /// A server of the caller's own that lets in further gateways: gw2, gw3 and so on.
    pub fn start_with(self, grant: Grant, siblings: usize) -> Rig {
        let root = self.root();
        match Rig::start(RigOptions { server: self.product(), root, grant, siblings, ..RigOptions::default() }) {
            Ok(rig) => rig,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    /// A server of the caller's own with changes of its configuration.
    pub fn start_changed(self, changes: &[(&str, &str)]) -> Rig {
        let changes = changes.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let (server, root, grant) = (self.product(), self.root(), Grant::Oauth);
        match Rig::start(RigOptions { server, root, grant, changes, ..RigOptions::default() }) {
            Ok(rig) => rig,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    pub fn product(self) -> Product {
        match self {
            Server::Ejabberd23 | Server::Ejabberd24 | Server::Ejabberd26 => Product::Ejabberd,
            Server::Prosody012 | Server::Prosody13 | Server::Prosody136 => Product::Prosody,
        }
    }

    pub fn is_ejabberd(self) -> bool {
        self.product() == Product::Ejabberd
    }

    /// The root file system that holds it; `None` is this system's own. There is no test without it.
    pub fn root(self) -> Option<PathBuf> {
        let variable = match self {
            Server::Ejabberd23 | Server::Prosody012 => return None,
            Server::Ejabberd24 | Server::Prosody13 => "STANZAGATE_TRIXIE_ROOT",
            Server::Ejabberd26 | Server::Prosody136 => "STANZAGATE_BACKPORTS_ROOT",
        };
        match std::env::var_os(variable) {
            Some(root) => Some(root.into()),
            None => panic!("set {variable} to the Debian 13 root that scripts/test makes and fills with the servers"),
        }
    }
}

/// Servers that several tests share, each started when it is first asked for. They end with the process: the rig's guardian
/// sees to that.
///
/// Tests that share a gateway which is configured in their own way have a set of their own, because a server lets in one
/// gateway of a name.
pub struct Servers([OnceLock<Rig>; Server::COUNT]);

impl Servers {
    pub const fn new() -> Servers {
        Servers([const { OnceLock::new() }; Server::COUNT])
    }

    pub fn get(&self, server: Server) -> &Rig {
        self.0[server as usize].get_or_init(|| server.start(Grant::Oauth))
    }
}

/// An account that no other test uses.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub password: String,
    /// Its bare JID.
    pub jid: String,
}

/// Registers an account whose name begins with `prefix`.
pub fn account(rig: &Rig, prefix: &str) -> Account {
    let name = fresh(prefix);
    match rig.register(&name) {
        Ok(password) => Account { jid: format!("{name}@{}", rig.domain()), password, name },
        Err(error) => panic!("{error}"),
    }
}

/// A name that was not used before on these servers: letters and digits that begin with `prefix`.
pub fn fresh(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a test. It is boxed so that the runtime is compiled for one kind of test and not for each of them anew.
pub fn run(test: Pin<Box<dyn Future<Output = ()>>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(test);
}

/// Makes a module of six tests, one for each server, out of an `async fn(Server)`.
///
/// `on_all_servers!(sends_a_message);` gives `sends_a_message::ejabberd_23` and so on. The module has the name of the
/// function; the two live in different name spaces.
#[macro_export]
macro_rules! on_all_servers {
    ($($body:ident),+ $(,)?) => {
        $crate::tests_on_servers!([
            (ejabberd_23, Ejabberd23),
            (prosody_012, Prosody012),
            (ejabberd_24, Ejabberd24),
            (prosody_13, Prosody13),
            (ejabberd_26, Ejabberd26),
            (prosody_136, Prosody136),
        ] $($body)+);
    };
}

/// As [`on_all_servers`], of the oldest and the newest of each product: for what hardly depends on the version.
#[macro_export]
macro_rules! on_oldest_and_newest {
    ($($body:ident),+ $(,)?) => {
        $crate::tests_on_servers!([
            (ejabberd_23, Ejabberd23),
            (prosody_012, Prosody012),
            (ejabberd_26, Ejabberd26),
            (prosody_136, Prosody136),
        ] $($body)+);
    };
}

/// As [`on_all_servers`], of the newest of each product: for what takes long and depends on the product alone.
#[macro_export]
macro_rules! on_newest {
    ($($body:ident),+ $(,)?) => {
        $crate::tests_on_servers!([(ejabberd_26, Ejabberd26), (prosody_136, Prosody136)] $($body)+);
    };
}

/// What the macros above make.
#[macro_export]
macro_rules! tests_on_servers {
    ($servers:tt $($body:ident)+) => {$(
        mod $body {
            use $crate::support::Server;

            fn run(server: Server) {
                $crate::support::servers::run(Box::pin(super::$body(server)));
            }

            $crate::tests_on_servers!(@tests $servers);
        }
    )+};
    (@tests [$(($name:ident, $server:ident)),+ $(,)?]) => {$(
        #[test]
        fn $name() {
            run(Server::$server);
        }
    )+};
}
