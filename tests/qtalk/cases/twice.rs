//! One user who is named twice in a list of people, in whatever case, is one user.

use serde_json::json;

use super::rooms::{ROOMS, Room};
use crate::on_all_servers;
use crate::support::element::child;
use crate::support::xuanxuan::titled;
use crate::support::{Client, Gateway, Server, account, fresh};

on_all_servers!(one_who_is_named_twice_counts_once);

async fn one_who_is_named_twice_counts_once(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (bob, carol) = (account(rig, "bob"), account(rig, "carol"));
    let (shouted, client) = (bob.name.to_uppercase(), Client::login(rig, &bob).await);

    let title = fresh("title");
    let sender = json!({"name": "Catouse", "id": "catouse"});
    let data = json!({
        "receiver": "users", "userList": [bob.name, shouted, carol.name], "title": title, "content": "c",
        "contentType": "text", "sender": sender,
    });
    gateway.notify(&data).await.expect_data();
    client.wait_for("the notification", |el| titled(el, &title).is_some()).await;
    client.ping().await;
    assert_eq!(client.received().iter().filter(|el| titled(el, &title).is_some()).count(), 1);
    let unknown = json!({
        "receiver": "users", "userList": [shouted, "nobodyhere", "NobodyHere"], "title": fresh("title"),
        "content": "c", "contentType": "text", "sender": sender,
    });
    assert!(gateway.notify(&unknown).await.expect_fail().contains("nobodyhere"));

    let room = Room::make(server).await;
    let body = |field: &str, users: &[&str]| {
        let mut body = json!({
            "muc_id": room.name, "muc_owner": room.owner.name, "muc_domain": ROOMS, "system": "t",
            "host": "example.org",
        });
        body[field] = json!(users);
        body
    };
    let both = [bob.name.as_str(), &shouted, &bob.jid];
    gateway.post("/qtalk/add_muc_user", &body("muc_member", &both)).await.expect_success();
    assert_eq!(room.users().await.iter().filter(|user| user["U"] == bob.name).count(), 1);
    client.ping().await;
    let invited = |el: &&_| child(el, "x").is_some_and(|x| x.attr("jid") == Some(&room.jid));
    assert_eq!(client.received().iter().filter(invited).count(), 1);
    gateway.post("/qtalk/del_muc_user", &body("muc_member", &both)).await.expect_success();
    gateway.post("/qtalk/clear_staff", &body("users", &both[..2])).await.expect_success();
    assert!(!room.users().await.iter().any(|user| user["U"] == bob.name));
}
