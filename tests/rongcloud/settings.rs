//! The settings of `[rongcloud]` on real servers: each changes what it says and nothing else.

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::dev::Rig;
use tokio::sync::OnceCell;

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::room::is_out;
use crate::support::{Account, Client, Gateway, Reply, Server, Servers, account, fresh};

on_oldest_and_newest!(
    only_friends_are_brought_in,
    an_owner_hands_over_and_the_last_one_dissolves,
    a_group_has_so_many_members_and_no_more,
    defaults_stand_for_what_is_missing,
);

const NULL: Value = Value::Null;
const COVER: &str = "https://example.org/cover.png";
const AVATAR: &str = "https://example.org/avatar.png";
const MOST: usize = 3;

/// The servers of these tests: their gateway is configured in its own way.
fn rig(server: Server) -> &'static Rig {
    static SERVERS: Servers = Servers::new();
    SERVERS.get(server)
}

/// A gateway with every setting other than its default, shared by this file's tests.
async fn gateway(server: Server) -> &'static Gateway {
    static GATEWAYS: [OnceCell<Gateway>; Server::COUNT] = [const { OnceCell::const_new() }; Server::COUNT];
    let start = || {
        Gateway::start(rig(server), |config| {
            let settings = &mut config.rongcloud;
            settings.friends_only = true;
            settings.hand_over = true;
            settings.open_lists = true;
            settings.group_members = MOST;
            settings.default_cover = COVER.to_owned();
            settings.default_avatar = AVATAR.to_owned();
            settings.client_address = None;
            settings.realtime_seconds = 600;
        })
    };
    GATEWAYS[server as usize].get_or_init(start).await
}

fn people<const N: usize>(rig: &Rig, names: [&str; N]) -> [Account; N] {
    names.map(|name| account(rig, name))
}

async fn get(gateway: &Gateway, user: &Account, group: u64, last: &str) -> Reply {
    gateway.rongcloud(&user.jid, Method::GET, &format!("/api/im/group/{group}/{last}/"), &NULL).await
}

async fn join(gateway: &Gateway, member: &Account, group: u64, friend: &Account) -> Reply {
    let body = json!({"userid": gateway.rongcloud_id(&friend.jid).await.to_string()});
    gateway.rongcloud(&member.jid, Method::POST, &format!("/api/im/group/{group}/join/"), &body).await
}

async fn invite(gateway: &Gateway, user: &Account, group: u64, code: &str) -> Reply {
    let path = format!("/api/im/group/{group}/invite/");
    gateway.rongcloud(&user.jid, Method::POST, &path, &json!({ "code": code })).await
}

async fn only_friends_are_brought_in(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let [one, two] = people(rig, ["alice", "bob"]);
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "").await;
    assert_eq!(join(gateway, &one, id, &two).await.expect_detail(403), "只能邀请您的好友。");
    // As two clients become contacts of each other.
    for (from, to, kind) in [
        (&alice, &two.jid, "subscribe"),
        (&bob, &one.jid, "subscribed"),
        (&bob, &one.jid, "subscribe"),
        (&alice, &two.jid, "subscribed"),
    ] {
        from.send(crate::support::stanza(&format!("<presence to='{to}' type='{kind}'/>")));
        from.ping().await;
    }
    until("the subscription", || async { (alice.contacts().await.get(&two.jid)? == "both").then_some(()) }).await;
    join(gateway, &one, id, &two).await.expect_json(200);
    bob.join(&format!("{id}@{}", rig.rooms()), "Bob").await.expect("a member gets in");
    // They are no friend of themselves, and a member already.
    join(gateway, &two, id, &two).await.expect_json(200);
}

async fn an_owner_hands_over_and_the_last_one_dissolves(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let [one, two] = people(rig, ["alice", "bob"]);
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let id = gateway.rongcloud_group(&one.jid, "群", "7").await;
    let room = format!("{id}@{}", rig.rooms());
    invite(gateway, &two, id, "7").await.expect_json(200);
    alice.join(&room, "Alice").await.expect("the owner gets in");
    bob.join(&room, "Bob").await.expect("a member gets in");
    // It would be their turn, but they have no account any more.
    alice.affiliate(&room, &format!("{}@{}", fresh("aaa"), rig.domain()), "member").await;

    get(gateway, &one, id, "quit").await.expect_json(200);
    alice.wait_for("the end of her stay", is_out(&room)).await;
    let alice = Client::login(rig, &one).await;
    alice.join(&room, "Alice").await.expect_err("one who has left gets in");
    let owners = bob.affiliated(&room, "owner").await;
    assert!(owners.iter().any(|(jid, _)| *jid == two.jid), "{owners:?}");
    assert!(!owners.iter().any(|(jid, _)| *jid == one.jid), "{owners:?}");
    let listed = gateway.rongcloud(&two.jid, Method::GET, "/api/im/group/", &NULL).await.expect_json(200);
    assert_eq!((&listed["count"], &listed["results"][0]["id"]), (&json!(1), &json!(id)));

    get(gateway, &two, id, "quit").await.expect_json(200);
    bob.wait_for("the end of the group", is_out(&room)).await;
    bob.expect_no_room(&room).await;
    assert!(alice.bookmarks().await.is_empty() && bob.bookmarks().await.is_empty());
    get(gateway, &two, id, "users").await.expect_detail(404);
}

async fn a_group_has_so_many_members_and_no_more(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let [one, two, three, four] = people(rig, ["alice", "bob", "carol", "dave"]);
    let id = gateway.rongcloud_group(&one.jid, "群", "7").await;
    // All at once: there is room for two of them.
    let replies = tokio::join!(
        invite(gateway, &two, id, "7"),
        invite(gateway, &three, id, "7"),
        invite(gateway, &four, id, "7"),
    );
    let (inside, refused): (Vec<_>, Vec<_>) = [(replies.0, &two), (replies.1, &three), (replies.2, &four)]
        .into_iter()
        .partition(|(reply, _)| reply.status == 200);
    assert_eq!((inside.len(), refused.len()), (2, 1), "{inside:?} {refused:?}");
    for (reply, late) in refused {
        assert_eq!(reply.expect_detail(403), "群组人数已达上限 3。");
        let late = Client::login(rig, late).await;
        late.join(&format!("{id}@{}", rig.rooms()), "late").await.expect_err("one too many gets in");
    }
    // Whoever is a member already is let be.
    for (_, member) in inside {
        invite(gateway, member, id, "7").await.expect_json(200);
    }
    assert_eq!(get(gateway, &one, id, "users").await.expect_json(200)["count"], MOST);
}

async fn defaults_stand_for_what_is_missing(server: Server) {
    let (rig, gateway) = (rig(server), gateway(server).await);
    let [one, two] = people(rig, ["alice", "bob"]);
    let body = json!({"name": "群"});
    let made = gateway.rongcloud(&one.jid, Method::POST, "/api/im/group/", &body).await.expect_json(201);
    assert_eq!(made["cover"], COVER);
    let id = made["id"].as_u64().expect("a number");
    assert_eq!(gateway.get(&format!("/api/im/retrieve/{id}")).await.expect_json(200)["cover"], COVER);
    // No member, but the lists are open.
    let users = get(gateway, &two, id, "users").await.expect_json(200);
    assert_eq!((&users["count"], &users["results"][0]["avatar"]), (&json!(1), &json!(AVATAR)));
    let token = gateway.rongcloud(&one.jid, Method::GET, "/api/im/token", &NULL).await.expect_json(200);
    assert_eq!((&token["address"], &token["expires_in"]), (&NULL, &json!(600)));
}
