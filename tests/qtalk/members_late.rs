//! Adding more members than there is time for, on the oldest and the newest of both servers: the answer says what became
//! of each, and the same call again does the rest.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;

use crate::on_oldest_and_newest;
use crate::support::element::child;
use crate::support::{Account, Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(says_what_became_of_each_when_time_runs_out);

const ROOMS: &str = "conference.example.org";
const MEMBERS: usize = 600;
/// Far too little for so many.
fn seconds(server: Server) -> u64 {
    // ejabberd 23.01 writes each user two lists of bookmarks.
    if server.is_ejabberd() { 2 } else { 1 }
}
/// Calls after which all must be done: on a slow machine most of a call's time goes by before it is where the last one
/// ended.
const CALLS: usize = 60;

/// Accounts, some of whom are online from the start.
fn accounts(server: Server, rig: &stanzagate::dev::Rig) -> Vec<String> {
    if server.is_ejabberd() {
        return (0..MEMBERS).map(|_| account(rig, "m").name).collect();
    }
    // prosodyctl takes a quarter of a second for each.
    let folder = rig.dir().join("data/example%2eorg/accounts");
    let made = (0..MEMBERS).map(|_| {
        let name = fresh("m");
        std::fs::write(folder.join(format!("{name}.dat")), "return { [\"password\"] = \"x\" };\n").expect("a file");
        name
    });
    made.collect()
}

/// What the answer says of those for whom not all was done.
fn said(reply: &Value, names: &[String]) -> BTreeMap<String, String> {
    let failed = reply["data"]["failed"].as_array().cloned().unwrap_or_default();
    let entry = |part: &Value| {
        let name = names[part["index"].as_u64().expect("a place") as usize].clone();
        (name, part["errmsg"].as_str().expect("a text").to_owned())
    };
    failed.iter().map(entry).collect()
}

async fn says_what_became_of_each_when_time_runs_out(server: Server) {
    let rig = server.start(Grant::Oauth);
    let owner = account(&rig, "alice");
    let alice = Client::login(&rig, &owner).await;
    let room = fresh("room");
    let jid = format!("{room}@{ROOMS}");
    let mut body =
        json!({"muc_id": room, "muc_owner": owner.name, "muc_domain": ROOMS, "muc_member": [], "system": "t"});
    // On a busy machine the room alone may take longer than the time in which so many members are to be too many.
    let patient = Gateway::start(&rig, |_| {}).await;
    patient.post("/qtalk/create_muc", &body).await.expect_success();
    patient.shutdown().await;
    let gateway = Gateway::start(&rig, |config| config.http.request_seconds = seconds(server)).await;

    let mut names = accounts(server, &rig);
    let watched: Vec<Account> = [0, MEMBERS / 2, MEMBERS]
        .map(|place| (place, account(&rig, "w")))
        .map(|(place, watched)| {
            names.insert(place, watched.name.clone());
            watched
        })
        .into();
    let mut clients = Vec::new();
    for account in &watched {
        clients.push(Client::login(&rig, account).await);
    }
    body["muc_member"] = json!(names);

    let mut calls = 0;
    let mut doubtful = BTreeMap::new();
    // Those for whom a call before did, or may have done, something: what it sent may have its effect only now.
    let mut begun = HashSet::new();
    loop {
        let reply = gateway.post("/qtalk/add_muc_user", &body).await;
        calls += 1;
        if reply.ret() {
            break;
        }
        assert!(calls < CALLS, "still not done: {:.300}", reply.text);
        let said = said(&reply.json, &names);
        let members: Vec<String> = alice.affiliated(&jid, "member").await.into_iter().map(|(jid, _)| jid).collect();
        let is_member = |name: &String| members.contains(&format!("{name}@example.org"));
        for name in &names {
            match said.get(name).map(String::as_str) {
                None => assert!(said.is_empty() || is_member(name), "{name} is done, and no member"),
                Some(text) if text.starts_with("they are a member") => assert!(is_member(name), "{name}: {text}"),
                Some(text) if text.starts_with("nothing was done") => {
                    assert!(!is_member(name) || begun.contains(name), "{name}: {text}");
                }
                Some(text) => assert!(text.starts_with("they may be a member now"), "{name}: {text}"),
            }
        }
        let undone = |name: &&String| said.get(*name).is_some_and(|text| text.starts_with("nothing was done"));
        begun.extend(names.iter().filter(|name| !undone(name)).cloned());
        for (account, client) in watched.iter().zip(&clients) {
            if said.get(&account.name).is_some_and(|text| text.starts_with("they are a member, and may be invited")) {
                *doubtful.entry(account.name.clone()).or_insert(0) += 1;
            }
            if !said.is_empty() && !said.contains_key(&account.name) {
                let has = client.bookmarks().await.iter().any(|bookmark| bookmark.room == jid);
                assert!(has, "{} is done, and has no bookmark", account.name);
            }
        }
    }
    println!("{server:?}: {} members in {calls} calls of {} s", names.len(), seconds(server));
    assert!(calls > 1, "there was time enough, and nothing was seen");
    assert_eq!(alice.affiliated(&jid, "member").await.len(), names.len());
    for (account, client) in watched.iter().zip(&clients) {
        assert!(client.bookmarks().await.iter().any(|bookmark| bookmark.room == jid), "no bookmark");
        let invited = |el: &&_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&jid));
        let invitations = client.received().iter().filter(invited).count();
        let most = 1 + doubtful.get(&account.name).copied().unwrap_or(0);
        assert!((1..=most).contains(&invitations), "{} has {invitations} invitations, of {most}", account.name);
    }
    gateway.shutdown().await;
}
