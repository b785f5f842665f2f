//! Groups of the MaxLeap API on real servers: members-only rooms, seen by their members' own clients.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::element::{show, stanza};
use crate::support::people::until;
use crate::support::room::is_out;
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    makes_a_group_that_clients_show,
    changes_members_and_owner,
    members_come_and_go,
    sees_what_clients_do,
    shows_nobody_elsewhere_as_a_user,
    keeps_to_the_limit,
    searches_by_attributes,
    refuses_bad_groups,
    sees_a_member_leave_in_his_client,
);

const ROOMS: &str = "conference.example.org";
const NULL: Value = Value::Null;

async fn call(gateway: &Gateway, method: Method, path: &str, body: &Value) -> Reply {
    gateway.maxleap(method, path, body).await
}

async fn make(gateway: &Gateway, body: &Value) -> String {
    let id = call(gateway, Method::POST, "/groups", body).await.expect_status(201).json;
    let id = id.as_str().expect("an id").to_owned();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    id
}

async fn look(gateway: &Gateway, id: &str) -> Value {
    call(gateway, Method::GET, &format!("/groups/{id}"), &NULL).await.expect_status(200).json
}

fn members(group: &Value) -> BTreeSet<&str> {
    group["members"].as_array().expect("members").iter().filter_map(Value::as_str).collect()
}

fn names<const N: usize>(accounts: [&Account; N]) -> BTreeSet<&str> {
    accounts.into_iter().map(|account| account.name.as_str()).collect()
}

async fn affiliated(client: &Client, room: &str, affiliation: &str) -> Vec<String> {
    client.affiliated(room, affiliation).await.into_iter().map(|(jid, _)| jid).collect()
}

async fn makes_a_group_that_clients_show(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    // As library 4 nests them; the owner and the second mention count for nothing.
    let listed = json!([two.name, [], [three.name, [two.name, one.name]]]);
    let id = make(gateway, &json!({"owner": one.name, "members": listed, "name": "群 & <more>"})).await;
    let room = format!("{id}@{ROOMS}");

    for client in [&alice, &bob] {
        let bookmarks = client.bookmarks().await;
        assert_eq!(bookmarks.len(), 1, "{bookmarks:?}");
        assert_eq!((bookmarks[0].room.as_str(), bookmarks[0].name.as_deref()), (room.as_str(), Some("群 & <more>")));
        assert!(bookmarks[0].autojoin);
    }
    alice.join(&room, "Alice").await.expect("the owner gets in");
    bob.join(&room, "Bob").await.expect("a member gets in");
    assert!(affiliated(&alice, &room, "owner").await.contains(&one.jid));
    let there = affiliated(&alice, &room, "member").await;
    assert!(there.contains(&two.jid) && there.contains(&three.jid), "{there:?}");
    assert_eq!(alice.room_info(&room).await.expect("the room").name.as_deref(), Some("群 & <more>"));
    let stranger = Client::login(rig, &account(rig, "dave")).await;
    stranger.join(&room, "Dave").await.expect_err("a stranger gets in");

    let group = look(gateway, &id).await;
    let fields: BTreeSet<&str> = group.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["attributes", "members", "owner", "ts"].into());
    assert_eq!((&group["owner"], members(&group)), (&json!(one.name), names([&two, &three])));
    assert_eq!(group["attributes"], json!({"name": "群 & <more>"}));
    assert!(group["ts"].as_u64().is_some_and(|ts| ts > 1_500_000_000_000), "{group}");
    // Library 4 posts where it should get; a slash at the end is as good as none.
    assert_eq!(call(gateway, Method::POST, &format!("/groups/{id}"), &NULL).await.expect_status(200).json, group);
    assert_eq!(call(gateway, Method::GET, &format!("/groups/{id}/"), &NULL).await.expect_status(200).json, group);
    for account in [&one, &two, &three] {
        let path = format!("/ctx/{}/groups", account.name);
        assert_eq!(call(gateway, Method::GET, &path, &NULL).await.expect_status(200).json, json!([id]));
        let detail = call(gateway, Method::GET, &format!("{path}?detail"), &NULL).await.expect_status(200).json;
        let mut row = group.clone();
        row["id"] = json!(id);
        assert_eq!(detail, json!([row]));
        let rooms = format!("/ctx/{}/rooms", account.name);
        assert_eq!(call(gateway, Method::GET, &rooms, &NULL).await.expect_status(200).json, json!([]));
    }

    let gone = call(gateway, Method::DELETE, &format!("/groups/{id}"), &NULL).await.expect_status(204);
    assert_eq!(gone.text, "");
    bob.wait_for("the end of the group", is_out(&room)).await;
    alice.expect_no_room(&room).await;
    assert!(alice.bookmarks().await.is_empty() && bob.bookmarks().await.is_empty());
    for method in [Method::GET, Method::POST, Method::DELETE] {
        call(gateway, method, &format!("/groups/{id}"), &NULL).await.expect_error(404, 5004);
    }
    let path = format!("/ctx/{}/groups", two.name);
    assert_eq!(call(gateway, Method::GET, &path, &NULL).await.expect_status(200).json, json!([]));
}

