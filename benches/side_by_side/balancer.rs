//! The HTTP balancer before several gateways: HAProxy, each request to the next of them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::child::Owned;
use super::fallible::Fallible;
use super::gateway::Gateway;

const START: Duration = Duration::from_secs(20);

/// A running balancer. Dropping it ends it.
pub struct Balancer {
    _process: Owned,
    _folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Balancer {
    /// Starts a balancer before `gateways`.
    pub fn before(gateways: &[&Gateway]) -> Fallible<Balancer> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut config = format!(
            "global\n  maxconn 4096\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  \
             timeout server 60s\nlisten gateways\n  bind {address}\n  balance roundrobin\n  http-reuse always\n"
        );
        for (number, gateway) in gateways.iter().enumerate() {
            writeln!(config, "  server gateway{number} {}", gateway.address)?;
        }
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, config)?;
        let process = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("haproxy, of the Debian package haproxy: {error}"))?;
        let mut process = Owned(process);
        let deadline = Instant::now() + START;
        while Instant::now() < deadline && process.0.try_wait()?.is_none() {
            if TcpStream::connect(address).is_ok() {
                return Ok(Balancer { _process: process, _folder: folder, address });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("the balancer does not listen".into())
    }
}
