//! What is scraped: both formats as Prometheus means them, little of it before anything was called, and all that the shipped
//! alerts and the dashboard ask for.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use crate::on_newest;
use crate::support::{Gateway, Server, account};

on_newest!(what_is_scraped_is_as_prometheus_means_it);

const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/alerts.yml");
const OPEN: &str = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";

async fn what_is_scraped_is_as_prometheus_means_it(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let rest = gateway.get("/metrics").await;
    assert_eq!(rest.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    // All four APIs are served: with an empty histogram for each of their endpoints it was 129 kB.
    assert!(rest.text.len() < 24_000, "{} bytes:\n{}", rest.text.len(), rest.text);
    for counter in [
        "stanzagate_messages_total{to=\"user\",result=\"ok\"} 0",
        "stanzagate_messages_total{to=\"room\",result=\"outcome_unknown\"} 0",
        "stanzagate_http_requests_total{dialect=\"qtalk\",endpoint=\"send_thirdmessage\",outcome=\"ok\"} 0",
        "stanzagate_http_over_share_total{what=\"connections\"} 0",
        "stanzagate_link_dropped_total{reason=\"unmatched\"} 0",
        concat!("stanzagate_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(rest.text.lines().any(|line| line == counter), "{counter} is not in\n{}", rest.text);
    }

    let (alice, bob) = (account(&rig, "alice"), account(&rig, "bob"));
    for to in [&bob.jid, "nobody@example.org"] {
        let body = json!({"from": alice.jid, "to": to, "message": "<message type='chat'><body>x</body></message>"});
        gateway.post("/qtalk/send_thirdmessage", &body).await;
    }
    let text = gateway.get("/metrics").await.text;
    let open = gateway.request(|http, url| http.get(format!("{url}/metrics")).header("accept", OPEN)).await;
    assert_eq!(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text.ends_with("# EOF\n"), "{}", open.text);
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    for sample in [
        "stanzagate_messages_total{to=\"user\",result=\"ok\"} 1",
        "stanzagate_messages_total{to=\"user\",result=\"unknown_user\"} 1",
        "stanzagate_http_request_seconds_count{dialect=\"qtalk\",endpoint=\"send_thirdmessage\"} 2",
    ] {
        assert!(text.lines().any(|line| line == sample) && open.text.contains(sample), "{sample} is not in\n{text}");
    }
    for process in ["cpu_seconds_total", "resident_memory_bytes", "start_time_seconds", "open_fds", "max_fds"] {
        let value =
            text.lines().find_map(|line| line.strip_prefix(&format!("process_{process} "))?.parse::<f64>().ok());
        assert!(value.is_some_and(|value| value > 0.0), "process_{process} is not in\n{text}");
    }
    promtool(&["check", "metrics"], &text);
    promtool(&["check", "rules", ALERTS], "");

    let alerts = std::fs::read_to_string(ALERTS).expect("the alerts");
    let dashboard: Value = serde_json::from_str(include_str!("../../config/prometheus/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let asked = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let asked = asked.map(|target| target["expr"].as_str().expect("a query"));
    let names: BTreeSet<&str> = asked.chain([alerts.as_str()]).flat_map(metrics_in).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(text.lines().any(|line| line.starts_with(name)), "nothing is called {name}\n{text}");
    }
    gateway.shutdown().await;
}

/// The names of metrics in queries.
fn metrics_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("stanzagate_") || word.starts_with("process_"))
}

/// Runs Prometheus' own checker, which must have nothing to say.
fn promtool(args: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool (Debian: prometheus)");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("a reader");
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "promtool {args:?}: {said}");
}
