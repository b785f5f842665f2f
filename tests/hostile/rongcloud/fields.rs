//! What a field may not be: refused in the API's own words, and nothing is made of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{NULL, address, any, call, group, members, number, of, raw, refused, stage};
use crate::on_oldest_and_newest;
use crate::support::gateways::Gateways;
use crate::support::{Server, account};

on_oldest_and_newest!(
    what_is_no_field_makes_no_group,
    what_a_name_may_be_it_stays,
    nobody_comes_in_by_what_is_no_user_or_code
);

const FORM: &str = "application/x-www-form-urlencoded";
const GROUPS: &str = "/api/im/group/";

/// What is a text nowhere.
fn no_text() -> Vec<Value> {
    let mut nested = json!({"name": "x"});
    for _ in 0..60 {
        nested = json!({ "name": [nested] });
    }
    vec![json!(true), json!(false), json!([]), json!({}), json!(["a"]), json!({"a": 1}), nested]
}

/// More than a log-in may be, and so much that a stranger who sends it is sure to get an answer: more of it is not waited for.
const LARGE: usize = 64 << 10;

/// Texts that XMPP cannot carry.
const UNSENDABLE: [&str; 7] = ["\u{0}", "a\u{0}b", "\u{1}", "a\u{8}", "\u{1b}[2J", "\u{fffe}", "b\u{ffff}"];

async fn what_is_no_field_makes_no_group(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let make = async |body: &Value| call(gateway, &user.jid, Method::POST, GROUPS, body).await;
    let mut wrong = vec![json!({}), json!({"name": null}), json!({"Name": "x"})];
    for name in [json!(""), json!(" "), json!("\t\r\n\u{3000}\u{a0}"), json!("x".repeat(101)), json!("张".repeat(101))]
    {
        wrong.push(json!({ "name": name }));
    }
    for (field, value) in
        ["name", "code", "cover"].into_iter().flat_map(|field| no_text().into_iter().map(move |v| (field, v)))
    {
        let mut body = json!({"name": "a group"});
        body[field] = value;
        wrong.push(body);
    }
    for text in UNSENDABLE {
        wrong.push(json!({ "name": text }));
        wrong.push(json!({"name": "a group", "code": text}));
    }
    wrong.push(json!({"name": "a group", "code": "1".repeat(33)}));
    wrong.push(json!({"name": "a group", "cover": "http://example.org/cover.png"}));
    wrong.push(json!({"name": "a group", "cover": 1}));
    for body in wrong {
        let shown: String = body.to_string().chars().take(200).collect();
        refused(&shown, &make(&body).await, &[400]);
    }
    for large in [json!({"name": "x".repeat(1 << 20)}), json!({"name": "a group", "code": "1".repeat(1 << 20)})] {
        refused("a megabyte", &make(&large).await, &[400, 413]);
    }
    let deep = "[".repeat(100_000);
    for (kind, body) in [
        ("application/json", b"{".to_vec()),
        ("application/json", b"[]".to_vec()),
        ("application/json", b"null".to_vec()),
        ("application/json", b"\"name\"".to_vec()),
        ("application/json", b"{\"name\": \"x\"} and more".to_vec()),
        ("application/json", b"{\"name\": \"\xff\"}".to_vec()),
        ("application/json", format!("{{\"name\": {deep}").into_bytes()),
        ("application/json", b"name=x".to_vec()),
        (FORM, b"name=%ff".to_vec()),
        (FORM, b"name=%00".to_vec()),
        (FORM, b"name=x&name=".to_vec()),
        (FORM, b"name".to_vec()),
        (FORM, b"=name".to_vec()),
        (FORM, b"name=x&cover=y".to_vec()),
        (FORM, b"\xff=\xfe".to_vec()),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        refused(&shown, &raw(gateway, &user.jid, GROUPS, kind, body).await, &[400]);
    }
    for kind in ["text/xml", "text/plain", "application/xml", "a/b", "nonsense", "multipart/mixed; boundary=x"] {
        refused(kind, &raw(gateway, &user.jid, GROUPS, kind, "name=x").await, &[415]);
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let reply = call(gateway, &user.jid, method.clone(), GROUPS, &json!({"name": "x"})).await;
        refused(method.as_str(), &reply, &[405]);
        let allow = reply.headers.get("allow").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    }
    assert!(stage.rooms_of(&user).await.is_empty());
}

