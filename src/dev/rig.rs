//! A private XMPP server with four accounts: started, stopped, restarted, and never left behind.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use parking_lot::Mutex;

use super::error::DevError;
use super::folder::ServerFolder;
use super::guard::Guard;
use super::settings::{COMPONENT, DOMAIN, ROOMS, Settings, USERS, random};
use super::{ejabberd, logs, ports, prosody, siblings};
use crate::config::sessions::Grant;

/// Longest wait for a server to answer on its ports; a machine on which many start at once needs more than a
/// minute.
const START: Duration = Duration::from_secs(180);
/// Longest wait for a server to end by itself.
const STOP: Duration = Duration::from_secs(20);
/// Longest wait for one account.
const REGISTER: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// Which server to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Product {
    /// ejabberd.
    #[default]
    Ejabberd,
    /// Prosody.
    Prosody,
}

impl Product {
    /// Its name in lower case, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Product::Ejabberd => "ejabberd",
            Product::Prosody => "prosody",
        }
    }
}

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct RigOptions {
    /// The product.
    pub server: Product,
    /// The root file system to take it from; this one's if there is none.
    pub root: Option<PathBuf>,
    /// The folder for its data, kept at the end; a temporary one if there is none.
    pub dir: Option<PathBuf>,
    /// The session grant that the server gives and [`Rig::gateway_config`] uses. Prosody needs none.
    pub grant: Grant,
    /// How many further gateways the server lets in, named gw2, gw3 and so on.
    pub siblings: usize,
    /// Changes of the server's shipped configuration (`ejabberd.yml`, `prosody.cfg.lua`): each text, which must be in it,
    /// and what stands in its place wherever it occurs.
    pub changes: Vec<(String, String)>,
}

/// The running server. Dropping it ends the server at once; [`Rig::stop`] does it in order. All calls block.
#[derive(Debug)]
pub struct Rig {
    product: Product,
    place: ServerFolder,
    pub(super) settings: Settings,
    changes: Vec<(String, String)>,
    users: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    guard: Guard,
    server: Option<Child>,
}

impl Rig {
    /// Starts a server, registers the accounts and waits until it answers clients and components.
    pub fn start(options: RigOptions) -> Result<Rig, DevError> {
        let user = match options.server {
            Product::Ejabberd => ejabberd::USER,
            Product::Prosody => prosody::USER,
        };
        let place = ServerFolder::new(options.root, options.dir, user)?;
        let guard = Guard::start(place.to_remove())?;
        let mut rig = Rig {
            product: options.server,
            settings: Settings::new(options.grant, options.siblings)?,
            changes: options.changes,
            place,
            users: USERS.into_iter().map(|user| (user.to_owned(), random(16))).collect(),
            state: Mutex::new(State { guard, server: None }),
        };
        match rig.product {
            Product::Ejabberd => ejabberd::check(&rig.place)?,
            Product::Prosody => prosody::check(&rig.place)?,
        }
        for _ in 0..2 {
            match rig.first_start() {
                // Between the choice of a port and the server's bind another process can take it.
                Err(DevError::NotStarted { log, .. }) if logs::port_taken(&log) => {
                    rig.settings = Settings::new(options.grant, options.siblings)?;
                }
                result => return result.map(|()| rig),
            }
        }
        rig.first_start().map(|()| rig)
    }

    fn first_start(&self) -> Result<(), DevError> {
        match self.product {
            Product::Ejabberd => ejabberd::configure(&self.place, &self.settings, &self.changes)?,
            Product::Prosody => prosody::configure(&self.place, &self.settings, &self.changes)?,
        }
        self.start_server()?;
        self.users.iter().try_for_each(|(user, password)| self.set_password(user, password))
    }

    /// Registers a further account on the running server and returns its password. For names of ASCII letters and
    /// digits in lower case, of dots, and of backslashes that escape other characters (XEP-0106).
    pub fn register(&self, user: &str) -> Result<String, DevError> {
        let password = random(16);
        self.register_with(user, &password)?;
        Ok(password)
    }

