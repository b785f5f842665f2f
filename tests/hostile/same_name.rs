//! Two gateways under one name: ejabberd lets both in and spreads the answers over them, Prosody one at a time.

use std::process::Command;
use std::time::{Duration, Instant};

use stanzagate::config::sessions::Grant;

use crate::on_oldest_and_newest;
use crate::process::Process;
use crate::support::{Gateway, Server};

on_oldest_and_newest!(two_gateways_of_one_name_are_told);

async fn two_gateways_of_one_name_are_told(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let first = Gateway::start(&rig, |_| {}).await;
    let alone = first.get("/health/ready").await;
    assert_eq!((alone.status.as_u16(), alone.text.as_str()), (200, r#"{"status":"ready"}"#));

    // Beside a gateway that it cannot ask `check` would cost that one calls and see nothing that is true.
    let listen = first.url().trim_start_matches("http://").to_owned();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
        command.args(["check", "--listen", &listen]).env_clear().env("STANZAGATE_ADMIN__ENABLED", "false");
        command.env("STANZAGATE_SERVER__DOMAIN", rig.domain()).env("STANZAGATE_QTALK__AUTH", "none");
        command.env("STANZAGATE_COMPONENT__NAME", rig.component_name());
        command.env("STANZAGATE_COMPONENT__SECRET", rig.component_secret());
        command.env("STANZAGATE_COMPONENT__ADDRESS", rig.component_addr().to_string());
        command
    };
    let refused = check().output().expect("the program runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("a gateway runs at") && said.contains("--anyway"), "{said}");

    let second = Process::start(&rig, &[]).await;
    // Both are let in by ejabberd, and each gets a part of the answers; of Prosody one of the two is shut out at any time.
    let told = |text: &str| match server.is_ejabberd() {
        true => text.contains("\"warnings\":[\"another gateway is connected"),
        false => text.contains("another connection uses this component name"),
    };
    let start = Instant::now();
    let (mut by_first, mut by_second) = (false, false);
    while !(by_first && by_second) {
        let other = reqwest::get(format!("{}/health/ready", second.url)).await.expect("an answer");
        let (one, other) = (first.get("/health/ready").await.text, other.text().await.expect("a text"));
        (by_first, by_second) = (by_first || told(&one), by_second || told(&other));
        // No call comes to either of them.
        assert!(start.elapsed() < Duration::from_secs(25), "{one} {other}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("told after {:?}", start.elapsed());
    if server.is_ejabberd() {
        let metrics = first.get("/metrics").await.text;
        let counted = metrics.lines().find_map(|line| line.strip_prefix("stanzagate_link_foreign_answers_total "));
        assert!(counted.is_some_and(|count| count != "0"), "{metrics}");
        assert!(metrics.contains("stanzagate_link_shared{component=\"gw.example.org\"} 1\n"), "{metrics}");
        second.line("another gateway is connected under this name").await;

        // Who of the three gets an answer is chance: the others ask much, and yet in one run `check` may get none of theirs.
        let calls = tokio::spawn(calls(format!("{}/qtalk/get_user_nick", first.url())));
        let mut said = String::new();
        for _ in 0..3 {
            let anyway = check().args(["--anyway"]).output().expect("the program runs");
            said = String::from_utf8_lossy(&anyway.stdout).into_owned();
            assert!(!anyway.status.success(), "{said}");
            if said.contains("another gateway") {
                break;
            }
        }
        calls.abort();
        assert!(said.contains("another gateway is connected as gw.example.org"), "{said}");
        assert!(!said.contains("mod_privilege"), "{said}");
    }
    drop(second);
    first.shutdown().await;
}

/// Calls that ask the server, one after the other is begun, whatever becomes of them.
async fn calls(url: String) {
    let client = reqwest::Client::new();
    for n in 0.. {
        let asked = serde_json::json!({"ID": format!("nobody{n}"), "Domain": "example.org"});
        tokio::spawn(client.post(&url).json(&asked).send());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
