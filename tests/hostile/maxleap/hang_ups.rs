//! Callers who hang up in the middle of a call, and calls whose time runs out: nothing is left half made.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::stage::{Gateway, NULL, call, get};
use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::{Account, Server, account, fresh};

on_oldest_and_newest!(what_was_begun_for_a_caller_who_hangs_up_is_made_whole, what_ran_out_of_time_is_taken_back);

/// Sends a request whole and ends the connection, without a farewell where `reset`.
async fn post_and_leave(gateway: &Gateway, path: &str, body: &Value, stay: Duration, reset: bool) {
    let address = gateway.url().trim_start_matches("http://");
    let (app, key) = gateway.maxleap_app();
    let body = body.to_string();
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nX-ML-AppId: {app}\r\nX-ML-APIKey: {key}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.expect("a request");
    tokio::time::sleep(stay).await;
    if reset {
        socket.set_zero_linger().expect("a socket option");
    }
}

async fn what_was_begun_for_a_caller_who_hangs_up_is_made_whole(server: Server) {
    const CALLS: usize = 12;
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, member, other) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let name = fresh("hung up");
    let passenger = |n: usize| format!("{}-{n}", name.replace(' ', "-"));
    let group = json!({"owner": owner.name, "members": [member.name, other.name], "name": name});
    join_all((0..CALLS).map(|n| {
        let (group, id) = (&group, passenger(n));
        async move {
            let stay = Duration::from_millis(20 + 15 * n as u64);
            post_and_leave(gateway, "/groups", group, stay, n % 2 == 0).await;
            post_and_leave(gateway, "/passengers", &json!({"id": id, "n": n}), stay, n % 2 == 0).await;
        }
    }))
    .await;
    let whole = || async {
        let rows = get(gateway, &format!("/ctx/{}/groups?detail", owner.name)).await;
        let whole =
            |row: &&Value| row["members"] == json!([member.name, other.name]) && row["attributes"]["name"] == name;
        (rows.as_array()?.iter().filter(whole).count() == CALLS).then_some(())
    };
    until("all groups, whole", whole).await;
    assert_eq!(
        get(gateway, &format!("/groups?name={}", name.replace(' ', "%20"))).await.as_array().map(Vec::len),
        Some(CALLS)
    );
    for n in 0..CALLS {
        let path = format!("/passengers/{}", passenger(n));
        let made = || async { (call(gateway, Method::GET, &path, &NULL).await.json == json!({"n": n})).then_some(()) };
        until("a passenger, whole", made).await;
    }
}

async fn what_ran_out_of_time_is_taken_back(server: Server) {
    const CALLS: usize = 10;
    /// Longer than a call may take, and not so long that the connection would be given up.
    const PAUSE: Duration = Duration::from_secs(6);
    let rig = tokio::task::spawn_blocking(move || server.start(Grant::Oauth)).await.expect("a server");
    let gateway = Gateway::start(&rig, |config| config.http.request_seconds = 2).await;
    let signal = |name: &str| {
        let group = format!("-{}", rig.pid().expect("a running server"));
        let done = std::process::Command::new("kill").args(["-s", name, "--", &group]).status();
        assert!(done.expect("kill").success());
    };
    let alice = Account { name: "alice".into(), password: String::new(), jid: String::new() };
    // The first call is the slowest.
    let first = json!({"owner": alice.name, "members": ["bob"]});
    let first = call(&gateway, Method::POST, "/groups", &first).await;
    let body = json!({"owner": "bob", "members": ["carol", "dave"], "name": "late"});
    let begun = Instant::now();
    let calls = join_all((0..CALLS).map(async |n| {
        tokio::time::sleep(Duration::from_millis(25 * n as u64)).await;
        call(&gateway, Method::POST, "/groups", &body).await
    }));
    let pause = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        signal("STOP");
        tokio::time::sleep(PAUSE).await;
        signal("CONT");
    };
    let (replies, ()) = tokio::join!(calls, pause);
    let mut made = Vec::new();
    for reply in replies {
        match reply.status.as_u16() {
            201 => made.push(reply.json.as_str().expect("an id").to_owned()),
            502..=504 => assert_eq!(reply.json["errorCode"], 5002, "{}", reply.text),
            _ => panic!("{} {}", reply.status, reply.text),
        }
    }
    println!("{server:?}: first {}, {} of {CALLS} made in {:?}", first.status, made.len(), begun.elapsed());
    assert!(made.len() < CALLS, "none ran out of time");
    made.sort();
    let only_those = || async {
        let rows = call(&gateway, Method::GET, "/groups?name=late&_limit=100", &NULL).await.json;
        let mut ids: Vec<String> =
            rows.as_array()?.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect();
        ids.sort();
        (ids == made).then_some(())
    };
    until("the groups that were acknowledged, and no others", only_those).await;
    let listed = call(&gateway, Method::GET, "/ctx/bob/groups", &NULL).await.expect_status(200).json;
    assert_eq!(listed.as_array().map(Vec::len), Some(made.len() + usize::from(first.status == 201)), "{listed}");
    gateway.shutdown().await;
}
