//! A server that dies and a gateway that is ended, under load: what was acknowledged is in the archive, once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use tokio_xmpp::minidom::Element;

use super::process::Process;
use crate::on_oldest_and_newest;
use crate::support::element::body;
use crate::support::{Account, Client, Gateway, Server, fresh};

on_oldest_and_newest!(what_is_acknowledged_survives_a_servers_death, a_gateway_that_is_ended_answers_what_it_took);

const MESSAGES: usize = 300;
const WORKERS: usize = 8;
/// Longer than a request waits for a connection.
const OUTAGE: Duration = Duration::from_secs(3);
const OUTCOME_UNKNOWN: i64 = 8;
const UNAVAILABLE: i64 = 14;

fn known(rig: &Rig, name: &str) -> Account {
    Account { name: name.into(), password: rig.users()[name].clone(), jid: format!("{name}@{}", rig.domain()) }
}

/// How often each body is among these messages.
fn counted(messages: &[Element]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for text in messages.iter().filter_map(body) {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

async fn what_is_acknowledged_survives_a_servers_death(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let create = json!({"muc_id": "faultroom", "muc_owner": "alice", "muc_domain": rig.rooms()});
    gateway.post("/qtalk/create_muc", &create).await.expect_success();
    let room = format!("faultroom@{}", rig.rooms());
    let (next, done, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let prefix = fresh("fault");
    let worker = async || {
        let mut acknowledged = Vec::new();
        let mut failed = HashSet::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            // The load goes on over the whole outage, and after it.
            if n >= MESSAGES && over.load(Ordering::Relaxed) {
                return (acknowledged, failed);
            }
            let (to, kind) = if n % 2 == 0 { ("bob@example.org", "chat") } else { (room.as_str(), "groupchat") };
            let text = format!("{prefix}.{n}.");
            let xml = format!("<message type='{kind}'><body>{text}</body></message>");
            let letter = json!({"from": "alice@example.org", "to": to, "message": xml});
            let reply = gateway.post("/qtalk/send_thirdmessage", &letter).await;
            match reply.errcode() {
                0 => acknowledged.push(text),
                code => {
                    assert!([OUTCOME_UNKNOWN, UNAVAILABLE, 7].contains(&code), "{} {}", reply.status, reply.text);
                    assert_eq!(reply.status.as_u16() == 503, code == UNAVAILABLE, "{} {}", reply.status, reply.text);
                    failed.insert(code);
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
            if !failed.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let fault = async {
        while done.load(Ordering::Relaxed) < MESSAGES / 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::task::block_in_place(|| rig.kill_server()).expect("the server dies");
        tokio::time::sleep(OUTAGE).await;
        tokio::task::block_in_place(|| rig.start_server()).expect("the server starts again");
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + MESSAGES / 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let (results, ()) = tokio::join!(join_all((0..WORKERS).map(|_| worker())), fault);
    let failed: HashSet<i64> = results.iter().flat_map(|(_, failed)| failed).copied().collect();
    let acknowledged: Vec<String> = results.into_iter().flat_map(|(acknowledged, _)| acknowledged).collect();
    assert!(acknowledged.len() > MESSAGES / 4 && failed.contains(&UNAVAILABLE), "{} {failed:?}", acknowledged.len());

    let bob = Client::login(&rig, &known(&rig, "bob")).await;
    let alice = Client::login(&rig, &known(&rig, "alice")).await;
    let mut archived = counted(&bob.mam(None).await);
    archived.extend(counted(&alice.mam(Some(&room)).await));
    let missing: Vec<&String> = acknowledged.iter().filter(|text| !archived.contains_key(*text)).collect();
    let twice: Vec<_> = archived.iter().filter(|(_, count)| **count > 1).collect();
    println!("{server:?}: {} acknowledged, {} missing, failures {failed:?}", acknowledged.len(), missing.len());
    assert!(twice.is_empty(), "archived twice: {twice:?}");
    assert!(missing.is_empty(), "acknowledged but not archived: {missing:?} of {}", acknowledged.len());
    gateway.shutdown().await;
}

async fn a_gateway_that_is_ended_answers_what_it_took(server: Server) {
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let mut process = Process::start(&rig, &[]).await;
    let prefix = fresh("ended");
    let url = format!("{}/qtalk/send_thirdmessage", process.url);
    let done = AtomicUsize::new(0);
    let worker = async |worker: usize| {
        let http = reqwest::Client::new();
        let (mut acknowledged, mut cut) = (Vec::new(), None);
        for n in 0..10_000 {
            let text = format!("{prefix}.{worker}.{n}.");
            let xml = format!("<message type='chat'><body>{text}</body></message>");
            let letter = json!({"from": "alice@example.org", "to": "bob@example.org", "message": xml});
            match http.post(&url).body(letter.to_string()).send().await {
                Ok(answer) => {
                    let (status, json) = (answer.status(), answer.json::<Value>().await.expect("a whole answer"));
                    assert!(json["ret"] == true || status.as_u16() == 503, "{status} {json}");
                    if json["ret"] == true {
                        acknowledged.push(text);
                    }
                }
                // Not accepted any more. A request that was begun must not be cut off.
                Err(error) if error.is_connect() => break,
                Err(error) => {
                    cut = Some(format!("{error:?}"));
                    break;
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
        (acknowledged, cut)
    };
    let end = async {
        while done.load(Ordering::Relaxed) < 100 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.terminate();
    };
    let (results, ()) = tokio::join!(join_all((0..WORKERS).map(worker)), end);
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.log());
    // On a connection kept alive a request can cross the gateway's closing of it: HTTP has callers repeat that.
    let cut: Vec<String> = results.iter().filter_map(|(_, cut)| cut.clone()).collect();
    assert!(
        cut.iter().all(|why| why.contains("ConnectionReset")
            || why.contains("IncompleteMessage")
            || why.contains("Canceled")),
        "{cut:?}"
    );
    let bob = Client::login(&rig, &known(&rig, "bob")).await;
    let archived = counted(&bob.mam(None).await);
    let acknowledged: Vec<&String> = results.iter().flat_map(|(acknowledged, _)| acknowledged).collect();
    let missing: Vec<_> = acknowledged.iter().filter(|text| archived.get(**text) != Some(&1)).collect();
    assert!(acknowledged.len() >= 100 && missing.is_empty(), "{missing:?} of {}", acknowledged.len());
}
