//! Several gateways that know nothing of each other: their groups never meet, and where their ids do, or those of an XMPP
//! client, the server lets one have it and the other takes another.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{Gateway, NULL, Reply, call, group, members, of, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways::{Before, Gateways, nothing};
use crate::support::{Account, Client, Server, account};

on_oldest_and_newest!(
    gateways_make_groups_side_by_side,
    an_id_that_is_taken_leads_to_another,
    gateways_change_one_group
);

const GROUPS: &str = "/api/im/group/";

async fn make(gateway: &Gateway, user: &Account, name: &str) -> Reply {
    call(gateway, &user.jid, Method::POST, GROUPS, &json!({ "name": name, "code": "1" })).await
}

async fn listed(gateway: &Gateway, user: &Account) -> Value {
    let list = call(gateway, &user.jid, Method::GET, GROUPS, &NULL).await.expect_json(200);
    list["results"].clone()
}

async fn gateways_make_groups_side_by_side(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let others = (stage.another(server, nothing(), |_| {}), stage.another(server, nothing(), |_| {}));
    let (one, two) = tokio::join!(others.0, others.1);
    let user = account(rig, "alice");
    let first = group(&one, &user, "").await;
    let all = join_all((0..20).map(|n| {
        let (gateway, user) = (if n % 2 == 0 { &one } else { &two }, &user);
        async move { make(gateway, user, &format!("group {n}")).await.expect_json(201) }
    }))
    .await;
    let last = group(&two, &user, "").await;
    let ids: Vec<u64> = all.iter().map(|made| made["id"].as_u64().expect("an id")).collect();
    let mut wanted: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(wanted.len(), 20, "{ids:?}");
    assert!(ids.iter().all(|id| first < *id && *id < last && *id < 1 << 53), "{first} {ids:?} {last}");
    wanted.extend([first, last]);
    // Both know them all, in the order in which they were made, each with its own name.
    for gateway in [&one, &two] {
        let mut shown = Vec::new();
        for page in [1, 2] {
            let list =
                call(gateway, &user.jid, Method::GET, &format!("{GROUPS}?page={page}"), &NULL).await.expect_json(200);
            assert_eq!(list["count"], 22);
            shown.extend(list["results"].as_array().expect("groups").clone());
        }
        let order: Vec<u64> = shown.iter().filter_map(|row| row["id"].as_u64()).collect();
        assert!(order.iter().eq(wanted.iter()), "{order:?}");
        assert!(all.iter().all(|made| shown.contains(made)), "{shown:?}");
    }
    assert_eq!(stage.rooms_of(&user).await, wanted.iter().map(u64::to_string).collect());
    one.shutdown().await;
    two.shutdown().await;
}

/// Takes the ids of so many new rooms before the gateway has them: when it looks whether there is one, or, too late for
/// that, when it enters.
fn rival(client: Arc<Client>, times: usize, late: bool) -> (Before, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::<Mutex<Vec<String>>>::default();
    let (seen, left) = (Arc::clone(&taken), Arc::new(AtomicUsize::new(times)));
    let before: Before = Arc::new(move |stanza| {
        let room = stanza.attr("to").and_then(|to| to.split('/').next()).unwrap_or_default().to_owned();
        let is_room = room.split_once('@').is_some_and(|(local, host)| {
            host.starts_with("conference.") && local.bytes().all(|byte| byte.is_ascii_digit())
        });
        let looks = stanza.name() == "iq"
            && stanza.attr("type") == Some("get")
            && stanza.children().any(|child| child.ns() == "http://jabber.org/protocol/disco#info");
        let enters = stanza.name() == "presence" && stanza.attr("type").is_none();
        let now = is_room && if late { enters } else { looks };
        if !now || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Box::pin(std::future::ready(()));
        }
        seen.lock().expect("not poisoned").push(room.clone());
        let client = Arc::clone(&client);
        Box::pin(async move { client.make_room(&room, "rival").await })
    });
    (before, taken)
}

