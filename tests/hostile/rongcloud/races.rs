//! Calls that meet: each ends as done or as refused for what had just become so, and what is there afterwards is one thing,
//! whoever is asked.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio_xmpp::minidom::Element;

use super::stage::{Gateway, NULL, Reply, Stage, call, group, members, number, of, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways;
use crate::support::gateways::Gateways;
use crate::support::people::until;
use crate::support::room::condition;
use crate::support::{Account, Client, Server, account, stanza};

on_oldest_and_newest!(
    who_comes_and_goes_is_in_or_out,
    one_who_is_brought_in_by_many_is_in_once,
    a_group_that_is_dismissed_is_gone_for_all,
    an_owner_hands_over_once,
);

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.status.as_u16()).collect()
}

async fn post(gateway: &Gateway, user: &Account, id: u64, endpoint: &str, body: serde_json::Value) -> Reply {
    call(gateway, &user.jid, Method::POST, &of(id, endpoint), &body).await
}

async fn quit(gateway: &Gateway, user: &Account, id: u64) -> Reply {
    call(gateway, &user.jid, Method::GET, &of(id, "quit"), &NULL).await
}

async fn dismiss(gateway: &Gateway, user: &Account, id: u64) -> Reply {
    call(gateway, &user.jid, Method::GET, &of(id, "dismiss"), &NULL).await
}

/// Fails unless the user's own client and the server say of a room what the API says.
async fn agree(stage: &'static Stage, client: &Client, user: &Account, room: &str, inside: bool) {
    let id = room.split('@').next().expect("a localpart");
    assert_eq!(stage.rooms_of(user).await.contains(id), inside, "{} in {room}", user.name);
    until("a bookmark as it should be", || async {
        let found = client.bookmarks().await.iter().any(|bookmark| bookmark.room == room);
        (found == inside).then_some(())
    })
    .await;
}

async fn who_comes_and_goes_is_in_or_out(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (owner, one, two) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let clients = [Client::login(rig, &one).await, Client::login(rig, &two).await];
    let id = group(gateway, &owner, "77").await;
    let room = format!("{id}@{}", rig.rooms());
    for _ in 0..3 {
        let code = || json!({"code": "77"});
        let replies = tokio::join!(
            post(gateway, &one, id, "invite", code()),
            quit(gateway, &two, id),
            quit(gateway, &one, id),
            post(gateway, &two, id, "invite", code()),
            post(gateway, &one, id, "invite", code()),
            quit(gateway, &two, id),
        );
        let (first, second, third, fourth, fifth, sixth) = replies;
        for reply in [first, fourth, fifth] {
            reply.expect_json(200);
        }
        for reply in [second, third, sixth].iter().filter(|reply| reply.status != 200) {
            refused("one who is not inside", reply, &[403]);
        }
        let inside = members(gateway, &owner, id).await;
        for (user, client) in [&one, &two].into_iter().zip(&clients) {
            agree(stage, client, user, &room, inside.contains(&user.name)).await;
        }
    }
    // Twice at once: out is out.
    post(gateway, &one, id, "invite", json!({"code": "77"})).await.expect_json(200);
    let replies = join_all((0..4).map(|_| quit(gateway, &one, id))).await;
    let mut found = statuses(&replies);
    found.sort_unstable();
    assert_eq!(found, [200, 403, 403, 403]);
    agree(stage, &clients[0], &one, &room, false).await;
}

async fn one_who_is_brought_in_by_many_is_in_once(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (owner, friend) = (account(rig, "alice"), account(rig, "dave"));
    let client = Client::login(rig, &friend).await;
    let id = group(gateway, &owner, "88").await;
    let room = format!("{id}@{}", rig.rooms());
    let callers: Vec<Account> = (0..5).map(|_| account(rig, "caller")).collect();
    for reply in join_all(callers.iter().map(|caller| post(gateway, caller, id, "invite", json!({"code": "88"})))).await
    {
        reply.expect_json(200);
    }
    let userid = number(gateway, &friend).await;
    let all = [&callers[..], &callers[..]].concat();
    for reply in join_all(all.iter().map(|caller| post(gateway, caller, id, "join", json!({ "userid": userid })))).await
    {
        reply.expect_json(200);
    }
    assert_eq!(members(gateway, &owner, id).await.len(), 7);
    agree(stage, &client, &friend, &room, true).await;
    let own = Client::login(rig, &owner).await;
    let listed = own.affiliated(&room, "member").await.into_iter().filter(|(jid, _)| *jid == friend.jid).count();
    assert_eq!(listed, 1);
    let shown = client.bookmarks().await.iter().filter(|bookmark| bookmark.room == room).count();
    assert_eq!(shown, 1);
    // They are invited once, however many have thought of it.
    let invites =
        |el: &&Element| el.name() == "message" && el.children().any(|child| child.ns() == "jabber:x:conference");
    let invited: Vec<Element> = client.received().iter().filter(invites).cloned().collect();
    assert_eq!(invited.len(), 1, "{invited:?}");
    // One who has quit brings in nobody, be it in the same moment.
    let (late, guest) = (&callers[0], account(rig, "guest"));
    let userid = number(gateway, &guest).await;
    let (left, brought) =
        tokio::join!(quit(gateway, late, id), post(gateway, late, id, "join", json!({ "userid": userid })));
    left.expect_json(200);
    let inside = members(gateway, &owner, id).await;
    assert_eq!(inside.contains(&guest.name), brought.status == 200, "{}", brought.text);
    assert!(!inside.contains(&late.name));
    refused("one who has quit", &post(gateway, late, id, "join", json!({ "userid": userid })).await, &[403]);
}

