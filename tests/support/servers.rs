//! The four servers, one of each per test binary, and accounts on them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig, RigOptions};

/// One of the servers that every case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Ejabberd23,
    Prosody012,
    Ejabberd24,
    Prosody13,
}

impl Server {
    /// The server that all tests of this binary share. It ends with the process: the rig's guardian sees to that.
    pub fn shared(self) -> &'static Rig {
        static RIGS: [OnceLock<Rig>; 4] = [const { OnceLock::new() }; 4];
        RIGS[self as usize].get_or_init(|| self.start(Grant::Oauth))
    }

    /// A server of the caller's own, to stop and restart, or with another grant.
    pub fn start(self, grant: Grant) -> Rig {
        self.start_with(grant, 0)
    }

    /// A server of the caller's own that lets in further gateways: gw2, gw3 and so on.
    pub fn start_with(self, grant: Grant, siblings: usize) -> Rig {
        let root = self.newer().then(|| match std::env::var_os("STANZAGATE_TRIXIE_ROOT") {
            Some(root) => root.into(),
            None => panic!(
                "set STANZAGATE_TRIXIE_ROOT to a Debian 13 root that holds the servers: debootstrap \
                 trixie ROOT, then chroot ROOT apt-get install ejabberd erlang-p1-sqlite3 erlang-p1-oauth2 prosody \
                 prosody-modules"
            ),
        });
        match Rig::start(RigOptions { server: self.product(), root, grant, siblings, ..RigOptions::default() }) {
            Ok(rig) => rig,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    pub fn product(self) -> Product {
        match self {
            Server::Ejabberd23 | Server::Ejabberd24 => Product::Ejabberd,
            Server::Prosody012 | Server::Prosody13 => Product::Prosody,
        }
    }

    pub fn is_ejabberd(self) -> bool {
        self.product() == Product::Ejabberd
    }

    fn newer(self) -> bool {
        matches!(self, Server::Ejabberd24 | Server::Prosody13)
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

/// Makes a module of four tests, one for each server, out of an `async fn(Server)`.
///
/// `on_all_servers!(sends_a_message);` gives `sends_a_message::ejabberd_23` and so on. The module has the name of the
/// function; the two live in different name spaces.
#[macro_export]
macro_rules! on_all_servers {
    ($($body:ident),+ $(,)?) => {$(
        mod $body {
            use $crate::support::Server;

            fn run(server: Server) {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.expect("a tokio runtime").block_on(super::$body(server));
            }

            #[test]
            fn ejabberd_23() {
                run(Server::Ejabberd23);
            }

            #[test]
            fn prosody_012() {
                run(Server::Prosody012);
            }

            #[test]
            fn ejabberd_24() {
                run(Server::Ejabberd24);
            }

            #[test]
            fn prosody_13() {
                run(Server::Prosody13);
            }
        }
    )+};
}
