//! Callers in a hurry: the same thing changed by several calls at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::stage::{Gateway, NULL, Reply, call, crowd, get, group, refused, same_connection};
use crate::on_oldest_and_newest;
use crate::support::{Client, Server, account, fresh};

on_oldest_and_newest!(
    a_group_is_full_for_those_who_come_at_once,
    a_group_that_is_deleted_meanwhile_is_gone,
    of_two_new_owners_one_stays,
    writers_and_those_who_clear_disturb_no_value,
    friends_are_made_and_lost_on_both_sides,
    what_cannot_be_made_whole_is_not_made,
);

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.status.as_u16()).collect()
}

async fn a_group_is_full_for_those_who_come_at_once(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let people = crowd(gateway, 54).await;
    let first: Vec<&str> = people.iter().take(44).map(String::as_str).collect();
    let path = format!("/groups/{}", group(gateway, &owner, &first).await);
    let replies = join_all(
        people
            .iter()
            .skip(44)
            .map(async |one| call(gateway, Method::POST, &format!("{path}/members/{one}"), &NULL).await),
    );
    let replies = replies.await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 5, "{:?}", statuses(&replies));
    replies.into_iter().filter(|reply| reply.status != 201).for_each(|reply| drop(reply.expect_error(403, 5008)));
    assert_eq!(get(gateway, &path).await["members"].as_array().map(Vec::len), Some(49));
}

async fn a_group_that_is_deleted_meanwhile_is_gone(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let people = crowd(gateway, 6).await;
    let client = Client::login(rig, &member).await;
    let id = group(gateway, &owner, &[&member.name]).await;
    let path = format!("/groups/{id}");
    let adds =
        join_all(people.iter().map(async |one| {
            call(gateway, Method::POST, &format!("{path}/members"), &json!({"members": [one]})).await
        }));
    let writes = join_all((0..4).map(async |n| {
        call(gateway, Method::POST, &format!("{path}/attributes"), &json!({"name": format!("n{n}"), "n": n})).await
    }));
    let delete = async {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        call(gateway, Method::DELETE, &path, &NULL).await.expect_status(204)
    };
    let (adds, writes, _) = tokio::join!(adds, writes, delete);
    for reply in adds.iter().chain(&writes).filter(|reply| reply.status != 201) {
        refused("a group that is gone", reply, &[5004]);
    }
    call(gateway, Method::GET, &path, &NULL).await.expect_error(404, 5004);
    call(gateway, Method::GET, &format!("{path}/attributes"), &NULL).await.expect_error(404, 5004);
    for who in people.iter().chain([&owner.name, &member.name]) {
        assert_eq!(get(gateway, &format!("/ctx/{who}/groups")).await, json!([]), "{who}");
    }
    client.expect_no_room(&format!("{id}@{}", rig.rooms())).await;
    same_connection(gateway).await;
}

async fn of_two_new_owners_one_stays(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let (one, two) = (account(rig, "bob"), account(rig, "carol"));
    let path = format!("/groups/{}", group(gateway, &owner, &[&one.name, &two.name]).await);
    for _ in 0..3 {
        let set = |who: &str| {
            let body = json!({"owner": who});
            let path = path.clone();
            async move { call(gateway, Method::PUT, &path, &body).await.expect_status(201) }
        };
        let own = format!("{path}/members/{}", owner.name);
        let leave = call(gateway, Method::DELETE, &own, &NULL);
        let (_, _, left) = tokio::join!(set(&one.name), set(&two.name), leave);
        assert!([204, 400].contains(&left.status.as_u16()), "{} {}", left.status, left.text);
        let shown = get(gateway, &path).await;
        let head = shown["owner"].as_str().expect("an owner").to_owned();
        assert!([&one.name, &two.name].contains(&&head), "{shown}");
        let room = format!("{}@{}", path.trim_start_matches("/groups/"), rig.rooms());
        let new = if head == one.name { &one } else { &two };
        let client = Client::login(rig, new).await;
        let owners = client.affiliated(&room, "owner").await;
        let people: Vec<&str> = owners.iter().map(|(jid, _)| jid.as_str()).filter(|jid| jid.contains('@')).collect();
        assert_eq!(people, [new.jid.as_str()]);
        // Everybody is back for the next round.
        let all = json!({"owner": owner.name, "members": [one.name, two.name]});
        call(gateway, Method::PUT, &path, &all).await.expect_status(201);
    }
    // The whole list is set while one of them leaves: their own list and the group's say the same.
    let own = format!("{path}/members/{}", one.name);
    let leave = call(gateway, Method::DELETE, &own, &NULL);
    let body = json!({"members": [one.name]});
    let (left, set) = tokio::join!(leave, call(gateway, Method::PUT, &path, &body));
    assert_eq!(statuses(&[left, set]), [204, 201]);
    let inside = get(gateway, &path).await["members"] == json!([one.name]);
    let listed = get(gateway, &format!("/ctx/{}/groups", one.name)).await != json!([]);
    assert_eq!(inside, listed);
    assert_eq!(get(gateway, &format!("/ctx/{}/groups", two.name)).await, json!([]));
}

