//! Groups and rooms on real servers: made whole or not at all, and the same to clients and to the gateway.

use jid::BareJid;
use serde_json::{Map, Value, json};
use stanzagate::chat::groups::{Group, GroupKind, NewGroup};
use stanzagate::chat::records::{Record, Subject};
use stanzagate::chat::types::error::ChatError;

use crate::on_oldest_and_newest;
use crate::support::verbs::call;
use crate::support::{Account, Client, Server, Verbs, account, fresh};

on_oldest_and_newest!(
    makes_a_group_that_clients_show,
    leaves_nothing_of_what_it_cannot_make,
    sees_what_clients_change,
    changes_owner_members_and_attributes,
    destroys_a_group_with_all_that_is_known_of_it,
    finds_each_of_many_rooms,
);

const ROOMS: &str = "conference.example.org";
const NONE: [BareJid; 0] = [];

fn jid(text: &str) -> BareJid {
    BareJid::new(text).expect("a JID")
}

fn people(accounts: &[&Account]) -> Vec<BareJid> {
    let mut people: Vec<_> = accounts.iter().map(|account| jid(&account.jid)).collect();
    people.sort();
    people
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

fn new_group(owner: &Account, members: &[&Account], name: &str) -> NewGroup {
    NewGroup {
        room: jid(&format!("{}@{ROOMS}", fresh("group"))),
        kind: GroupKind::Group,
        owner: Some(jid(&owner.jid)),
        members: people(members),
        name: name.to_owned(),
        note: None,
        avatar: None,
    }
}

impl Verbs {
    async fn make(&'static self, new: &NewGroup) -> Result<(), ChatError> {
        let new = new.clone();
        self.run(async move { self.chat.groups.make_group(&call(), &self.realm, &new).await }).await
    }

    async fn group(&'static self, room: &BareJid, kind: GroupKind) -> Result<Group, ChatError> {
        let room = room.clone();
        self.run(async move { self.chat.groups.group(&call(), &self.realm, &room, kind).await }).await
    }

    async fn groups_of(&'static self, user: &Account, kind: GroupKind) -> Vec<BareJid> {
        let user = jid(&user.jid);
        let groups = self.run(async move { self.chat.groups.groups_of(&call(), &self.realm, &user).await });
        let groups = groups.await.expect("a list of groups").into_iter();
        groups.filter(|group| group.kind == kind).map(|group| group.room).collect()
    }

    async fn noted(&'static self, subject: Subject) -> Record {
        self.run(async move { self.chat.records.record(&call(), &self.realm, &subject).await }).await.expect("a record")
    }

    async fn find(&'static self, room: &BareJid, kind: GroupKind) -> Option<Map<String, Value>> {
        let room = room.clone();
        let found = self.run(async move {
            let mut all = self.chat.groups.all_rooms(&call(), &self.realm).await?;
            all.retain(|listed| *listed == room);
            self.chat.groups.described(&call(), &self.realm, &all, kind).await
        });
        found.await.expect("a list of groups").pop().map(|(_, attributes)| attributes)
    }
}

async fn makes_a_group_that_clients_show(server: Server) {
    let (verbs, rig) = (Verbs::shared(server).await, server.shared());
    let (owner, member, other) = (account(rig, "owner"), account(rig, "member"), account(rig, "other"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let new = new_group(&owner, &[&member, &owner], "家 & <more>");
    verbs.make(&new).await.expect("a group");

    let group = verbs.group(&new.room, GroupKind::Group).await.expect("the group");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis() as u64;
    assert!(now - group.created_ms < 60_000, "{}", group.created_ms);
    let expected = Group {
        room: new.room.clone(),
        kind: GroupKind::Group,
        owner: Some(jid(&owner.jid)),
        members: people(&[&owner, &member]),
        attributes: map(json!({"name": "家 & <more>"})),
        notes: map(json!({"created": group.created_ms, "kind": "group"})),
        created_ms: group.created_ms,
        cleared_ms: None,
    };
    assert_eq!(group, expected);
    let other_sort = verbs.group(&new.room, GroupKind::Room).await;
    assert!(matches!(other_sort, Err(ChatError::UnknownRoom(_))), "{other_sort:?}");

    let info = alice.room_info(new.room.as_str()).await.expect("the room");
    assert_eq!(info.name.as_deref(), Some("家 & <more>"));
    assert!(info.features.iter().any(|feature| feature == "muc_membersonly"));
    assert_eq!(bob.bookmarks().await[0].room, new.room.as_str());
    bob.join(new.room.as_str(), "Bob").await.expect("a member gets in");
    Client::login(rig, &other).await.join(new.room.as_str(), "Other").await.expect_err("a stranger gets in");

    assert!(matches!(verbs.make(&new).await, Err(ChatError::RoomExists(_))));
    for user in [&owner, &member] {
        assert_eq!(verbs.groups_of(user, GroupKind::Group).await, std::slice::from_ref(&new.room));
        assert_eq!(verbs.groups_of(user, GroupKind::Room).await, NONE);
    }
    assert_eq!(verbs.groups_of(&other, GroupKind::Group).await, NONE);
    assert_eq!(verbs.find(&new.room, GroupKind::Group).await, Some(expected.attributes));
    assert_eq!(verbs.find(&new.room, GroupKind::Room).await, None);

    let open = NewGroup {
        room: jid(&format!("{}@{ROOMS}", fresh("open"))),
        kind: GroupKind::Room,
        owner: None,
        name: String::new(),
        ..new
    };
    verbs.make(&open).await.expect("a room");
    let room = verbs.group(&open.room, GroupKind::Room).await.expect("the room");
    assert_eq!((room.owner, room.members, room.attributes), (None, people(&[&owner, &member]), Map::new()));
    Client::login(rig, &other).await.join(open.room.as_str(), "Other").await.expect("a room is open");
    assert_eq!(verbs.groups_of(&member, GroupKind::Room).await, [open.room]);
}

async fn leaves_nothing_of_what_it_cannot_make(server: Server) {
    let (verbs, rig) = (Verbs::shared(server).await, server.shared());
    let (owner, member) = (account(rig, "owner"), account(rig, "member"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let nobody = Account { jid: format!("{}@example.org", fresh("nobody")), ..owner.clone() };
    for new in [new_group(&owner, &[&member, &nobody], "x"), new_group(&nobody, &[&member], "x")] {
        let refused = verbs.make(&new).await;
        assert!(matches!(&refused, Err(ChatError::UnknownUser(user)) if *user == jid(&nobody.jid)), "{refused:?}");
        alice.expect_no_room(new.room.as_str()).await;
    }
    // The room is made, and then there is nowhere to record it.
    let new = new_group(&owner, &[&member], "x");
    let (group, mut realm) = (new.clone(), verbs.realm.clone());
    realm.pubsub = "nothing.example.org".to_owned();
    let refused = verbs.run(async move { verbs.chat.groups.make_group(&call(), &realm, &group).await }).await;
    let text = refused.expect_err("a group without a record").to_string();
    assert!(text.contains("server.pubsub"), "{text}");
    alice.expect_no_room(new.room.as_str()).await;
    assert_eq!((alice.bookmarks().await, bob.bookmarks().await), (vec![], vec![]));
    for user in [&owner, &member] {
        assert_eq!(verbs.groups_of(user, GroupKind::Group).await, NONE);
        assert_eq!(verbs.noted(Subject::RoomsOf(jid(&user.jid))).await, Record::default());
    }
    verbs.make(&new).await.expect("the name is free");
}

async fn sees_what_clients_change(server: Server) {
    let (verbs, rig) = (Verbs::shared(server).await, server.shared());
    let (owner, member, other) = (account(rig, "owner"), account(rig, "member"), account(rig, "other"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let new = new_group(&owner, &[&member, &other], "old");
    verbs.make(&new).await.expect("a group");

    alice.configure_room(new.room.as_str(), &[("muc#roomconfig_roomname", "new name")]).await;
    let renamed = map(json!({"name": "new name"}));
    assert_eq!(verbs.group(&new.room, GroupKind::Group).await.expect("the group").attributes, renamed);
    assert_eq!(verbs.find(&new.room, GroupKind::Group).await, Some(renamed));

    alice.affiliate(new.room.as_str(), &member.jid, "none").await;
    assert_eq!(verbs.group(&new.room, GroupKind::Group).await.expect("the group").members, people(&[&owner, &other]));
    assert_eq!(verbs.groups_of(&member, GroupKind::Group).await, NONE);
    assert_eq!(verbs.noted(Subject::RoomsOf(jid(&member.jid))).await, Record::default(), "the index is not mended");
    assert_eq!(verbs.groups_of(&other, GroupKind::Group).await, std::slice::from_ref(&new.room));

    let own = jid(&format!("{}@{ROOMS}", fresh("own")));
    alice.make_room(own.as_str(), "Alice").await;
    alice
        .configure_room(own.as_str(), &[("muc#roomconfig_membersonly", "1"), ("muc#roomconfig_persistentroom", "1")])
        .await;
    alice.affiliate(own.as_str(), &member.jid, "member").await;
    bob.bookmark(own.as_str()).await;
    let group = verbs.group(&own, GroupKind::Group).await.expect("a group that a client made");
    assert_eq!((group.owner, group.members), (Some(jid(&owner.jid)), people(&[&owner, &member])));
    assert_eq!((group.created_ms, group.attributes), (0, Map::new()));
    assert_eq!(verbs.find(&own, GroupKind::Group).await, Some(Map::new()));
    assert_eq!(verbs.groups_of(&member, GroupKind::Group).await, std::slice::from_ref(&own));
    let noted = verbs.noted(Subject::RoomsOf(jid(&member.jid))).await.notes;
    assert_eq!(noted.keys().collect::<Vec<_>>(), [own.as_str()]);
}

async fn changes_owner_members_and_attributes(server: Server) {
    let (verbs, rig) = (Verbs::shared(server).await, server.shared());
    let (owner, member, other) = (account(rig, "owner"), account(rig, "member"), account(rig, "other"));
    let (alice, carol) = (Client::login(rig, &owner).await, Client::login(rig, &other).await);
    let new = new_group(&owner, &[&member], "old");
    let room = new.room.clone();
    verbs.make(&new).await.expect("a group");
    let set = |attributes: Value, replace: bool| {
        let (room, attributes) = (room.clone(), map(attributes));
        verbs.run(async move {
            let set = verbs.chat.groups.set_group_attributes(&call(), &verbs.realm, &room, &attributes, replace).await;
            set.expect("attributes that are set");
        })
    };
    let attributes = || async { verbs.group(&room, GroupKind::Group).await.expect("the group").attributes };
    let shown = || async { alice.room_info(room.as_str()).await.expect("the room").name.unwrap_or_default() };
    set(json!({"topic": ["a", null], "name": "line\n<two>"}), false).await;
    assert_eq!(attributes().await, map(json!({"name": "line\n<two>", "topic": ["a", null]})));
    assert_eq!(shown().await, "line <two>");
    set(json!({"name": 5}), false).await;
    assert_eq!(attributes().await, map(json!({"name": 5, "topic": ["a", null]})));
    assert_eq!(shown().await, "5");
    set(json!({"colour": "red"}), true).await;
    assert_eq!(attributes().await, map(json!({"colour": "red"})));
    let config = alice.room_config(room.as_str()).await;
    for field in ["muc#roomconfig_persistentroom", "muc#roomconfig_membersonly"] {
        assert!(matches!(config[field].as_str(), "1" | "true"), "{field}: {config:?}");
    }

    let to = jid(&other.jid);
    let given = verbs.run({
        let room = room.clone();
        async move { verbs.chat.groups.set_owner(&call(), &room, &to).await }
    });
    given.await.expect("another owner");
    let group = verbs.group(&room, GroupKind::Group).await.expect("the group");
    assert_eq!((group.owner, group.members), (Some(jid(&other.jid)), people(&[&owner, &member, &other])));
    let owners: Vec<String> = carol.affiliated(room.as_str(), "owner").await.into_iter().map(|(jid, _)| jid).collect();
    assert!(owners.contains(&other.jid) && !owners.contains(&owner.jid), "{owners:?}");
    assert_eq!(carol.bookmarks().await[0].room, room.as_str());

    let (last, nobody) = (account(rig, "last"), jid(&format!("{}@example.org", fresh("nobody"))));
    let members = vec![jid(&last.jid), jid(&member.jid), nobody.clone()];
    let outcomes = verbs.run({
        let room = room.clone();
        async move { verbs.chat.groups.set_members(&call(), &room, &members).await }
    });
    for outcome in outcomes.await.expect("outcomes") {
        match outcome.result {
            Err(ChatError::UnknownUser(user)) => assert_eq!(user, nobody),
            Err(error) => panic!("{}: {error}", outcome.user),
            Ok(()) => assert!([&owner.jid, &last.jid].contains(&&outcome.user.to_string()), "{}", outcome.user),
        }
    }
    let group = verbs.group(&room, GroupKind::Group).await.expect("the group");
    assert_eq!((group.owner, group.members), (Some(jid(&other.jid)), people(&[&last, &member, &other])));
    assert_eq!(verbs.groups_of(&owner, GroupKind::Group).await, NONE);
    assert_eq!(verbs.groups_of(&last, GroupKind::Group).await, std::slice::from_ref(&room));
    assert_eq!(alice.bookmarks().await, []);
}

async fn destroys_a_group_with_all_that_is_known_of_it(server: Server) {
    let (verbs, rig) = (Verbs::shared(server).await, server.shared());
    let (owner, member) = (account(rig, "owner"), account(rig, "member"));
    let bob = Client::login(rig, &member).await;
    let new = new_group(&owner, &[&member], "short-lived");
    let destroy = || {
        let room = new.room.clone();
        verbs.run(async move { verbs.chat.groups.destroy_group(&call(), &verbs.realm, &room).await })
    };
    assert!(matches!(destroy().await, Err(ChatError::UnknownRoom(_))));
    bob.expect_no_room(new.room.as_str()).await;
    verbs.make(&new).await.expect("a group");
    assert_ne!(verbs.noted(Subject::Room(new.room.clone())).await, Record::default());
    destroy().await.expect("the end of it");
    bob.expect_no_room(new.room.as_str()).await;
    assert_eq!(verbs.noted(Subject::Room(new.room.clone())).await, Record::default());
    for user in [&owner, &member] {
        assert_eq!(verbs.noted(Subject::RoomsOf(jid(&user.jid))).await, Record::default());
        assert_eq!(verbs.groups_of(user, GroupKind::Group).await, NONE);
    }
    assert!(matches!(verbs.group(&new.room, GroupKind::Group).await, Err(ChatError::UnknownRoom(_))));
    assert_eq!(verbs.find(&new.room, GroupKind::Group).await, None);
}

async fn finds_each_of_many_rooms(server: Server) {
    let verbs = Verbs::shared(server).await;
    let mut rooms: Vec<BareJid> = (0..230).map(|_| jid(&format!("{}@{ROOMS}", fresh("many")))).collect();
    for some in rooms.chunks(10) {
        let make = |room: &BareJid| {
            let (room, name) = (room.clone(), room.to_string());
            let new = NewGroup {
                room,
                kind: GroupKind::Room,
                owner: None,
                members: Vec::new(),
                name,
                note: None,
                avatar: None,
            };
            async move { verbs.make(&new).await }
        };
        for made in futures::future::join_all(some.iter().map(make)).await {
            made.expect("a room");
        }
    }
    let all = verbs.run(async move { verbs.chat.groups.all_rooms(&call(), &verbs.realm).await }).await;
    let all = all.expect("a list of all rooms");
    rooms.retain(|room| !all.contains(room));
    assert!(rooms.is_empty(), "{} of 230 are missing: {:?} …", rooms.len(), rooms.first());
}
