//! A server from the files that its package comes with, in a folder of its own and on ports of its own, for `stanzagate setup`.

mod programs;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rand::Rng;

use super::servers::Server;

/// The domain of the accounts, set by the means that an operator has.
pub const DOMAIN: &str = "example.org";
/// The password of the accounts alice and bob.
pub const PASSWORD: &str = "password-of-everybody";
/// The room that is there before the gateway comes, on a server that has rooms, and what alice's bookmarks name.
pub const ROOM: &str = "before@conference.example.org";
/// Makes the accounts, a room and a bookmark, and says that ejabberd has started.
const START: &str = r#"
[ejabberd_auth:try_register(User, <<"example.org">>, <<"@PASSWORD@">>) || User <- [<<"alice">>, <<"bob">>]].
ok = mod_muc_admin:create_room_with_opts(<<"before">>, <<"conference.example.org">>, <<"example.org">>,
    [{<<"persistent">>, <<"true">>}, {<<"title">>, <<"Of before">>}]).
{_, _} = {kept, mod_private:set_data(jid:make(<<"alice">>, <<"example.org">>), [{<<"storage:bookmarks">>,
    {xmlel, <<"storage">>, [{<<"xmlns">>, <<"storage:bookmarks">>}],
        [{xmlel, <<"conference">>, [{<<"jid">>, <<"before@conference.example.org">>}, {<<"autojoin">>, <<"true">>}], []}]}}])}.
ok = file:write_file("@READY@", <<>>).
"#;

/// A server's files, and the programs that run on them.
pub struct Stock {
    server: Server,
    root: Option<PathBuf>,
    dir: tempfile::TempDir,
    inside: PathBuf,
    owner: (u32, u32),
    /// The port of clients, without TLS; that of the gateway.
    pub c2s: SocketAddr,
    pub http: SocketAddr,
    component: SocketAddr,
    /// A port that nobody uses.
    pub spare: SocketAddr,
    /// Whether clients can get files by a port that the server has already: no set-up opens one for them.
    pub serves_files: bool,
    running: Vec<(Child, &'static str)>,
}

impl Stock {
    /// From the package's files, as [`Stock::with`].
    pub fn new(server: Server) -> Stock {
        let file = if server.is_ejabberd() { "etc/ejabberd/ejabberd.yml" } else { "etc/prosody/prosody.cfg.lua" };
        Stock::with(server, |base| std::fs::read_to_string(base.join(file)).expect("the package's stock file"))
    }

    /// From the files that version 0.1.0 had an operator copy and edit.
    pub fn of_0_1_0(server: Server) -> Stock {
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stock/0.1.0");
        let read = |name: &str| std::fs::read_to_string(files.join(name)).expect("a file of 0.1.0");
        if server.is_ejabberd() {
            let mut stock = Stock::with(server, |_| read("ejabberd.yml"));
            stock.serves_files = false;
            return stock;
        }
        let stock = Stock::with(server, |_| read("prosody.cfg.lua"));
        stock.write("stanzagate.pfw", &read("stanzagate.pfw"));
        // What the file says by variables, the gateway's own file has said since then.
        let gateway = std::fs::read_to_string(stock.outside("gateway/stanzagate.toml")).expect("the gateway's file");
        let component = format!(
            "\n[component]\naddress = \"{}\"\nname = \"gw.{DOMAIN}\"\nsecret = \"change-me\"\n[c2s]\naddress = \"{}\"\n",
            stock.component, stock.c2s
        );
        stock.write("gateway/stanzagate.toml", &(gateway + &component));
        stock
    }