async fn an_id_that_is_taken_leads_to_another(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let user = account(rig, "alice");
    let mut made = BTreeSet::new();
    for (times, late) in [(1, false), (3, true), (4, false), (4, true)] {
        let other = account(rig, "rival");
        let client = Arc::new(Client::login(rig, &other).await);
        let (before, taken) = rival(Arc::clone(&client), times, late);
        let gateway = stage.another(server, before, |_| {}).await;
        let reply = make(&gateway, &user, "mine").await;
        let taken = taken.lock().expect("not poisoned").clone();
        assert_eq!(taken.len(), times, "{taken:?}");
        if times == 4 {
            refused("ids that are all taken", &reply, &[409]);
        } else {
            let group = reply.expect_json(201);
            let room = format!("{}@{}", group["id"], rig.rooms());
            assert!(!taken.contains(&room), "{room} of {taken:?}");
            made.insert(group["id"].to_string());
        }
        // What was somebody else's stays so: nobody was added, nothing set, nobody from the gateway is in there.
        for room in &taken {
            let owners = client.affiliated(room, "owner").await;
            assert_eq!(owners.iter().map(|(jid, _)| jid).collect::<Vec<_>>(), [&other.jid], "{room}");
            assert_eq!(client.affiliated(room, "member").await, []);
            assert_ne!(client.room_info(room).await.expect("a room").name.as_deref(), Some("mine"));
            let id = room.split('@').next().expect("a localpart").parse().expect("an id");
            let retrieve = format!("/api/im/retrieve/{id}/");
            for path in [of(id, "users"), of(id, "dismiss"), retrieve] {
                refused(&path, &call(&gateway, &other.jid, Method::GET, &path, &NULL).await, &[404]);
            }
        }
        assert_eq!(stage.rooms_of(&user).await, made);
        let rows = listed(&gateway, &user).await;
        assert_eq!(rows.as_array().map(Vec::len), Some(made.len()), "{rows}");
        gateway.shutdown().await;
    }
}

/// Without a word to each other: what one has done the other one knows.
async fn gateways_change_one_group(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let (one, two) = (&stage.gateway, &stage.another(server, nothing(), |_| {}).await);
    let (owner, friend) = (account(rig, "alice"), account(rig, "bob"));
    let id = make(one, &owner, "both").await.expect_json(201)["id"].as_u64().expect("an id");
    let invite = async |gateway: &Gateway| {
        call(gateway, &friend.jid, Method::POST, &of(id, "invite"), &json!({"code": "1"})).await
    };
    let quit = async |gateway: &Gateway| call(gateway, &friend.jid, Method::GET, &of(id, "quit"), &NULL).await;
    for _ in 0..3 {
        let (first, second) = tokio::join!(invite(one), invite(two));
        first.expect_json(200);
        second.expect_json(200);
        for gateway in [one, two] {
            assert_eq!(members(gateway, &owner, id).await.len(), 2);
        }
        let replies: [Reply; 2] = tokio::join!(quit(one), quit(two)).into();
        assert!(replies.iter().any(|reply| reply.status == 200));
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            refused("one who is out", reply, &[403]);
        }
        assert!(!stage.rooms_of(&friend).await.contains(&id.to_string()));
    }
    let dismiss = async |gateway: &Gateway| call(gateway, &owner.jid, Method::GET, &of(id, "dismiss"), &NULL).await;
    let replies: [Reply; 2] = tokio::join!(dismiss(one), dismiss(two)).into();
    assert!(replies.iter().any(|reply| reply.status == 200));
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        refused("a group that is gone", reply, &[404]);
    }
    for gateway in [one, two] {
        refused("a group that is gone", &dismiss(gateway).await, &[404]);
        assert_eq!(listed(gateway, &owner).await, json!([]));
    }
    assert!(stage.rooms_of(&owner).await.is_empty());
}
