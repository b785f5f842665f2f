//! Tests of reading notifications: the documentation's example, the order of the checks, and every field with what it
//! may not hold.

use super::*;

fn read(data: &Value) -> Result<Notification, Failure> {
    Notification::read(Some(&data.to_string()), 3)
}

fn refused(data: &Value) -> String {
    match read(data) {
        Err(failure) => {
            assert!(!failure.text.0.is_empty() && failure.ending.status == 200, "{failure:?}");
            failure.text.1
        }
        Ok(read) => panic!("{data}: {read:?}"),
    }
}

fn good() -> Value {
    json!({"receiver": "group", "gid": "g", "title": "t", "sender": {"id": "s"}})
}

fn with(field: &str, value: Value) -> Value {
    let mut data = good();
    data[field] = value;
    data
}

#[test]
fn the_documented_example_is_read() {
    let data = json!({
        "receiver": "group", "gid": "f3de9ff9-dcb4-49de-915b-377ee9143418", "title": "测试通知消息",
        "subTitle": "测试通知消息副标题", "content": "**测试消息**内容", "contentType": "text", "url": "http://xuan.im",
        "actions": [
            {"type": "danger", "label": "更新日志", "url": "https://xuan.im/page/changelogs.html"},
            {"type": "normal", "lable": "下载地址", "url": "http://xuan.im/page/download.html"},
        ],
        "sender": {"avatar": "https://avatars2.githubusercontent.com/u/472425?s=460&v=4", "name": "Catouse", "id": "catouse"},
    });
    let read = read(&data).unwrap();
    assert_eq!(read.receiver, Receiver::Group("f3de9ff9-dcb4-49de-915b-377ee9143418".into()));
    assert_eq!((read.subtitle.as_str(), read.content_type), ("测试通知消息副标题", ContentType::Markdown));
    assert_eq!(read.actions[1].label, "下载地址");
    let card = read.card("id", 5);
    assert_eq!(card["cgid"], data["gid"]);
    assert_eq!(card["sender"], data["sender"]);
    assert_eq!(card["actions"][0], data["actions"][0]);
    assert_eq!((&card["date"], &card["type"], &card["contentType"]), (&json!(5), &json!("notify"), &json!("text")));
}

#[test]
fn the_first_thing_that_is_wrong_is_said_in_the_originals_words() {
    for none in [None, Some(""), Some("null"), Some("[]"), Some("{"), Some("\"users\""), Some("1")] {
        assert_eq!(Notification::read(none, 3), Err(Failure::request(NO_RECEIVER)), "{none:?}");
    }
    for (data, expected) in [
        (json!({}), NO_RECEIVER),
        (json!({"receiver": "Users", "userList": ["a"]}), NO_RECEIVER),
        (json!({"receiver": ["users"], "userList": ["a"]}), NO_RECEIVER),
        (json!({"receiver": "users", "gid": "g"}), NO_USERS),
        (json!({"receiver": "users", "userList": []}), NO_USERS),
        (json!({"receiver": "users", "userList": "1,2"}), NO_USERS),
        (json!({"receiver": "users", "userList": {"a": "b"}}), NO_USERS),
        (json!({"receiver": "users", "userList": {}}), NO_USERS),
        (json!({"receiver": "group", "userList": ["a"]}), NO_GROUP),
        (json!({"receiver": "group", "gid": ""}), NO_GROUP),
        (json!({"receiver": "group", "gid": null}), NO_GROUP),
        (json!({"receiver": "group", "gid": "g"}), NO_SENDER),
        (with("sender", json!({})), NO_SENDER),
        (with("sender", json!([])), NO_SENDER),
        (with("sender", json!("")), NO_SENDER),
        (with("sender", json!({"id": "", "name": "x"})), NO_SENDER),
        (with("title", json!(" \n")), NOTHING),
    ] {
        assert_eq!(read(&data), Err(Failure::request(expected)), "{data}");
    }
}

