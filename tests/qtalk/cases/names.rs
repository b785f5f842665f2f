//! `muc_users` calls members what `get_user_nick` does, whatever nick the room lets them have.

use serde_json::json;

use super::rooms::Room;
use crate::on_all_servers;
use crate::support::{Client, Server, account};

on_all_servers!(members_have_the_names_of_their_profiles);

async fn members_have_the_names_of_their_profiles(server: Server) {
    let rig = server.shared();
    let room = Room::make(server).await;
    let named = [("bob", Some("🐎 Horse")), ("carol", Some("小明")), ("dave", Some("小明")), ("erin", None)];
    let accounts = named.map(|(name, _)| account(rig, name));
    for (account, (_, nick)) in accounts.iter().zip(named) {
        if let Some(nick) = nick {
            let client = Client::login(rig, account).await;
            client.set_vcard(&format!("<FN>Full</FN><NICKNAME>{nick}</NICKNAME>")).await;
        }
    }
    room.add(&accounts.iter().collect::<Vec<_>>()).await;
    let bob = Client::login(rig, &accounts[0]).await;
    for again in [false, true] {
        if again {
            bob.set_vcard("<NICKNAME>🐎🐎</NICKNAME>").await;
        }
        let users = room.users().await;
        for (account, (_, nick)) in accounts.iter().zip(named) {
            let asked = json!({"ID": account.name, "Domain": "example.org"});
            let reply = room.gateway.post("/qtalk/get_user_nick", &asked).await.expect_success();
            let entry = json!({"U": account.name, "H": "example.org", "N": reply.json["data"]["Nick"]});
            assert!(users.contains(&entry), "{entry} in {users:?}");
            if account.jid == bob.bare() {
                assert_eq!(entry["N"], if again { "🐎🐎" } else { "🐎 Horse" });
            } else {
                assert_eq!(entry["N"], nick.unwrap_or(&account.name));
            }
        }
    }
}