    /// Copies the files, the main one from `text` of the root; its ports and paths are private ones, and the domain is
    /// set. Nothing else is changed.
    pub fn with(server: Server, text: impl FnOnce(&Path) -> String) -> Stock {
        let root = server.root();
        let (user, parent) =
            (server.product().name(), root.as_ref().map_or_else(std::env::temp_dir, |root| root.join("tmp")));
        let dir = tempfile::Builder::new().prefix("stanzagate-setup-").tempdir_in(parent).expect("a folder");
        let inside = match &root {
            None => dir.path().to_owned(),
            Some(root) => Path::new("/").join(dir.path().strip_prefix(root).expect("a path in the root")),
        };
        let base = root.clone().unwrap_or_else(|| "/".into());
        let passwd = std::fs::read_to_string(base.join("etc/passwd")).expect("the users");
        let entry = passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).expect("the package's user");
        let ids: Vec<u32> = entry.split(':').skip(2).take(2).map(|id| id.parse().expect("a number")).collect();
        let mut ports = free_ports().into_iter();
        let mut port = || ports.next().expect("a free port");
        let stock = Stock {
            server,
            root,
            dir,
            inside,
            owner: (ids[0], ids[1]),
            c2s: port(),
            http: port(),
            component: port(),
            spare: port(),
            serves_files: true,
            running: Vec::new(),
        };
        for folder in ["data", "log", "conf.d", "certs", "modules", "gateway"] {
            stock.make(folder);
        }
        let gateway = if server.is_ejabberd() {
            stock.ejabberd(&base, &text(&base), &mut port)
        } else {
            stock.prosody(&text(&base), &mut port)
        };
        let http = format!(
            "[http]\nlisten = \"{}\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[log]\nlevel = \"warn\"\n{gateway}",
            stock.http
        );
        stock.write("gateway/stanzagate.toml", &http);
        stock
    }

    /// The stock file of ejabberd. Returns what the gateway's file says before: ports that nobody else takes meanwhile.
    fn ejabberd(&self, base: &Path, text: &str, port: &mut dyn FnMut() -> SocketAddr) -> String {
        let mut config = String::new();
        let api = port();
        for line in text.lines() {
            let line = match line.trim() {
                // What 0.1.0 had an operator set.
                "COMPONENT_PORT: 5347" => format!("  COMPONENT_PORT: {}", self.component.port()),
                "CLIENT_PORT: 5222" => format!("  CLIENT_PORT: {}", self.c2s.port()),
                "CLIENT_TLS: true" => "  CLIENT_TLS: false".to_owned(),
                "API_PORT: 5280" => format!("  API_PORT: {}", api.port()),
                l if l.starts_with("CERTIFICATES: ") => format!("  CERTIFICATES: {:?}", self.inside("ejabberd.pem")),
                l if l.starts_with("ARCHIVE_FILE: ") => format!("  ARCHIVE_FILE: {:?}", self.inside("data/archive")),
                "- localhost" => line.replace("localhost", DOMAIN),
                r#"ip: "::""# => line.replace("::", "127.0.0.1"),
                l if l.starts_with("port: ") => line.replace(l, &format!("port: {}", port().port())),
                _ => line.replace("/etc/ejabberd/ejabberd.pem", &self.inside("ejabberd.pem")),
            };
            config.push_str(&line);
            config.push('\n');
        }
        assert!(config.contains(&format!("  - {DOMAIN}\n")), "the stock file is another one");
        self.write("ejabberd.yml", &config);
        let copy = |from: &str, to: &str| {
            self.write(to, &std::fs::read_to_string(base.join(from)).unwrap_or_else(|error| panic!("{from}: {error}")));
        };
        copy("etc/ejabberd/ejabberd.pem", "ejabberd.pem");
        copy("etc/default/ejabberd", "ejabberdctl.cfg");
        let start = START.replace("@PASSWORD@", PASSWORD).replace("@READY@", &self.inside("ready"));
        self.write("start.erl", &start);
        format!(
            "\n[component]\naddress = \"{}\"\n\n[c2s]\naddress = \"{}\"\n\n[sessions]\noauth_url = \"http://{}/api\"\n",
            self.component, self.c2s, api
        )
    }

