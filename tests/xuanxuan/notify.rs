//! Notifications of the API of Xuanxuan on real servers, seen by the clients that get them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use tokio_xmpp::minidom::Element;

use crate::support::element::{body, child, show};
use crate::support::people::until;
use crate::support::room::SILENCE;
use crate::support::xuanxuan::{notification, titled};
use crate::support::{Account, Client, Gateway, Server, account, fresh};
use crate::{on_newest, on_oldest_and_newest};

on_oldest_and_newest!(
    users_get_a_notification_now_or_later,
    a_group_gets_a_notification_that_its_archive_keeps,
    the_services_nick_may_be_taken,
    many_notifications_at_once_all_arrive,
    what_is_wrong_reaches_nobody,
);

on_newest!(no_passenger_is_the_sender);

const OOB: &str = "jabber:x:oob";

/// The example of the API's documentation, to somebody else.
fn example(title: &str) -> Value {
    json!({
        "title": title,
        "subTitle": "测试通知消息副标题",
        "content": "**测试消息**内容 <&>",
        "contentType": "text",
        "url": "http://xuan.im",
        "actions": [
            {"type": "danger", "label": "更新日志", "url": "https://xuan.im/page/changelogs.html?a=1&b=2"},
            {"type": "normal", "label": "下载地址", "url": "http://xuan.im/page/download.html"},
        ],
        "sender": {"avatar": "https://avatars.example/u/472425?s=460&v=4", "name": "Catouse", "id": "catouse"},
    })
}

fn to_users(users: &[&Account], more: Value) -> Value {
    let mut data = more;
    data["receiver"] = json!("users");
    data["userList"] = users.iter().map(|user| json!(user.name)).collect();
    data
}

fn to_group(gid: &str, more: Value) -> Value {
    let mut data = more;
    data["receiver"] = json!("group");
    data["gid"] = json!(gid);
    data
}

/// A group of the MaxLeap API's: hidden, members only.
async fn group(gateway: &Gateway, owner: &Account, members: &[&Account]) -> String {
    let members: Vec<_> = members.iter().map(|user| &user.name).collect();
    let body = json!({"owner": owner.name, "members": members});
    let id = gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201).json;
    id.as_str().expect("an id").to_owned()
}

async fn gets(client: &Client, title: &str) -> Element {
    let message = client.wait_for(format!("the notification {title}"), |el| titled(el, title).is_some()).await;
    titled(&message, title).expect("it").clone()
}

async fn gets_not(client: &Client, title: &str) {
    client.expect_none(format!("the notification {title}"), SILENCE, |el| titled(el, title).is_some()).await;
}

/// Fails unless the message is the example in all its forms.
#[track_caller]
fn expect_example(message: &Element, title: &str, cgid: &str) {
    let links = "http://xuan.im\n更新日志: https://xuan.im/page/changelogs.html?a=1&b=2\n下载地址: http://xuan.im/page/download.html";
    let in_room = message.attr("type") == Some("groupchat");
    let speaker = if in_room { "\n\n— Catouse" } else { "" };
    let expected = format!("*{title}*\n测试通知消息副标题\n\n*测试消息*内容 <&>\n\n{links}{speaker}");
    assert_eq!(body(message), Some(expected));
    assert!(message.get_child("unstyled", "urn:xmpp:styling:0").is_none());
    let nick = message.get_child("nick", "http://jabber.org/protocol/nick").map(Element::text);
    // ejabberd takes it out of what is said in a room.
    assert!(nick.as_deref() == Some("Catouse") || (in_room && nick.is_none()), "{}", show(message));
    let links: Vec<_> = message.children().filter(|child| child.is("x", OOB)).collect();
    let link = |link: &Element| (child(link, "url").map(Element::text), child(link, "desc").map(Element::text));
    assert_eq!(links.len(), 3, "{}", show(message));
    assert_eq!(link(links[0]), (Some("http://xuan.im".into()), Some(title.into())));
    assert_eq!(link(links[2]), (Some("http://xuan.im/page/download.html".into()), Some("下载地址".into())));
    let (card, sent) = (notification(message), example(title));
    for field in ["title", "content", "contentType", "url", "actions", "sender"] {
        assert_eq!(card[field], sent[field], "{card}");
    }
    assert_eq!((&card["subtitle"], &card["cgid"]), (&sent["subTitle"], &json!(cgid)));
    assert_eq!((&card["type"], card["gid"].as_str().map(str::len)), (&json!("notify"), Some(36)));
    assert!(card["date"].as_u64().is_some_and(|date| date > 1_600_000_000));
}

