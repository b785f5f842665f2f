//! `stanzagate dev`, a test rig in one command: a private XMPP server with four accounts and a gateway on it. The tests
//! use the server half, [`Rig`], on their own.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "somebody at a terminal reads how to use the rig")]

mod ejabberd;
mod error;
mod folder;
mod gateway;
mod guard;
mod logs;
mod ports;
mod prosody;
mod report;
mod rig;
mod settings;
mod siblings;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

pub use error::DevError;
pub use rig::{Product, Rig, RigOptions};
pub use settings::{COMPONENT, DOMAIN, ROOMS, USERS};

use crate::app::Gateway;
use crate::config::sessions::Grant;

/// Longest wait for the gateway's link to a server that is up.
const LINK: Duration = Duration::from_secs(15);
/// Where the documented examples of the qtalk API expect the server.
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10050);

/// Arguments of `stanzagate dev`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The XMPP server to start.
    #[arg(long, value_enum, default_value_t)]
    pub server: Product,
    /// Address and port of the gateway's HTTP listener [default: 127.0.0.1:10050, with --json any free port].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Folder for the server's data, kept at the end [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Take the server from the root file system in this folder, by chroot; needs root.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// When ready, print one line of JSON on stdout and nothing else there, for test harnesses.
    #[arg(long)]
    pub json: bool,
}

/// Starts the server and the gateway, prints how to use them, and waits for SIGINT or SIGTERM; then stops everything it
/// started. If this process is killed, the rig's guardian does that.
pub async fn run(args: Args) -> Result<(), DevError> {
    let Args { server, http, dir, root, json } = args;
    let started = std::time::Instant::now();
    let progress = |line: String| {
        if !json {
            eprintln!("{line}");
        }
    };
    progress(format!("Starting {} ...", server.name()));
    let options = RigOptions { server, root, dir, grant: Grant::Oauth, ..RigOptions::default() };
    let rig = blocking(move || Rig::start(options)).await?;
    progress(format!(
        "{} is up after {:.1} s, with its data in {}.",
        server.name(),
        started.elapsed().as_secs_f32(),
        rig.dir().display()
    ));

    // Registered only now: until here the default, to end at once, is right, and the guardian cleans up.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DevError::io("waiting for SIGINT"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(DevError::io("waiting for SIGTERM"))?;

    let mut config = rig.gateway_config();
    config.http.listen = http.unwrap_or(if json { config.http.listen } else { HTTP });
    let failed = |why: &dyn std::fmt::Display| DevError::Gateway(why.to_string());
    let gateway = Gateway::start(config).await.map_err(|error| failed(&error))?;
    gateway.ready(LINK).await.map_err(|error| failed(&error))?;
    let (http, admin) = (gateway.addr(), gateway.admin_addr());
    if json {
        println!("{}", report::json(&rig, http, admin));
    } else {
        println!("{}", report::text(&rig, http, admin));
    }

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    progress("Stopping ...".to_owned());
    gateway.shutdown().await;
    blocking(move || rig.stop()).await
}

/// The rig's calls block; the gateway's tasks go on meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DevError> + Send + 'static,
) -> Result<T, DevError> {
    let failed = |error: tokio::task::JoinError| DevError::Io { what: "the rig".to_owned(), source: error.into() };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}
