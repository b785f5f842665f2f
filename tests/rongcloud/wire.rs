//! The API of RongCloud-backed groups as it is on the wire, on real servers: log-in, refusals in the words of
//! Django REST framework, methods, kinds of bodies, pages.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::rongcloud::multipart;
use crate::support::{Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    logs_in_with_the_password_in_any_kind_of_body,
    who_calls_is_told_by_the_token_or_why_not,
    answers_are_those_of_the_framework,
    methods_are_those_of_the_contract,
    bodies_mean_the_same_in_every_kind,
    lists_come_in_pages,
);

const NULL: Value = Value::Null;
const JSON: &str = "application/json";
const URLENCODED: &str = "application/x-www-form-urlencoded";

async fn log_in(gateway: &Gateway, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    gateway
        .request(|http, url| http.post(format!("{url}/api/auth/login/")).header("content-type", kind).body(body))
        .await
}

#[track_caller]
fn not_stored(reply: Reply) -> Reply {
    assert_eq!(reply.headers["cache-control"], "no-store", "{}", reply.text);
    reply
}

async fn logs_in_with_the_password_in_any_kind_of_body(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let (name, password) = (alice.name.as_str(), alice.password.as_str());
    let (form, parts) = multipart(&[("username", &alice.jid), ("password", password)], None);
    for (kind, body) in [
        (JSON, json!({"username": name, "password": password}).to_string().into_bytes()),
        (URLENCODED, format!("username={}&password={password}", name.to_uppercase()).into_bytes()),
        (form.as_str(), parts),
    ] {
        let reply = not_stored(log_in(gateway, kind, body).await).expect_json(200);
        assert_eq!(reply.as_object().map(serde_json::Map::len), Some(1), "{reply}");
        let token = format!("Token {}", reply["key"].as_str().expect("a token"));
        let headers = [("authorization", token.as_str())];
        let own = gateway.rongcloud_bare(Method::GET, "/api/im/token/", &headers).await.expect_json(200);
        assert_eq!(own["jid"], alice.jid);
    }
    // Whoever guesses names learns none.
    let refused = "无法使用提供的认证信息登录。";
    for (user, wrong) in [
        (name.to_owned(), "wrong"),
        (fresh("nobody"), password),
        (format!("{name}@elsewhere.example"), password),
        (format!("{name}@{}", rig.rooms()), password),
        ("a b".to_owned(), password),
        (name.to_owned(), "\u{0}"),
        (format!("{name}/x"), password),
    ] {
        let body = json!({"username": user, "password": wrong}).to_string();
        assert_eq!(log_in(gateway, JSON, body).await.expect_detail(400), refused, "{user}");
    }
    for (body, field) in [
        (json!({"password": password}), "username：该字段是必填项。"),
        (json!({"username": " ", "password": password}), "username：该字段不能为空。"),
        (json!({"username": name}), "password：该字段是必填项。"),
        (json!({"username": name, "password": ""}), "password：该字段是必填项。"),
        (json!({"username": name, "password": null}), "password：该字段是必填项。"),
        (json!({"username": name, "password": true}), "password：不是有效的字符串。"),
        (json!({"username": name, "password": 1.50}), "password：不是有效的字符串。"),
    ] {
        assert_eq!(log_in(gateway, JSON, body.to_string()).await.expect_detail(400), field);
    }
    log_in(gateway, URLENCODED, format!("username={name}&password={password}")).await.expect_json(200);
}

