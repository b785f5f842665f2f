//! The program itself as a child process, on a server of the rig.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stanzagate::dev::Rig;

/// A running `stanzagate serve`. Killed with the test.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    pub url: String,
}

impl Process {
    /// Starts it on the rig's server; `settings` are further ones, by environment variable. Waits until it is ready.
    pub async fn start(rig: &Rig, settings: &[(&str, &str)]) -> Process {
        let config = rig.gateway_config();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
        command.arg("serve").env_clear().stdout(Stdio::null()).stderr(Stdio::piped());
        let mut set = |key: &str, value: &str| {
            command.env(format!("STANZAGATE_{key}"), value);
        };
        set("SERVER__DOMAIN", rig.domain());
        set("COMPONENT__NAME", rig.component_name());
        set("COMPONENT__SECRET", rig.component_secret());
        set("COMPONENT__ADDRESS", &rig.component_addr().to_string());
        set("C2S__ADDRESS", &rig.c2s_addr().to_string());
        set("C2S__TLS", "none");
        set("HTTP__LISTEN", "127.0.0.1:0");
        set("ADMIN__ENABLED", "false");
        set("QTALK__AUTH", "none");
        set("LOG__FORMAT", "json");
        if let Some(url) = &config.sessions.oauth_url {
            set("SESSIONS__GRANT", "oauth");
            set("SESSIONS__OAUTH_URL", url);
        }
        for (key, value) in settings {
            set(key, value);
        }
        let mut child = command.spawn().expect("the program starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stderr.take().expect("its standard error"));
        let written = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                written.lock().expect("lines").push(line);
            }
        });
        let mut process = Process { child, lines, url: String::new() };
        let listening = process.line("\"listening\"").await;
        let address = serde_json::from_str::<serde_json::Value>(&listening).expect("a JSON line")["addr"].clone();
        process.url = format!("http://{}", address.as_str().expect("an address"));
        let http = reqwest::Client::new();
        for _ in 0..500 {
            let answer = http.get(format!("{}/health/ready", process.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not ready:\n{}", process.log());
    }

    /// The first log line that contains `text`.
    pub async fn line(&self, text: &str) -> String {
        for _ in 0..1000 {
            if let Some(line) = self.lines.lock().expect("lines").iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no line with {text:?} in:\n{}", self.log());
    }

    /// All lines so far.
    pub fn log(&self) -> String {
        self.lines.lock().expect("lines").join("\n")
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().expect("kill").success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        for _ in 0..4000 {
            if let Some(status) = self.child.try_wait().expect("the child") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not end:\n{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
