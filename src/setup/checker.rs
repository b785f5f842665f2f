//! What the machine says: the server's own checker, and whether its packages are there.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Server;
use super::error::SetupError;

/// Lets the server's own checker read the configuration. Good too where there is none.
pub(super) fn judge(server: Server, config: &Path) -> Result<(), String> {
    // ejabberd has none: its file was parsed again, and compared with the one before.
    if server == Server::Ejabberd {
        return Ok(());
    }
    let output =
        Command::new("prosodyctl").arg("--config").arg(config).args(["check", "config"]).stdin(Stdio::null()).output();
    let Ok(output) = output else { return Ok(()) };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}

/// Refuses to write what cannot run for want of a package of Debian's.
pub(super) fn packages(server: Server, wanted: &[&str], write: bool) -> Result<(), SetupError> {
    let info = Path::new("/var/lib/dpkg/info");
    if !write || !info.join(format!("{}.list", server.name())).exists() {
        return Ok(());
    }
    let names: Vec<String> = match std::fs::read_dir(info) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect(),
        Err(_) => return Ok(()),
    };
    let is_there = |package: &str| {
        names.iter().filter_map(|name| name.strip_suffix(".list")).any(|name| name.split(':').next() == Some(package))
    };
    let missing: Vec<&str> = wanted.iter().copied().filter(|package| !is_there(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    Err(SetupError::Checker(format!("the server would not work without {list}: apt-get install {list}")))
}