async fn changes_members_and_owner(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let people = ["alice", "bob", "carol", "dave"].map(|name| account(rig, name));
    let [one, two, three, four] = &people;
    let (bob, carol) = (Client::login(rig, two).await, Client::login(rig, three).await);
    let id = make(gateway, &json!({"owner": one.name, "members": [two.name, three.name]})).await;
    let (path, room) = (format!("/groups/{id}"), format!("{id}@{ROOMS}"));
    carol.join(&room, "Carol").await.expect("a member gets in");

    call(gateway, Method::PUT, &path, &json!({"owner": two.name, "name": "ignored"})).await.expect_status(201);
    let group = look(gateway, &id).await;
    assert_eq!((&group["owner"], members(&group)), (&json!(two.name), names([one, three])));
    assert_eq!(group["attributes"], json!({}));
    assert!(affiliated(&bob, &room, "owner").await.contains(&two.jid));

    call(gateway, Method::PUT, &path, &json!({"members": [four.name, [one.name]]})).await.expect_status(201);
    let group = look(gateway, &id).await;
    assert_eq!((&group["owner"], members(&group)), (&json!(two.name), names([one, four])));
    carol.wait_for("the door", is_out(&room)).await;
    carol.join(&room, "Carol").await.expect_err("one who was removed gets in");
    assert!(carol.bookmarks().await.is_empty());

    let both = json!({"owner": one.name, "members": [three.name]});
    call(gateway, Method::PUT, &path, &both).await.expect_status(201);
    let group = look(gateway, &id).await;
    assert_eq!((&group["owner"], members(&group)), (&json!(one.name), names([three])));
    assert!(bob.bookmarks().await.is_empty());

    let nobody = fresh("nobody");
    for (bad, status, code) in [
        (json!({"owner": nobody}), 404, 5004),
        (json!({"members": [nobody]}), 404, 5004),
        (json!({"owner": 5}), 400, 5001),
        (json!({"owner": ""}), 400, 5001),
        (json!({"members": three.name}), 400, 5001),
        (json!({"members": [1]}), 400, 5001),
        (json!([]), 400, 5001),
    ] {
        call(gateway, Method::PUT, &path, &bad).await.expect_error(status, code);
    }
    call(gateway, Method::PUT, &path, &json!({})).await.expect_status(201);
    assert_eq!(look(gateway, &id).await, group);
    call(gateway, Method::PUT, &format!("/groups/{nobody}"), &json!({"owner": one.name})).await.expect_error(404, 5004);
}

