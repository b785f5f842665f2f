//! The programs that run on a stock server's files: the server, and the gateway.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{DOMAIN, PASSWORD, ROOM, Stock};
use crate::support::Client;

/// Longest wait for a program to be ready.
const READY: Duration = Duration::from_secs(120);
/// Runs a command until the other end of its standard input is closed, by its owner's death too.
const KEEPER: &str = r#"
"$@" </dev/null &
pid=$!
read -r end
kill -s TERM "$pid"
tries=0
while kill -s 0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL "$pid" 2>/dev/null
"#;
/// Says that ejabberd has started.
const READY_LINE: &str = "ok = file:write_file(\"@READY@\", <<>>).\n";

impl Stock {
    /// Runs a program of the server's as its user.
    fn tool(&self, program: &str) -> Command {
        let (uid, gid) = self.owner;
        let mut command = match &self.root {
            Some(root) => {
                let mut command = Command::new("chroot");
                command.arg(format!("--userspec={uid}:{gid}")).arg(root).arg(program);
                command
            }
            None => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", program]);
                command
            }
        };
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.inside)
            .current_dir("/");
        command
    }

    /// Starts the server as it came, makes the accounts alice and bob, keeps a bookmark of alice's and, where there are rooms,
    /// a room, and stops it.
    pub async fn live_before(&mut self) {
        self.start_with(&[self.c2s].map(|port| (port, !self.server.is_ejabberd())), true);
        if !self.server.is_ejabberd() {
            let alice = Client::open(self.c2s, DOMAIN, "alice", PASSWORD, None).await;
            let alice = alice.unwrap_or_else(|error| panic!("{error:?}\n{}", self.output("server")));
            alice.bookmark(ROOM).await;
            alice.close().await;
        }
        self.stop();
        let _ = std::fs::remove_file(self.outside("ready"));
        if self.server.is_ejabberd() {
            // No account is made from now on.
            self.write("start.erl", &READY_LINE.replace("@READY@", &self.inside("ready")));
        }
    }

    /// Starts the server.
    pub fn start(&mut self) {
        self.start_with(&[self.c2s, self.component].map(|port| (port, true)), false);
    }

    fn start_with(&mut self, ports: &[(SocketAddr, bool)], accounts: bool) {
        let open = || ports.iter().all(|(port, wanted)| !wanted || TcpStream::connect(port).is_ok());
        if self.server.is_ejabberd() {
            let base = self.root.clone().unwrap_or_else(|| "/".into());
            let lib =
                std::fs::read_dir(base.join("usr/lib")).expect("libraries").flatten().map(|entry| entry.file_name());
            let has = |name: &std::ffi::OsStr| {
                let inner = std::fs::read_dir(base.join("usr/lib").join(name)).into_iter().flatten().flatten();
                inner.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("ejabberd-"))
            };
            let code = lib.into_iter().find(|name| has(name)).expect("ejabberd's code");
            let mut command = self.tool("/usr/bin/erl");
            command
                .args(["+sss", "8192", "-noshell", "-mnesia", "dir", &format!("{:?}", self.inside("data"))])
                .args(["-s", "ejabberd", "-run", "file", "eval", &self.inside("start.erl")])
                .env("EJABBERD_CONFIG_PATH", self.inside("ejabberd.yml"))
                .env("EJABBERD_LOG_PATH", self.inside("log/server.log"))
                .env("ERL_LIBS", Path::new("/usr/lib").join(code))
                .env("ERL_CRASH_DUMP_BYTES", "0");
            self.run("server", command);
            let ready = self.outside("ready");
            self.wait("ejabberd", || ready.exists() && open());
        } else {
            let config = self.inside("prosody.cfg.lua");
            for user in ["alice", "bob"].into_iter().filter(|_| accounts) {
                let output =
                    self.tool("prosodyctl").args(["--config", &config, "register", user, DOMAIN, PASSWORD]).output();
                let output = output.expect("prosodyctl");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            }
            let mut command = self.tool("prosody");
            command.args(["--config", &config, "-F"]);
            self.run("server", command);
            self.wait("Prosody", open);
        }
    }

    /// Starts the gateway with the configuration that `setup` wrote.
    pub async fn serve(&mut self) {
        let config = self.inside("gateway/stanzagate.toml");
        let command = self.stanzagate(&["serve", "--config", &config]);
        self.run("gateway", command);
        let url = format!("http://{}/health/ready", self.http);
        let deadline = Instant::now() + READY;
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < deadline, "the gateway is not ready:\n{}", self.output("gateway"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn run(&mut self, name: &'static str, command: Command) {
        let log = std::fs::File::create(self.outside(&format!("log/{name}.out"))).expect("a log");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(command.get_program()).args(command.get_args());
        keeper.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let keeper = keeper
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        self.running.push((keeper, name));
    }

    fn wait(&self, what: &str, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + READY;
        while !ready() {
            assert!(Instant::now() < deadline, "{what} is not ready:\n{}", self.output("server"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a program said.
    pub fn output(&self, name: &str) -> String {
        let text = |path: PathBuf| {
            std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        text(self.outside(&format!("log/{name}.out"))) + &text(self.outside("log/server.log"))
    }

    /// Ends all programs, the last one first.
    pub fn stop(&mut self) {
        while let Some((mut keeper, _)) = self.running.pop() {
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(b"end\n");
            }
            let _ = keeper.wait();
        }
    }
}
