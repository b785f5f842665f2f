//! Ids, paths and queries that are none: there is nothing there, and nothing is done.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::{Gateway, NULL, call, group, of, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways::Gateways;
use crate::support::{Client, Server, account, fresh};

on_oldest_and_newest!(what_is_no_id_leads_nowhere, rooms_of_others_are_no_groups, queries_change_nothing);

/// What somebody may write for the group 7.
fn tricks(id: u64) -> Vec<String> {
    let rest = id.to_string();
    let mut tricks: Vec<String> = [
        "0",
        "-1",
        "-0",
        "1.5",
        "1e3",
        "9007199254740992",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1000000000000000000000000000000",
        "%00",
        "%20",
        "%0A",
        "%FF",
        "x",
        "null",
        "%2F",
        "%2E%2E",
        "%2E%2E%2Fretrieve",
        "..%2f",
        "%3Cx%3E",
        "%D9%A3",
        "%EF%BC%91",
        "%F0%9F%8E%89",
        "gw.example.org",
        "~1",
        "*",
        "%25",
        "@example.org",
        "1@conference.example.org",
        "1%40conference.example.org",
    ]
    .map(str::to_owned)
    .into();
    tricks.extend([
        format!("+{rest}"),
        format!("0{rest}"),
        format!("%30{rest}"),
        format!("{rest}%00"),
        format!("{rest}%20"),
        format!("%20{rest}"),
        format!("{rest}.0"),
        format!("{rest}.json"),
        format!("{rest}%2Fadmin"),
        format!("{rest}%40conference.example.org"),
        format!("{rest};x"),
        format!("{rest},{rest}"),
        "9".repeat(1_000),
        "9".repeat(7_000),
    ]);
    tricks
}

async fn what_is_no_id_leads_nowhere(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let id = group(gateway, &user, "1234").await;
    let before = stage.rooms_of(&user).await;
    for trick in tricks(id) {
        let path = |endpoint: &str| format!("/api/im/group/{trick}/{endpoint}/");
        for (method, path, body) in [
            (Method::GET, path("users"), NULL),
            (Method::GET, path("quit"), NULL),
            (Method::POST, path("dismiss"), NULL),
            (Method::POST, path("join"), json!({"userid": "1"})),
            (Method::POST, path("invite"), json!({"code": "1234"})),
            (Method::GET, format!("/api/im/retrieve/{trick}/"), NULL),
        ] {
            let reply = call(gateway, &user.jid, method.clone(), &path, &body).await;
            let shown: String = path.chars().take(100).collect();
            refused(&format!("{method} {shown}"), &reply, &[404]);
        }
    }
    for path in [
        "/api/im/",
        "/api/im/group/1",
        "/api/im/group/1/2/3",
        "/api/im/retrieve",
        "/api/im/retrieve/",
        "/api/im/nothing/",
        "/api/auth/",
        "/api/auth/login/x",
        "/api/im/group/7/kick/",
        "/api/im/group//users/",
        "/api/im/token/1/",
    ] {
        refused(path, &call(gateway, &user.jid, Method::GET, path, &NULL).await, &[404]);
    }
    for path in
        ["/api/im/group/../retrieve/1/", "/api/im/group/%2e%2e/users/", "/api/im/group/./users/", "/api/im//group/"]
    {
        let answer = as_it_is(gateway, &user.jid, path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    // Of another method nothing changes, and it is said which ones there are.
    for (method, endpoint) in [
        (Method::GET, "join"),
        (Method::GET, "invite"),
        (Method::POST, "users"),
        (Method::PUT, "quit"),
        (Method::DELETE, "dismiss"),
        (Method::HEAD, "dismiss"),
        (Method::HEAD, "quit"),
    ] {
        let reply = call(gateway, &user.jid, method.clone(), &of(id, endpoint), &NULL).await;
        assert_eq!(reply.status, 405, "{method} {endpoint} {}", reply.text);
        assert!(reply.headers.contains_key("allow"), "{method} {endpoint} {:?}", reply.headers);
        if method != Method::HEAD {
            refused(endpoint, &reply, &[405]);
        }
    }
    assert_eq!(stage.rooms_of(&user).await, before);
    assert_eq!(before.into_iter().collect::<Vec<_>>(), [id.to_string()]);
}

/// A room that is none of this API's, whatever its name.
async fn rooms_of_others_are_no_groups(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let client = Client::login(rig, &user).await;
    let id = 7_000_000 + fresh("").parse::<u64>().expect("a number");
    let room = format!("{id}@{}", rig.rooms());
    client.make_room(&room, "owner").await;
    for (method, path, body) in [
        (Method::GET, of(id, "users"), NULL),
        (Method::GET, of(id, "quit"), NULL),
        (Method::GET, of(id, "dismiss"), NULL),
        (Method::POST, of(id, "join"), json!({"userid": "1"})),
        (Method::POST, of(id, "invite"), json!({"code": ""})),
        (Method::POST, of(id, "invite"), json!({"code": "1"})),
        (Method::GET, format!("/api/im/retrieve/{id}/"), NULL),
    ] {
        let reply = call(gateway, &user.jid, method, &path, &body).await;
        refused(&path, &reply, if body["code"] == "" { &[400] } else { &[404] });
    }
    let listed = call(gateway, &user.jid, Method::GET, "/api/im/group/", &NULL).await.expect_json(200);
    assert_eq!(listed["results"], json!([]));
    client.room_info(&room).await.expect("the room");
}

async fn queries_change_nothing(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let id = group(gateway, &user, "").await;
    let get = async |path: String| call(gateway, &user.jid, Method::GET, &path, &NULL).await;
    for path in ["/api/im/group/".to_owned(), of(id, "users")] {
        for page in ["0", "2", "-1", "", "x", "1.5", "+1x", "%00", "%FF", "1%00", "LAST", "9999999999999999999999999"] {
            let reply = get(format!("{path}?page={page}")).await;
            refused(page, &reply, &[404]);
            assert_eq!(reply.json["detail"], "Invalid page.");
        }
        for query in [
            "page=1",
            "page=last",
            "page=9&page=1",
            "p%61ge=1",
            "page_size=1",
            "limit=0&offset=9",
            "&&=&x",
            "%FF=%00",
            "x",
        ] {
            let shown = get(format!("{path}?{query}")).await.expect_json(200);
            assert_eq!((&shown["count"], &shown["next"], &shown["previous"]), (&json!(1), &NULL, &NULL), "{query}");
        }
        let long = get(format!("{path}?x={}", "y".repeat(30_000))).await;
        assert_eq!(long.status, 200, "{}", long.text);
    }
    // What a form may say a query may not.
    let reply = call(gateway, &user.jid, Method::POST, "/api/im/group/?name=query&code=1", &json!({})).await;
    refused("a name in the query", &reply, &[400]);
    let reply = call(gateway, &user.jid, Method::GET, "/api/im/group/?token=x&method=POST&_method=DELETE", &NULL).await;
    assert_eq!(reply.expect_json(200)["count"], 1);
}

/// Gets a path that HTTP libraries would tidy up.
async fn as_it_is(gateway: &Gateway, user: &str, path: &str) -> String {
    let address = gateway.url().trim_start_matches("http://");
    let token = gateway.rongcloud_token(user);
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Token {token}\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}
