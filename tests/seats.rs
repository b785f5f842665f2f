//! Speaking in a room for longer than memberships are believed: nobody in the room sees the speaker come and go.

mod support;

use std::time::Duration;

use serde_json::json;
use support::element::says;
use support::{Client, Gateway, Server, account, fresh};

on_all_servers!(a_speaker_does_not_flicker);

const ROOMS: &str = "conference.example.org";

async fn a_speaker_does_not_flicker(server: Server) {
    let rig = server.shared();
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
