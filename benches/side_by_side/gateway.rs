//! The gateway that is measured: the release binary in a process of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::child::Owned;
use super::fallible::Fallible;
use super::http::{call, require};
use super::server::Server;
use super::usage;

const START: Duration = Duration::from_secs(20);
/// Room for the crowds that are measured, and time for a thousand members, each of whom gets a session.
const HTTP: &str = "[http]\nlisten = \"127.0.0.1:0\"\nconnections = 8192\nrequests = 8192\nrequest_seconds = 120\n[admin]\nenabled = false\n";

/// A running gateway. Dropping it ends it.
pub struct Gateway {
    process: Owned,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Gateway {
    /// Starts a gateway as the component `name` of a server, with `more` lines of configuration under `[qtalk]`.
    pub fn on(binary: &Path, server: &Server, name: &str, more: &str) -> Fallible<Gateway> {
        Gateway::over(binary, server, name, &[], more)
    }

    /// As [`Gateway::on`], with further links under the names `extra`.
    pub fn over(binary: &Path, server: &Server, name: &str, extra: &[&str], more: &str) -> Fallible<Gateway> {
        Gateway::as_set(binary, server, (name, extra), ("", more))
    }

    /// As [`Gateway::on`], whose calls wait for what `level` says, unless they say it themselves.
    pub fn waiting(binary: &Path, server: &Server, name: &str, level: &str) -> Fallible<Gateway> {
        let wait = format!("wait = \"{level}\"\n");
        Gateway::as_set(binary, server, (name, &[]), (&wait, "sender_copy = false"))
    }

    /// A gateway with further lines of configuration under `[server]` and under `[qtalk]`.
    fn as_set(
        binary: &Path,
        server: &Server,
        (name, extra): (&str, &[&str]),
        (of_server, of_qtalk): (&str, &str),
    ) -> Fallible<Gateway> {
        let rig = &server.rig;
        let grant = match rig.http_api() {
            Some(url) => format!("grant = \"oauth\"\noauth_url = \"{url}\""),
            None => String::new(),
        };
        let other = |gateway: &String| gateway != name && !extra.contains(&gateway.as_str());
        let siblings: Vec<String> = rig.gateways().into_iter().filter(other).collect();
        Gateway::start(
            binary,
            &format!(
                "[server]\ndomain = \"{}\"\n{of_server}[component]\naddress = \"{}\"\nname = \"{name}\"\nsecret = \"{}\"\n\
                 siblings = {siblings:?}\nextra_links = {extra:?}\n[c2s]\naddress = \"{}\"\ntls = \"none\"\n[sessions]\n{grant}\n[qtalk]\nauth = \"none\"\n{of_qtalk}\n",
                rig.domain(),
                rig.component_addr(),
                rig.component_secret(),
                rig.c2s_addr(),
            ),
        )
    }

    /// Starts a gateway on the fake server. Its queue has room for a stanza of each caller, of whom there are up to 5,000: on
    /// a slow machine it would else tell some of them that it is busy.
    pub fn on_fake(binary: &Path, fake: SocketAddr) -> Fallible<Gateway> {
        Gateway::start(
            binary,
            &format!(
                "[server]\ndomain = \"example.org\"\nkind = \"ejabberd\"\ncache_seconds = 3600\n[component]\n\
                 address = \"{fake}\"\nname = \"gw.example.org\"\nsecret = \"not looked at\"\n\
                 queue_stanzas = 8192\n[qtalk]\n\
                 auth = \"none\"\nsender_copy = false\n"
            ),
        )
    }

    fn start(binary: &Path, config: &str) -> Fallible<Gateway> {
        let folder = tempfile::tempdir()?;
        let (file, log) = (folder.path().join("stanzagate.toml"), folder.path().join("log"));
        std::fs::write(&file, format!("{config}\n{HTTP}"))?;
        let process = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let mut gateway = Gateway { process: Owned(process), folder, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let deadline = Instant::now() + START;
        while Instant::now() < deadline && gateway.process.0.try_wait()?.is_none() {
            // The log says the port.
            let said = std::fs::read_to_string(&log)?;
            let port = said
                .split_once(" addr=127.0.0.1:")
                .and_then(|(_, rest)| rest.split(|digit: char| !digit.is_ascii_digit()).next()?.parse::<u16>().ok());
            if let Some(port) = port {
                gateway.address.set_port(port);
                if call(gateway.address, "/health/ready", "").is_ok_and(|(status, _)| status == 200) {
                    return Ok(gateway);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the gateway is not ready:\n{}", std::fs::read_to_string(&log)?).into())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Makes a call of the qtalk API that must succeed.
    pub fn qtalk(&self, endpoint: &str, body: &serde_json::Value) -> Fallible<String> {
        require(self.address, &format!("/qtalk/{endpoint}"), &body.to_string(), SUCCESS)
    }

    /// The sum of all values of a metric.
    pub fn metric(&self, name: &str) -> Fallible<f64> {
        let (_, text) = call(self.address, "/metrics", "")?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            (rest.starts_with(' ') || rest.starts_with('{')).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        Ok(values.sum())
    }

    /// Empties the log, which grows by a line for each request.
    pub fn forget_log(&self) -> Fallible {
        Ok(File::options().write(true).open(self.folder.path().join("log"))?.set_len(0)?)
    }

    /// Lets the peak of its memory begin anew.
    pub fn forget_peak(&self) -> Fallible {
        usage::forget_peak(self.pid())
    }
}

/// What every successful answer of the qtalk API begins with.
pub const SUCCESS: &str = "{\"ret\":true,\"errcode\":0,";
