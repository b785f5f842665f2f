//! Messages to a room: occupants, members who come later, names, and who may not.

use serde_json::json;

use super::{SEND, archived, entry, marks, shown};
use crate::support::element::{MUC_USER, body, child, says, show};
use crate::support::{Account, Client, Gateway, Server, account, fresh, stanza};

crate::on_all_servers!(
    an_occupant_gets_it_and_the_archive_keeps_it,
    the_nick_is_the_one_from_the_vcard,
    who_is_not_a_member_may_not_speak,
    a_room_is_not_made_by_speaking,
    rooms_of_ordinary_clients_are_spoken_in,
);

/// A room made through the gateway.
pub struct Room {
    pub name: String,
    pub jid: String,
    pub owner: Account,
    pub members: Vec<Account>,
}

impl Room {
    /// Makes a room whose owner is a new account, with further new accounts as members.
    pub async fn make(server: Server, members: &[&str]) -> Room {
        let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
        let owner = account(rig, "alice");
        let members = members.iter().map(|name| account(rig, name)).collect();
        Room::make_with(gateway, owner, members).await
    }

    /// As [`Room::make`], of accounts that are there.
    pub async fn make_with(gateway: &Gateway, owner: Account, members: Vec<Account>) -> Room {
        let name = fresh("room");
        let request = json!({
            "muc_id": name, "muc_owner": owner.name, "muc_domain": "conference.example.org", "muc_name": "大厅",
            "system": "test",
        });
        gateway.post("/qtalk/create_muc", &request).await.expect_success();
        let room = Room { jid: format!("{name}@conference.example.org"), name, owner, members };
        room.add(gateway, &room.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>()).await;
        room
    }

    /// Adds members.
    pub async fn add(&self, gateway: &Gateway, names: &[&str]) {
        let request = json!({
            "muc_id": self.name, "muc_owner": self.owner.name, "muc_domain": "conference.example.org",
            "muc_member": names, "system": "test",
        });
        gateway.post("/qtalk/add_muc_user", &request).await.expect_success();
    }
}

/// A message to a room as callers write it.
pub fn group(text: &str) -> String {
    format!(
        "<message type=\"groupchat\" client_ver='0'><body id=\"m-{text}\" maType='20' msgType=\"1\">{text}</body></message>"
    )
}

async fn an_occupant_gets_it_and_the_archive_keeps_it(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let room = Room::make(server, &["bob", "carol"]).await;
    let [bob, carol] = room.members.as_slice() else { panic!("two members") };
    let occupant = Client::login(rig, carol).await;
    occupant.join(&room.jid, "Carol").await.expect("a member may enter");
    let text = fresh("group");
    gateway.post(SEND, &entry(&bob.jid, &room.jid, &group(&text))).await.expect_success();

    let live = occupant.wait_for("the message", says(&text)).await;
    assert_eq!(live.attr("from"), Some(format!("{}/{}", room.jid, bob.name).as_str()));
    assert_eq!(shown(&occupant, &text).await, 1);

    // Who becomes a member later finds it in the archive.
    let dave = account(rig, "dave");
    room.add(gateway, &[&dave.name]).await;
    let later = Client::login(rig, &dave).await;
    later.join(&room.jid, "Dave").await.expect("a member may enter");
    let archive = later.mam(Some(&room.jid)).await;
    let stored: Vec<_> = archive.iter().filter(|el| says(&text)(el)).collect();
    let [stored] = stored.as_slice() else { panic!("{} times in the archive", stored.len()) };
    for message in [&live, *stored] {
        assert_eq!(message.attr("type"), Some("groupchat"));
        let marks = marks(message);
        for (name, value) in [
            ("id", format!("m-{text}")),
            ("maType", "20".to_owned()),
            ("msgType", "1".to_owned()),
            ("client_ver", "0".to_owned()),
            ("realfrom", bob.jid.clone()),
            ("sendjid", bob.jid.clone()),
        ] {
            assert_eq!(marks.attr(name), Some(value.as_str()), "{name} in {}", show(message));
        }
        assert!(marks.attr("msec_times").is_some_and(|time| time.parse::<u64>().is_ok()));
    }
    let item = stored.get_child("x", MUC_USER).and_then(|x| child(x, "item"));
    let real = item.and_then(|item| item.attr("jid")).and_then(|jid| jid.split('/').next());
    assert_eq!(real, Some(bob.jid.as_str()), "the archive knows who it was: {}", show(stored));
}

