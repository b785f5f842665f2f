//! Rooms of the qtalk API, as the cases make them.

use serde_json::{Value, json};

use crate::support::{Account, Gateway, Reply, Server, account, fresh};

pub const ROOMS: &str = "conference.example.org";

/// A room with its owner.
pub struct Room {
    pub gateway: &'static Gateway,
    pub name: String,
    pub jid: String,
    pub owner: Account,
}

impl Room {
    /// Makes a room of a new account's.
    pub async fn make(server: Server) -> Room {
        let owner = account(server.shared(), "alice");
        Room::make_of(server, owner).await
    }

    /// Makes a room of this account's.
    pub async fn make_of(server: Server, owner: Account) -> Room {
        let (gateway, name) = (Gateway::shared(server).await, fresh("room"));
        let room = Room { gateway, jid: format!("{name}@{ROOMS}"), name, owner };
        room.call("create_muc", &[]).await.expect_success();
        room
    }

    /// Calls an endpoint about this room, in its owner's name.
    pub async fn call(&self, endpoint: &str, members: &[&Account]) -> Reply {
        let members: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let body = json!({
            "muc_id": self.name, "muc_owner": self.owner.name, "muc_domain": ROOMS, "host": "example.org",
            "muc_name": "大厅", "muc_member": members, "system": "t",
        });
        self.gateway.post(&format!("/qtalk/{endpoint}"), &body).await
    }

    /// Makes these accounts members.
    pub async fn add(&self, members: &[&Account]) {
        self.call("add_muc_user", members).await.expect_success();
    }

    /// Has somebody send XML to the room.
    pub async fn send(&self, from: &Account, message: &str) -> Reply {
        let letter = json!({"from": from.jid, "to": self.jid, "message": message});
        self.gateway.post("/qtalk/send_thirdmessage", &letter).await
    }

    /// Has somebody say something in the room.
    pub async fn say(&self, from: &Account, text: &str) -> Reply {
        self.send(from, &format!("<message type='groupchat'><body>{text}</body></message>")).await
    }

    /// What `muc_users` lists.
    pub async fn users(&self) -> Vec<Value> {
        let asked = json!({"muc_id": self.name, "muc_domain": ROOMS});
        let reply = self.gateway.post("/qtalk/muc_users", &asked).await.expect_success();
        reply.json["data"].as_array().cloned().unwrap_or_default()
    }
}
