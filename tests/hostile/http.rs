//! Hostile HTTP: bodies, encodings, headers, paths.

use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::attack::{Attack, Judge};
use crate::on_oldest_and_newest;
use crate::support::{Server, fresh};

on_oldest_and_newest!(
    bodies_beyond_every_bound_are_refused,
    what_the_body_is_said_to_be_does_not_matter,
    headers_and_paths_are_no_way_in,
    avatars_are_found_by_hash_only,
);

const BAD_REQUEST: i64 = 1;
const TOO_LARGE: i64 = 12;

async fn bodies_beyond_every_bound_are_refused(server: Server) {
    let attack = Attack::on(server).await;
    let (from, to) = (attack.sender.jid.clone(), attack.recipient.jid.clone());
    let (_, room) = attack.room().await;
    let members = attack.members(&room).await;
    let xml = format!("<message><body>BOUND{}</body></message>", "x".repeat(10_000_000));
    let body = json!({"from": from, "to": to, "message": xml}).to_string();
    let reply = attack.beside("10 MB", attack.post("send_thirdmessage", body.clone())).await;
    assert_eq!((reply.status.as_u16(), reply.ret()), (413, false), "{}", reply.text);
    let chunk = || Ok::<_, std::io::Error>(Frame::data(bytes::Bytes::from_static(&[b' '; 10_000])));
    let chunks = reqwest::Body::wrap(StreamBody::new(futures::stream::iter((0..1000).map(move |_| chunk()))));
    let reply = attack.beside("10 MB in chunks", attack.post("send_notify", chunks)).await;
    assert_eq!(reply.status.as_u16(), 413, "{}", reply.text);

    let many: Vec<String> = (0..100_000).map(|n| format!("nobody{n}")).collect();
    let jids: Vec<String> = (0..100_000).map(|n| format!("n{n}@example.org")).collect();
    let users: Vec<_> = many.iter().map(|user| json!({ "User": user })).collect();
    let letters: Vec<_> = (0..100_000).map(|_| json!({"from": from, "to": to, "message": "BOUND"})).collect();
    let owner = &attack.sender.name;
    let in_room = json!({"muc_id": room, "muc_domain": attack.rig.rooms(), "muc_owner": owner, "muc_member": many});
    let cases = [
        ("add_muc_user", in_room.clone()),
        ("del_muc_user", in_room),
        ("clear_staff", json!({"users": many, "host": "example.org"})),
        ("send_notify", json!({"from": from, "to": jids, "category": "1", "data": "BOUND"})),
        ("send_message", json!({"From": owner, "To": users, "Body": "BOUND", "Type": "chat"})),
        ("send_thirdmessage", json!(letters)),
    ];
    for (endpoint, body) in cases {
        let what = format!("{endpoint} with 100,000 entries");
        let reply = attack.beside(&what, attack.post_json(endpoint, &body)).await;
        assert!(
            !reply.ret() && (reply.errcode() == TOO_LARGE || reply.status.as_u16() == 413),
            "{what}: {}",
            reply.text
        );
    }
    let deep = [("[", "]"), ("{\"from\":", "}")]
        .map(|(open, close)| format!("{}1{}", open.repeat(100_000), close.repeat(100_000)));
    for body in deep {
        attack.beside("deep JSON", attack.post("send_thirdmessage", body)).await.refused("deep JSON", &[BAD_REQUEST]);
    }
    let long = format!("{{\"from\":{}}}", "9".repeat(1_000_000));
    attack.beside("a long number", attack.post("send_notify", long)).await.refused("a long number", &[BAD_REQUEST]);
    assert_eq!(attack.members(&room).await, members);
    assert_eq!(attack.evidence("BOUND").await, []);
}

