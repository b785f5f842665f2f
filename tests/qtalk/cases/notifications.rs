//! Notifications of Xuanxuan with what cannot be used as it is: links that have to be escaped, decorations, PHP's lists.

use serde_json::{Value, json};

use crate::support::element::{body, show};
use crate::support::xuanxuan::{notification, titled};
use crate::support::{Account, Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(a_notification_is_not_lost_for_its_links, users_may_be_a_php_array_with_gaps);

/// A notification to one user.
fn to(user: &Account, title: &str, more: Value) -> Value {
    let mut data = json!({"receiver": "users", "userList": [user.name], "title": title, "sender": {"id": "ci"}});
    for (name, value) in more.as_object().into_iter().flatten() {
        data[name] = value.clone();
    }
    data
}

async fn a_notification_is_not_lost_for_its_links(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let bob = account(rig, "bob");
    let client = Client::login(rig, &bob).await;
    for (given, escaped) in [
        ("http://ci.local/job/My Job/57/", "http://ci.local/job/My%20Job/57/"),
        ("http://ci.local/?q=\"a\"&b={c}&d=<e>", "http://ci.local/?q=%22a%22&b=%7Bc%7D&d=%3Ce%3E"),
    ] {
        let title = fresh("links");
        let more = json!({
            "url": given, "actions": [{"label": "Open", "url": given, "icon": "/i.png", "type": "a b"}],
            "sender": {"id": "ci", "name": "CI", "avatar": "/data/a.png"},
        });
        gateway.notify(&to(&bob, &title, more)).await.expect_data();
        let got = client.wait_for("the notification", |el| titled(el, &title).is_some()).await;
        let text = body(&got).unwrap_or_default();
        assert!(text.contains(escaped) && !text.contains(given), "{}", show(&got));
        let said = notification(&got);
        assert_eq!(said["url"], escaped);
        assert_eq!(said["actions"], json!([{"label": "Open", "url": escaped}]));
        assert_eq!(said["sender"], json!({"id": "ci", "name": "CI"}));
    }
    // What is no link is still called so.
    let refused = gateway.notify(&to(&bob, "x", json!({"url": "/job/57/"}))).await.expect_fail();
    assert!(refused.starts_with("url is wrong"), "{refused}");
}

async fn users_may_be_a_php_array_with_gaps(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let people = ["bob", "alice"].map(|name| account(rig, name));
    let [bob, alice] = &people;
    let clients = [Client::login(rig, bob).await, Client::login(rig, alice).await];
    let title = fresh("gaps");
    gateway.notify(&to(bob, &title, json!({"userList": {"0": bob.name, "2": alice.name}}))).await.expect_data();
    for client in &clients {
        client.wait_for("the notification", |el| titled(el, &title).is_some()).await;
    }
}