async fn who_calls_is_told_by_the_token_or_why_not(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let good = gateway.rongcloud_token(&alice.jid);
    let (expired, nobody) = (
        gateway.rongcloud_token_until(&alice.jid, -60),
        gateway.rongcloud_token(&format!("{}@{}", fresh("nobody"), rig.domain())),
    );
    let none = ("身份认证信息未提供。", "Authentication credentials were not provided.");
    let bad = ("认证令牌无效。", "Invalid token.");
    let spaces = (
        "认证令牌字符串不应该包含空格（无效的认证令牌HTTP头）。",
        "Invalid token header. Token string should not contain spaces.",
    );
    let empty = ("没有提供认证信息（认证令牌HTTP头无效）。", "Invalid token header. No credentials provided.");
    let inactive = ("用户未激活或者已删除。", "User inactive or deleted.");
    let get = async |path: &str, headers: &[(&str, &str)]| {
        not_stored(gateway.rongcloud_bare(Method::GET, path, headers).await)
    };
    for (header, words) in [
        (None, none),
        (Some(format!("Basic {good}")), none),
        (Some(String::new()), none),
        (Some("Token".to_owned()), empty),
        (Some(format!("Token {good} {good}")), spaces),
        (Some("Token 11eb2b41ead9af78cd4c0b9375cb893ed2004d1e".to_owned()), bad),
        (Some(format!("Token {expired}")), bad),
        (Some(format!("token {nobody}")), inactive),
    ] {
        let header: Vec<(&str, &str)> = header.iter().map(|value| ("authorization", value.as_str())).collect();
        for path in ["/api/im/group/", "/api/im/token"] {
            assert_eq!(get(path, &header).await.expect_detail(403), words.0, "{header:?}");
        }
        for (language, text) in [("en-US,en;q=0.9", words.1), ("zh-CN", words.0), ("fr", words.0)] {
            let headers = [header.as_slice(), &[("accept-language", language)]].concat();
            let reply = get("/api/im/group/1/users/", &headers).await;
            assert_eq!(reply.headers["vary"], "accept-language");
            assert!(!reply.headers.contains_key("www-authenticate"));
            assert_eq!(reply.expect_detail(403), text, "{header:?}");
        }
    }
    for scheme in ["Token", "TOKEN", "Bearer"] {
        let header = format!("{scheme}  {good}");
        get("/api/im/group/", &[("authorization", header.as_str())]).await.expect_json(200);
    }
}

async fn answers_are_those_of_the_framework(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let id = gateway.rongcloud_group(&alice.jid, "群", "").await;
    let call = |method: Method, path: String| {
        let jid = alice.jid.clone();
        async move { not_stored(gateway.rongcloud(&jid, method, &path, &NULL).await) }
    };
    for unknown in ["1", "0", "-1", "+1", "abc", "%E4%BD%A0", "%ff", "99999999999999999999999", "a%2Fb", "a%40b", "%00"]
    {
        for last in ["users", "quit/", "dismiss"] {
            let reply = call(Method::GET, format!("/api/im/group/{unknown}/{last}")).await;
            assert_eq!(reply.expect_detail(404), "未找到。", "{unknown}");
        }
        let reply = gateway.get(&format!("/api/im/retrieve/{unknown}/")).await;
        assert_eq!(not_stored(reply).expect_detail(404), "未找到。", "{unknown}");
    }
    assert_eq!(call(Method::GET, format!("/api/im/group/0{id}/users/")).await.expect_detail(404), "未找到。");
    for path in ["/api/im/nothing", "/api/im/group/1/nothing/", "/api/im/group/1", "/api/auth/x"] {
        assert_eq!(gateway.get(path).await.expect_detail(404), "未找到。", "{path}");
        let english = gateway.rongcloud_bare(Method::POST, path, &[("accept-language", "en")]).await;
        assert_eq!(english.expect_detail(404), "Not found.");
    }
    for page in ["0", "2", "-1", "x", "", "99999999999999999999"] {
        for list in ["/api/im/group/".to_owned(), format!("/api/im/group/{id}/users")] {
            let reply = call(Method::GET, format!("{list}?page={page}")).await;
            assert_eq!(reply.expect_detail(404), "Invalid page.", "{page}");
        }
    }

    // Pages of any origin may call; what they ask beforehand needs no token.
    let preflight = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let reply = gateway.rongcloud_bare(Method::OPTIONS, "/api/im/group/", &preflight).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
    assert_eq!(reply.headers["access-control-allow-headers"], "authorization,content-type");
    assert!(reply.headers["access-control-allow-methods"].to_str().is_ok_and(|methods| methods.contains("POST")));
    let reply = gateway.rongcloud_bare(Method::GET, "/api/im/group/", &preflight[..1]).await;
    assert_eq!(reply.headers["access-control-allow-origin"], "*", "a refusal can be read, too");
}

