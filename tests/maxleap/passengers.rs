//! Passengers of the MaxLeap API on real servers: real accounts, into which a client logs in.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::element::says;
use crate::support::people::{carried, until};
use crate::support::{Account, Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    a_passenger_logs_in_and_talks,
    sets_attributes_by_id,
    finds_users_but_no_passengers,
    refuses_bad_passengers,
);

const NULL: Value = Value::Null;

fn account_of(reply: &Reply) -> Account {
    let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let jid = header("x-xmpp-jid").expect("an address");
    let password = header("x-xmpp-password").expect("a password");
    assert!(password.len() >= 24, "{password}");
    Account { name: jid.split('@').next().unwrap_or_default().to_owned(), password, jid }
}

async fn a_passenger_logs_in_and_talks(server: Server) {
    let gateway = Gateway::shared(server).await;
    let attributes = json!({"name": "王尼玛", "qq": 88_888_888, "deep": {"a": [null, 1.5]}});
    let made = gateway.maxleap(Method::POST, "/passengers/", &attributes).await.expect_status(201);
    let id = made.json.as_str().expect("an id");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    let passenger = account_of(&made);
    assert_eq!(passenger.name, id);
    talk(server, id, &passenger, &attributes).await;

    // An id of the caller's, whose capitals an address cannot have.
    let id = fresh("Jerry");
    let body = json!({"id": id, "name": "Jerry"});
    let made = gateway.maxleap(Method::POST, "/passengers/", &body).await.expect_status(201);
    talk(server, &id, &account_of(&made), &json!({"name": "Jerry"})).await;
}

/// A passenger, known to the API by `id` and to the XMPP server by their account, talks with a user.
async fn talk(server: Server, id: &str, passenger: &Account, attributes: &Value) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "alice");
    let alice = Client::login(rig, &user).await;
    let path = format!("/passengers/{id}");
    for method in [Method::GET, Method::POST] {
        assert_eq!(gateway.maxleap(method, &path, &NULL).await.expect_status(200).json, *attributes);
    }

    let client = Client::login(rig, passenger).await;
    client.tell(&user.jid, "free delivery?", "");
    alice.wait_for("the question", says("free delivery?")).await;
    let picture = json!({"media": 1, "body": "http://example.org/a.png", "remark": "r"});
    alice.tell(&passenger.jid, "it is", &carried(&picture));
    client.wait_for("the answer", says("it is")).await;
    let chats = || async {
        let reply = gateway.maxleap(Method::GET, &format!("{path}/chats/{}", user.name), &NULL).await;
        let rows = reply.expect_status(200).json;
        (rows.as_array()?.len() == 2).then_some(rows)
    };
    let rows = until("the two messages", chats).await;
    let content = json!({"media": 1, "body": "http://example.org/a.png"});
    let answer = json!({"speaker": user.name, "content": content, "ts": rows[1]["ts"], "remark": "r"});
    let question = json!({"speaker": id, "content": {"media": 0, "body": "free delivery?"}, "ts": rows[0]["ts"]});
    assert_eq!(rows, json!([question, answer]));
    // To the user they are a stranger who is here, and the service can tell them something.
    let strangers = gateway.maxleap(Method::GET, &format!("/ctx/{}/strangers?detail", user.name), &NULL).await;
    let strangers = strangers.expect_status(200).json;
    // ejabberd puts a message down for each of the two, some milliseconds apart.
    let recent = json!({"ts": strangers[0]["recent"]["ts"], "speaker": user.name, "content": content, "remark": "r"});
    assert_eq!(strangers, json!([{"id": id, "online": true, "recent": recent}]));
    let news = json!({"content": {"media": 0, "body": "it is on its way"}});
    gateway.maxleap(Method::POST, &format!("/system/{id}"), &news).await.expect_status(202);
    client.wait_for("the news", says("it is on its way")).await;
}

