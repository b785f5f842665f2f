//! The stores in which clients look for the rooms they show: a room is in every one that the account's clients read, and
//! leaves all of them.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_xmpp::minidom::Element;

use super::rooms::{ROOMS, Room};
use crate::support::element::{PUBSUB, child, show};
use crate::support::{Client, Gateway, Server, account, stanza};
use crate::{on_all_servers, on_oldest_and_newest};

on_all_servers!(a_room_is_in_every_store_and_leaves_all, groups_and_rooms_are_too, many_at_once_lose_nothing);
on_oldest_and_newest!(a_store_that_is_set_otherwise_keeps_nobody_out);

const LIST: &str = "storage:bookmarks";

impl Client {
    /// What the account says it does.
    async fn account_features(&self) -> Vec<String> {
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let reply = self.iq(stanza(&format!("<iq type='get' to='{}'>{query}</iq>", self.bare()))).await;
        let query = child(&reply, "query").expect("features");
        query.children().filter_map(|feature| feature.attr("var")).map(str::to_owned).collect()
    }

    /// The list in private storage (XEP-0049): room, autojoin, nick.
    async fn private_list(&self) -> Vec<Element> {
        let query = format!("<query xmlns='jabber:iq:private'><storage xmlns='{LIST}'/></query>");
        let reply = self.iq(stanza(&format!("<iq type='get'>{query}</iq>"))).await;
        let list = child(&reply, "query").and_then(|query| child(query, "storage"));
        list.unwrap_or_else(|| panic!("{}", show(&reply))).children().cloned().collect()
    }

    /// The list in PEP (XEP-0048 since 1.1); none where there is no such node.
    async fn pep_list(&self) -> Vec<Element> {
        let items = format!("<pubsub xmlns='{PUBSUB}'><items node='{LIST}'/></pubsub>");
        let reply = self.iq(stanza(&format!("<iq type='get'>{items}</iq>"))).await;
        let item =
            child(&reply, "pubsub").and_then(|pubsub| child(pubsub, "items")).and_then(|items| child(items, "item"));
        item.and_then(|item| child(item, "storage")).map(|list| list.children().cloned().collect()).unwrap_or_default()
    }

