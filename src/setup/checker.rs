//! What the machine says: the server's own reader of its configuration, and whether its packages are there.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Server;
use super::disk;
use super::error::SetupError;

/// Longest time for a checker.
const SECONDS: &str = "60";
/// What comes before a complaint of ejabberd, whose log goes to the same place.
const MARK: &str = "stanzagate:";
/// Has ejabberd read and judge its configuration as it does at its start, modules' options included. It opens no port, and
/// touches no data.
const LOAD: &str = r#"
_ = application:load(ejabberd),
{ok, Included} = application:get_key(ejabberd, included_applications),
{ok, Needed} = application:get_key(ejabberd, applications),
_ = [application:ensure_all_started(App) || App <- Needed ++ Included, App =/= mnesia, App =/= os_mon],
case catch ejabberd_config:load() of
    {error, _, _} = Error -> io:format("~nstanzagate:~ts~n", [ejabberd_config:format_error(Error)]);
    _ -> ok
end,
halt(0)."#;

/// Lets the server's own checker read the configuration. Good too where there is none.
pub(super) fn judge(server: Server, config: &Path) -> Result<(), String> {
    match server {
        Server::Ejabberd => ejabberd(config),
        Server::Prosody => prosody(config),
    }
}

fn prosody(config: &Path) -> Result<(), String> {
    let mut command = Command::new("timeout");
    command.args([SECONDS, "prosodyctl", "--config"]).arg(config).args(["check", "config"]);
    match run(&mut command) {
        // 1 is a complaint; others are of `timeout`: no answer, or no such program.
        Some((Some(1), text)) => Err(text),
        _ => Ok(()),
    }
}

/// Whether the server does not start with what is complained of, so that nobody can tell what it says.
pub(super) fn is_unreadable(complaint: &str) -> bool {
    complaint.contains("problem occurred while reading the config file")
}

fn ejabberd(config: &Path) -> Result<(), String> {
    let Some(code) = ejabberd_code() else { return Ok(()) };
    let mut command = Command::new("timeout");
    command
        .args([SECONDS, "erl", "-noinput", "-boot", "start_clean", "-eval", LOAD])
        .env("EJABBERD_CONFIG_PATH", config)
        .env("ERL_LIBS", code)
        .env("ERL_CRASH_DUMP_BYTES", "0")
        .env("HOME", "/")
        .current_dir("/");
    // As the server itself reads it, where that can be had.
    if let Some(owner) = std::fs::metadata(config).ok().filter(|owner| disk::is_root() && owner.uid() != 0) {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let said = run(&mut command).map(|(_, text)| text).unwrap_or_default();
    match said.lines().find_map(|line| line.strip_prefix(MARK)) {
        Some(complaint) => Err(complaint.trim().to_owned()),
        None => Ok(()),
    }
}

/// Where Debian has ejabberd's code: in a folder with the name of the architecture.
fn ejabberd_code() -> Option<PathBuf> {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_code = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ejabberd-"));
    folders(Path::new("/usr/lib")).find(|path| folders(path).any(|inner| is_code(&inner)))
}

/// Exit code and all that was said; `None` where the program is not there.
fn run(command: &mut Command) -> Option<(Option<i32>, String)> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
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
