//! MaxLeap's own JavaScript libraries on real servers: all that maxleap-im 3.0.17 and 4.2.3 ask, written as
//! they write it and read as they read it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::libraries::Body::{Json, None as Nothing, Undefined};
use crate::support::libraries::{Four, Three, Wire};
use crate::support::{Gateway, Server, account, fresh};

on_oldest_and_newest!(library_3_is_served, library_4_is_served, files_of_both_are_taken);

fn id(json: &Value) -> &str {
    let id = json.as_str().expect("an id that is a JSON string");
    assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    id
}

fn ids(rows: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> = rows.as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

async fn library_3_is_served(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [a, b, c] = ["alice", "bob", "carol"].map(|name| account(rig, name).name);
    let (im, city, done) = (Three::new(gateway, gateway.maxleap_app().1), fresh("city"), json!({}));

    let mine = format!("/ctx/{a}/attributes");
    let attributes = json!({"name": "隔壁老王", "age": 46, "city": city});
    assert_eq!(im.call("PUT", &mine, Json(attributes.clone())).await, done);
    assert_eq!(im.call("PUT", &format!("/ctx/{b}/attributes"), Json(json!({"city": city, "age": 7}))).await, done);
    assert_eq!(im.call("POST", &mine, Undefined).await, done);
    assert_eq!(im.call("GET", &mine, Nothing).await, attributes);
    assert_eq!(im.call("GET", &format!("{mine}/age"), Nothing).await, 46);
    im.ask("GET", &format!("{mine}/none"), Nothing).await.expect_error(404, 5004);
    for (query, found) in [
        (format!("_skip=0&_limit=10&_sort=name,-age&city={city}"), vec![a.as_str(), &b]),
        (format!("_skip=0&_limit=1&_sort=age&city={city}"), vec![b.as_str()]),
        (format!("_skip=0&city={city}"), vec![a.as_str(), &b]),
        (format!("_skip=0&_limit=1&city={city}%20or%20none"), vec![]),
    ] {
        assert_eq!(ids(&im.call("GET", &format!("/ctx?{query}"), Nothing).await), found, "{query}");
    }

    let friend = format!("/ctx/{a}/friends/{b}");
    let friendship = im.call("POST", &friend, Nothing).await;
    assert_eq!((&friendship["from"], &friendship["ns"]), (&json!(a), &json!(gateway.maxleap_app().0)));
    assert_eq!(im.call("GET", &friend, Nothing).await["online"], false);
    assert_eq!(im.call("GET", &format!("/ctx/{a}/friends"), Nothing).await, json!([b]));
    assert_eq!(im.call("GET", &format!("/ctx/{a}/friends?detail"), Nothing).await, json!([{"id": b, "online": false}]));
    // What its caller leaves out it writes so.
    for query in ["ts=undefined&limit=undefined", "ts=null&limit=null", "ts=1795266231152&limit=20"] {
        assert_eq!(im.call("GET", &format!("{friend}/chats?{query}"), Nothing).await, json!([]), "{query}");
    }

    let new = json!({"owner": a, "members": [b], "name": "gang"});
    let group = im.call("POST", "/groups", Json(new)).await;
    let group = format!("/groups/{}", id(&group));
    im.ask("POST", "/groups", Undefined).await.expect_error(400, 5001);
    assert_eq!(im.call("POST", &format!("{group}/attributes"), Json(json!({"city": city}))).await, done);
    let search = format!("/groups?_skip=0&_limit=10&_sort=-star&city={city}");
    assert_eq!(im.call("GET", &search, Nothing).await[0]["attributes"], json!({"name": "gang", "city": city}));
    assert_eq!(im.call("DELETE", &format!("{group}/attributes/"), Nothing).await, done);
    let members = |who: &str| Json(json!({"members": [who]}));
    assert_eq!(im.call("POST", &format!("{group}/members"), members(&c)).await, done);
    assert_eq!(im.call("DELETE", &format!("{group}/members"), members(&b)).await, done);
    let rows = im.call("GET", &format!("/ctx/{c}/groups?detail"), Nothing).await;
    assert_eq!((&rows[0]["owner"], &rows[0]["members"], &rows[0]["attributes"]), (&json!(a), &json!([c]), &json!({})));
    im.ask("DELETE", &format!("{group}/members"), members(&a)).await.expect_error(400, 5009);
    assert_eq!(im.call("PUT", &group, Json(json!({"owner": b, "members": [a]}))).await, done);
    assert_eq!(im.call("GET", &group, Nothing).await["members"], json!([a]));
    assert_eq!(im.call("GET", &format!("{group}/chats?ts=undefined&limit=undefined"), Nothing).await, json!([]));

    let bare = im.call("POST", "/rooms", Undefined).await;
    let room = im.call("POST", "/rooms", Json(json!({"name": "room_test", "members": [a]}))).await;
    let (bare, room) = (format!("/rooms/{}", id(&bare)), format!("/rooms/{}", id(&room)));
    assert_eq!(im.call("GET", &bare, Nothing).await["members"], json!([]));
    assert_eq!(im.call("PUT", &room, Json(json!({"name": city, "members": [b]}))).await, done);
    assert_eq!(im.call("POST", &format!("{room}/members"), members(&c)).await, done);
    assert_eq!(im.call("DELETE", &format!("{room}/members"), members(&c)).await, done);
    let found = im.call("GET", &format!("/rooms?_skip=0&name={city}"), Nothing).await;
    assert_eq!((&found[0]["members"], found.as_array().map(Vec::len)), (&json!([b]), Some(1)));
    assert_eq!(im.call("DELETE", &format!("{room}/attributes/"), Nothing).await, done);

    let text = || Json(json!({"content": {"media": 0, "body": "hi"}}));
    let target = |path: &str, kind: &str| {
        format!("/system{}{kind}", path.trim_start_matches("/groups").trim_start_matches("/rooms"))
    };
    for path in ["/system".to_owned(), format!("/system/{b}"), target(&group, "?group"), target(&room, "?room")] {
        assert_eq!(im.call("POST", &path, text()).await, done, "{path}");
    }

    let passenger = fresh("Jerry");
    for body in [json!({"id": passenger, "tel": 1}), json!({"id": passenger, "tel": 2})] {
        assert_eq!(im.call("POST", "/passengers/", Json(body)).await, json!(passenger));
    }
    id(&im.call("POST", "/passengers/", Undefined).await);
    assert_eq!(im.call("GET", &format!("/passengers/{passenger}"), Nothing).await, json!({"tel": 2}));
    let chats = format!("/passengers/{passenger}/chats/{a}?ts=undefined&limit=null");
    assert_eq!(im.call("GET", &chats, Nothing).await, json!([]));

    for path in [&friend, &friend, &group, &bare, &room, &format!("{mine}/")] {
        assert_eq!(im.call("DELETE", path, Nothing).await, done, "{path}");
    }
    for path in [&friend, &group, &room] {
        im.ask("GET", path, Nothing).await.expect_error(404, 5004);
    }
    assert_eq!(im.call("GET", &mine, Nothing).await, done);
    Three::new(gateway, "wrong").ask("GET", &mine, Nothing).await.expect_error(401, 5003);
}

async fn library_4_is_served(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [a, b, c] = ["alice", "bob", "carol"].map(|name| account(rig, name).name);
    let (mut im, city) = (Four::new(gateway).await, fresh("city"));

    let (me, mine) = (format!("/ctx/{a}"), format!("/ctx/{a}/attributes"));
    im.call("PUT", &mine, Json(json!({"city": city, "deep": [1, {"z": null}]}))).await;
    im.call("POST", &mine, Json(json!({"age": 5}))).await;
    let attributes = json!({"city": city, "deep": [1, {"z": null}], "age": 5});
    assert_eq!(im.call("GET", &mine, Nothing).await, attributes);
    let user = im.call("POST", &me, Nothing).await;
    assert_eq!((&user["attributes"], user["ts"].is_u64(), user["sessions"].is_u64()), (&attributes, true, true));
    im.ask("POST", "/ctx/nobody-at-all", Nothing).await.expect_error(404, 5004);
    assert_eq!(ids(&im.call("GET", &format!("/ctx?city={city}&_skip=0&_limit=20"), Nothing).await), [&a]);

    im.call("POST", &format!("{me}/friends/{b}"), Nothing).await;
    assert_eq!(ids(&im.call("GET", &format!("{me}/friends?detail"), Nothing).await), [&b]);
    im.call("DELETE", &format!("{me}/friends/{b}"), Nothing).await;
    im.ask("GET", &format!("{me}/friends/{b}/chats"), Nothing).await.expect_error(404, 5004);
    for path in [
        "strangers?detail".to_owned(),
        "strangers?detail&skip=1&limit=5".into(),
        format!("strangers/{b}/chats?limit=5"),
    ] {
        assert_eq!(im.call("GET", &format!("{me}/{path}"), Nothing).await, json!([]), "{path}");
    }

    let group = im.call("POST", "/groups", Json(json!({"owner": a, "members": [b]}))).await;
    let group = format!("/groups/{}", id(&group));
    // After each group, its attributes: here its caller gave none.
    im.call("POST", &format!("{group}/attributes"), Undefined).await;
    // A second word of its caller's is taken for a list, letter by letter.
    im.ask("POST", "/groups", Json(json!({"owner": a, "members": [b, "d", "o", "g"]}))).await.expect_error(404, 5004);
    let members = format!("{group}/members");
    let now = |group: &Value| {
        let mut members: Vec<String> = serde_json::from_value(group["members"].clone()).expect("members");
        members.sort_unstable();
        members
    };
    im.call("POST", &members, Json(json!({"members": [c, []]}))).await;
    im.call("POST", &members, Json(json!({"members": [b, [c]]}))).await;
    assert_eq!(now(&im.call("POST", &group, Nothing).await), [&*b, &*c]);
    im.call("DELETE", &members, Json(json!({"members": [b, [c]]}))).await;
    im.call("POST", &format!("{members}/{c}"), Nothing).await;
    assert_eq!(ids(&im.call("GET", &format!("/ctx/{c}/groups?detail"), Nothing).await), [&group["/groups/".len()..]]);
    assert_eq!(now(&im.call("POST", &group, Nothing).await), [&*c]);
    im.call("DELETE", &format!("{members}/{c}"), Nothing).await;
    im.ask("DELETE", &members, Json(json!({"members": [a, []]}))).await.expect_error(400, 5009);
    assert_eq!(im.call("GET", &format!("{group}/chats"), Nothing).await, json!([]));

    let room = im.call("POST", "/rooms", Json(json!({"members": []}))).await;
    let room = format!("/rooms/{}", id(&room));
    im.call("POST", &format!("{room}/attributes"), Json(json!({}))).await;
    im.call("PUT", &format!("{room}/attributes"), Json(json!({"city": city}))).await;
    im.call("POST", &format!("{room}/members"), Json(json!({"members": [a, [b]]}))).await;
    im.call("DELETE", &format!("{room}/members"), Json(json!({"members": [b, []]}))).await;
    im.call("POST", &format!("{room}/members/{c}"), Nothing).await;
    assert_eq!(now(&im.call("POST", &room, Nothing).await), [&*a, &*c]);
    assert_eq!(ids(&im.call("GET", &format!("/ctx/{c}/rooms?detail"), Nothing).await), [&room["/rooms/".len()..]]);
    for _ in 0..2 {
        im.call("DELETE", &format!("{room}/members/{c}"), Nothing).await;
    }
    assert_eq!(ids(&im.call("GET", &format!("/rooms?city={city}&_skip=0&_limit=20"), Nothing).await).len(), 1);

    let push =
        json!({"sound": "x", "badge": 3, "contentAvailable": true, "prefix": "a", "suffix": "b", "overwrite": "c"});
    let say = json!({"content": {"media": 1, "body": "hi"}, "remark": "r", "push": push});
    let quiet = json!({"content": {"media": 0, "body": "hi"}, "push": {"enable": false}});
    im.call("POST", &format!("/system/{b}"), Json(say)).await;
    im.call("POST", &format!("/system/{}?group", &group["/groups/".len()..]), Json(quiet.clone())).await;
    im.call("POST", &format!("/system/{}?room", &room["/rooms/".len()..]), Json(quiet.clone())).await;
    im.call("POST", "/system", Json(quiet)).await;

    let passenger = im.call("POST", "/passengers", Json(json!({"name": "王尼玛"}))).await;
    assert_eq!(im.call("POST", &format!("/passengers/{}", id(&passenger)), Nothing).await, json!({"name": "王尼玛"}));
    let chats = format!("/passengers/{}/chats/{a}?ts=1795266231152&limit=5", id(&passenger));
    assert_eq!(im.call("GET", &chats, Nothing).await, json!([]));
    for path in [&group, &room] {
        im.call("DELETE", path, Nothing).await;
        im.ask("POST", path, Nothing).await.expect_error(404, 5004);
    }
}

async fn files_of_both_are_taken(server: Server) {
    let gateway = Gateway::shared(server).await;
    let (app, key) = gateway.maxleap_app();
    let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    for (field, name) in [("attachment", "blob"), ("userfile", "a.txt")] {
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
        );
        let request = format!(
            "POST /attachment HTTP/1.1\r\nHost: x\r\nAccept: application/json, text/plain, */*\r\nOrigin: null\r\n\
             x-ml-appid: {app}\r\nx-ml-apikey: {key}\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = Wire::to(gateway).await.exchange(request.as_bytes()).await.expect_status(200);
        let urls: Vec<String> = serde_json::from_value(reply.json).expect("a list of URLs");
        assert_eq!(urls.len(), 1);
        let stored = reqwest::get(&urls[0]).await.expect("the file");
        assert_eq!((stored.status(), stored.text().await.expect("its text").as_str()), (StatusCode::OK, "hello"));
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
    }
}
