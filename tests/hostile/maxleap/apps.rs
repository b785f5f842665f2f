//! Several apps on one server, each with rooms and records of its own: none sees, changes or speaks to another's.

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::maxleap::App;
use stanzagate::config::secret::Secret;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::Rig;

use super::stage::{Gateway, NULL, Reply};
use crate::on_oldest_and_newest;
use crate::support::Server;

on_oldest_and_newest!(an_app_has_no_part_in_another);

const OTHER: &str = "569d84a0169e7d00012c7afe";
const OTHER_KEY: &str = "MjVvSjJUMTZveUR2d1hoNlVoQ0R1QQ";
const OTHER_MASTER: &str = "the-master-key-of-the-other-app";

/// Gives the server a second MUC and a second pubsub service.
fn second_hosts(rig: &Rig, server: Server) {
    let file = rig.dir().join(if server.is_ejabberd() { "ejabberd.yml" } else { "prosody.cfg.lua" });
    let mut config = std::fs::read_to_string(&file).expect("the server's configuration");
    for (first, second) in [("conference.example.org", "team.example.org"), ("pubsub.example.org", "notes.example.org")]
    {
        if server.is_ejabberd() {
            let host = format!("    host: {first}\n");
            assert!(config.contains(&host), "{host}");
            config = config.replace(&host, &format!("    hosts: [{first}, {second}]\n"));
        } else {
            let start = config.find(&format!("Component \"{first}\"")).expect("the component");
            let rest = config.get(start..).unwrap_or_default();
            let end = rest.find("\n\n").unwrap_or(rest.len());
            let copy = rest.get(..end).unwrap_or_default().replace(first, second);
            config.push_str(&format!("\n{copy}\n"));
        }
    }
    rig.stop_server().expect("the server stops");
    std::fs::write(&file, config).expect("the server's configuration");
    rig.start_server().expect("the server starts");
}

async fn ask(gateway: &Gateway, headers: &[(&str, &str)], method: Method, path: &str, body: &Value) -> Reply {
    let build = |http: &reqwest::Client, url: &str| {
        let request = http.request(method, format!("{url}{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        if body.is_null() { request } else { request.json(body) }
    };
    gateway.request(build).await
}

async fn an_app_has_no_part_in_another(server: Server) {
    let start = move || {
        let rig = server.start(Grant::Oauth);
        second_hosts(&rig, server);
        rig
    };
    let rig = tokio::task::spawn_blocking(start).await.expect("a server");
    let gateway = Gateway::start(&rig, |config| {
        config.maxleap.apps.push(App {
            id: OTHER.to_owned(),
            keys: vec![Secret::new(OTHER_KEY)],
            master_key: Some(Secret::new(OTHER_MASTER)),
            rooms: Some("team.example.org".to_owned()),
            pubsub: Some("notes.example.org".to_owned()),
            ..App::default()
        });
    })
    .await;
    let (app, key) = gateway.maxleap_app();
    let gateway = &gateway;
    let one = async |method, path: String, body: Value| {
        ask(gateway, &[("x-ml-appid", app), ("x-ml-apikey", key)], method, &path, &body).await
    };
    let other = async |method, path: String, body: Value| {
        ask(gateway, &[("x-ml-appid", OTHER), ("x-ml-apikey", OTHER_KEY)], method, &path, &body).await
    };
    // The golden vector of this key, and what is next to it.
    let sign = "da1bb6b56200c84995127c784de90445,1461920236060";
    let with = async |id: &str, sign: &str| {
        ask(gateway, &[("x-ml-appid", id), ("x-ml-request-sign", sign)], Method::GET, "/groups", &NULL).await
    };
    with(OTHER, sign).await.expect_status(200);
    for (id, sign) in [
        (app, sign.to_owned()),
        (OTHER, format!("{sign},master")),
        (OTHER, format!("{sign},Master")),
        (OTHER, format!("{sign},")),
        (OTHER, sign.replace("060", "061")),
        ("56a86320e9db7300015438f8", sign.to_owned()),
        (&OTHER.to_uppercase(), sign.to_owned()),
    ] {
        with(id, &sign).await.expect_error(401, 5003);
    }
    for (id, key) in [(app, OTHER_KEY), (OTHER, key), (app, OTHER_MASTER), (OTHER, "")] {
        ask(gateway, &[("x-ml-appid", id), ("x-ml-apikey", key)], Method::GET, "/groups", &NULL)
            .await
            .expect_error(401, 5003);
    }

    let created = json!({"owner": "alice", "members": ["bob"], "name": "ours"});
    let ours = one(Method::POST, "/groups".into(), created.clone()).await.expect_status(201).json;
    let theirs = other(Method::POST, "/groups".into(), created).await.expect_status(201).json;
    let our_room = one(Method::POST, "/rooms".into(), json!({"members": ["bob"]})).await.expect_status(201).json;
    one(Method::POST, "/ctx/alice/attributes".into(), json!({"secret": 1})).await.expect_status(201);
    let id = |value: &Value| value.as_str().expect("an id").to_owned();
    let before = one(Method::GET, format!("/groups/{}", id(&ours)), NULL).await.expect_status(200).json;
    for (family, id) in [("groups", id(&ours)), ("rooms", id(&our_room)), ("groups", format!("{}x", id(&theirs)))] {
        for (method, rest, body) in [
            (Method::GET, "", NULL),
            (Method::PUT, "", json!({"members": []})),
            (Method::DELETE, "", NULL),
            (Method::GET, "/attributes", NULL),
            (Method::PUT, "/attributes", json!({"name": "theirs"})),
            (Method::DELETE, "/attributes", NULL),
            (Method::POST, "/members", json!({"members": ["carol"]})),
            (Method::DELETE, "/members", json!({"members": ["bob"]})),
            (Method::POST, "/members/carol", NULL),
            (Method::DELETE, "/members/bob", NULL),
        ] {
            other(method, format!("/{family}/{id}{rest}"), body).await.expect_error(404, 5004);
        }
    }
    for (method, path) in [
        (Method::GET, format!("/groups/{}/chats", id(&ours))),
        (Method::DELETE, format!("/groups/{}/chats", id(&ours))),
        (Method::POST, format!("/system/{}?group", id(&ours))),
        (Method::POST, format!("/system/{}?room", id(&our_room))),
    ] {
        other(method, path, json!({"content": {"media": 0, "body": "theirs"}})).await.expect_error(404, 5004);
    }
    // The sort counts too: a group is no room.
    one(Method::GET, format!("/rooms/{}", id(&ours)), NULL).await.expect_error(404, 5004);
    one(Method::DELETE, format!("/groups/{}", id(&our_room)), NULL).await.expect_error(404, 5004);
    assert_eq!(one(Method::GET, format!("/groups/{}", id(&ours)), NULL).await.expect_status(200).json, before);

    for (path, mine) in [("/groups", &theirs), ("/ctx/alice/groups?detail", &theirs)] {
        let rows = other(Method::GET, path.into(), NULL).await.expect_status(200).json;
        let ids: Vec<&Value> = rows.as_array().expect("a list").iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [mine], "{path}: {rows}");
    }
    assert_eq!(other(Method::GET, "/rooms".into(), NULL).await.expect_status(200).json, json!([]));
    assert_eq!(other(Method::GET, "/ctx/alice/attributes".into(), NULL).await.expect_status(200).json, json!({}));
    assert_eq!(other(Method::GET, "/ctx?secret=1".into(), NULL).await.expect_status(200).json, json!([]));
    assert_eq!(one(Method::GET, "/ctx/bob/groups".into(), NULL).await.expect_status(200).json, json!([ours]));
}
