//! Client streams over TLS, with certificates of an authority of our own: STARTTLS on ejabberd, both kinds on Prosody.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stanzagate::config::Config;
use stanzagate::config::c2s::Tls;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig};
use stanzagate::session::{SessionError, Sessions};

use crate::session_support::*;

fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl: install the package of that name");
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Makes an authority (`ca.pem`), and a key with a certificate of its for `name` (`key.pem`, `cert.pem`).
fn certify(dir: &Path, name: &str) {
    std::fs::write(dir.join("san"), format!("subjectAltName=DNS:{name}")).expect("written");
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(dir, &format!("req -x509 {new} -keyout ca-key.pem -out ca.pem -subj /CN=test-authority -days 2"));
    openssl(dir, &format!("req {new} -keyout key.pem -out request.pem -subj /CN={name}"));
    openssl(dir, "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -extfile san -days 2 -out cert.pem");
}

/// The digest of the folder's certificate, as `c2s.pin` takes it.
fn fingerprint(dir: &Path) -> String {
    let done = Command::new("openssl")
        .args(["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"])
        .current_dir(dir)
        .output()
        .expect("openssl");
    let text = String::from_utf8(done.stdout).expect("text");
    format!("sha256:{}", text.trim().split('=').nth(1).expect("a digest"))
}

fn with_tls(rig: &Rig, certificate: &Path) {
    let pem = ["cert.pem", "key.pem"].map(|file| std::fs::read_to_string(certificate.join(file)).expect("made"));
    let file = rig.dir().join("ejabberd.yml");
    let config = std::fs::read_to_string(&file).expect("a configuration");
    assert!(config.contains("CLIENT_TLS: false"));
    rig.stop_server().expect("stopped");
    let target = rig.dir().join("server.pem");
    std::fs::write(&target, pem.concat()).expect("written");
    std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("readable");
    std::fs::write(&file, config.replace("CLIENT_TLS: false", "CLIENT_TLS: true")).expect("written");
    rig.start_server().expect("started");
}

