//! Attributes of users, groups and rooms, and users as a whole, over the MaxLeap API on real servers.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::{Client, Gateway, Reply, Server, account, fresh};

on_oldest_and_newest!(
    attributes_merge_and_are_replaced,
    any_value_comes_back_as_it_was,
    writers_do_not_disturb_each_other,
    bounds_hold_and_nothing_is_half_done,
    capitals_make_another_user,
    names_of_groups_and_rooms_are_one_with_xmpp,
    a_user_is_shown_whole,
);

const NONE: Value = Value::Null;

async fn get(gateway: &Gateway, path: &str) -> Reply {
    gateway.maxleap(Method::GET, path, &NONE).await
}

/// What GET gives, which must succeed.
async fn read(gateway: &Gateway, path: &str) -> Value {
    get(gateway, path).await.expect_status(200).json
}

async fn set(gateway: &Gateway, method: Method, path: &str, attributes: Value) {
    let reply = gateway.maxleap(method, path, &attributes).await.expect_status(201);
    assert_eq!(reply.text, "");
}

/// Creates a group or room and returns its id.
async fn create(gateway: &Gateway, family: &str, body: Value) -> String {
    let reply = gateway.maxleap(Method::POST, family, &body).await;
    assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
    reply.json.as_str().expect("an id").to_owned()
}

/// The attributes of a new user, group and room.
async fn owners(server: Server) -> (&'static Gateway, [String; 3]) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let user = account(rig, "owner").name;
    let group = create(gateway, "/groups", json!({ "owner": user })).await;
    let room = create(gateway, "/rooms", json!({})).await;
    let paths = [format!("/ctx/{user}"), format!("/groups/{group}"), format!("/rooms/{room}")];
    (gateway, paths.map(|path| path + "/attributes"))
}

async fn attributes_merge_and_are_replaced(server: Server) {
    let (gateway, owners) = owners(server).await;
    for path in &owners {
        assert_eq!(read(gateway, path).await, json!({}), "{path}");
        get(gateway, &format!("{path}/age")).await.expect_error(404, 5004);
        set(gateway, Method::POST, path, json!({"age": 46, "city": "上海"})).await;
        set(gateway, Method::POST, path, json!({"age": 47, "tags": ["a", {"b": null}]})).await;
        assert_eq!(read(gateway, path).await, json!({"age": 47, "city": "上海", "tags": ["a", {"b": null}]}), "{path}");
        assert_eq!(get(gateway, &format!("{path}/city")).await.expect_status(200).text, "\"上海\"");
        assert_eq!(get(gateway, &format!("{path}/age/")).await.expect_status(200).text, "47");
        set(gateway, Method::POST, path, json!({})).await;
        // As library 4 does after it made a group: a POST without a body.
        set(gateway, Method::POST, path, NONE).await;
        set(gateway, Method::PUT, path, json!({"city": "北京"})).await;
        assert_eq!(read(gateway, path).await, json!({"city": "北京"}), "{path}");
        get(gateway, &format!("{path}/age")).await.expect_error(404, 5004);
        for _ in 0..2 {
            let reply = gateway.maxleap(Method::DELETE, &format!("{path}/"), &json!({})).await.expect_status(204);
            assert_eq!(reply.text, "");
        }
        assert_eq!(read(gateway, path).await, json!({}), "{path}");
    }
    let strangers =
        ["/ctx/nobody-here", "/groups/00000000000000000000000000000000", "/rooms/0123456789abcdef0123456789abcdef"];
    let (group, room) = (owners[1].replace("/groups", "/rooms"), owners[2].replace("/rooms", "/groups"));
    for path in strangers.map(|path| format!("{path}/attributes")).iter().chain([&group, &room]) {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            gateway.maxleap(method, path, &json!({"a": 1})).await.expect_error(404, 5004);
        }
        get(gateway, &format!("{path}/a")).await.expect_error(404, 5004);
    }
}

