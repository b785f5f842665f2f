//! The program itself: exit codes, signals, the health check that containers use, and the calls that `dev` prints.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// The program with an environment of its own: an XMPP server that is not there.
fn stanzagate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.args(arguments).env_clear().stderr(Stdio::piped()).stdout(Stdio::null());
    for (key, value) in [
        ("SERVER__DOMAIN", "example.org"),
        ("COMPONENT__NAME", "gw.example.org"),
        ("COMPONENT__SECRET", "secret"),
        ("COMPONENT__ADDRESS", "127.0.0.1:1"),
        ("QTALK__AUTH", "none"),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("LOG__FORMAT", "json"),
    ] {
        command.env(format!("STANZAGATE_{key}"), value);
    }
    command
}

/// A running gateway, ended with the test.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
    addr: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut running = Self { child, lines, addr: String::new() };
        let line: serde_json::Value = serde_json::from_str(&running.line("listening")).unwrap();
        running.addr = line["addr"].as_str().unwrap().to_owned();
        running
    }

    /// The next log line that contains `text`.
    fn line(&mut self, text: &str) -> String {
        let found = self.lines.find_map(|line| line.ok().filter(|line| line.contains(text)));
        found.unwrap_or_else(|| panic!("it ended without saying {text:?}"))
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    fn healthcheck(&self, path: &str) -> (Option<i32>, String) {
        let url = format!("http://{}{path}", self.addr);
        let output = stanzagate(&["healthcheck", "--url", &url]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_configuration_that_cannot_work_is_exit_code_2_with_the_reason() {
    for (arguments, variable, reason) in [
        (&["serve", "--listen", "nowhere"][..], ("X", ""), "--listen: http.listen: is not an address and port"),
        (&["serve", "--config", "/nowhere/at/all"], ("X", ""), "/nowhere/at/all: cannot read this file"),
        (&["check"], ("STANZAGATE_SERVER__DOMAIN", ""), "STANZAGATE_SERVER__DOMAIN: server.domain: missing"),
        (&["serve", "--listen", "0.0.0.0:0"], ("X", ""), "qtalk.auth: would be open to the world"),
        (&["serve", "--no-such-flag"], ("X", ""), "--no-such-flag"),
    ] {
        let output = stanzagate(arguments).env(variable.0, variable.1).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{reason:?} is not in {said}");
    }
}

#[test]
fn the_settings_that_count_are_shown_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stanzagate.toml");
    let text = "[maxleap]\nenabled = true\n[[maxleap.apps]]\nid = \"shop\"\nkeys = [\"open-sesame-0123456789\"]\n";
    std::fs::write(&file, text).unwrap();
    let shown = |more: &[&str]| {
        let mut command = stanzagate(&["config", "--config", file.to_str().unwrap()]);
        let output = command.args(more).stdout(Stdio::piped()).output().unwrap();
        let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), out, errors)
    };
    // A name is as good as an address.
    let (code, out, errors) = shown(&["--listen", "localhost:10077"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let table: toml::Table = out.parse().expect(&out);
    assert_eq!(table["component"]["name"].as_str(), Some("gw.example.org"));
    assert_eq!(table["http"]["request_seconds"].as_integer(), Some(30), "a default is not shown");
    let listen: std::net::SocketAddr = table["http"]["listen"].as_str().unwrap().parse().unwrap();
    assert!(listen.ip().is_loopback() && listen.port() == 10077, "{listen}");
    assert_eq!(table["maxleap"]["apps"][0]["keys"][0].as_str(), Some("(secret)"));
    assert_eq!(table["component"]["secret"].as_str(), Some("(secret)"));
    assert!(!out.contains("open-sesame") && !out.contains("\"secret\""), "{out}");
    // All that is wrong is said at once.
    std::fs::write(&file, text.to_owned() + "[http]\nrequests = 0\nconnections = 0\n").unwrap();
    let (code, out, errors) = shown(&[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("http.requests") && errors.contains("http.connections"), "{errors}");
    let (code, _, errors) = shown(&["--listen", "nowhere.invalid:1"]);
    assert!(code == Some(2) && errors.contains("localhost:10050"), "{errors}");
}

#[test]
fn systemd_is_told_when_it_serves_that_it_lives_and_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = || {
        let mut bytes = [0; 4096];
        let size = socket.recv(&mut bytes).expect("a word to systemd");
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    };
    let mut command = stanzagate(&["serve"]);
    let mut running = Running::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "500000"));
    let first = told();
    assert!(first.starts_with("READY=1\n") && first.contains(&running.addr), "{first}");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1\n");
    }
    running.signal("TERM");
    let last = std::iter::repeat_with(told).find(|text| !text.starts_with("WATCHDOG")).unwrap();
    assert!(last.starts_with("STOPPING=1\n"), "{last}");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_health_check_says_why_it_failed() {
    let output = stanzagate(&["healthcheck", "--url", "http://127.0.0.1:1/health/ready"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn an_address_in_use_is_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = stanzagate(&["serve", "--listen", &addr]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {addr}")), "{said}");
}

#[test]
fn a_signal_ends_it_in_order() {
    let mut running = Running::start(&mut stanzagate(&["serve"]));
    assert_eq!(running.healthcheck("/health/live").0, Some(0));
    let (code, said) = running.healthcheck("/health/ready");
    assert_eq!(code, Some(1));
    assert!(said.contains("the XMPP server is not connected"), "{said}");
    running.signal("TERM");
    running.line("stopped");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(running.healthcheck("/health/live").0, Some(1));
}

#[test]
fn whoever_reads_the_log_too_late_neither_stops_requests_nor_misses_a_line() {
    const REQUESTS: usize = 1000;
    let mut running = Running::start(&mut stanzagate(&["serve"]));
    let mut stream = TcpStream::connect(&running.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = [0; 4096];
    // More than a pipe holds, and nobody reads it.
    for _ in 0..REQUESTS {
        stream.write_all(b"POST /qtalk/muc_users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[]").unwrap();
        let answered = stream.read(&mut answer).unwrap();
        assert!(answer[..answered].starts_with(b"HTTP/1.1 "));
    }
    running.signal("TERM");
    let lines = running.lines.by_ref().map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let logged = lines.filter(|line| line["path"] == "/qtalk/muc_users").count();
    assert_eq!(logged, REQUESTS);
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

/// Ends the gateway and returns all that it has logged since.
fn last_lines(mut running: Running) -> Vec<String> {
    running.signal("TERM");
    running.lines.by_ref().map_while(Result::ok).collect()
}

#[test]
fn when_files_run_out_it_says_so_once_a_second_and_serves_again() {
    let mut command = stanzagate(&[]);
    let program = command.get_program().to_owned();
    let environment: Vec<_> =
        command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
    command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 60; exec \"$0\" serve"]).arg(program).env_clear().envs(environment);
    let running = Running::start(command.stderr(Stdio::piped()).stdout(Stdio::null()));
    let begun = Instant::now();
    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(&running.addr).unwrap()).collect();
    std::thread::sleep(Duration::from_secs(3));
    let lasted = begun.elapsed().as_secs();
    drop(crowd);
    assert_eq!(running.healthcheck("/health/live").0, Some(0));
    let lines = last_lines(running);
    let said: Vec<_> = lines.iter().filter(|line| line.contains("could not be accepted")).collect();
    assert!((2..=lasted + 3).contains(&(said.len() as u64)), "{said:#?}");
    // Each stands for those that were not said.
    let times = |line: &&String| serde_json::from_str::<serde_json::Value>(line).unwrap()["times"].as_u64().unwrap();
    assert!(said.iter().skip(1).all(|line| times(line) > 1), "{said:#?}");
}

#[test]
fn a_proxy_that_is_not_trusted_and_a_name_that_is_not_its_own_are_named_once() {
    let running = Running::start(&mut stanzagate(&["serve"]));
    let ask = |headers: &str| {
        let mut stream = TcpStream::connect(&running.addr).unwrap();
        let head = "POST /qtalk/muc_users HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n";
        stream.write_all(format!("{head}{headers}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for call in 0..20 {
        for header in ["X-Forwarded-For", "X-Real-IP"] {
            assert!(ask(&format!("Host: localhost\r\n{header}: 192.0.2.{call}\r\n")).contains("http.trusted_proxies"));
        }
        assert!(ask("Host: gateway.internal\r\n").contains("http.hosts"));
        ask(&format!("Host: {call}.{}.example\r\n", "x".repeat(100)));
    }
    let lines = last_lines(running);
    // The line of each call has what its caller was told; the warnings are counted here.
    let said =
        |text: &str| lines.iter().filter(|line| line.contains("\"WARN\"") && line.contains(text)).collect::<Vec<_>>();
    let (proxies, names) = (said("http.trusted_proxies"), said("http.hosts"));
    assert!(proxies.len() == 1 && proxies[0].contains("\"proxy\":\"127.0.0.1\""), "{proxies:#?}");
    assert!(names.len() == 8 && names[0].contains("gateway.internal"), "{names:#?}");
    assert!(!lines.iter().any(|line| line.contains(&"x".repeat(65))), "{names:#?}");
}

#[test]
fn whatever_callers_send_the_log_stays_short_and_a_line_a_line() {
    for format in ["json", "text"] {
        let mut command = stanzagate(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("STANZAGATE_LOG__LEVEL", "trace").env("STANZAGATE_LOG__FORMAT", format);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = lines.find_map(|line| line.ok().filter(|line| line.contains("listening"))).unwrap();
        let addr = listening.split("127.0.0.1:").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
        let long = "X".repeat(3000);
        for request in [
            format!("{long} /qtalk/muc_users HTTP/1.1\r\nHost: localhost\r\n"),
            format!(
                "POST /qtalk/{long}?{long} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {long}\r\nX-Request-Id: {long}\r\n"
            ),
            format!("POST /qtalk/muc_users HTTP/1.1\r\nHost: {long}\r\nX-Forwarded-For: {long}\r\n"),
            format!("POST /{long} HTTP/1.1\r\nHost: {}.example\r\n", &long[..200]),
            "POST /a%0aforged%1b[31m HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \u{9b}31m\u{e9}\r\n".to_owned(),
        ] {
            let mut stream = TcpStream::connect(format!("127.0.0.1:{addr}")).unwrap();
            stream.write_all(format!("{request}Connection: close\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        let lines: Vec<String> = lines.map_while(Result::ok).collect();
        child.wait().unwrap();
        assert!(lines.len() > 3, "{lines:#?}");
        for line in &lines {
            assert!(!line.contains(&long[..65]) && line.len() < 1500, "{line}");
            let whole = if format == "json" { line.starts_with("{\"timestamp\":\"2") } else { line.starts_with('2') };
            assert!(whole && !line.chars().any(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn while_it_drains_it_is_not_ready_and_a_second_signal_ends_it_at_once() {
    let mut running = Running::start(stanzagate(&["serve"]).env("STANZAGATE_HTTP__DRAIN_DELAY_SECONDS", "60"));
    running.signal("INT");
    running.line("shutting down");
    let (code, said) = running.healthcheck("/health/ready");
    assert_eq!(code, Some(1));
    assert!(said.contains("the gateway is shutting down"), "{said}");
    running.signal("TERM");
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_calls_that_dev_prints_work_as_they_are_printed() {
    for server in ["ejabberd", "prosody"] {
        let mut dev = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
        dev.args(["dev", "--server", server, "--http", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut dev = dev.spawn().unwrap();
        // Open to the end: it is still being written to.
        let mut text = BufReader::new(dev.stdout.take().unwrap()).lines().map_while(Result::ok);
        let lines: Vec<String> = text.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
        let calls: Vec<&str> = lines.iter().filter_map(|line| line.trim_start().strip_prefix("curl ")).collect();
        assert_eq!(calls.len(), 15, "{lines:#?}");
        let answers = calls.iter().map(|call| {
            let output = Command::new("sh").args(["-c", &format!("curl -fsS {call}")]).output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        });
        let answers: Vec<(bool, String)> = answers.collect();
        let ended = Command::new("kill").arg(dev.id().to_string()).status().unwrap().success() && dev.wait().is_ok();
        assert!(ended);
        for (call, (done, said)) in calls.iter().zip(&answers) {
            assert!(*done && !said.contains(r#""ret":false"#) && !said.contains(r#""fail""#), "{call}\n{said}");
        }
        let answer = |call: &str| &answers[calls.iter().position(|line| line.contains(call)).expect(call)].1;
        assert!(answer("/qtalk/muc_users").contains("bob"), "{answers:?}");
        assert!(answer("/ctx/alice'").contains(r#""friends":["bob"]"#), "{answers:?}");
        assert!(answer("/passengers").contains("x-xmpp-password: "), "{answers:?}");
        assert!(answers[12].1.starts_with(r#"{"key":"#) && answers[14].1.contains(r#""count":1"#), "{answers:?}");
    }
}