fn refusal(result: Result<impl std::fmt::Debug, SessionError>) -> String {
    match result {
        Err(SessionError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_on_ejabberd_needs_the_right_authority_and_name() {
    let (right, wrong) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    certify(right.path(), "example.org");
    certify(wrong.path(), "example.com");
    for root in [None, newest()] {
        let rig = start(Product::Ejabberd, root, Grant::Oauth);
        let password = rig.users()["alice"].clone();
        let with = |tls, ca: Option<PathBuf>| {
            let mut config = rig.gateway_config();
            config.c2s.tls = tls;
            config.c2s.ca_file = ca;
            sessions(config)
        };
        let trusting = with(Tls::Starttls, Some(right.path().join("ca.pem")));
        let why = refusal(trusting.check_password(&call(), &jid("alice"), &password).await);
        assert!(why.contains("does not offer STARTTLS"), "never in clear: {why}");

        with_tls(&rig, right.path());
        let trusting = with(Tls::Starttls, Some(right.path().join("ca.pem")));
        assert!(trusting.check_password(&call(), &jid("alice"), &password).await.expect("an answer"));
        assert!(!trusting.check_password(&call(), &jid("alice"), "wrong").await.expect("an answer"));
        trusting.iq(&call(), &jid("alice"), roster()).await.expect("a session over TLS");
        trusting.drain().await;
        for ca in [None, Some(wrong.path().join("ca.pem"))] {
            let why = refusal(with(Tls::Starttls, ca).check_password(&call(), &jid("alice"), &password).await);
            assert!(why.contains("certificate") && why.contains("c2s.ca_file"), "{why}");
            assert!(why.contains(&pin_of(right.path())), "the very pin: {why}");
        }
        // Without any authority: the certificate itself is named, this one or another one.
        let pinned = |folder: &Path| {
            let mut config = rig.gateway_config();
            (config.c2s.tls, config.c2s.pin) = (Tls::Starttls, Some(fingerprint(folder)));
            sessions(config)
        };
        let trusting = pinned(right.path());
        assert!(trusting.check_password(&call(), &jid("alice"), &password).await.expect("an answer"));
        let why = refusal(pinned(wrong.path()).check_password(&call(), &jid("alice"), &password).await);
        assert!(why.contains("not the one that c2s.pin names") && why.contains(&pin_of(right.path())), "{why}");
        // The server demands encryption of a gateway told to go without.
        let why = refusal(with(Tls::None, None).check_password(&call(), &jid("alice"), &password).await);
        assert!(why.contains("before STARTTLS") && why.contains("set c2s.tls = \"starttls\""), "{why}");
        // No TLS there from the start.
        let why = refusal(with(Tls::Direct, None).check_password(&call(), &jid("alice"), &password).await);
        assert!(why.contains("does not speak TLS") && why.contains("\"starttls\""), "{why}");
    }

    let rig = start(Product::Ejabberd, None, Grant::Oauth);
    with_tls(&rig, wrong.path());
    let mut config = rig.gateway_config();
    config.c2s.tls = Tls::Starttls;
    config.c2s.ca_file = Some(wrong.path().join("ca.pem"));
    let why = refusal(sessions(config).check_password(&call(), &jid("alice"), "any").await);
    assert!(why.contains("must be for example.org"), "a trusted certificate for another name: {why}");
    assert!(why.contains("is for another name"), "{why}");

    // Self-made ones are their own authority, as that of Debian's ejabberd.
    let own = tempfile::tempdir().expect("a folder");
    let made =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=ejabberd";
    openssl(own.path(), &format!("{made} -days 2"));
    let pem = ["cert.pem", "key.pem"].map(|file| std::fs::read_to_string(own.path().join(file)).expect("made"));
    rig.stop_server().expect("stopped");
    std::fs::write(rig.dir().join("server.pem"), pem.concat()).expect("written");
    rig.start_server().expect("started");
    let mut config = rig.gateway_config();
    config.c2s.tls = Tls::Starttls;
    let why = refusal(sessions(config.clone()).check_password(&call(), &jid("alice"), "any").await);
    assert!(why.contains("is an authority's") && why.contains(&pin_of(own.path())), "{why}");
    config.c2s.pin = Some(pin_of(own.path()));
    let trusting = sessions(config);
    assert!(!trusting.check_password(&call(), &jid("alice"), "any").await.expect("an answer"), "the very pin");
}

/// As the messages name it.
fn pin_of(dir: &Path) -> String {
    fingerprint(dir).replace(':', "").to_lowercase().replacen("sha256", "sha256:", 1)
}

/// One side speaks TLS and the other does not, at ejabberd's HTTP API.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_speaks_tls_or_not_is_told_apart() {
    let rig = start(Product::Ejabberd, None, Grant::Oauth);
    let prosody = prosody("zoe", "password", "");
    let at = |url: String| {
        let mut config = rig.gateway_config();
        config.sessions.oauth_url = Some(url);
        sessions(config)
    };
    let plain = rig.http_api().expect("an API");
    for (url, words) in [
        (plain.replace("http://", "https://"), ["TLS is not spoken there", "write http://"]),
        (format!("http://127.0.0.1:{}/api", prosody.direct), ["TLS is spoken there", "write https://"]),
        (format!("https://127.0.0.1:{}/api", prosody.direct), ["certificate is not believed", "sessions.oauth_url"]),
        (format!("https://localhost:{}/api", prosody.direct), ["no certificate for that name", "sessions.oauth_url"]),
    ] {
        match at(url.clone()).iq(&call(), &jid("alice"), roster()).await {
            Err(SessionError::Connect(why)) => assert!(words.iter().all(|word| why.contains(word)), "{url}: {why}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

struct Prosody {
    child: Child,
    starttls: u16,
    direct: u16,
    ca: PathBuf,
    _dir: tempfile::TempDir,
}

impl Drop for Prosody {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// A Prosody that speaks TLS only, with one account.
fn prosody(user: &str, password: &str, mechanisms: &str) -> Prosody {
    let dir = tempfile::tempdir().expect("a folder");
    certify(dir.path(), "example.org");
    std::fs::create_dir(dir.path().join("data")).expect("a folder");
    let (starttls, direct) = (free(), free());
    let config = format!(
        r#"
run_as_root = true
data_path = "{d}/data"
pidfile = "{d}/pid"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{d}/log" }} }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {starttls} }}
c2s_direct_tls_ports = {{ {direct} }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
modules_enabled = {{ "saslauth", "tls", "roster", "disco" }}
modules_disabled = {{ "s2s", "http" }}
c2s_require_encryption = true
authentication = "internal_hashed"
disable_sasl_mechanisms = {{ {mechanisms} }}
ssl = {{ certificate = "{d}/cert.pem", key = "{d}/key.pem" }}
c2s_direct_tls_ssl = {{ certificate = "{d}/cert.pem", key = "{d}/key.pem" }}
VirtualHost "example.org"
"#,
        d = dir.path().display()
    );
    let file = dir.path().join("prosody.cfg.lua");
    std::fs::write(&file, config).expect("written");
    let tool = |program: &str| {
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let registered = tool("prosodyctl").args(["register", user, "example.org", password]).status();
    assert!(registered.expect("prosodyctl: install prosody").success());
    let child = tool("prosody").arg("-F").spawn().expect("prosody");
    let ca = dir.path().join("ca.pem");
    let prosody = Prosody { child, starttls, direct, ca, _dir: dir };
    let deadline = Instant::now() + Duration::from_secs(30);
    for port in [starttls, direct] {
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "Prosody does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    prosody
}

fn towards(prosody: &Prosody, tls: Tls) -> Sessions {
    let mut config = Config::default();
    let port = if tls == Tls::Direct { prosody.direct } else { prosody.starttls };
    config.c2s.address = format!("127.0.0.1:{port}");
    config.c2s.tls = tls;
    config.c2s.ca_file = Some(prosody.ca.clone());
    sessions(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn unicode_passwords_over_both_kinds_of_tls() {
    let password = "пароль-密码-caf\u{e9}";
    for mechanisms in ["", "\"SCRAM-SHA-1\", \"SCRAM-SHA-1-PLUS\""] {
        let prosody = prosody("zoé,=x", password, mechanisms);
        for tls in [Tls::Starttls, Tls::Direct] {
            let sessions = towards(&prosody, tls);
            let zoe = jid("zoé,=x");
            assert!(sessions.check_password(&call(), &zoe, password).await.expect("an answer"), "{tls:?}");
            // The same password typed on another keyboard: SASLprep makes both one.
            let decomposed = "пароль-密码-cafe\u{301}";
            assert!(sessions.check_password(&call(), &zoe, decomposed).await.expect("an answer"), "{tls:?}");
            assert!(!sessions.check_password(&call(), &zoe, "пароль-密码-cafe").await.expect("an answer"));
        }
    }
}
