//! Idle passengers of the MaxLeap API lose their accounts, on real servers, and nobody else does: nor a
//! passenger of whom the server cannot say when they were online.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, json};
use stanzagate::chat::groups::{GroupKind, NewGroup};
use stanzagate::chat::records::{Record, Subject};
use stanzagate::chat::{Chat, LinkState};
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;
use stanzagate::dialects::maxleap::cleanup;
use stanzagate::metrics::Metrics;

use crate::on_oldest_and_newest;
use crate::support::verbs::call;
use crate::support::{Account, Client, Server, Verbs, account, fresh};

on_oldest_and_newest!(deletes_idle_passengers, keeps_whom_the_server_does_not_tell_of);

const DAY_MS: u64 = 86_400_000;

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    u64::try_from(now).expect("this age")
}

async fn deletes_idle_passengers(server: Server) {
    // Kept until the process ends, as what uses the verbs must be.
    let rig: &Rig = Box::leak(Box::new(server.start(Grant::Oauth)));
    let verbs: &Verbs = Box::leak(Box::new(Verbs::start(rig).await));
    let (chat, realm) = (&verbs.chat, &verbs.realm);
    let now = now_ms();
    let owner = account(rig, "owner");
    let owner = chat.addresses().user(&owner.jid).expect("an address");

    let mut people = Vec::new();
    for (name, passenger, seen) in
        [("idle", true, 0), ("new", true, now + DAY_MS), ("back", true, 0), ("user", false, 0)]
    {
        let known = account(rig, name);
        let user = chat.addresses().user(&known.jid).expect("an address");
        let subject = Subject::User(user.clone());
        let attributes = Map::from_iter([("a".to_owned(), json!(1))]);
        verbs
            .run({
                let (chat, realm) = (chat.clone(), realm.clone());
                async move {
                    chat.records.merge_attributes(&call(), &realm, &subject, &attributes).await.expect("attributes");
                    let kind = json!(if passenger { "passenger" } else { "other" });
                    chat.records.set_note(&call(), &realm, &subject, "kind", Some(&kind)).await.expect("a note");
                    chat.records.set_note(&call(), &realm, &subject, "seen", Some(&json!(seen))).await.expect("a note");
                }
            })
            .await;
        people.push((known, user));
    }
    let [(_, idle), (_, new), (back, back_jid), (_, user)] = people.try_into().expect("four");
    let back: Account = back;
    // Deleted without the gateway: only the record is left.
    let gone = chat.addresses().user_at(&fresh("gone"), &realm.domain).expect("an address");
    let _online = Client::login(rig, &back).await;

    verbs
        .run(async move {
            let passenger = json!("passenger");
            let left = Subject::User(gone);
            chat.records.set_note(&call(), realm, &left, "kind", Some(&passenger)).await.expect("a note");
            let room = chat.addresses().room_at(&fresh("group"), &realm.rooms).expect("an address");
            // On ejabberd a new member has been online for a moment: the gateway's own session that bookmarks the room.
            let idle_too = (!server.is_ejabberd()).then(|| idle.clone());
            let members = idle_too.into_iter().chain([new.clone()]).collect();
            let group = NewGroup {
                room: room.clone(),
                kind: GroupKind::Group,
                owner: Some(owner),
                members,
                name: String::new(),
                note: None,
                avatar: None,
            };
            chat.groups.make_group(&call(), realm, &group).await.expect("a group");
            // ejabberd counts the making of an account as its first use; both count in seconds.
            tokio::time::sleep(Duration::from_secs(4)).await;
            let idle_since = now_ms() - 1_500;
            let (looked, deleted) = cleanup::round(chat, realm, idle_since).await.expect("a round");
            assert!(looked >= 5 && deleted == 2, "{looked} {deleted}");
            assert_eq!(chat.records.record(&call(), realm, &left).await.expect("a record"), Record::default());
            for (who, there) in [(&idle, false), (&new, true), (&back_jid, true), (&user, true)] {
                assert_eq!(chat.accounts.account_exists(&call(), who).await.expect("an answer"), there, "{who}");
                let record = chat.records.record(&call(), realm, &Subject::User(who.clone())).await.expect("a record");
                assert_eq!(record != Record::default(), there, "{who}");
            }
            let group = chat.groups.group(&call(), realm, &room, GroupKind::Group).await.expect("the group");
            assert!(group.members.contains(&new) && !group.members.contains(&idle), "{:?}", group.members);
            let again = cleanup::round(chat, realm, idle_since).await.expect("a round");
            assert_eq!(again.1, 0);
        })
        .await;
}

async fn keeps_whom_the_server_does_not_tell_of(server: Server) {
    let (file, line, instead) = match server.is_ejabberd() {
        true => ("ejabberd.yml", "  mod_last: {}\n", ""),
        false => ("prosody.cfg.lua", "{ \"firewall\"; \"stanzagate\" }", "{ \"firewall\" }"),
    };
    let rig = server.start(Grant::Oauth);
    let path = rig.dir().join(file);
    let text = std::fs::read_to_string(&path).expect("the server's configuration");
    assert!(text.contains(line), "{line} is not in {file}");
    rig.stop_server().expect("the server stops");
    std::fs::write(&path, text.replace(line, instead)).expect("the server's configuration");
    rig.start_server().expect("the server starts");
    let chat = Chat::start(Arc::new(rig.gateway_config()), Metrics::new()).expect("the verbs");
    chat.link_state().wait_for(|state| *state == LinkState::Up).await.expect("a link");
    let realm = chat.addresses().realm(&Default::default()).expect("the default hosts");

    let alice = chat.addresses().user_at("alice", &realm.domain).expect("an address");
    let subject = Subject::User(alice.clone());
    chat.records.set_note(&call(), &realm, &subject, "kind", Some(&json!("passenger"))).await.expect("a note");
    let round = cleanup::round(&chat, &realm, now_ms() + DAY_MS).await.expect("a round");
    assert_eq!(round, (1, 0));
    assert!(chat.accounts.account_exists(&call(), &alice).await.expect("an answer"));
    chat.drain(Duration::from_secs(2)).await;
}
