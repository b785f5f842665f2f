//! What was found in the recipients' archives survives the death of the server: none is missing, none is there twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::Value;
use stanzagate::config::sessions::Grant;

use super::{SEND, chat, entry};
use crate::support::element::body;
use crate::support::{Account, Client, Gateway, Server, account, fresh};

crate::on_all_servers!(what_was_found_archived_survives_a_servers_death);

/// Acknowledged messages, unless `STANZAGATE_TEST_MESSAGES` says how many; and in one call.
const MESSAGES: usize = 1000;
const BATCH: usize = 50;
const WORKERS: usize = 4;

async fn what_was_found_archived_survives_a_servers_death(server: Server) {
    let messages = std::env::var("STANZAGATE_TEST_MESSAGES").map_or(MESSAGES, |n| n.parse().expect("a number"));
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |config| config.qtalk.sender_copy = false).await;
    // Some are online, whose own processes archive on ejabberd; the others are not.
    let people: Vec<Account> = (0..WORKERS).map(|_| account(&rig, "to")).collect();
    let online = join_all(people.iter().take(WORKERS / 2).map(|one| Client::login(&rig, one))).await;
    let acknowledged = AtomicUsize::new(0);
    let begun = Instant::now();
    let worker = async |to: &Account| {
        let (mut found, mut failed) = (Vec::new(), 0);
        loop {
            let texts: Vec<String> = (0..BATCH).map(|_| fresh("kill")).collect();
            let batch: Vec<Value> = texts.iter().map(|text| entry("alice@example.org", &to.jid, &chat(text))).collect();
            let body = Value::from(batch).to_string();
            let request = |http: &reqwest::Client, url: &str| {
                http.post(format!("{url}{SEND}")).header("x-stanzagate-wait", "archived").body(body)
            };
            let reply = gateway.request(request).await;
            let ids = reply.json["data"]["archive_ids"].as_array().map(|ids| ids.iter().all(Value::is_string));
            if reply.ret() {
                assert_eq!(ids, Some(true), "{}", reply.text);
                acknowledged.fetch_add(texts.len(), Ordering::SeqCst);
                found.extend(texts);
            } else if acknowledged.load(Ordering::SeqCst) >= messages {
                // The server is dead. Those of a batch that did not fail are archived, too.
                let failures = reply.json["data"]["failed"].as_array().cloned().unwrap_or_default();
                let failures: Vec<u64> = failures.iter().filter_map(|part| part["index"].as_u64()).collect();
                let others = texts.into_iter().zip(0..).filter(|(_, n)| !failures.is_empty() && !failures.contains(n));
                found.extend(others.map(|(text, _)| text));
                return (found, failed);
            } else {
                // One that is slow under load is of unknown outcome, which is not wrong.
                assert!([8, 13].contains(&reply.errcode()), "{}", reply.text);
                failed += 1;
            }
        }
    };
    let kill = async {
        while acknowledged.load(Ordering::SeqCst) < messages {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let took = begun.elapsed();
        tokio::task::block_in_place(|| rig.kill_server()).expect("the server dies");
        took
    };
    let (results, took) = tokio::join!(join_all(people.iter().map(worker)), kill);
    drop(online);
    tokio::task::block_in_place(|| rig.start_server()).expect("the server starts again");
    let (mut total, mut missing, mut twice) = (0, Vec::new(), Vec::new());
    for (one, (found, failed)) in people.iter().zip(&results) {
        assert!(*failed < 3, "{failed} calls of unknown outcome before the server died");
        let archive = Client::connect(&rig, one, Some("reader")).await.mam(None).await;
        let mut counts = HashMap::<String, usize>::new();
        for text in archive.iter().filter_map(body) {
            *counts.entry(text).or_default() += 1;
        }
        total += found.len();
        missing.extend(found.iter().filter(|text| !counts.contains_key(*text)));
        twice.extend(counts.into_iter().filter(|(_, count)| *count > 1));
    }
    println!("{server:?}: {total} acknowledged, {messages} of them in {took:?}, {} missing", missing.len());
    assert!(total >= messages && missing.is_empty() && twice.is_empty(), "of {total}: {missing:?} twice {twice:?}");
    gateway.shutdown().await;
}