async fn users_get_a_notification_now_or_later(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let (alice, carol) = (Client::login(rig, &one).await, Client::login(rig, &three).await);
    let title = fresh("users");
    gateway.notify(&to_users(&[&one, &two, &one], example(&title))).await.expect_data();
    let bob = Client::login(rig, &two).await;
    for client in [&alice, &bob] {
        let message = gets(client, &title).await;
        assert_eq!((message.attr("from"), message.attr("type")), (Some("notice@example.org"), Some("chat")));
        expect_example(&message, &title, "notification");
        gets_not(client, &title).await;
        let count = until("the archive's copy", async || {
            let archived = client.mam(None).await;
            Some(archived.iter().filter(|el| titled(el, &title).is_some()).count()).filter(|count| *count > 0)
        });
        assert_eq!(count.await, 1);
    }
    gets_not(&carol, &title).await;
    // Nobody else can have that name, and nobody is shown it as a user.
    assert!(gateway.xuanxuan("m=chat&f=getChatUsers").await.expect_data().get("notice").is_none());
    let made = json!({"id": "notice", "password": "x"});
    assert_ne!(gateway.maxleap(Method::POST, "/passengers", &made).await.status, 200, "the name was free");

    // Plain text is shown as it is, from a form of the other kind.
    let title = fresh("plain");
    let data = json!({"title": title, "content": "*not* _styled_\n2 > 1", "contentType": "plain", "sender": {"id": 5}});
    let data = to_users(&[&one], data);
    let form = format!("--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{data}\r\n--b--\r\n");
    let path = format!("/x.php?{}", gateway.signed("m=chat&f=notifyMSG"));
    let kind = "multipart/form-data; boundary=b";
    let reply = gateway.request(|http, url| http.post(format!("{url}{path}")).header("content-type", kind).body(form));
    assert_eq!(reply.await.json, json!({"result": "success"}));
    let message = gets(&alice, &title).await;
    assert_eq!(body(&message), Some(format!("{title}\n\n*not* _styled_\n2 > 1")));
    assert!(message.get_child("unstyled", "urn:xmpp:styling:0").is_some());
}