async fn any_value_comes_back_as_it_was(server: Server) {
    let (gateway, [path, ..]) = owners(server).await;
    let nested =
        (0..60).fold(json!("core"), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"k": inner}) });
    let values = json!({
        "nothing": null, "yes": true, "empty": "", "list": [], "object": {},
        "least": i64::MIN, "most": u64::MAX, "half": 0.5, "exact": [31.245270191439438, 121.48791951161945], "tiny": 5e-324, "huge": 1.7976931348623157e308,
        "xml": "]]><x a='b'>&amp;\u{0}\u{7}\r\n\t \"</x>", "odd": "\u{fffe}\u{ffff}\u{200b}\u{202e}", "far": "😀张三é",
        "blanks": "  two  blanks  ", "nested": nested,
        "a/b": 1, "a b": 2, "ä&<>'\"": 3, "@x": 4, "a.b$c#d?e=f%20": 5, "名字": 6, "A": 7, "a": 8, "owner": 9, "ts": 10, "id": 11,
    });
    set(gateway, Method::PUT, &path, values.clone()).await;
    assert_eq!(read(gateway, &path).await, values);
    for (name, value) in values.as_object().expect("an object") {
        let mut url = reqwest::Url::parse("http://x").expect("a URL");
        url.path_segments_mut().expect("segments").push(name);
        assert_eq!(read(gateway, &format!("{path}{}", url.path())).await, *value, "{name}");
    }
}

async fn writers_do_not_disturb_each_other(server: Server) {
    let (gateway, [path, ..]) = owners(server).await;
    let writer = async |writer: usize| {
        for round in 0..10 {
            let mut attributes = json!({ format!("w{writer}-{round}"): round, format!("w{writer}"): round });
            attributes["shared"] = json!(writer);
            set(gateway, Method::POST, &path, attributes).await;
        }
    };
    join_all((0..8).map(writer)).await;
    let all = read(gateway, &path).await;
    for writer in 0..8 {
        assert_eq!(all[format!("w{writer}")], 9, "{all}");
        for round in 0..10 {
            assert_eq!(all[format!("w{writer}-{round}")], round, "{all}");
        }
    }
    assert!(all["shared"].as_u64().is_some_and(|writer| writer < 8), "{all}");
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(89));
}

async fn bounds_hold_and_nothing_is_half_done(server: Server) {
    let (gateway, owners) = owners(server).await;
    for path in &owners {
        let largest = json!({"a": "é<".repeat(21_844)});
        set(gateway, Method::PUT, path, largest.clone()).await;
        assert_eq!(read(gateway, path).await, largest);
        let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("k{n}"), json!(n))).collect();
        for (method, wrong, code) in [
            (Method::POST, json!({"b": 1, "c": "x".repeat(65_536)}), 5010),
            (Method::POST, json!({"b": 1, "c": "x".repeat(1 << 20)}), 5010),
            (Method::POST, json!({"b": 1, "": 2}), 5001),
            (Method::PUT, json!({"b": 1, "k".repeat(257): 2}), 5010),
            (Method::POST, Value::Object(many.clone()), 5010),
            (Method::PUT, json!([1]), 5001),
            (Method::PUT, Value::Object((0..5).map(|n| (format!("k{n}"), json!("x".repeat(60_000)))).collect()), 5010),
        ] {
            gateway.maxleap(method, path, &wrong).await.expect_error(400, code);
        }
        assert_eq!(read(gateway, path).await, largest, "{path}");
        set(gateway, Method::PUT, path, Value::Object(many.clone())).await;
        set(gateway, Method::POST, path, json!({"k1": "one"})).await;
        gateway.maxleap(Method::POST, path, &json!({"one-more": 1})).await.expect_error(400, 5010);
        assert_eq!(read(gateway, path).await.as_object().map(serde_json::Map::len), Some(100));
    }
}

async fn capitals_make_another_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let small = account(rig, "ann").name;
    let (first, capital) = (small[..1].to_uppercase() + &small[1..], small.to_uppercase());
    get(gateway, &format!("/ctx/{first}")).await.expect_error(404, 5004);
    assert_eq!(create(gateway, "/passengers", json!({"id": first})).await, first);
    for (id, mood) in [(&small, "small"), (&first, "capital")] {
        set(gateway, Method::POST, &format!("/ctx/{id}/attributes"), json!({ "mood": mood })).await;
    }
    assert_eq!(read(gateway, &format!("/ctx/{small}/attributes")).await, json!({"mood": "small"}));
    assert_eq!(read(gateway, &format!("/ctx/{first}/attributes")).await, json!({"mood": "capital"}));
    get(gateway, &format!("/ctx/{capital}/attributes")).await.expect_error(404, 5004);
    get(gateway, &format!("/ctx/~{small}/attributes")).await.expect_error(400, 5001);

    let group = create(gateway, "/groups", json!({"owner": first, "members": [small]})).await;
    let seen = read(gateway, &format!("/ctx/{first}")).await;
    assert_eq!(seen["groups"], json!([group]));
    let group = read(gateway, &format!("/groups/{group}")).await;
    assert_eq!(group["owner"], json!(first), "{group}");
}