async fn methods_are_those_of_the_contract(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let id = gateway.rongcloud_group(&alice.jid, "群", "").await;
    gateway.rongcloud_join(&alice.jid, id, &bob.jid).await;
    let group = |last: &str| format!("/api/im/group/{id}/{last}");
    let allowed = |reply: &Reply| {
        let allow = reply.headers["allow"].to_str().expect("text");
        allow.split(',').map(|method| method.trim().to_owned()).collect::<BTreeSet<_>>()
    };
    for (path, methods) in [
        ("/api/im/token/".to_owned(), "GET,HEAD"),
        ("/api/im/group/".to_owned(), "GET,HEAD,POST"),
        (group("join"), "POST"),
        (group("invite/"), "POST"),
        (group("quit"), "GET,POST"),
        (group("users/"), "GET,HEAD"),
        (group("dismiss/"), "GET,POST"),
        (format!("/api/im/retrieve/{id}"), "GET,HEAD"),
        ("/api/auth/login/".to_owned(), "POST"),
    ] {
        let expected: BTreeSet<String> = methods.split(',').map(str::to_owned).collect();
        for wrong in ["PUT", "PATCH", "DELETE", "GET", "POST"].into_iter().filter(|method| !methods.contains(method)) {
            let method = Method::from_bytes(wrong.as_bytes()).expect("a method");
            let reply = not_stored(gateway.rongcloud(&bob.jid, method.clone(), &path, &NULL).await);
            assert_eq!(allowed(&reply), expected, "{wrong} {path}");
            assert_eq!(reply.expect_detail(405), format!("方法 “{wrong}” 不被允许。"));
            let english = |request: reqwest::RequestBuilder| request.header("accept-language", "en");
            let reply = gateway.rongcloud_with(&bob.jid, method, &path, english).await;
            assert_eq!(reply.expect_detail(405), format!("Method \"{wrong}\" not allowed."));
        }
    }
    // Who merely looks whether the address is there changes nothing.
    for (path, user) in [(group("quit/"), &bob), (group("dismiss"), &alice)] {
        let reply = gateway.rongcloud(&user.jid, Method::HEAD, &path, &NULL).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (405, ""));
        assert_eq!(allowed(&reply), ["GET", "POST"].map(str::to_owned).into());
    }
    let users = gateway.rongcloud(&bob.jid, Method::GET, &group("users"), &NULL).await.expect_json(200);
    assert_eq!(users["count"], 2);
    let head = gateway.rongcloud(&bob.jid, Method::HEAD, &group("users"), &NULL).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));

    let done = json!({"detail": "操作成功"});
    assert_eq!(gateway.rongcloud(&bob.jid, Method::GET, &group("quit"), &NULL).await.expect_json(200), done);
    gateway.rongcloud_join(&alice.jid, id, &bob.jid).await;
    let reply = not_stored(gateway.rongcloud(&bob.jid, Method::POST, &group("quit/"), &NULL).await);
    assert_eq!(reply.expect_json(200), done);
    let reply = not_stored(gateway.rongcloud(&alice.jid, Method::POST, &group("dismiss/"), &NULL).await);
    assert_eq!(reply.expect_json(200), done);
    let second = gateway.rongcloud_group(&alice.jid, "群", "").await;
    let path = format!("/api/im/group/{second}/dismiss");
    let reply = not_stored(gateway.rongcloud(&alice.jid, Method::GET, &path, &NULL).await);
    assert_eq!(reply.expect_json(200), done);
    assert_eq!(gateway.rongcloud(&alice.jid, Method::GET, &path, &NULL).await.expect_detail(404), "未找到。");
}

async fn bodies_mean_the_same_in_every_kind(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let friend = gateway.rongcloud_id(&bob.jid).await;
    let (form, parts) = multipart(&[("name", "群 & <one>"), ("code", "0042")], None);
    let mut ids = BTreeSet::new();
    for (path, kind, body) in [
        ("/api/im/group/", JSON, json!({"name": "群 & <one>", "code": "0042", "cover": null}).to_string().into_bytes()),
        ("/api/im/group", URLENCODED, b"name=%E7%BE%A4+%26+%3Cone%3E&code=0042&cover=".to_vec()),
        ("/api/im/group/", form.as_str(), parts),
    ] {
        let build = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(body);
        let reply = gateway.rongcloud_with(&alice.jid, Method::POST, path, build).await;
        let group = not_stored(reply).expect_json(201);
        let id = group["id"].as_u64().expect("a number");
        assert_eq!(group, json!({"id": id, "name": "群 & <one>", "code": "0042", "cover": ""}));
        assert!((1 << 40..1 << 53).contains(&id) && ids.last().is_none_or(|last| *last < id), "{id} {ids:?}");
        ids.insert(id);
    }
    let text = friend.to_string();
    let (form, parts) = multipart(&[("userid", &text)], None);
    let paths = ids.iter().map(|id| format!("/api/im/group/{id}/join"));
    for (path, (kind, body)) in paths.zip([
        (JSON, json!({"userid": friend}).to_string().into_bytes()),
        (URLENCODED, format!("userid={friend}").into_bytes()),
        (form.as_str(), parts),
    ]) {
        let build = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(body);
        let reply = gateway.rongcloud_with(&alice.jid, Method::POST, &path, build).await;
        assert_eq!(not_stored(reply).expect_json(200), json!({"userid": text}));
    }
    let post = async |path: &str, kind: &str, body: &str| {
        let (kind, body) = (kind.to_owned(), body.to_owned());
        let build = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(body);
        gateway.rongcloud_with(&alice.jid, Method::POST, path, build).await
    };
    let reply = post("/api/im/group/", "text/xml", "<name/>").await;
    assert_eq!(reply.expect_detail(415), "不支持请求中的媒体类型 “text/xml”。");
    for broken in ["{", "[]", "{\"name\": "] {
        assert!(post("/api/im/group/", JSON, broken).await.expect_detail(400).starts_with("错误的请求。"));
    }
    let join = format!("/api/im/group/{}/join/", ids.first().expect("a group"));
    for (path, body, detail) in [
        ("/api/im/group/", json!({}), "name：该字段是必填项。".to_owned()),
        ("/api/im/group/", json!({"name": "  "}), "name：该字段不能为空。".to_owned()),
        ("/api/im/group/", json!({"name": "群".repeat(101)}), "name：请确保这个字段不能超过 100 个字符。".to_owned()),
        (&join, json!({}), "userid：该字段是必填项。".to_owned()),
        (&join, json!({"userid": "bob"}), "userid：请填写合法的整数值。".to_owned()),
        (&join, json!({"userid": 7}), "userid：无效主键 “7” － 对象不存在。".to_owned()),
        (
            &join,
            json!({"userid": "9007199254740991"}),
            "userid：无效主键 “9007199254740991” － 对象不存在。".to_owned(),
        ),
    ] {
        assert_eq!(post(path, JSON, &body.to_string()).await.expect_detail(400), detail);
    }
}