async fn what_the_body_is_said_to_be_does_not_matter(server: Server) {
    let attack = Attack::on(server).await;
    let types = [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "\u{ff}/*",
    ];
    for content_type in types {
        let mark = fresh("TYPED");
        let body = json!({"from": attack.sender.jid, "to": attack.recipient.jid, "message": format!("<message><body>{mark}</body></message>")});
        let request = attack.gateway.request(|http, url| {
            let url = format!("{url}/qtalk/send_thirdmessage");
            http.post(url).header("content-type", content_type.as_bytes()).body(body.to_string())
        });
        let reply = attack.beside(content_type, request).await;
        assert!(reply.ret(), "{content_type}: {}", reply.text);
        assert_eq!(attack.evidence(&mark).await.len(), 1, "{content_type}");
    }
    let half = [br#"{"from":""#.as_slice(), b"\xff\xfe\xc0\x80", br#""}"#].concat();
    attack
        .beside("invalid UTF-8", attack.post("send_thirdmessage", half))
        .await
        .refused("invalid UTF-8", &[BAD_REQUEST]);
    let utf16: Vec<u8> = "{\"from\":\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    attack.beside("UTF-16", attack.post("send_thirdmessage", utf16)).await.refused("UTF-16", &[BAD_REQUEST]);

    // Of a repeated key the first counts, as it did in the original: a checker in front of the gateway that reads the
    // same way cannot be fooled.
    let mark = fresh("FIRST");
    let xml = |text: &str| format!("<message><body>{text}</body></message>");
    let body = format!(
        r#"{{"from":"{}","from":"ceo@example.org","to":"{}","to":"x@example.org","message":"{}","message":"{}"}}"#,
        attack.sender.jid,
        attack.recipient.jid,
        xml(&mark),
        xml("SECOND"),
    );
    assert!(attack.beside("repeated keys", attack.post("send_thirdmessage", body)).await.ret());
    assert_eq!(attack.evidence(&mark).await.len(), 1);
    assert_eq!(attack.evidence("SECOND").await, []);
}

async fn headers_and_paths_are_no_way_in(server: Server) {
    let attack = Attack::on(server).await;
    let ids = ["a b", "x'><iq/>", "\u{e9}", "a.b/../c", "", &"i".repeat(65), "a\tb", "%0d%0aSet-Cookie:x", "id;x=1"];
    for id in ids {
        let mark = fresh("HEADER");
        let body = json!({"from": attack.sender.jid, "to": attack.recipient.jid, "message": format!("<message><body>{mark}</body></message>")});
        let request = attack.gateway.request(|http, url| {
            let url = format!("{url}/qtalk/send_thirdmessage");
            http.post(url).header("x-request-id", id.as_bytes()).body(body.to_string())
        });
        let reply = attack.beside(id, request).await;
        assert!(reply.ret(), "{id:?}: {}", reply.text);
        let given = reply.headers["x-request-id"].to_str().expect("ASCII").to_owned();
        assert!(given != id && given.len() == 16 && given.bytes().all(|b| b.is_ascii_hexdigit()), "{id:?}: {given:?}");
        let [message] = attack.evidence(&mark).await.try_into().expect("one message");
        assert!(message.attr("id").is_some_and(|id| id.contains(&given)), "{:?} {given}", message.attr("id"));
    }
    let split =
        "POST /qtalk/send_notify HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\rb\r\nContent-Length: 2\r\n\r\n{}";
    let smuggled = "POST /qtalk/send_notify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for raw in [split, smuggled, "GET /qtalk/muc_users\r\n\r\n", "\0\0\0\0\r\n\r\n", "POST qtalk HTTP/9.9\r\n\r\n"] {
        let answer = attack.beside("raw HTTP", raw_request(&attack, raw)).await;
        assert!(!answer.contains("\"ret\":true"), "{raw:?}: {answer}");
        assert!(!answer.contains("stanzagate_link_up"), "two requests were read from {raw:?}: {answer}");
    }
    let good = json!({"muc_id": "x", "muc_domain": attack.rig.rooms()}).to_string();
    for path in [
        "/qtalk/%6duc_users",
        "/qtalk//muc_users",
        "//qtalk/muc_users",
        "/qtalk/./muc_users",
        "/qtalk/x/../muc_users",
        "/qtalk/%2e%2e/qtalk/muc_users",
        "/QTALK/muc_users",
        "/qtalk/MUC_USERS",
        "/qtalk/muc_users//",
        "/qtalk/muc_users/x",
        "/qtalk/muc_users%00",
        "/qtalk/muc_users%2f",
        "/qtalk",
        "/qtalk/",
        "/qtalk/avatar",
        "/%",
        "/qtalk/%zz",
    ] {
        let raw = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{good}",
            good.len()
        );
        let answer = attack.beside(path, raw_request(&attack, &raw)).await;
        let status: u16 = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        assert!(status != 500 && !answer.contains("does not exist"), "{path} reached the endpoint: {answer}");
        let fine = status == 404 || status == 400 || answer.contains("\"ret\":false");
        assert!(fine, "{path}: {answer}");
    }
    // One trailing slash, and a query, are tolerated.
    for path in ["/qtalk/muc_users/", "/qtalk/muc_users?x=%00"] {
        let reply = attack.gateway.post_raw(path, good.clone()).await;
        assert_eq!(reply.shaped(path).errcode(), 4, "{path}");
    }
    for method in ["GET", "DELETE", "PROPFIND", "HEAD", "OPTIONS"] {
        let raw = format!("{method} /qtalk/destroy_muc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = attack.beside(method, raw_request(&attack, &raw)).await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("\"ret\":true"), "{method}: {answer}");
    }
}

async fn raw_request(attack: &Attack, text: &str) -> String {
    let address = attack.gateway.url().trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("the gateway listens");
    socket.write_all(text.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 65_536];
    let mut length = 0;
    while let Ok(Ok(more)) =
        tokio::time::timeout(std::time::Duration::from_millis(500), socket.read(&mut answer[length..])).await
    {
        length += more;
        if more == 0 || length == answer.len() {
            break;
        }
    }
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

async fn avatars_are_found_by_hash_only(server: Server) {
    let attack = Attack::on(server).await;
    let (user, zeros) = (attack.recipient.jid.clone(), "0".repeat(64));
    for path in [
        format!("{user}/{zeros}"),
        format!("{user}/{}", "g".repeat(64)),
        format!("{user}/{}", zeros.replace('0', "A")),
        format!("{user}/{}", "0".repeat(65)),
        format!("{user}/{}", "0".repeat(5000)),
        format!("{user}/..%2f..%2fetc%2fpasswd"),
        format!("..%2f{user}/{zeros}"),
        format!("%00/{zeros}"),
        format!("%ff/{zeros}"),
        format!("a%20b@example.org/{zeros}"),
        format!("a@evil.example/{zeros}"),
        format!("gw.example.org/{zeros}"),
        format!("{}@example.org/{zeros}", "x".repeat(5000)),
        format!("{user}%2fx/{zeros}"),
        format!("%3Ciq%2F%3E@example.org/{zeros}"),
    ] {
        let address = format!("/qtalk/avatar/{path}");
        let answer = attack.beside(&path, attack.gateway.get(&address)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {}", answer.status);
        assert!(answer.text.len() < 200, "{path}: {}", answer.text);
    }
}