#[test]
fn every_field_is_refused_with_what_it_may_not_hold() {
    let long = "x".repeat(LABEL + 1);
    let action = |field: &str, value: Value| {
        let mut action = json!({"label": "l", "url": "https://x.example"});
        action[field] = value;
        with("actions", json!([{"label": "ok", "url": "http://x.example"}, action]))
    };
    for (data, field) in [
        (with("gid", json!(["g"])), "gid"),
        (with("title", json!(["x"])), "title"),
        (with("subtitle", json!({})), "subtitle"),
        (with("subTitle", json!([])), "subTitle"),
        (with("content", json!(true)), "content"),
        (with("contentType", json!("html")), "contentType"),
        (with("contentType", json!(1)), "contentType"),
        (with("url", json!("javascript:alert(1)")), "url"),
        (with("url", json!("//x.example")), "url"),
        (with("url", json!("http://")), "url"),
        (with("url", json!("http://my host/")), "url"),
        (with("url", json!("/job/57")), "url"),
        (with("url", json!(format!("http://x.example/{}", "y".repeat(4096)))), "url"),
        (with("url", json!(1)), "url"),
        (with("actions", json!("x")), "actions"),
        (with("actions", json!({"label": "l"})), "actions"),
        (with("actions", json!(["x"])), "actions[0]"),
        (action("label", json!("")), "actions[1].label"),
        (action("label", json!({})), "actions[1].label"),
        (action("label", json!(long)), "actions[1].label"),
        (action("url", json!("")), "actions[1].url"),
        (action("url", json!("ftp://x.example")), "actions[1].url"),
        (action("url", json!("data:text/html,x")), "actions[1].url"),
        (action("url", json!(null)), "actions[1].url"),
        (with("sender", json!("x")), "sender"),
        (with("sender", json!({"id": [1]})), "sender.id"),
        (with("sender", json!({"id": 1, "name": []})), "sender.name"),
        (with("sender", json!({"id": 1, "name": long})), "sender.name"),
        (json!({"receiver": "users", "userList": [["a"]]}), "userList"),
        (json!({"receiver": "users", "userList": [null]}), "userList"),
        (json!({"receiver": "users", "userList": ["1", "2", "3", "4"]}), "userList"),
    ] {
        let text = refused(&data);
        assert!(text.starts_with(&format!("{field} ")), "{data}: {text}");
    }
}

#[test]
fn what_is_short_of_the_documentation_but_clear_is_taken() {
    let users = read(&json!({
        "receiver": "users", "userList": ["1", 1, "b"], "url": " HTTPS://x.example/张 ", "actions": "",
        "title": "one\r\ntwo", "content": "a\r\nb", "contentType": null, "sender": {"id": 7, "avatar": ""},
    }))
    .unwrap();
    assert_eq!(users.receiver, Receiver::Users(vec!["1".into(), "b".into()]));
    assert_eq!((users.title.as_str(), users.content.as_str()), ("one two", "a\nb"));
    assert_eq!((users.sender.shown(), users.url.as_str()), ("7", "HTTPS://x.example/张"));
    assert_eq!(users.card("i", 0)["sender"], json!({"id": "7"}));
    let deep = format!("{{\"receiver\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Notification::read(Some(&deep), 3), Err(Failure::request(NO_RECEIVER)));
}

#[test]
fn a_decoration_that_cannot_be_used_is_left_out() {
    for avatar in [json!("/data/a.png"), json!("javascript:x"), json!(1), json!(null)] {
        let read = read(&with("sender", json!({"id": 1, "name": 2, "avatar": avatar}))).unwrap();
        assert_eq!(read.card("i", 0)["sender"], json!({"id": "1", "name": "2"}));
    }
    let bare = json!({"label": "7", "url": "http://x.example"});
    for (icon, kind) in [
        (json!("javascript:x"), json!("a b")),
        (json!("/i.png"), json!("\"><script>")),
        (json!(1), json!({})),
        (json!("a\u{1}b"), json!("x".repeat(LABEL + 1))),
    ] {
        let action = json!({"label": 7, "url": "http://x.example", "icon": icon, "type": kind});
        assert_eq!(read(&with("actions", json!([action]))).unwrap().card("i", 0)["actions"], json!([bare]));
    }
    let whole = json!({"label": "7", "url": "http://x.example", "icon": "icon-bell", "type": "danger"});
    assert_eq!(read(&with("actions", json!([whole]))).unwrap().card("i", 0)["actions"], json!([whole]));
}

#[test]
fn a_php_array_with_gaps_is_a_list() {
    let data = json!({
        "receiver": "users", "userList": {"0": "bob", "10": "carol", "2": "alice"}, "sender": {"id": "s"}, "title": 57,
        "actions": {"10": {"label": "b", "url": "http://x"}, "2": {"label": "a", "url": "http://x/My Job"}},
    });
    let read = read(&data).unwrap();
    assert_eq!(read.receiver, Receiver::Users(vec!["bob".into(), "alice".into(), "carol".into()]));
    assert_eq!((read.actions[0].label.as_str(), read.actions[1].label.as_str()), ("a", "b"));
    assert_eq!((read.title.as_str(), read.actions[0].url.as_str()), ("57", "http://x/My%20Job"));
}

#[test]
fn what_a_console_or_a_cut_left_in_a_text_does_not_lose_the_notification() {
    let data = r#"{"receiver": "group", "gid": "g", "sender": {"id": "s", "name": "\u001b[1mCI"},
        "title": "\u001b[31mFAILED\u001b[0m", "subtitle": "cut \ud83d", "content": "a\u0008b\r\nc"}"#;
    let read = Notification::read(Some(data), 3).unwrap();
    assert_eq!((read.title.as_str(), read.subtitle.as_str()), ("FAILED", "cut \u{fffd}"));
    assert_eq!((read.content.as_str(), read.sender.shown()), ("ab\nc", "CI"));
}