async fn lists_come_in_pages(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = account(rig, "alice");
    let alice = Client::login(rig, &owner).await;
    let none = gateway.rongcloud(&owner.jid, Method::GET, "/api/im/group/", &NULL).await.expect_json(200);
    assert_eq!(none, json!({"count": 0, "next": null, "previous": null, "results": []}));
    let mut groups = Vec::new();
    for n in 0..21 {
        groups.push(gateway.rongcloud_group(&owner.jid, &format!("群 {n}"), "").await);
    }
    // Members who have no account any more are members all the same.
    let room = format!("{}@{}", groups[0], rig.rooms());
    let mut people = BTreeSet::from([owner.jid.clone()]);
    for _ in 0..20 {
        let member = format!("{}@{}", fresh("gone"), rig.domain());
        alice.affiliate(&room, &member, "member").await;
        people.insert(member);
    }
    let users = format!("/api/im/group/{}/users", groups[0]);
    for (path, ids) in [("/api/im/group/", Some(&groups)), (users.as_str(), None)] {
        let page = async |url: &str| {
            let path = url.strip_prefix(gateway.url()).expect("a URL of this gateway");
            let body = gateway.rongcloud(&owner.jid, Method::GET, path, &NULL).await.expect_json(200);
            assert_eq!(body["count"], 21);
            body
        };
        let first = format!("{}{path}", gateway.url());
        let (one, last) = (page(&first).await, page(&format!("{first}?page=last&x=%E4%BD%A0")).await);
        assert_eq!((&one["next"], &one["previous"]), (&json!(format!("{first}?page=2")), &NULL));
        assert_eq!((&last["next"], &last["previous"]), (&NULL, &json!(format!("{first}?x=%E4%BD%A0"))));
        let two = page(one["next"].as_str().expect("a URL")).await;
        assert_eq!(two["results"], last["results"]);
        assert_eq!((&two["next"], &two["previous"]), (&NULL, &json!(first)));
        let rows = |page: &Value| page["results"].as_array().expect("a list").clone();
        assert_eq!((rows(&one).len(), rows(&two).len()), (20, 1));
        let all = [rows(&one), rows(&two)].concat();
        match ids {
            Some(ids) => {
                let found: Vec<u64> = all.iter().filter_map(|group| group["id"].as_u64()).collect();
                assert_eq!(&found, ids);
                assert!((0..21).all(|n| all[n]["name"] == format!("群 {n}")));
            }
            None => {
                let named = all.iter().filter_map(|user| user["username"].as_str());
                let found: BTreeSet<String> = named.map(|name| format!("{name}@{}", rig.domain())).collect();
                assert_eq!(found, people);
            }
        }
    }
    // The links name the host that the caller named.
    let host = |request: reqwest::RequestBuilder| request.header("host", "im.example.org:8031");
    let reply = gateway.rongcloud_with(&owner.jid, Method::GET, "/api/im/group", host).await.expect_json(200);
    assert_eq!(reply["next"], "http://im.example.org:8031/api/im/group?page=2");
}