async fn a_group_gets_a_notification_that_its_archive_keeps(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two, three) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let gid = group(gateway, &one, &[&two]).await;
    let room = format!("{gid}@{}", rig.rooms());
    let (alice, carol) = (Client::login(rig, &one).await, Client::login(rig, &three).await);
    alice.join(&room, "al").await.expect("her room");
    let title = fresh("group");
    gateway.notify(&to_group(&gid, example(&title))).await.expect_data();
    let message = gets(&alice, &title).await;
    assert_eq!(message.attr("from"), Some(format!("{room}/通知").as_str()), "{}", show(&message));
    assert_eq!(message.attr("type"), Some("groupchat"));
    expect_example(&message, &title, &gid);
    gets_not(&carol, &title).await;
    // Whoever was away finds it in the archive.
    let bob = Client::login(rig, &two).await;
    let archived = until("the archive's copy", async || {
        let archived = bob.mam(Some(&room)).await;
        let found: Vec<_> = archived.iter().filter_map(|el| titled(el, &title).cloned()).collect();
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(archived.len(), 1);
    expect_example(&archived[0], &title, &gid);
    if server.is_ejabberd() {
        let message = gets(&bob, &title).await;
        expect_example(&message, &title, &gid);
    }
    // Again, and nobody has become a member by it.
    let again = fresh("again");
    gateway.notify(&to_group(&gid, example(&again))).await.expect_data();
    gets(&alice, &again).await;
    let members = gateway.xuanxuan(&format!("m=chat&f=getChatUsers&gid={gid}")).await.expect_data();
    assert_eq!(members, json!({ one.name.clone(): one.name, two.name.clone(): two.name }));
    // A message of the other API in the same group goes on working, and that API reads what was said here.
    let chats = gateway.maxleap(Method::GET, &format!("/groups/{gid}/chats"), &Value::Null).await.expect_status(200);
    assert!(chats.json.is_array(), "{}", chats.text);
}

async fn the_services_nick_may_be_taken(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let one = account(rig, "alice");
    let gid = group(gateway, &one, &[]).await;
    let room = format!("{gid}@{}", rig.rooms());
    let alice = Client::login(rig, &one).await;
    alice.join(&room, "通知").await.expect("her room");
    let title = fresh("taken");
    gateway.notify(&to_group(&gid, example(&title))).await.expect_data();
    let message = gets(&alice, &title).await;
    assert_eq!(message.attr("from"), Some(format!("{room}/通知 (gw.example.org)").as_str()));
}

async fn many_notifications_at_once_all_arrive(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let gid = group(gateway, &one, &[&two]).await;
    let room = format!("{gid}@{}", rig.rooms());
    let alice = Client::login(rig, &one).await;
    alice.join(&room, "al").await.expect("her room");
    let titles: Vec<String> = (0..40).map(|_| fresh("many")).collect();
    let calls = titles.iter().map(async |title| {
        gateway.notify(&to_group(&gid, example(title))).await.expect_data();
    });
    futures::future::join_all(calls).await;
    for title in &titles {
        gets(&alice, title).await;
    }
    let archived = until("all of them in the archive", async || {
        let archived = alice.mam(Some(&room)).await;
        titles.iter().all(|title| archived.iter().any(|el| titled(el, title).is_some())).then_some(archived)
    })
    .await;
    for title in &titles {
        assert_eq!(archived.iter().filter(|el| titled(el, title).is_some()).count(), 1, "{title}");
    }
}

async fn what_is_wrong_reaches_nobody(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (one, two) = (account(rig, "alice"), account(rig, "bob"));
    let gid = group(gateway, &one, &[&two]).await;
    let room = format!("{gid}@{}", rig.rooms());
    let (alice, bob) = (Client::login(rig, &one).await, Client::login(rig, &two).await);
    alice.join(&room, "al").await.expect("her room");
    let title = fresh("wrong");
    let nobody = fresh("nobody");
    let with = |field: &str, value: Value| {
        let mut data = to_users(&[&one, &two], example(&title));
        data[field] = value;
        data
    };
    let long = "x".repeat(70_000);
    for (data, expected) in [
        (with("receiver", json!("all")), "Not set receiver type"),
        (with("userList", json!([])), "Should set user list."),
        (with("userList", json!([one.name, nobody])), &nobody),
        (with("userList", json!([one.name, "a@b"])), "Users do not exist: a@b"),
        (with("userList", json!([one.name, ""])), "Users do not exist"),
        (with("userList", json!([one.name, {}])), "userList is wrong"),
        (to_group("", example(&title)), "Should set chat group."),
        (to_group(&nobody, example(&title)), &nobody),
        (to_group("a b", example(&title)), "The chat group does not exist"),
        (to_group(&room, example(&title)), "The chat group does not exist"),
        (with("sender", Value::Null), "Should set sender info."),
        (with("url", json!("javascript:alert(1)")), "url is wrong"),
        (with("actions", json!([{"label": "x", "url": "file:///etc/passwd"}])), "actions[0].url is wrong"),
        (with("contentType", json!("html")), "contentType is wrong"),
        (with("content", json!(long)), "longer than 65536 bytes"),
    ] {
        let message = gateway.notify(&data).await.expect_fail();
        assert!(message.contains(expected), "{data}: {message}");
    }
    for form in ["", "null", "{", "[1]", &"[".repeat(50_000)] {
        assert!(gateway.notify_form(form).await.expect_fail().starts_with("Not set receiver type"), "{form:.20}");
    }
    let path = format!("/api.php?{}", gateway.signed("m=chat&f=notifyMSG"));
    for (kind, body) in [
        ("application/json", to_users(&[&one], example(&title)).to_string()),
        ("text/plain", format!("data={}", to_users(&[&one], example(&title)))),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{".into()),
        ("multipart/form-data", "--b--".into()),
    ] {
        let send =
            gateway.request(|http, url| http.post(format!("{url}{path}")).header("content-type", kind).body(body));
        send.await.expect_fail();
    }
    // No room was made by naming it.
    assert!(gateway.xuanxuan("m=chat&f=getChatGroups").await.expect_data().get(&nobody).is_none());
    tokio::time::sleep(Duration::from_millis(100)).await;
    for client in [&alice, &bob] {
        gets_not(client, &title).await;
    }
}

/// A passenger's caller has the password: what came from that account could be anybody's.
async fn no_passenger_is_the_sender(server: Server) {
    let rig = server.start(Grant::Oauth);
    let gateway = Gateway::start(&rig, |_| {}).await;
    let (one, sender) = (account(&rig, "alice"), fresh("robot"));
    gateway.maxleap(Method::POST, "/passengers", &json!({"id": sender})).await.expect_status(201);
    gateway.shutdown().await;
    let gateway = Gateway::start(&rig, |config| config.xuanxuan.sender.clone_from(&sender)).await;
    let alice = Client::login(&rig, &one).await;
    let title = fresh("passenger");
    let reply = gateway.notify(&to_users(&[&one], example(&title))).await;
    assert_eq!(reply.json["result"], "fail", "{}", reply.text);
    assert!(reply.text.contains(&sender) && reply.text.contains("xuanxuan.sender"), "{}", reply.text);
    gets_not(&alice, &title).await;
    gateway.shutdown().await;
}