async fn writers_and_those_who_clear_disturb_no_value(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let group = format!("/groups/{}/attributes", group(gateway, &owner, &[]).await);
    for path in [group, format!("/ctx/{}/attributes", owner.name)] {
        let write = async |writer: usize| {
            for n in 0..5 {
                let body = json!({format!("w{writer}"): {"n": n}, "name": format!("name {writer} {n}")});
                call(gateway, Method::POST, &path, &body).await.expect_status(201);
            }
        };
        let clear = async {
            for _ in 0..4 {
                call(gateway, Method::DELETE, &path, &NULL).await.expect_status(204);
            }
        };
        tokio::join!(join_all((0..4).map(write)), clear);
        let left = get(gateway, &path).await;
        for (key, value) in left.as_object().expect("an object") {
            let known = key == "name" || value["n"].as_u64().is_some_and(|n| n < 5);
            assert!(known, "{left}");
        }
        // Whoever writes after the last who cleared has their value.
        let all: Map<String, Value> = (0..8).map(|n| (format!("last{n}"), json!(n))).collect();
        call(gateway, Method::DELETE, &path, &NULL).await.expect_status(204);
        join_all(all.iter().map(async |(key, value)| {
            call(gateway, Method::POST, &path, &json!({key: value})).await.expect_status(201)
        }))
        .await;
        assert_eq!(get(gateway, &path).await, json!(all));
    }
    same_connection(gateway).await;
}

async fn friends_are_made_and_lost_on_both_sides(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let (first, second) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    let there = format!("/ctx/{}/friends/{}", one.name, two.name);
    let back = format!("/ctx/{}/friends/{}", two.name, one.name);
    for _ in 0..2 {
        let calls = [
            (Method::POST, &there),
            (Method::DELETE, &back),
            (Method::POST, &back),
            (Method::POST, &there),
            (Method::DELETE, &there),
        ];
        let replies = join_all(calls.iter().map(|(method, path)| call(gateway, method.clone(), path, &NULL))).await;
        assert_eq!(statuses(&replies), [201, 204, 201, 201, 204]);
        let lists = [
            get(gateway, &format!("/ctx/{}/friends", one.name)).await,
            get(gateway, &format!("/ctx/{}/friends", two.name)).await,
        ];
        let friends = lists[0] == json!([two.name]);
        assert_eq!(lists[1] == json!([one.name]), friends, "{lists:?}");
        let rosters = [first.contacts().await, second.contacts().await];
        let mutual = |roster: &std::collections::BTreeMap<String, String>, jid: &str| {
            roster.get(jid).map(String::as_str) == Some("both")
        };
        assert_eq!([mutual(&rosters[0], &two.jid), mutual(&rosters[1], &one.jid)], [friends; 2], "{rosters:?}");
        assert!(friends || rosters.iter().all(|roster| roster.is_empty()), "{rosters:?}");
        call(gateway, Method::GET, &there, &NULL).await.expect_status(if friends { 200 } else { 404 });
    }
}

async fn what_cannot_be_made_whole_is_not_made(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let name = fresh("half");
    for body in [
        json!({"owner": owner.name, "name": name, "members": [member.name, "nobody-at-all"]}),
        json!({"owner": "nobody-at-all", "name": name, "members": [member.name]}),
        json!({"owner": owner.name, "name": name, "members": [member.name, "~bob"]}),
    ] {
        let calls = join_all((0..3).map(|_| call(gateway, Method::POST, "/groups", &body)));
        for reply in calls.await {
            refused("a group that cannot be", &reply, &[5001, 5004]);
        }
        let room = call(gateway, Method::POST, "/rooms", &json!({"name": name, "members": body["members"]})).await;
        if body["owner"] != "nobody-at-all" {
            refused("a room that cannot be", &room, &[5001, 5004]);
        } else {
            let id = room.expect_status(201).json;
            let path = format!("/rooms/{}", id.as_str().expect("an id"));
            call(gateway, Method::DELETE, &path, &NULL).await.expect_status(204);
        }
    }
    let mut found = BTreeSet::new();
    for list in ["groups", "rooms"] {
        found.insert(get(gateway, &format!("/{list}?name={name}")).await.to_string());
        for who in [&owner, &member] {
            found.insert(get(gateway, &format!("/ctx/{}/{list}", who.name)).await.to_string());
        }
    }
    assert_eq!(found, BTreeSet::from(["[]".to_owned()]));
}