async fn what_a_name_may_be_it_stays(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let most = "😀".repeat(100);
    let marks = "<b>&amp;'\"</b> ]]> %s \\ {{7*7}} ; DROP";
    for (given, name) in [
        (json!(most), most.as_str()),
        (json!("  两边 空格 \u{3000}"), "两边 空格"),
        (json!(marks), marks),
        (json!("\u{202e}gnol\u{202c} \u{200f}שלום"), "\u{202e}gnol\u{202c} \u{200f}שלום"),
        (json!("e\u{301} é"), "e\u{301} é"),
        (json!(42), "42"),
        (json!(-1.5), "-1.5"),
        (json!("null"), "null"),
    ] {
        let body = json!({"name": given, "code": " 007 "});
        let made = call(gateway, &user.jid, Method::POST, GROUPS, &body).await.expect_json(201);
        assert_eq!((&made["name"], &made["code"]), (&json!(name), &json!("007")));
        let path = format!("/api/im/retrieve/{}/", made["id"]);
        let shown = call(gateway, &user.jid, Method::GET, &path, &NULL).await.expect_json(200);
        assert_eq!(shown, made, "{name}");
    }
}

async fn nobody_comes_in_by_what_is_no_user_or_code(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (owner, friend) = (account(rig, "alice"), account(rig, "bob"));
    let id = group(gateway, &owner, "1234").await;
    let before = members(gateway, &owner, id).await;
    let join = async |body: &Value| call(gateway, &owner.jid, Method::POST, &of(id, "join"), body).await;
    let right = number(gateway, &friend).await;
    let text = right.to_string();
    let mut wrong: Vec<Value> = no_text();
    wrong.extend(UNSENDABLE.map(Value::from));
    wrong.extend([
        NULL,
        json!(""),
        json!(" "),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(right as f64 + 0.5),
    ]);
    for text in [
        "+1",
        "01",
        "1_000",
        "0x10",
        "1e3",
        "１",
        "٣",
        "1,2",
        "1 2",
        "NaN",
        "-0",
        &format!("0{text}"),
        &format!("+{text}"),
    ] {
        wrong.push(json!(text));
    }
    wrong.extend([1u64 << 52, 1 << 53, 1 << 63, u64::MAX].map(Value::from));
    wrong.extend(["18446744073709551616".to_owned(), "9".repeat(40), "9".repeat(1 << 20)].map(Value::from));
    wrong.extend([json!(friend.name), json!(friend.jid), json!("*"), json!("' or 1=1 --"), json!("../1")]);
    for userid in wrong {
        let shown: String = userid.to_string().chars().take(80).collect();
        refused(&shown, &join(&json!({ "userid": userid })).await, &[400, 413]);
    }
    refused("nothing", &join(&json!({})).await, &[400]);
    refused("two", &raw(gateway, &owner.jid, &of(id, "join"), FORM, format!("userid={right}&userid=x")).await, &[400]);

    let stranger = account(rig, "carol");
    let mut codes = no_text();
    codes.extend(UNSENDABLE.map(Value::from));
    codes.extend([NULL, json!(""), json!(" "), json!("1".repeat(65)), json!("1".repeat(1 << 20))]);
    for code in codes {
        let shown: String = code.to_string().chars().take(80).collect();
        let reply = call(gateway, &stranger.jid, Method::POST, &of(id, "invite"), &json!({ "code": code })).await;
        refused(&shown, &reply, &[400, 413]);
    }
    assert_eq!(members(gateway, &owner, id).await, before);

    let mut names = no_text();
    names.extend(UNSENDABLE.map(Value::from));
    let odd = [
        "",
        " ",
        "@",
        "@example.org",
        "a@",
        "a@b@example.org",
        "alice/x",
        "alice@example.org/x",
        "alice@example.com",
        "a b",
        "<a/>",
        "gw.example.org",
        "alice\n",
        "😀",
        "\u{202e}x",
    ];
    names.extend(odd.map(Value::from));
    names.extend([NULL, json!(1), json!("x".repeat(1025)), json!("x".repeat(2_000)), json!("x".repeat(LARGE))]);
    let secrets = [
        NULL,
        json!(""),
        json!(0),
        json!(true),
        json!([]),
        json!("\u{0}"),
        json!("\u{fffe}"),
        json!("p".repeat(LARGE)),
    ];
    let bodies = names.iter().map(|name| json!({"username": name, "password": "x"}));
    let bodies = bodies.chain(secrets.iter().map(|secret| json!({"username": owner.name, "password": secret})));
    for body in bodies {
        let shown: String = body.to_string().chars().take(80).collect();
        let reply = any(gateway, Method::POST, "/api/auth/login/", |request| {
            request.header("x-forwarded-for", address()).json(&body)
        });
        refused(&shown, &reply.await, &[400, 413]);
    }
    // All that was refused has left the way open.
    join(&json!({ "userid": text })).await.expect_json(200);
    assert_eq!(members(gateway, &owner, id).await.len(), 2);
}
