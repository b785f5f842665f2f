//! Seats in rooms: nobody sees a speaker come and go whose membership is looked up again, and many who come to speak at
//! the same time are looked up together.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use stanzagate::config::sessions::Grant;

use crate::on_oldest_and_newest;
use crate::support::element::says;
use crate::support::{Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(a_speaker_does_not_flicker, a_crowd_of_first_speakers_is_looked_up_together);

const ROOMS: &str = "conference.example.org";
/// Members who speak for the first time.
const CROWD: usize = 32;

async fn a_speaker_does_not_flicker(server: Server) {
    let rig = &server.start(Grant::Oauth);
    let gateway = Gateway::start(rig, |config| config.server.cache_seconds = 1).await;
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let room = fresh("seats");
    let made = json!({"muc_id": room, "muc_owner": alice.name, "muc_domain": ROOMS, "muc_member": [bob.name]});
    gateway.post("/qtalk/create_muc", &made).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &made).await.expect_success();
    let device = Client::login(rig, &bob).await;
    device.join(&format!("{room}@{ROOMS}"), "Bob").await.expect("a member may enter");
    for pause in [0, 1100, 1100] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let text = fresh("text");
        let body =
            json!({"From": alice.name, "To": [{"User": room}], "Body": text, "Type": "groupchat", "Domain": ROOMS});
        gateway.post("/qtalk/send_message", &body).await.expect_success();
        device.wait_for("the message", says(&text)).await;
    }
    let gone = |stanza: &&stanzagate::xml::Element| stanza.name() == "presence" && stanza.attr("type").is_some();
    assert_eq!(device.received().iter().filter(gone).count(), 0, "the speaker left in between");
}

async fn a_crowd_of_first_speakers_is_looked_up_together(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |_| {}).await;
    let room = fresh("crowd");
    let accounts: Vec<_> = (0..CROWD).map(|_| account(&rig, "member")).collect();
    let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    let made = json!({"muc_id": room, "muc_owner": names[0], "muc_domain": ROOMS, "muc_member": names});
    gateway.post("/qtalk/create_muc", &made).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &made).await.expect_success();
    let before = stanzas_out(&gateway).await;
    let text = |n: usize| format!("<message type='groupchat'><body>{room}-{n}</body></message>");
    let said = accounts
        .iter()
        .enumerate()
        .map(|(n, account)| json!({"from": account.jid, "to": format!("{room}@{ROOMS}"), "message": text(n)}));
    let said: Vec<_> = said.collect();
    join_all(said.iter().map(|body| gateway.post("/qtalk/send_thirdmessage", body)))
        .await
        .into_iter()
        .for_each(|reply| drop(reply.expect_success()));
    let out = stanzas_out(&gateway).await - before;
    println!("{server:?}: {out} stanzas for {CROWD} first speakers");
    assert!(out < 5 * CROWD, "{out} stanzas for {CROWD} speakers: each looked for himself");
}

async fn stanzas_out(gateway: &Gateway) -> usize {
    let text = gateway.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("stanzagate_link_stanzas_out_total "));
    line.expect("the number of stanzas").parse().expect("a number")
}
