//! A room that was destroyed stays gone: nothing that its members find later leads back to it, and where the server is
//! configured for it, no client makes it anew by entering it.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;

use super::rooms::{ROOMS, Room};
use crate::support::element::{child, says};
use crate::support::room::{condition, is_out};
use crate::support::{Client, Gateway, Server, account, fresh};
use crate::{on_all_servers, on_newest};

on_all_servers!(nothing_leads_back_to_it, a_client_that_enters_it_does_not_make_it);
on_newest!(check_looks_whether_it_comes_back);

/// What `check` says where rooms come back.
const NOTE: &str = "A client that enters a room which was destroyed makes it anew";

async fn nothing_leads_back_to_it(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let room = Room::make(server).await;
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    let bob_ = Client::login(rig, &bob).await;
    room.add(&[&bob, &carol]).await;
    let invites = |el: &_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room.jid));
    bob_.wait_for("an invitation, for they are there", invites).await;
    // What else is sent to who is away comes as ever.
    let text = fresh("later");
    let later = format!("<message type='chat'><body>{text}</body></message>");
    let letter = json!({"from": bob.jid, "to": carol.jid, "message": later});
    gateway.post("/qtalk/send_thirdmessage", &letter).await.expect_success();

    room.call("destroy_muc", &[]).await.expect_success();
    let carol_ = Client::login(rig, &carol).await;
    carol_.wait_for("what was said meanwhile", says(&text)).await;
    carol_.ping().await;
    let archived = carol_.mam(None).await;
    assert!(!carol_.received().iter().chain(&archived).any(invites), "carol is invited to a room that is gone");
    assert_eq!(carol_.bookmarks().await, []);
    for client in [&bob_, &carol_] {
        client.expect_no_room(&room.jid).await;
    }
    room.call("muc_users", &[]).await.expect_failure(4);
    room.say(&room.owner, "x").await.expect_failure(4);
    // Its name is free.
    room.call("create_muc", &[]).await.expect_success();
    room.add(&[&carol]).await;
    carol_.wait_for("an invitation to the new room", invites).await;
    room.say(&carol, "back").await.expect_success();
}

async fn a_client_that_enters_it_does_not_make_it(server: Server) {
    // The rig lets users make rooms on ejabberd, which the shipped file does not.
    let rig = if server.is_ejabberd() {
        server.start_changed(&[("    - allow: ROOM_MAKERS\n", "")])
    } else {
        server.start(Grant::Oauth)
    };
    let said = checked(&rig);
    assert!(!said.contains(NOTE) && !said.contains("not tried"), "{said}");
    let gateway = Gateway::start(&rig, |_| {}).await;
    let (alice, carol) = (account(&rig, "alice"), account(&rig, "carol"));
    let body = json!({
        "muc_id": "gone", "muc_owner": alice.name, "muc_domain": ROOMS, "host": "example.org",
        "muc_member": [carol.name], "system": "t",
    });
    let call = async |endpoint: &str| gateway.post(&format!("/qtalk/{endpoint}"), &body).await;
    let carol_ = Client::login(&rig, &carol).await;
    for again in [false, true] {
        call("create_muc").await.expect_success();
        call("add_muc_user").await.expect_success();
        carol_.join(&format!("gone@{ROOMS}"), "carol").await.expect("a member gets in");
        call("destroy_muc").await.expect_success();
        carol_.wait_for("the room's end", is_out(&format!("gone@{ROOMS}"))).await;
        let refusal = carol_.join(&format!("gone@{ROOMS}"), "carol").await.expect_err("the room is back");
        let why = condition(&refusal).unwrap_or_default();
        assert!(["gone", "forbidden", "not-allowed"].contains(&why.as_str()), "{why} {again}");
        call("muc_users").await.expect_failure(4);
    }
    // Groups of the MaxLeap API, whose lists are made of the rooms that there are.
    let made = json!({"owner": alice.name, "members": [carol.name]});
    let get = async |path: &str| gateway.maxleap(Method::GET, path, &Value::Null).await;
    for (kind, of) in [("groups", &made), ("rooms", &json!({"members": [carol.name]}))] {
        let id = gateway.maxleap(Method::POST, &format!("/{kind}"), of).await.expect_status(201).json;
        let id = id.as_str().expect("an id");
        gateway.maxleap(Method::DELETE, &format!("/{kind}/{id}"), &Value::Null).await.expect_status(204);
        carol_.join(&format!("{id}@{ROOMS}"), "carol").await.expect_err("the group is back");
        assert_eq!(get(&format!("/{kind}")).await.expect_status(200).json, json!([]));
        get(&format!("/{kind}/{id}")).await.expect_error(404, 5004);
        assert_eq!(get(&format!("/ctx/{}/{kind}", carol.name)).await.expect_status(200).json, json!([]));
    }
    // A group that is dismissed.
    let id = gateway.rongcloud_group(&alice.jid, "g", "").await;
    let dismiss = format!("/api/im/group/{id}/dismiss/");
    gateway.rongcloud(&alice.jid, Method::GET, &dismiss, &Value::Null).await.expect_json(200);
    carol_.join(&format!("{id}@{ROOMS}"), "carol").await.expect_err("the group is back");
    gateway.shutdown().await;
}

async fn check_looks_whether_it_comes_back(server: Server) {
    let rig = match server.is_ejabberd() {
        true => server.start(Grant::Oauth),
        false => server.start_changed(&[("\tmuc_tombstones = true\n", "\tmuc_tombstones = false\n")]),
    };
    let said = checked(&rig);
    let line = if server.is_ejabberd() { "muc_create:\n    allow: gateway" } else { "muc_tombstones = true" };
    assert!(said.contains(NOTE) && said.contains(line), "{said}");
    // And nothing is left of the trial.
    let gateway = Gateway::start(&rig, |_| {}).await;
    let rooms = gateway.maxleap(Method::GET, "/groups", &Value::Null).await.expect_status(200).json;
    assert_eq!(rooms, json!([]));
    gateway.shutdown().await;
}

/// What `stanzagate check` prints, in the name of alice. It succeeds.
fn checked(rig: &Rig) -> String {
    let config = format!(
        "[server]\ndomain = \"{}\"\n[component]\naddress = \"{}\"\nname = \"{}\"\nsecret = \"{}\"\n[c2s]\naddress = \"{}\"\n\
         tls = \"none\"\n[qtalk]\nauth = \"none\"\n[log]\nlevel = \"off\"\n[admin]\nenabled = false\n",
        rig.domain(),
        rig.component_addr(),
        rig.component_name(),
        rig.component_secret(),
        rig.c2s_addr(),
    );
    let file = rig.dir().join("gone.toml");
    std::fs::write(&file, config).expect("the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanzagate"));
    command.args(["check", "--user", "alice", "--config"]).arg(file).env_clear();
    let output = command.output().expect("the program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