async fn members_come_and_go(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let people = ["alice", "bob", "carol", "dave"].map(|name| account(rig, name));
    let [one, two, three, four] = &people;
    let bob = Client::login(rig, two).await;
    let id = make(gateway, &json!({"owner": one.name})).await;
    let (path, room) = (format!("/groups/{id}/members"), format!("{id}@{ROOMS}"));
    let nobody = fresh("nobody");
    let now = || async { look(gateway, &id).await };

    let refused = call(gateway, Method::POST, &path, &json!({"members": [two.name, nobody]})).await;
    let refused = refused.expect_error(404, 5004);
    assert!(refused.json["errorMessage"].as_str().is_some_and(|text| text.contains(&nobody)), "{}", refused.text);
    assert!(members(&now().await).is_empty() && bob.bookmarks().await.is_empty());

    let added = json!({"members": [two.name, [three.name, []]]});
    assert_eq!(call(gateway, Method::POST, &path, &added).await.expect_status(201).text, "");
    call(gateway, Method::POST, &path, &added).await.expect_status(201);
    assert_eq!(members(&now().await), names([two, three]));
    assert_eq!(bob.bookmarks().await.iter().map(|bookmark| bookmark.room.as_str()).collect::<Vec<_>>(), [&room]);
    call(gateway, Method::POST, &format!("{path}/{}", four.name), &NULL).await.expect_status(201);
    assert_eq!(members(&now().await), names([two, three, four]));
    call(gateway, Method::POST, &path, &json!({"members": []})).await.expect_status(201);

    bob.join(&room, "Bob").await.expect("a member gets in");
    // Whoever is none, or does not exist, is no member afterwards either.
    let removed = json!({"members": [two.name, nobody, [four.name]]});
    assert_eq!(call(gateway, Method::DELETE, &path, &removed).await.expect_status(204).text, "");
    bob.wait_for("the door", is_out(&room)).await;
    assert!(bob.bookmarks().await.is_empty());
    assert_eq!(members(&now().await), names([three]));
    call(gateway, Method::DELETE, &format!("{path}/{}", three.name), &NULL).await.expect_status(204);
    assert!(members(&now().await).is_empty());

    let owner = json!({"members": [one.name]});
    call(gateway, Method::DELETE, &path, &owner).await.expect_error(400, 5009);
    call(gateway, Method::DELETE, &format!("{path}/{}", one.name), &NULL).await.expect_error(400, 5009);
    assert_eq!(now().await["owner"], one.name.as_str());
    for bad in [NULL, json!({}), json!({"members": null}), json!({"members": "x"}), json!({"members": [["x", 1]]})] {
        call(gateway, Method::POST, &path, &bad).await.expect_error(400, 5001);
        call(gateway, Method::DELETE, &path, &bad).await.expect_error(400, 5001);
    }
    for method in [Method::POST, Method::DELETE] {
        let missing = format!("/groups/{nobody}/members");
        call(gateway, method.clone(), &missing, &json!({"members": [two.name]})).await.expect_error(404, 5004);
        call(gateway, method, &format!("{missing}/{}", two.name), &NULL).await.expect_error(404, 5004);
    }
}

async fn sees_what_clients_do(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let alice = Client::login(rig, &one).await;
    let id = make(gateway, &json!({"owner": one.name, "members": [two.name]})).await;
    let room = format!("{id}@{ROOMS}");
    alice.affiliate(&room, &two.jid, "none").await;
    alice.affiliate(&room, &three.jid, "member").await;
    alice.configure_room(&room, &[("muc#roomconfig_roomname", "renamed")]).await;

    let group = look(gateway, &id).await;
    assert_eq!(members(&group), names([&three]));
    assert_eq!(group["attributes"]["name"], "renamed");
    let left = format!("/ctx/{}/groups", two.name);
    assert_eq!(call(gateway, Method::GET, &left, &NULL).await.expect_status(200).json, json!([]));
    let path = format!("/groups/{id}/attributes");
    call(gateway, Method::POST, &path, &json!({"name": "by REST", "n": 1})).await.expect_status(201);
    let renamed = || async { (alice.room_info(&room).await.ok()?.name? == "by REST").then_some(()) };
    until("the new name", renamed).await;

    // A room that a client made is no group.
    let own = fresh("own");
    alice.make_room(&format!("{own}@{ROOMS}"), "Alice").await;
    call(gateway, Method::GET, &format!("/groups/{own}"), &NULL).await.expect_error(404, 5004);
}