async fn names_of_groups_and_rooms_are_one_with_xmpp(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let group = create(gateway, "/groups", json!({"owner": owner.name, "members": [member.name]})).await;
    let room = create(gateway, "/rooms", json!({"members": [member.name]})).await;
    for (family, id) in [("groups", &group), ("rooms", &room)] {
        let (path, address) = (format!("/{family}/{id}/attributes"), format!("{id}@{}", rig.rooms()));
        set(gateway, Method::POST, &path, json!({"name": "大厅 & <more>", "star": 5})).await;
        assert_eq!(bob.room_info(&address).await.expect("the room").name.as_deref(), Some("大厅 & <more>"));
        assert_eq!(read(gateway, &path).await, json!({"name": "大厅 & <more>", "star": 5}));
        set(gateway, Method::PUT, &path, json!({"star": 6})).await;
        // A room without a name: some servers show its localpart instead.
        let name = bob.room_info(&address).await.expect("the room").name.unwrap_or_default();
        assert!(name.is_empty() || name == *id, "{name}");
        get(gateway, &format!("{path}/name")).await.expect_error(404, 5004);
    }
    let address = format!("{group}@{}", rig.rooms());
    alice.configure_room(&address, &[("muc#roomconfig_roomname", "by hand")]).await;
    assert_eq!(read(gateway, &format!("/groups/{group}/attributes/name")).await, json!("by hand"));
    assert_eq!(read(gateway, &format!("/groups/{group}/attributes")).await, json!({"name": "by hand", "star": 6}));
}

async fn a_user_is_shown_whole(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let path = format!("/ctx/{}", alice.name);
    // As `ts`, when they were last online, is not the same twice.
    let look = async || {
        let mut user = read(gateway, &path).await;
        let ts = user.as_object_mut().and_then(|user| user.remove("ts")).and_then(|ts| ts.as_u64());
        (user, ts.expect("a time"))
    };
    let nothing = json!({"attributes": {}, "installs": [], "sessions": 0, "friends": [], "groups": [], "rooms": []});
    assert_eq!(look().await.0, nothing);

    let here = Client::login(rig, &alice).await;
    let _there = Client::login(rig, &alice).await;
    set(gateway, Method::POST, &format!("{path}/attributes"), json!({"age": 46})).await;
    gateway.maxleap(Method::POST, &format!("{path}/friends/{}", bob.name), &NONE).await.expect_status(201);
    let group = create(gateway, "/groups", json!({"owner": bob.name, "members": [alice.name]})).await;
    let room = create(gateway, "/rooms", json!({"members": [alice.name]})).await;
    let expected = json!({
        "attributes": {"age": 46}, "installs": [], "sessions": 2, "friends": [bob.name], "groups": [group], "rooms": [room],
    });
    let (user, ts) = look().await;
    assert_eq!(user, expected);
    assert!(ts > 1_500_000_000_000, "{ts}");
    for load in [path.clone(), format!("{path}/")] {
        let mut reply = gateway.maxleap(Method::POST, &load, &NONE).await.expect_status(200);
        reply.json.as_object_mut().expect("an object").remove("ts");
        assert_eq!(reply.json, expected, "POST loads as GET does");
    }
    here.close().await;
    let bobs = read(gateway, &format!("/ctx/{}", bob.name)).await;
    assert_eq!(
        (&bobs["friends"], &bobs["groups"], &bobs["rooms"]),
        (&json!([alice.name]), &json!([group]), &json!([]))
    );
    for unknown in [fresh("nobody"), alice.name.to_uppercase()] {
        get(gateway, &format!("/ctx/{unknown}")).await.expect_error(404, 5004);
    }
}