    /// Writes the list as an older client does.
    async fn write_list(&self, entries: &str) {
        let query = format!("<query xmlns='jabber:iq:private'><storage xmlns='{LIST}'>{entries}</storage></query>");
        let reply = self.iq(stanza(&format!("<iq type='set'>{query}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// The rooms that the account's clients enter, by store. Where the server keeps the stores the same, one tells it.
    async fn shown_in(&self) -> Vec<(&'static str, Vec<String>)> {
        let entered = |list: Vec<Element>| {
            let joins = |entry: &&Element| matches!(entry.attr("autojoin"), Some("true" | "1"));
            let mut rooms: Vec<String> =
                list.iter().filter(joins).filter_map(|entry| entry.attr("jid")).map(str::to_owned).collect();
            rooms.sort();
            rooms
        };
        let mut own: Vec<String> =
            self.bookmarks().await.into_iter().filter(|one| one.autojoin).map(|one| one.room).collect();
        own.sort();
        let mut stores = vec![("bookmarks", own), ("private storage", entered(self.private_list().await))];
        if !self.account_features().await.iter().any(|feature| feature == "urn:xmpp:bookmarks:1#compat") {
            stores.push(("PEP", entered(self.pep_list().await)));
        }
        stores
    }

    /// Fails unless every store shows exactly these rooms.
    async fn expect_rooms(&self, rooms: &[&str]) {
        let mut rooms: Vec<String> = rooms.iter().map(|room| (*room).to_owned()).collect();
        rooms.sort();
        for (store, shown) in self.shown_in().await {
            assert_eq!(shown, rooms, "{store} of {}", self.bare());
        }
    }
}

async fn a_room_is_in_every_store_and_leaves_all(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let bob = account(rig, "bob");
    let client = Client::login(rig, &bob).await;
    // A room that their client knows, and does not enter; and one that it enters.
    let own = format!("own@{ROOMS}");
    client
        .write_list(&format!(
            "<conference jid='quiet@{ROOMS}' name='Quiet'/><conference jid='{own}' name='Own' autojoin='true'>\
             <nick>Robert</nick></conference>"
        ))
        .await;
    let kept = async |rooms: &[&str]| {
        let all: Vec<&str> = rooms.iter().copied().chain([own.as_str()]).collect();
        for (store, shown) in client.shown_in().await {
            let mut expected: Vec<&str> = all.clone();
            // What an older client wrote is in the newer store only where the server copies it.
            if store == "bookmarks" && !shown.contains(&own) {
                expected.retain(|room| *room != own);
            }
            expected.sort_unstable();
            assert_eq!(shown, expected, "{store}");
        }
        let list = client.private_list().await;
        let entry = |jid: &str| list.iter().find(|entry| entry.attr("jid") == Some(jid)).cloned();
        assert!(entry(&format!("quiet@{ROOMS}")).is_some_and(|quiet| quiet.attr("name") == Some("Quiet")), "{list:?}");
        let nick = entry(&own).and_then(|own| child(&own, "nick").map(Element::text));
        assert_eq!(nick.as_deref(), Some("Robert"));
    };
    let (one, two) = (Room::make(server).await, Room::make(server).await);
    one.add(&[&bob]).await;
    two.add(&[&bob]).await;
    kept(&[&one.jid, &two.jid]).await;
    let list = client.private_list().await;
    let entry = list.iter().filter(|entry| entry.attr("jid") == Some(&one.jid)).collect::<Vec<_>>();
    let [entry] = entry.as_slice() else { panic!("{} entries", entry.len()) };
    assert_eq!(entry.attr("name"), Some("大厅"));
    assert_eq!(child(entry, "nick").map(Element::text), Some(bob.name.clone()));

    one.call("del_muc_user", &[&bob]).await.expect_success();
    kept(&[&two.jid]).await;
    two.call("destroy_muc", &[]).await.expect_success();
    kept(&[]).await;
    let (three, four) = (Room::make(server).await, Room::make(server).await);
    three.add(&[&bob]).await;
    four.add(&[&bob]).await;
    kept(&[&three.jid, &four.jid]).await;
    let body = json!({"users": [bob.name], "host": "example.org"});
    gateway.post("/qtalk/clear_staff", &body).await.expect_success();
    kept(&[]).await;
    // The owner of a room has it in every store too.
    let alice = Client::login(rig, &three.owner).await;
    alice.expect_rooms(&[&three.jid]).await;
}

/// The user's own client made the store with other settings, which the gateway leaves as they are.
async fn a_store_that_is_set_otherwise_keeps_nobody_out(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    for max in ["", "<field var='pubsub#max_items'><value>128</value></field>"] {
        let (owner, bob) = (account(rig, "alice"), account(rig, "bob"));
        let client = Client::login(rig, &bob).await;
        let form = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>";
        let options = match max {
            "" => String::new(),
            max => format!("<publish-options><x xmlns='jabber:x:data' type='submit'>{form}{max}</x></publish-options>"),
        };
        let own = "<item id='own@conference.example.org'><conference xmlns='urn:xmpp:bookmarks:1'/></item>";
        let publish = format!("<publish node='urn:xmpp:bookmarks:1'>{own}</publish>{options}");
        let iq = format!("<iq type='set'><pubsub xmlns='{PUBSUB}'>{publish}</pubsub></iq>");
        let reply = client.iq(stanza(&iq)).await;
        // ejabberd takes no such option here, which leaves the first way.
        assert!(reply.attr("type") == Some("result") || (server.is_ejabberd() && !max.is_empty()), "{}", show(&reply));

        for (owner, other) in [(&owner, &bob), (&bob, &owner)] {
            let body = json!({"owner": owner.name, "members": [other.name]});
            gateway.maxleap(Method::POST, "/groups", &body).await.expect_status(201);
        }
        let room = Room::make(server).await;
        room.add(&[&bob]).await;
        let kept = client.bookmarks().await.iter().any(|one| one.room.starts_with("own@"));
        assert!(kept || reply.attr("type") != Some("result"), "{max}: the client's own is lost");
    }
}

async fn groups_and_rooms_are_too(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, bob) = (account(rig, "alice"), account(rig, "bob"));
    let client = Client::login(rig, &bob).await;
    let call = async |method: Method, path: &str, body: &Value, status: u16| {
        gateway.maxleap(method, path, body).await.expect_status(status).json
    };
    let made = json!({"owner": owner.name, "members": [bob.name]});
    let mut rooms = Vec::new();
    for _ in 0..2 {
        let id = call(Method::POST, "/groups", &made, 201).await;
        rooms.push(id.as_str().expect("an id").to_owned());
    }
    let jids: Vec<String> = rooms.iter().map(|id| format!("{id}@{ROOMS}")).collect();
    client.expect_rooms(&[&jids[0], &jids[1]]).await;
    let members = json!({"members": [bob.name]});
    call(Method::DELETE, &format!("/groups/{}/members", rooms[0]), &members, 204).await;
    client.expect_rooms(&[&jids[1]]).await;
    call(Method::DELETE, &format!("/groups/{}", rooms[1]), &Value::Null, 204).await;
    client.expect_rooms(&[]).await;

    // A group of the RongCloud-backed API that they quit, and one that is dismissed.
    let mut groups = Vec::new();
    for _ in 0..2 {
        let id = gateway.rongcloud_group(&owner.jid, "g", "7").await;
        let path = format!("/api/im/group/{id}/invite/");
        gateway.rongcloud(&bob.jid, Method::POST, &path, &json!({"code": "7"})).await.expect_json(200);
        groups.push(id);
    }
    let jids: Vec<String> = groups.iter().map(|id| format!("{id}@{ROOMS}")).collect();
    client.expect_rooms(&[&jids[0], &jids[1]]).await;
    let quit = format!("/api/im/group/{}/quit/", groups[0]);
    gateway.rongcloud(&bob.jid, Method::GET, &quit, &Value::Null).await.expect_json(200);
    client.expect_rooms(&[&jids[1]]).await;
    let dismiss = format!("/api/im/group/{}/dismiss/", groups[1]);
    gateway.rongcloud(&owner.jid, Method::GET, &dismiss, &Value::Null).await.expect_json(200);
    client.expect_rooms(&[]).await;
}

async fn many_at_once_lose_nothing(server: Server) {
    let rig = server.shared();
    let bob = account(rig, "bob");
    let client = Client::login(rig, &bob).await;
    let mut rooms = Vec::new();
    for _ in 0..8 {
        rooms.push(Room::make(server).await);
    }
    futures::future::join_all(rooms.iter().map(async |room| room.add(&[&bob]).await)).await;
    let jids: Vec<&str> = rooms.iter().map(|room| room.jid.as_str()).collect();
    client.expect_rooms(&jids).await;
    let (gone, left) = rooms.split_at(4);
    futures::future::join_all(
        gone.iter().map(|room| async { room.call("del_muc_user", &[&bob]).await.expect_success() }),
    )
    .await;
    let jids: Vec<&str> = left.iter().map(|room| room.jid.as_str()).collect();
    client.expect_rooms(&jids).await;
}