async fn the_nick_is_the_one_from_the_vcard(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (owner, bob) = (account(rig, "alice"), account(rig, "bob"));
    for (user, nick) in [(&owner, "爱丽丝 A."), (&bob, "Bobby")] {
        let client = Client::login(rig, user).await;
        let vcard = format!("<vCard xmlns='vcard-temp'><FN>Full</FN><NICKNAME>{nick}</NICKNAME></vCard>");
        let reply = client.iq(stanza(&format!("<iq type='set'>{vcard}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
        client.close().await;
    }
    let room = Room::make_with(gateway, owner, vec![bob]).await;
    let (owner, bob) = (&room.owner, &room.members[0]);
    let occupant = Client::login(rig, bob).await;
    occupant.join(&room.jid, "Bobby").await.expect("a member may enter under his own nick");
    for (from, nick) in [(owner, "爱丽丝 A."), (bob, "Bobby")] {
        let text = fresh("group");
        gateway.post(SEND, &entry(&from.jid, &room.jid, &group(&text))).await.expect_success();
        let got = occupant.wait_for("the message", says(&text)).await;
        assert_eq!(got.attr("from"), Some(format!("{}/{nick}", room.jid).as_str()));
        assert_eq!((shown(&occupant, &text).await, archived(&occupant, Some(&room.jid), &text).await), (1, 1));
    }
}

async fn who_is_not_a_member_may_not_speak(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let room = Room::make(server, &["bob"]).await;
    let bob = Client::login(rig, &room.members[0]).await;
    bob.join(&room.jid, "bob").await.expect("a member may enter");
    let (stranger, text) = (account(rig, "dave"), fresh("never"));
    let reply = gateway.post(SEND, &entry(&stranger.jid, &room.jid, &group(&text))).await.expect_failure(5);
    assert_eq!(reply.errmsg(), format!("the user {} is not a member of the room {}", stranger.jid, room.jid));
    gateway.post(SEND, &entry("ghost@example.org", &room.jid, &group(&text))).await.expect_failure(2);
    gateway.post(SEND, &entry("x@gw.example.org", &room.jid, &group(&text))).await.expect_failure(10);
    let occupant = format!("{}/bob", room.jid);
    gateway.post(SEND, &entry(&room.owner.jid, &occupant, &group(&text))).await.expect_failure(10);
    gateway.post(SEND, &entry(&room.owner.jid, bob.bare(), &group(&text))).await.expect_failure(10);
    assert_eq!((shown(&bob, &text).await, archived(&bob, Some(&room.jid), &text).await), (0, 0));
}

async fn a_room_is_not_made_by_speaking(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let room = format!("{}@conference.example.org", fresh("nowhere"));
    let reply = gateway.post(SEND, &entry(alice.bare(), &room, &group("x"))).await.expect_failure(4);
    assert_eq!(reply.errmsg(), format!("the room {room} does not exist"));
    let info = format!("<iq type='get' to='{room}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    let reply = alice.iq(stanza(&info)).await;
    assert_eq!(reply.attr("type"), Some("error"), "{}", show(&reply));
    let elsewhere = "room@conference.elsewhere.example";
    gateway.post(SEND, &entry(alice.bare(), elsewhere, &group("x"))).await.expect_failure(10);
}

async fn rooms_of_ordinary_clients_are_spoken_in(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let owner = Client::login(rig, &account(rig, "alice")).await;
    let room = format!("{}@conference.example.org", fresh("open"));
    owner.make_room(&room, "Owner").await;
    let (member, stranger) = (account(rig, "bob"), account(rig, "dave"));
    let item = format!("<item affiliation='member' jid='{}'/>", member.jid);
    let query = format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>");
    let reply = owner.iq(stanza(&format!("<iq type='set' to='{room}'>{query}</iq>"))).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));

    for (from, nick) in [(owner.bare(), None), (member.jid.as_str(), Some(member.name.as_str()))] {
        let text = fresh("group");
        gateway.post(SEND, &entry(from, &room, &group(&text))).await.expect_success();
        let got = owner.wait_for("the message", says(&text)).await;
        let seen = got.attr("from").and_then(|from| from.split_once('/')).map(|(_, nick)| nick);
        assert!(nick.is_none_or(|nick| seen == Some(nick)), "{}", show(&got));
        assert_eq!((shown(&owner, &text).await, archived(&owner, Some(&room), &text).await), (1, 1));
    }
    let text = fresh("never");
    gateway.post(SEND, &entry(&stranger.jid, &room, &group(&text))).await.expect_failure(5);
    assert_eq!((shown(&owner, &text).await, archived(&owner, Some(&room), &text).await), (0, 0));
    assert!(owner.received().iter().filter_map(body).all(|said| said != text));
}
