//! A private PostgreSQL from this system's package, for ejabberd's SQL storage: on SQLite ejabberd does one thing after
//! the other, and what its connections do to one another is not seen there.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for it to answer.
const START: Duration = Duration::from_secs(60);
/// ejabberd's own tables, from its package.
const TABLES: &str = "/usr/share/ejabberd/sql/pg.sql";

/// The running data base; it ends with the thread that started it, and with its value.
pub struct Postgres {
    server: Child,
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts it with ejabberd's tables. It can lose nothing that matters, so it does not wait for the disk.
    pub fn start() -> Postgres {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let bin = versions.map(|version| version.path().join("bin")).find(|bin| bin.join("initdb").exists());
        let bin = bin.expect("PostgreSQL is missing: apt-get install postgresql (scripts/test does)");
        assert!(Path::new(TABLES).exists(), "{TABLES} is missing: apt-get install ejabberd");
        let dir = std::env::temp_dir().join(format!(
            "stanzagate-postgres-{}-{:x}",
            std::process::id(),
            rand::random::<u32>()
        ));
        std::fs::create_dir(&dir).expect("a folder for PostgreSQL");
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(&dir));
        }
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
        let port = free.port();
        let data = dir.join("data");
        succeed(as_user(&bin.join("initdb")).args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"]).arg(&data));
        let mut server = as_user(&bin.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", "fsync=off", "-c"]).arg(format!("unix_socket_directories={}", dir.display()));
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("PostgreSQL starts");
        let mut this = Postgres { server, bin, dir, port };
        let deadline = Instant::now() + START;
        while !this.psql(&["-c", "select 1"]).status.success() {
            let log = || std::fs::read_to_string(this.dir.join("log")).unwrap_or_default();
            assert!(matches!(this.server.try_wait(), Ok(None)), "PostgreSQL ended: {}", log());
            assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let made = this.psql(&["-f", TABLES]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        this
    }

    /// What ejabberd's configuration says of it, for the host that is to use it.
    pub fn settings(&self, indent: &str) -> String {
        let Postgres { port, .. } = self;
        format!(
            "{indent}sql_type: pgsql\n{indent}sql_server: \"127.0.0.1\"\n{indent}sql_port: {port}\n\
             {indent}sql_database: \"postgres\"\n{indent}sql_username: \"postgres\"\n{indent}sql_password: \"\"\n\
             {indent}sql_pool_size: 10\n"
        )
    }

    /// The lines that a query gives.
    pub fn query(&self, sql: &str) -> Vec<String> {
        let answer = self.psql(&["-At", "-c", sql]);
        assert!(answer.status.success(), "{sql}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect()
    }

    fn psql(&self, arguments: &[&str]) -> Output {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
        psql.args(["-p", &self.port.to_string()]).args(arguments).stdin(Stdio::null());
        psql.output().expect("psql runs")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// PostgreSQL does not run as root. It ends when the thread ends that starts it.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