    /// As [`Rig::register`], with a password of letters and digits.
    pub fn register_with(&self, user: &str, password: &str) -> Result<(), DevError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'\\');
        if user.is_empty() || !user.bytes().all(plain) {
            let output = "use letters and digits in lower case, dots and backslashes only".to_owned();
            return Err(DevError::Register { user: user.to_owned(), output });
        }
        self.set_password(user, password)
    }

    /// Deletes an account by the server's own means, past every gateway.
    pub fn unregister(&self, user: &str) -> Result<(), DevError> {
        match self.product {
            Product::Prosody => prosody::unregister(&self.place, &self.settings, user),
            Product::Ejabberd => self.order(user, None),
        }
    }

    fn set_password(&self, user: &str, password: &str) -> Result<(), DevError> {
        match self.product {
            Product::Prosody => prosody::register(&self.place, &self.settings, user, password),
            Product::Ejabberd => self.order(user, Some(password)),
        }
    }

    /// Has ejabberd register an account, give it a password, or delete it.
    fn order(&self, user: &str, password: Option<&str>) -> Result<(), DevError> {
        let failed = |output: &str| DevError::Register { user: user.to_owned(), output: output.to_owned() };
        let done = self.place.outside(&ejabberd::done(user));
        let _ = std::fs::remove_file(&done);
        let mut state = self.state.lock();
        let Some(input) = state.server.as_mut().and_then(|server| server.stdin.as_mut()) else {
            return Err(failed("the server does not run"));
        };
        input.write_all(ejabberd::order(user, password).as_bytes()).map_err(DevError::io("writing to ejabberd"))?;
        let deadline = Instant::now() + REGISTER;
        while !done.exists() {
            if Instant::now() > deadline {
                return Err(failed(&logs::tail(&self.place, 0)));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = std::fs::remove_file(&done);
        Ok(())
    }

    /// Starts the server again on the same ports with the same data, after [`Rig::stop_server`] or
    /// [`Rig::kill_server`]. Does nothing while it runs.
    pub fn start_server(&self) -> Result<(), DevError> {
        let mut state = self.state.lock();
        if state.server.is_some() {
            return Ok(());
        }
        let mut command = match self.product {
            Product::Ejabberd => ejabberd::command(&self.place)?,
            Product::Prosody => prosody::command(&self.place, &self.settings),
        };
        let log = self.place.outside("log/output.log");
        let output = std::fs::File::create(&log).map_err(DevError::io(log.display().to_string()))?;
        let errors = output.try_clone().map_err(DevError::io(log.display().to_string()))?;
        let mark = logs::mark(&self.place);
        let server = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(DevError::io(format!("starting {}", self.product.name())))?;
        state.guard.watch(server.id());
        let server = state.server.insert(server);
        let ready = self.wait_until_ready(server);
        let log = logs::tail(&self.place, mark);
        let outcome = match ready {
            // Prosody goes on without a port that it could not have, and somebody else answers there.
            Ok(()) if logs::port_taken(&log) => Err("a port is taken".to_owned()),
            other => other,
        };
        let outcome = outcome.map_err(|why| DevError::NotStarted { server: self.product.name(), why, log });
        drop(state);
        if outcome.is_err() {
            self.kill_server()?;
        }
        outcome
    }

    /// Stops the server in order and keeps its data and ports.
    pub fn stop_server(&self) -> Result<(), DevError> {
        self.end(true)
    }

    /// Ends the server as a power cut would.
    pub fn kill_server(&self) -> Result<(), DevError> {
        self.end(false)
    }

    /// Stops the server and removes its folder, unless the caller named the folder.
    pub fn stop(self) -> Result<(), DevError> {
        self.stop_server()
    }

    fn wait_until_ready(&self, server: &mut Child) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            match server.try_wait() {
                Ok(Some(status)) => return Err(format!("it ended with {status}")),
                Ok(None) => {}
                Err(error) => return Err(error.to_string()),
            }
            if self.answers() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        Err(format!("no answer within {} seconds", START.as_secs()))
    }

    fn answers(&self) -> bool {
        let registered = self.product == Product::Prosody || self.place.outside(ejabberd::READY).exists();
        let api = || self.product == Product::Prosody || TcpStream::connect(self.settings.api).is_ok();
        registered
            && ports::speaks_xmpp(self.settings.client, "jabber:client", DOMAIN)
            && ports::speaks_xmpp(self.settings.component, "jabber:component:accept", COMPONENT)
            && api()
    }

    fn end(&self, orderly: bool) -> Result<(), DevError> {
        let mut state = self.state.lock();
        let State { guard, server } = &mut *state;
        let Some(child) = server.as_mut() else { return Ok(()) };
        let waited = DevError::io(format!("waiting for the end of {}", self.product.name()));
        if orderly {
            guard.terminate();
            let deadline = Instant::now() + STOP;
            while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(POLL);
            }
        }
        if matches!(child.try_wait(), Ok(None)) {
            guard.kill();
            let _ = child.kill();
        }
        let outcome = child.wait();
        guard.forget();
        *server = None;
        outcome.map(drop).map_err(waited)
    }

    /// The product.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Domain of the accounts.
    pub fn domain(&self) -> &'static str {
        DOMAIN
    }

    /// The MUC service.
    pub fn rooms(&self) -> &'static str {
        ROOMS
    }

    /// The component's name.
    pub fn component_name(&self) -> &'static str {
        COMPONENT
    }

    /// The names of all gateways that the server lets in, [`Rig::component_name`] first.
    pub fn gateways(&self) -> Vec<String> {
        std::iter::once(COMPONENT.to_owned()).chain(siblings::names(self.settings.siblings, DOMAIN)).collect()
    }

    /// Where components connect.
    pub fn component_addr(&self) -> SocketAddr {
        self.settings.component
    }

    /// The component's secret.
    pub fn component_secret(&self) -> &str {
        &self.settings.component_secret
    }

    /// Where clients connect, without TLS.
    pub fn c2s_addr(&self) -> SocketAddr {
        self.settings.client
    }

    /// The accounts: localpart and password.
    pub fn users(&self) -> &BTreeMap<String, String> {
        &self.users
    }

    /// Where clients log in over WebSocket (RFC 7395).
    pub fn websocket(&self) -> String {
        let path = match self.product {
            Product::Ejabberd => "ws",
            Product::Prosody => "xmpp-websocket",
        };
        format!("ws://{}/{path}", self.settings.upload)
    }

    /// Base URL of ejabberd's HTTP API.
    pub fn http_api(&self) -> Option<String> {
        (self.product == Product::Ejabberd).then(|| format!("http://{}/api", self.settings.api))
    }

    /// The server's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.state.lock().server.as_ref().map(Child::id)
    }

    /// The folder with data and logs.
    pub fn dir(&self) -> &Path {
        self.place.dir()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // A folder that the caller named holds data that a killed server could leave damaged.
        let _ = self.end(self.place.to_remove().is_none());
        self.place.remove();
        self.state.lock().guard.leave();
    }
}
