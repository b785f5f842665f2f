//! Friends and strangers of the MaxLeap API on real servers, seen by the friends' own clients.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::people::until;
use crate::support::{Account, Client, Gateway, Server, account, fresh};

on_oldest_and_newest!(
    makes_and_ends_friendships,
    sees_what_clients_do,
    tells_friends_from_strangers,
    refuses_bad_friends
);

const NULL: Value = Value::Null;

fn path(one: &Account, other: &Account) -> String {
    format!("/ctx/{}/friends/{}", one.name, other.name)
}

async fn befriend(gateway: &Gateway, one: &Account, other: &Account) -> Value {
    gateway.maxleap(Method::POST, &path(one, other), &NULL).await.expect_status(201).json
}

async fn makes_and_ends_friendships(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &other).await);
    let made = befriend(gateway, &one, &other).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{id}");
    let ts = made["ts"].as_u64().expect("a time");
    assert!(ts > 1_500_000_000_000, "{ts}");
    let (app, _) = gateway.maxleap_app();
    assert_eq!(made, json!({"id": id, "from": one.name, "to": other.name, "ns": app, "ts": ts}));
    assert_eq!(alice.contacts().await.get(&other.jid).map(String::as_str), Some("both"));
    assert_eq!(bob.contacts().await.get(&one.jid).map(String::as_str), Some("both"));

    // Once more, and the other way round: nothing changes.
    assert_eq!(befriend(gateway, &one, &other).await, made);
    assert_eq!(befriend(gateway, &other, &one).await, made);
    bob.close().await;
    for (from, to, online) in [(&one, &other, false), (&other, &one, true)] {
        let seen = json!({"id": id, "from": one.name, "to": other.name, "online": online, "ts": ts});
        let ask = || async {
            let found = gateway.maxleap(Method::GET, &path(from, to), &NULL).await.expect_status(200).json;
            (found == seen).then_some(())
        };
        until(&seen.to_string(), ask).await;
    }
    let list = |who: &Account, detail: &str| {
        let path = format!("/ctx/{}/friends{detail}", who.name);
        async move { gateway.maxleap(Method::GET, &path, &NULL).await.expect_status(200).json }
    };
    assert_eq!(list(&one, "").await, json!([other.name]));
    assert_eq!(list(&one, "/?detail").await, json!([{"id": other.name, "online": false}]));
    assert_eq!(list(&other, "?detail").await, json!([{"id": one.name, "online": true}]));

    // In the other order, twice.
    for _ in 0..2 {
        let gone = gateway.maxleap(Method::DELETE, &path(&other, &one), &NULL).await.expect_status(204);
        assert_eq!(gone.text, "");
    }
    assert!(!alice.contacts().await.contains_key(&other.jid));
    assert!(!Client::login(rig, &other).await.contacts().await.contains_key(&one.jid));
    gateway.maxleap(Method::GET, &path(&one, &other), &NULL).await.expect_error(404, 5004);
    assert_eq!(list(&one, "").await, json!([]));
    assert_eq!(list(&other, "?detail").await, json!([]));
    assert_eq!(befriend(gateway, &other, &one).await["from"], other.name.as_str());
}

async fn sees_what_clients_do(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &other).await);
    befriend(gateway, &one, &other).await;
    bob.drop_contact(&one.jid).await;
    let ended = || async {
        let reply = gateway.maxleap(Method::GET, &path(&one, &other), &NULL).await;
        (reply.status == 404).then_some(())
    };
    until("the end of the friendship", ended).await;
    let friends = format!("/ctx/{}/friends", one.name);
    assert_eq!(gateway.maxleap(Method::GET, &friends, &NULL).await.expect_status(200).json, json!([]));

    // As two clients become contacts of each other.
    for (from, to, kind) in [
        (&alice, &other.jid, "subscribe"),
        (&bob, &one.jid, "subscribed"),
        (&bob, &one.jid, "subscribe"),
        (&alice, &other.jid, "subscribed"),
    ] {
        from.send(crate::support::stanza(&format!("<presence to='{to}' type='{kind}'/>")));
        from.ping().await;
    }
    let made = || async { (alice.contacts().await.get(&other.jid)? == "both").then_some(()) };
    until("the subscription", made).await;
    let seen = gateway.maxleap(Method::GET, &path(&one, &other), &NULL).await.expect_status(200).json;
    assert_eq!(seen["online"], true);
    assert_eq!(gateway.maxleap(Method::GET, &friends, &NULL).await.json, json!([other.name]));
}

