//! The guardian: a small shell process that stops the server and removes its folder when the owner of the rig dies in
//! a way that leaves it no time, such as SIGKILL or the end of a test process.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::error::DevError;

/// Reads orders from its standard input, whose other end only the owner holds: the end of input is the owner's death.
/// Where the folder is to be removed, nothing in it is worth an orderly stop.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
pid=
while read -r order value; do
    case $order in
        server) pid=$value ;;
        stop) kill -s TERM "$pid" ;;
        kill) kill -s KILL -- "-$pid" ;;
        leave) exit 0 ;;
    esac
done
# Returns once the given process or group is gone, or has not gone for five seconds.
gone() {
    tries=0
    while kill -s 0 -- "$1" && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
}
if [ -n "$pid" ]; then
    if [ -z "$1" ]; then
        kill -s TERM "$pid"
        gone "$pid"
    fi
    kill -s KILL -- "-$pid"
    gone "-$pid"
fi
if [ -n "$1" ]; then rm -rf -- "$1"; fi
"#;

/// The running guardian. It also delivers signals, for which safe Rust has no call of its own.
#[derive(Debug)]
pub(super) struct Guard {
    process: Child,
    orders: Option<ChildStdin>,
}

impl Guard {
    /// Starts it. `remove` is the folder to delete when the owner dies.
    pub(super) fn start(remove: Option<&Path>) -> Result<Guard, DevError> {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "stanzagate-guard"])
            .arg(remove.unwrap_or(Path::new("")))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to a whole process group; the guardian has to outlive the others.
            .process_group(0)
            .spawn()
            .map_err(DevError::io("starting sh"))?;
        let orders = process.stdin.take();
        Ok(Guard { process, orders })
    }

    /// Says which process group to guard.
    pub(super) fn watch(&mut self, pid: u32) {
        self.order(&format!("server {pid}"));
    }

    /// Says that the server is gone, so that its process id means nothing any more.
    pub(super) fn forget(&mut self) {
        self.order("server");
    }

    /// SIGTERM to the server.
    pub(super) fn terminate(&mut self) {
        self.order("stop");
    }

    /// SIGKILL to the server and all that it started.
    pub(super) fn kill(&mut self) {
        self.order("kill");
    }

    /// Ends the guardian; the rig has cleaned up itself.
    pub(super) fn leave(&mut self) {
        self.order("leave");
        self.orders = None;
        let _ = self.process.wait();
    }

    /// A guardian that is gone cannot be told anything, and nothing is gained by an error about it.
    fn order(&mut self, order: &str) {
        if let Some(orders) = &mut self.orders {
            let _ = orders.write_all(format!("{order}\n").as_bytes()).and_then(|()| orders.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;
    use std::time::Duration;

    use super::Guard;

    #[test]
    fn the_owners_death_ends_the_whole_group_and_removes_the_folder() {
        let folder = tempfile::tempdir().unwrap().keep();
        std::fs::write(folder.join("data"), "x").unwrap();
        let child = folder.join("child");
        let script = format!("sleep 1000 & echo $! > {}.new; mv {0}.new {0}; wait", child.display());
        let mut server = Command::new("sh").args(["-c", &script]).process_group(0).spawn().unwrap();
        while !child.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let grandchild = std::fs::read_to_string(&child).unwrap();
        let mut guard = Guard::start(Some(&folder)).unwrap();
        guard.watch(server.id());

        guard.orders = None;
        assert_eq!(server.wait().unwrap().signal(), Some(9));
        guard.process.wait().unwrap();
        assert!(!folder.exists());
        let state = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[test]
    fn a_guardian_that_was_told_to_leave_touches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut guard = Guard::start(Some(folder.path())).unwrap();
        guard.leave();
        assert!(folder.path().exists());
    }
}