async fn shows_nobody_elsewhere_as_a_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let alice = Client::login(rig, &one).await;
    let id = make(gateway, &json!({"owner": one.name, "members": [two.name]})).await;
    let room = format!("{id}@{ROOMS}");
    // Sorts before every other address.
    let foreign = format!("{}@a.example", &two.name);
    for (jid, affiliation) in [(format!("0{foreign}"), "owner"), (foreign, "member")] {
        alice.affiliate(&room, &jid, affiliation).await;
    }
    let group = look(gateway, &id).await;
    assert_eq!((&group["owner"], &group["members"]), (&json!(one.name), &json!([two.name])), "{group}");
    let url = format!("/groups/{id}/members");
    call(gateway, Method::DELETE, &url, &json!({"members": [one.name]})).await.expect_error(400, 5009);
}

async fn keeps_to_the_limit(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    // Passengers are accounts too, and sooner made.
    let made = (0..51).map(|_| call(gateway, Method::POST, "/passengers/", &NULL));
    let ids: Vec<Value> =
        futures::future::join_all(made).await.into_iter().map(|r| r.expect_status(201).json).collect();
    let too_many = json!({"owner": owner.name, "members": ids[..50]});
    call(gateway, Method::POST, "/groups", &too_many).await.expect_error(403, 5008);
    let path = format!("/ctx/{}/groups", owner.name);
    assert_eq!(call(gateway, Method::GET, &path, &NULL).await.expect_status(200).json, json!([]));

    let id = make(gateway, &json!({"owner": owner.name, "members": ids[..48]})).await;
    let members = format!("/groups/{id}/members");
    call(gateway, Method::POST, &members, &json!({"members": ids[47..50]})).await.expect_error(403, 5008);
    assert_eq!(look(gateway, &id).await["members"].as_array().map(Vec::len), Some(48));
    call(gateway, Method::POST, &members, &json!({"members": ids[47..49]})).await.expect_status(201);
    let one_more = ids[50].as_str().expect("an id");
    call(gateway, Method::POST, &format!("{members}/{one_more}"), &NULL).await.expect_error(403, 5008);
    let whole = |from: usize, to: usize| json!({"members": ids[from..to]});
    call(gateway, Method::PUT, &format!("/groups/{id}"), &whole(0, 50)).await.expect_error(403, 5008);
    call(gateway, Method::PUT, &format!("/groups/{id}"), &whole(2, 51)).await.expect_status(201);
    assert_eq!(look(gateway, &id).await["members"].as_array().map(Vec::len), Some(49));
}