    /// The stock file of Prosody. Clients may come without TLS, which the tests' own has not; the gateway uses it.
    fn prosody(&self, text: &str, port: &mut dyn FnMut() -> SocketAddr) -> String {
        let ours = format!(
            "admin_socket = {:?}\ndata_path = {:?}\nc2s_ports = {{ {} }}\ns2s_ports = {{ }}\nc2s_direct_tls_ports = {{ }}\n\
             http_ports = {{ {} }}\nhttps_ports = {{ }}\ncomponent_ports = {{ {} }}\nc2s_require_encryption = false\n\n",
            self.inside("prosody.sock"),
            self.inside("data"),
            self.c2s.port(),
            port().port(),
            self.component.port()
        );
        let host = "VirtualHost \"localhost\"";
        let of_0_1_0 = text.contains("ENV_STANZAGATE_COMPONENT_PORT");
        assert!(text.contains(host) || of_0_1_0, "the stock file is another one");
        let (c2s, component) = (self.c2s.port(), self.component.port());
        let text = text
            .replace(host, &format!("VirtualHost \"{DOMAIN}\""))
            .replace("or \"5347\"", &format!("or \"{component}\""))
            .replace("or \"5222\"", &format!("or \"{c2s}\""))
            .replace("~= \"no\"", "== \"yes\"")
            .replace("/usr/local/lib/prosody/modules", &self.inside("modules"))
            .replace("/run/prosody/prosody.pid", &self.inside("prosody.pid"))
            .replace("/var/log/prosody/", &self.inside("log/"));
        // That file has no folder for modules of one's own: the usual one is not the test's.
        let modules =
            if of_0_1_0 { format!("plugin_paths = {{ {:?} }}\n", self.inside("modules")) } else { String::new() };
        self.write("prosody.cfg.lua", &(ours + &modules + &text));
        // What `prosodyctl cert generate` makes: a certificate of its own authority.
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "30",
                "-subj",
                &format!("/CN={DOMAIN}"),
                "-keyout",
            ])
            .arg(self.outside(&format!("certs/{DOMAIN}.key")))
            .arg("-out")
            .arg(self.outside(&format!("certs/{DOMAIN}.crt")))
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for end in ["key", "crt"] {
            self.own(&self.outside(&format!("certs/{DOMAIN}.{end}")), 0o600);
        }
        String::new()
    }

    /// A path in the folder, as the programs in the root see it.
    pub fn inside(&self, name: &str) -> String {
        self.inside.join(name).display().to_string()
    }

    /// The same as this process sees it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The name of the server's configuration.
    pub fn config(&self) -> &'static str {
        if self.server.is_ejabberd() { "ejabberd.yml" } else { "prosody.cfg.lua" }
    }

    fn own(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        chown(path, Some(self.owner.0), Some(self.owner.1)).expect("an owner");
    }

    fn make(&self, name: &str) {
        let path = self.outside(name);
        std::fs::create_dir(&path).expect("a folder");
        self.own(&path, 0o755);
        self.own(self.dir.path(), 0o755);
    }

    /// Writes a file of the server's user.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.outside(name);
        std::fs::write(&path, text).expect("a file");
        self.own(&path, 0o640);
    }

    /// The program, in the root where there is one.
    pub fn stanzagate(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_stanzagate");
        let mut command = match &self.root {
            None => Command::new(program),
            Some(root) => {
                let copy = self.outside("stanzagate");
                if !copy.exists() {
                    std::fs::copy(program, &copy).expect("a copy of the program");
                }
                let mut command = Command::new("chroot");
                command.arg(root).arg(self.inside("stanzagate"));
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs `stanzagate setup` on the server's file.
    pub fn setup(&self, more: &[&str]) -> Output {
        let (config, gateway, data) =
            (self.inside(self.config()), self.inside("gateway/stanzagate.toml"), self.inside("data"));
        let arguments =
            ["setup", self.server.product().name(), "--config", &config, "--gateway-config", &gateway, "--data", &data];
        self.stanzagate(&[&arguments, more].concat()).output().expect("the program")
    }

    /// All files that `setup` may touch, with their bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in [".", "conf.d", "modules", "gateway"] {
            for entry in std::fs::read_dir(self.outside(folder)).expect("a folder").flatten() {
                let name = entry.file_name();
                let kept = ["ready", "stanzagate", "prosody.pid", "prosody.sock"].iter().all(|other| name != *other);
                if kept && entry.file_type().expect("a type").is_file() {
                    files.insert(entry.path(), std::fs::read(entry.path()).expect("a file"));
                }
            }
        }
        files
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ports of loopback that nobody has now, all different. They lie below those from which outgoing connections are made.
fn free_ports() -> Vec<SocketAddr> {
    let try_one = || TcpListener::bind(("127.0.0.1", rand::rng().random_range(10_240..32_000))).ok();
    let listeners: Vec<_> = std::iter::repeat_with(try_one).flatten().take(24).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address")).collect()
}