async fn tells_friends_from_strangers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let people = ["alice", "bob", "carol", "dave"].map(|name| account(rig, name));
    let [one, friend, stranger, silent] = &people;
    let alice = Client::login(rig, one).await;
    befriend(gateway, one, friend).await;
    befriend(gateway, one, silent).await;
    alice.tell(&friend.jid, "to a friend", "");
    alice.tell(&stranger.jid, "to a stranger", "");
    alice.ping().await;
    let get = |path: String| async move { gateway.maxleap(Method::GET, &path, &NULL).await };
    let base = format!("/ctx/{}/strangers", one.name);
    let listed = || async { (get(base.clone()).await.expect_status(200).json == json!([stranger.name])).then_some(()) };
    until("the stranger", listed).await;

    let said = |text: &str, ts: &Value| json!({"speaker": one.name, "content": {"media": 0, "body": text}, "ts": ts});
    let detail = get(format!("{base}?detail")).await.expect_status(200).json;
    let recent = said("to a stranger", &detail[0]["recent"]["ts"]);
    assert_eq!(detail, json!([{"id": stranger.name, "online": false, "recent": recent}]));
    let look = get(format!("{base}/{}", stranger.name)).await.expect_status(200).json;
    assert_eq!(look, json!({"ts": recent["ts"], "online": false, "recent": recent}));
    assert_eq!(get(format!("{base}?ids={}", silent.name)).await.json, json!([]));
    assert_eq!(get(format!("{base}?ids=x,{}", stranger.name)).await.json, json!([stranger.name]));
    for empty in ["?skip=1", "?limit=0"] {
        assert_eq!(get(format!("{base}{empty}")).await.json, json!([]), "{empty}");
    }
    get(format!("{base}?skip=x")).await.expect_error(400, 5001);
    for nobody in [friend.name.clone(), silent.name.clone(), one.name.clone(), fresh("nobody")] {
        get(format!("{base}/{nobody}")).await.expect_error(404, 5004);
    }

    let friends = get(format!("/ctx/{}/friends?detail", one.name)).await.expect_status(200).json;
    let recent = said("to a friend", &friends[0]["recent"]["ts"]);
    let expected =
        json!([{"id": friend.name, "online": false, "recent": recent}, {"id": silent.name, "online": false}]);
    assert_eq!(friends, expected);
}

async fn refuses_bad_friends(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, other) = (account(rig, "alice"), account(rig, "bob"));
    let nobody = fresh("nobody");
    let call = |method: Method, path: String| async move { gateway.maxleap(method, &path, &NULL).await };
    call(Method::POST, path(&one, &one)).await.expect_error(400, 5001);
    for (a, b) in [(&one.name, &nobody), (&nobody, &one.name)] {
        let unknown = format!("/ctx/{a}/friends/{b}");
        call(Method::POST, unknown.clone()).await.expect_error(404, 5004);
        call(Method::GET, unknown.clone()).await.expect_error(404, 5004);
        call(Method::DELETE, unknown).await.expect_status(204);
    }
    call(Method::GET, path(&one, &other)).await.expect_error(404, 5004);
    call(Method::GET, format!("/ctx/{nobody}/friends")).await.expect_error(404, 5004);
    call(Method::POST, format!("/ctx/{}/friends/{}", one.name, "x".repeat(129))).await.expect_error(400, 5010);
    for bad in ["a%40b", "a%2Fb", "%20", "a%00b"] {
        call(Method::POST, format!("/ctx/{}/friends/{bad}", one.name)).await.expect_error(400, 5001);
    }
    assert!(Client::login(rig, &one).await.contacts().await.is_empty());
}
