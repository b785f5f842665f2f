//! What callers are shown: ids as they write them, and localparts as people read them (XEP-0106).

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_oldest_and_newest;
use crate::support::{Gateway, Server, account, fresh};

on_oldest_and_newest!(an_error_names_ids_as_they_are_written, a_localpart_is_shown_unescaped);

const ROOMS: &str = "conference.example.org";

async fn an_error_names_ids_as_they_are_written(server: Server) {
    let gateway = Gateway::shared(server).await;
    for (path, expected) in [
        ("/groups/UPPER", "the room UPPER does not exist"),
        ("/rooms/Mixed-1", "the room Mixed-1 does not exist"),
        ("/groups/lower", "the room lower does not exist"),
        ("/groups/UPPER/chats", "the room UPPER does not exist"),
        ("/ctx/UPPER/groups", "the user UPPER does not exist"),
    ] {
        let reply = gateway.maxleap(Method::GET, path, &Value::Null).await.expect_error(404, 5004);
        assert_eq!(reply.json["errorMessage"], expected, "{path}");
    }
}

async fn a_localpart_is_shown_unescaped(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, local) = (account(rig, "alice"), fresh("x"));
    let (name, shown) = (format!(r"{local}\40y.com"), format!("{local}@y.com"));
    rig.register(&name).expect("an account");
    let asked = json!({"ID": name, "Domain": "example.org"});
    let reply = gateway.post("/qtalk/get_user_nick", &asked).await.expect_success();
    assert_eq!(reply.json["data"]["Nick"], shown);

    let room = fresh("room") + r"\20of\20all";
    let body =
        json!({"muc_id": room, "muc_owner": owner.name, "muc_domain": ROOMS, "muc_member": [name], "system": "t"});
    gateway.post("/qtalk/create_muc", &body).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &body).await.expect_success();
    let asked = json!({"muc_id": room, "muc_domain": ROOMS});
    let users = gateway.post("/qtalk/muc_users", &asked).await.expect_success();
    let of =
        |user: &str| users.json["data"].as_array().and_then(|all| all.iter().find(|one| one["U"] == user)).cloned();
    assert_eq!(of(&name), Some(json!({"U": name, "H": "example.org", "N": shown})), "{}", users.text);
}