async fn a_group_that_is_dismissed_is_gone_for_all(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let owner = account(rig, "alice");
    let people: Vec<Account> = ["bob", "carol", "dave", "erin"].map(|name| account(rig, name)).into();
    let [insider, leaver, comer, guest] = &people[..] else { panic!("four people") };
    let mut clients = Vec::new();
    for user in &people {
        clients.push(Client::login(rig, user).await);
    }
    let userid = number(gateway, guest).await;
    for _ in 0..2 {
        let id = group(gateway, &owner, "99").await;
        let room = format!("{id}@{}", rig.rooms());
        for user in [insider, leaver] {
            post(gateway, user, id, "invite", json!({"code": "99"})).await.expect_json(200);
        }
        let retrieve = format!("/api/im/retrieve/{id}/");
        let (left, first, joined, second, came, looked, listed) = tokio::join!(
            quit(gateway, leaver, id),
            dismiss(gateway, &owner, id),
            post(gateway, insider, id, "join", json!({ "userid": userid })),
            dismiss(gateway, &owner, id),
            post(gateway, comer, id, "invite", json!({"code": "99"})),
            call(gateway, &comer.jid, Method::GET, &retrieve, &NULL),
            call(gateway, &owner.jid, Method::GET, "/api/im/group/", &NULL),
        );
        let mut dismissed = statuses(&[first, second]);
        dismissed.sort_unstable();
        assert_eq!(dismissed, [200, 404]);
        for (what, reply) in [("quit", left), ("join", joined), ("invite", came), ("retrieve", looked)] {
            if reply.status != 200 {
                refused(what, &reply, &[404]);
            }
        }
        listed.expect_json(200);
        for endpoint in ["users", "quit", "dismiss"] {
            refused(endpoint, &call(gateway, &owner.jid, Method::GET, &of(id, endpoint), &NULL).await, &[404]);
        }
        for (user, client) in people.iter().zip(&clients) {
            agree(stage, client, user, &room, false).await;
            client.expect_no_room(&room).await;
        }
        assert!(stage.rooms_of(&owner).await.is_empty());
        let listed = call(gateway, &owner.jid, Method::GET, "/api/im/group/", &NULL).await.expect_json(200);
        assert_eq!(listed["count"], 0);
    }
    // Strangers dismiss nothing, members neither.
    let id = group(gateway, &owner, "99").await;
    post(gateway, insider, id, "invite", json!({"code": "99"})).await.expect_json(200);
    for user in [insider, leaver] {
        refused("not the owner", &dismiss(gateway, user, id).await, &[403]);
    }
    // Nor does one who owned it once.
    let client = Client::login(rig, &owner).await;
    let room = format!("{id}@{}", rig.rooms());
    client.affiliate(&room, &insider.jid, "owner").await;
    quit(gateway, &owner, id).await.expect_json(200);
    refused("no owner any more", &dismiss(gateway, &owner, id).await, &[403]);
    let query = "<query xmlns='http://jabber.org/protocol/muc#owner'/>";
    let asked = client.iq(stanza(&format!("<iq type='get' to='{room}'>{query}</iq>"))).await;
    assert_eq!(condition(&asked).as_deref(), Some("forbidden"));
    dismiss(gateway, insider, id).await.expect_json(200);
}

async fn an_owner_hands_over_once(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let id = group(gateway, &owner, "5").await;
    post(gateway, &member, id, "invite", json!({"code": "5"})).await.expect_json(200);
    // Unless it is configured they may not, however often they ask.
    for reply in join_all((0..3).map(|_| quit(gateway, &owner, id))).await {
        refused("the only owner", &reply, &[403]);
    }
    assert_eq!(members(gateway, &owner, id).await.len(), 2);
    let kind = stage.another(server, gateways::nothing(), |config| config.rongcloud.hand_over = true).await;
    let (one, two, three) = tokio::join!(quit(&kind, &owner, id), quit(&kind, &member, id), quit(&kind, &owner, id));
    let left = statuses(&[one, two, three]);
    // Whoever is last ends it; nobody is left in a group without an owner.
    assert!(left.iter().all(|status| [200, 403, 404].contains(status)) && left.contains(&200), "{left:?}");
    let inside = stage.rooms_of(&member).await.contains(&id.to_string());
    assert!(!stage.rooms_of(&owner).await.contains(&id.to_string()));
    let shown = call(&kind, &member.jid, Method::GET, "/api/im/group/", &NULL).await.expect_json(200);
    assert_eq!(shown["count"], usize::from(inside), "{shown}");
    kind.shutdown().await;
}