async fn searches_by_attributes(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let mark = fresh("mark");
    let mut ids = Vec::new();
    for (n, star) in [(1, json!(5)), (2, json!("5")), (3, json!(40)), (4, NULL)] {
        let id = make(gateway, &json!({"owner": owner.name, "name": format!("g{n}")})).await;
        let attributes = json!({"mark": mark, "star": star, "deep": {"n": n}, "even": n % 2 == 0});
        let path = format!("/groups/{id}/attributes");
        call(gateway, Method::POST, &path, &attributes).await.expect_status(201);
        ids.push(id);
    }
    let find = |query: &str| {
        let path = format!("/groups?mark={mark}{query}");
        async move {
            let rows = call(gateway, Method::GET, &path, &NULL).await.expect_status(200).json;
            let rows = rows.as_array().expect("a list").clone();
            rows.iter().map(|row| row["attributes"]["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(find("&_sort=name").await, ["g1", "g2", "g3", "g4"]);
    assert_eq!(find("&_sort=-name&_skip=1&_limit=2").await, ["g3", "g2"]);
    assert_eq!(find("&_sort=star,-name").await, ["g1", "g3", "g2", "g4"]);
    assert_eq!(find("&_sort=even,-name").await, ["g3", "g1", "g4", "g2"]);
    assert_eq!(find("&star=5&_sort=name").await, ["g1", "g2"]);
    assert_eq!(find("&even=true&name=g4").await, ["g4"]);
    assert!(find("&star=6").await.is_empty() && find("&none=").await.is_empty());
    assert_eq!(find("&_skip=0&_sort=name&detail").await.len(), 4);

    let row = call(gateway, Method::GET, &format!("/groups?mark={mark}&name=g3"), &NULL).await.expect_status(200).json;
    let mut group = look(gateway, &ids[2]).await;
    group["id"] = json!(ids[2]);
    assert_eq!(row, json!([group]));
    for bad in ["_foo=1", "_limit=x", "_skip=-1"] {
        call(gateway, Method::GET, &format!("/groups?{bad}"), &NULL).await.expect_error(400, 5001);
    }
}

async fn refuses_bad_groups(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, nobody) = (account(rig, "alice"), fresh("nobody"));
    let long = "x".repeat(129);
    for (bad, status, code) in [
        (NULL, 400, 5001),
        (json!({}), 400, 5001),
        (json!([]), 400, 5001),
        (json!({"owner": null}), 400, 5001),
        (json!({"owner": [owner.name]}), 400, 5001),
        (json!({"owner": "a@b"}), 400, 5001),
        (json!({"owner": long}), 400, 5010),
        (json!({"owner": nobody}), 404, 5004),
        (json!({"owner": owner.name.to_uppercase()}), 404, 5004),
        (json!({"owner": owner.name, "members": [nobody]}), 404, 5004),
        (json!({"owner": owner.name, "members": nobody}), 400, 5001),
        (json!({"owner": owner.name, "members": [{}]}), 400, 5001),
        (json!({"owner": owner.name, "members": [long]}), 400, 5010),
        (json!({"owner": owner.name, "name": 5}), 400, 5001),
        (json!({"owner": owner.name, "name": "x".repeat(70_000)}), 400, 5010),
    ] {
        call(gateway, Method::POST, "/groups", &bad).await.expect_error(status, code);
    }
    let path = format!("/ctx/{}/groups", owner.name);
    assert_eq!(call(gateway, Method::GET, &path, &NULL).await.expect_status(200).json, json!([]));
    let room = call(gateway, Method::POST, "/rooms", &NULL).await.expect_status(201).json;
    for id in [nobody.as_str(), room.as_str().expect("an id")] {
        for method in [Method::GET, Method::DELETE] {
            call(gateway, method, &format!("/groups/{id}"), &NULL).await.expect_error(404, 5004);
        }
    }
    call(gateway, Method::GET, &format!("/ctx/{nobody}/groups"), &NULL).await.expect_error(404, 5004);
}

/// A client that takes itself off the room's list (XEP-0045 section 7.10), or ends its subscription, has left for the API too.
async fn sees_a_member_leave_in_his_client(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, one, two) = (account(rig, "owner"), account(rig, "one"), account(rig, "two"));
    let body = json!({"owner": owner.name, "members": [one.name, two.name]});
    let id = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    let group = format!("/groups/{}", id.as_str().expect("an id"));
    let jid = format!("{}@{}", id.as_str().expect("an id"), rig.rooms());
    let bob = Client::login(rig, &one).await;
    let unregister = "<query xmlns='jabber:iq:register'><remove/></query>";
    let unsubscribe = "<unsubscribe xmlns='urn:xmpp:mucsub:0'/>";
    let leave = if server.is_ejabberd() { unsubscribe } else { unregister };
    let reply = bob.iq(stanza(&format!("<iq type='set' to='{jid}'>{leave}</iq>"))).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));

    let look = gateway.maxleap(Method::GET, &group, &Value::Null).await.expect_status(200).json;
    assert_eq!(look["members"], json!([two.name]));
    let groups = format!("/ctx/{}/groups", one.name);
    assert_eq!(gateway.maxleap(Method::GET, &groups, &Value::Null).await.expect_status(200).json, json!([]));
    bob.join(&jid, "Bob").await.expect_err("who has left is let in no more");
    // They can come back, and stay.
    gateway.maxleap(Method::POST, &format!("{group}/members/{}", one.name), &Value::Null).await.expect_status(201);
    let look = gateway.maxleap(Method::GET, &group, &Value::Null).await.expect_status(200).json;
    assert_eq!(look["members"].as_array().map(Vec::len), Some(2), "{look}");
}