async fn sets_attributes_by_id(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let id = fresh("Passenger");
    let body = |more: Value| {
        let mut body = more;
        body["id"] = json!(id);
        body
    };
    let made = gateway.maxleap(Method::POST, "/passengers", &body(json!({"a": 1, "b": "x"}))).await.expect_status(201);
    assert_eq!(made.json, json!(id));
    let passenger = account_of(&made);
    drop(Client::login(rig, &passenger).await);
    let again =
        gateway.maxleap(Method::POST, "/passengers", &body(json!({"b": "y", "c": null}))).await.expect_status(201);
    assert_eq!(again.json, json!(id));
    assert!(!again.headers.contains_key("x-xmpp-password") && !again.headers.contains_key("x-xmpp-jid"));
    let path = format!("/passengers/{id}");
    let now = gateway.maxleap(Method::GET, &path, &NULL).await.expect_status(200).json;
    assert_eq!(now, json!({"a": 1, "b": "y", "c": null}));
    // The password is still the first one, and the id in other letters is somebody else's.
    drop(Client::login(rig, &passenger).await);
    gateway.maxleap(Method::GET, &path.to_lowercase(), &NULL).await.expect_error(404, 5004);

    // All at once: one of them makes the passenger, the others find them.
    let id = fresh("passenger");
    let bodies: Vec<Value> = (0..4).map(|n| json!({"id": id, format!("k{n}"): n})).collect();
    let calls = bodies.iter().map(|body| gateway.maxleap(Method::POST, "/passengers", body));
    let made: Vec<_> = futures::future::join_all(calls).await.into_iter().map(|made| made.expect_status(201)).collect();
    assert_eq!(made.iter().filter(|made| made.headers.contains_key("x-xmpp-password")).count(), 1);
    let all = gateway.maxleap(Method::GET, &format!("/passengers/{id}"), &NULL).await.expect_status(200).json;
    assert_eq!(all, json!({"k0": 0, "k1": 1, "k2": 2, "k3": 3}));
}

async fn finds_users_but_no_passengers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, plain) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let city = fresh("city");
    for (who, age) in [(&one, 30), (&two, 4)] {
        let path = format!("/ctx/{}/attributes", who.name);
        gateway.maxleap(Method::POST, &path, &json!({"city": city, "age": age})).await.expect_status(201);
    }
    let passenger = json!({"city": city, "age": 5, "id": fresh("passenger")});
    gateway.maxleap(Method::POST, "/passengers", &passenger).await.expect_status(201);
    let _alice = Client::login(rig, &one).await;
    let find = |query: String| async move {
        let rows = gateway.maxleap(Method::GET, &format!("/ctx?{query}"), &NULL).await.expect_status(200).json;
        rows.as_array().expect("a list").clone()
    };
    // As library 3 writes it, its comma as it is.
    let rows = find(format!("_skip=0&_limit=10&_sort=age,-name&city={city}")).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let row = |who: &Account, age: u64, online: bool, ts: &Value| json!({"id": who.name, "online": online, "ts": ts, "attributes": {"city": city, "age": age}});
    assert_eq!(rows[0], row(&two, 4, false, &rows[0]["ts"]));
    assert_eq!(rows[1], row(&one, 30, true, &rows[1]["ts"]));
    assert!(rows[0]["ts"].is_u64() && rows[1]["ts"].as_u64() > Some(1_500_000_000_000), "{rows:?}");
    let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(find(format!("city={city}&age=30")).await), [json!(one.name)]);
    assert_eq!(ids(find(format!("city={city}&_sort=-age&_skip=1")).await), [json!(two.name)]);
    assert!(find(format!("city={city}&age=5")).await.is_empty());

    // Without a condition, those without attributes too, page by page.
    let mut all = Vec::new();
    loop {
        let page = ids(find(format!("_limit=7&_skip={}", all.len())).await);
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let known = [&one, &two, &plain].map(|who| json!(who.name));
    assert!(known.iter().all(|who| all.contains(who)), "{all:?}");
    assert!(!all.contains(&passenger["id"]), "{all:?}");
    for bad in ["_foo", "_where=x", "_limit=-1"] {
        gateway.maxleap(Method::GET, &format!("/ctx?{bad}"), &NULL).await.expect_error(400, 5001);
    }
}

async fn refuses_bad_passengers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "alice");
    let (many, long) = ((0..201).map(|n| (format!("k{n}"), json!(n))).collect::<Value>(), "x".repeat(129));
    for (bad, status, code) in [
        (json!({"id": user.name, "a": 1}), 409, 5005),
        (json!({"id": 5}), 400, 5001),
        (json!({"id": ""}), 400, 5001),
        (json!({"id": "a@b"}), 400, 5001),
        (json!({"id": long}), 400, 5010),
        (json!({"": 1}), 400, 5001),
        (json!({"a": "x".repeat(70_000)}), 400, 5010),
        (many, 400, 5010),
        (json!([]), 400, 5001),
        (json!("x"), 400, 5001),
    ] {
        gateway.maxleap(Method::POST, "/passengers", &bad).await.expect_error(status, code);
    }
    let attributes = format!("/ctx/{}/attributes", user.name);
    assert_eq!(gateway.maxleap(Method::GET, &attributes, &NULL).await.expect_status(200).json, json!({}));
    for nobody in [user.name.clone(), fresh("nobody")] {
        gateway.maxleap(Method::GET, &format!("/passengers/{nobody}"), &NULL).await.expect_error(404, 5004);
    }
    drop(Client::login(rig, &user).await);
}
