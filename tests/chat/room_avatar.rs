//! Pictures of rooms on real servers, as ordinary clients see them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use sha1::{Digest, Sha1};
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::error::Kind;
use stanzagate::chat::types::room::NewRoom;
use stanzagate::config::sessions::Grant;
use tokio_xmpp::minidom::Element;

use crate::on_oldest_and_newest;
use crate::support::element::{child, has_status, show};
use crate::support::room::is_out;
use crate::support::verbs::call;
use crate::support::{Client, Server, Verbs, account, fresh, stanza};

on_oldest_and_newest!(
    shows_the_picture_to_members,
    lets_only_owners_set_it,
    ends_with_the_room,
    stays_up_whatever_an_owner_sets,
    refuses_what_is_too_large,
);

const ROOMS: &str = "conference.example.org";
const UPDATE: &str = "vcard-temp:x:update";

/// As large as a thumbnail gets: 128 by 128 pixels of four bytes that cannot be compressed.
fn large_thumbnail() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::from_fn(|| Some(noise())).take(128 * 128 * 4 + 1000).collect()
}

fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Verbs {
    async fn set(&'static self, room: &str, image: &[u8]) -> Result<bool, ChatError> {
        let (room, image) = (BareJid::new(room).expect("a JID"), image.to_vec());
        self.run(async move { self.chat.rooms.set_room_avatar(&call(), &room, "image/png", &image).await }).await
    }

    /// Makes a room as the APIs do, owned by `owner`.
    async fn make_room(&'static self, room: &str, owner: &str) {
        let jid = |text: &str| BareJid::new(text).expect("a JID");
        let new = NewRoom {
            room: jid(room),
            owner: Some(jid(owner)),
            name: "a room".into(),
            description: String::new(),
            members_only: true,
        };
        self.run(async move { self.chat.rooms.create_room(&call(), &new).await }).await.expect("the room");
    }

    async fn add(&'static self, room: &str, user: &str) {
        let (room, user) = (BareJid::new(room).expect("a JID"), BareJid::new(user).expect("a JID"));
        self.run(async move { self.chat.rooms.add_members(&call(), &room, None, &[user]).await })
            .await
            .expect("a member");
    }
}

impl Client {
    async fn vcard(&self, room: &str) -> Element {
        self.iq(stanza(&format!("<iq type='get' to='{room}'><vCard xmlns='vcard-temp'/></iq>"))).await
    }

    /// The bytes of a room's picture; none where it has none.
    async fn picture(&self, room: &str) -> Option<(String, Vec<u8>)> {
        let reply = self.vcard(room).await;
        let photo = child(&reply, "vCard").and_then(|card| child(card, "PHOTO"))?;
        let text = |name| child(photo, name).map(Element::text).unwrap_or_default();
        Some((text("TYPE"), STANDARD.decode(text("BINVAL")).expect("base64")))
    }

    async fn set_room_vcard(&self, room: &str, content: &str) -> Element {
        let iq = format!("<iq type='set' to='{room}'><vCard xmlns='vcard-temp'>{content}</vCard></iq>");
        self.iq(stanza(&iq)).await
    }

    /// Waits until the room itself says that its picture has this hash.
    async fn told(&self, room: &str, hash: &str) {
        let tells = |el: &Element| {
            let photo = el.get_child("x", UPDATE).and_then(|x| child(x, "photo"));
            el.name() == "presence" && el.attr("from") == Some(room) && photo.is_some_and(|photo| photo.text() == hash)
        };
        self.wait_for(format!("the hash {hash:?} of {room}"), tells).await;
    }
}

fn photo(bytes: &[u8]) -> String {
    format!("<PHOTO><TYPE>image/png</TYPE><BINVAL>{}</BINVAL></PHOTO>", STANDARD.encode(bytes))
}

async fn shows_the_picture_to_members(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let (owner, member) = (account(rig, "alice"), account(rig, "bob"));
    let (alice, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let room = format!("{}@{ROOMS}", fresh("room"));
    verbs.make_room(&room, &owner.jid).await;
    verbs.add(&room, &member.jid).await;
    bob.join(&room, "bob").await.expect("a seat");
    assert_eq!(bob.picture(&room).await, None);

    let (large, small) = (large_thumbnail(), b"another".to_vec());
    for image in [&large, &small] {
        assert!(verbs.set(&room, image).await.expect("set"));
        assert_eq!(bob.picture(&room).await, Some(("image/png".into(), image.clone())));
        bob.told(&room, &sha1(image)).await;
        bob.wait_for("news of the room", |el| el.attr("from") == Some(&room) && has_status(el, "104")).await;
    }
    // One who enters later.
    alice.join(&room, "alice").await.expect("a seat");
    alice.told(&room, &sha1(&small)).await;
    alice.ping().await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = show(&alice.iq(stanza(&format!("<iq type='get' to='{room}'>{query}</iq>"))).await);
    assert!(info.contains("var='vcard-temp'"), "{info}");
    // Whoever is not inside finds the hash here, but for ejabberd 23.
    assert_eq!(info.contains(&sha1(&small)), server != Server::Ejabberd23, "{info}");
    // The room's archive is of what people say.
    assert_eq!(alice.mam(Some(&room)).await.len(), 0);

    // What else a client of an owner has said of the room stays.
    let card = format!("<FN>The hall</FN>{}<DESC>a &lt;b&gt;</DESC>", photo(b"his own"));
    let reply = alice.set_room_vcard(&room, &card).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    bob.told(&room, &sha1(b"his own")).await;
    assert!(verbs.set(&room, &small).await.expect("set"));
    let reply = bob.vcard(&room).await;
    let said = |name| child(&reply, "vCard").and_then(|card| child(card, name)).map(Element::text);
    assert_eq!((said("FN").as_deref(), said("DESC").as_deref()), (Some("The hall"), Some("a <b>")), "{}", show(&reply));
    assert_eq!(bob.picture(&room).await, Some(("image/png".into(), small)));
    assert!(verbs.set(&room, b"").await.expect("taken away"));
    assert_eq!(bob.picture(&room).await, None);
    bob.told(&room, "").await;
}

async fn lets_only_owners_set_it(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let (owner, member, stranger) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let room = format!("{}@{ROOMS}", fresh("room"));
    verbs.make_room(&room, &owner.jid).await;
    verbs.add(&room, &member.jid).await;
    assert!(verbs.set(&room, b"the picture").await.expect("set"));
    for other in [&member, &stranger] {
        let other = Client::login(rig, other).await;
        for to in [room.as_str(), &format!("{room}/alice"), ROOMS] {
            let reply = other.set_room_vcard(to, &photo(b"another")).await;
            assert_eq!(reply.attr("type"), Some("error"), "{to}: {}", show(&reply));
        }
        assert_eq!(other.picture(&room).await, Some(("image/png".into(), b"the picture".to_vec())));
    }
    let nobody = format!("{}@{ROOMS}", fresh("room"));
    let unknown = verbs.set(&nobody, b"x").await.expect_err("a room that is not there");
    assert_eq!(unknown.kind(), Kind::UnknownRoom, "{unknown}");
    Client::login(rig, &owner).await.expect_no_room(&nobody).await;
}

/// Whoever takes a name that was given up finds nothing there.
async fn ends_with_the_room(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let (owner, next) = (account(rig, "alice"), account(rig, "bob"));
    let room = format!("{}@{ROOMS}", fresh("room"));
    verbs.make_room(&room, &owner.jid).await;
    assert!(verbs.set(&room, b"the picture").await.expect("set"));
    let jid = BareJid::new(&room).expect("a JID");
    verbs.run(async move { verbs.chat.rooms.destroy_room(&call(), &jid, "over").await }).await.expect("destroyed");
    let client = Client::login(rig, &next).await;
    assert_eq!(client.picture(&room).await, None);
    verbs.make_room(&room, &next.jid).await;
    assert_eq!(client.picture(&room).await, None);
}

/// A picture that no server can make sense of must not make the room unreadable, and lists of rooms with it.
async fn stays_up_whatever_an_owner_sets(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let (owner, member) = (account(rig, "mallory"), account(rig, "bob"));
    let (mallory, bob) = (Client::login(rig, &owner).await, Client::login(rig, &member).await);
    let room = format!("{}@{ROOMS}", fresh("room"));
    mallory.make_room(&room, "mallory").await;
    for content in [
        "<PHOTO/>",
        "<PHOTO><TYPE>image/png</TYPE></PHOTO>",
        "<PHOTO><BINVAL/></PHOTO>",
        "<PHOTO><BINVAL>*?!</BINVAL></PHOTO>",
        "<PHOTO><EXTVAL>http://evil.example/x</EXTVAL></PHOTO>",
        "<PHOTO><BINVAL><BINVAL>eA==</BINVAL></BINVAL></PHOTO>",
    ] {
        let reply = mallory.set_room_vcard(&room, content).await;
        // Prosody itself takes all of them, and then answers nothing about the room.
        let taken = reply.attr("type") == Some("result");
        assert!(server.is_ejabberd() || !taken || content.contains("<BINVAL/>"), "{content}: {}", show(&reply));
        let info = bob.room_info(&room).await;
        assert!(info.is_ok(), "{content} {info:?}");
        let seat = bob.join(&room, "bob").await;
        assert!(seat.is_ok(), "{content}");
        let leave = format!("<presence type='unavailable' to='{room}/bob'/>");
        bob.send(stanza(&leave));
        bob.wait_for("the end of the seat", is_out(&room)).await;
    }
    assert!(verbs.set(&room, b"a picture").await.expect("set"));
    assert_eq!(bob.picture(&room).await, Some(("image/png".into(), b"a picture".to_vec())));
}

async fn refuses_what_is_too_large(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let owner = account(rig, "alice");
    let room = format!("{}@{ROOMS}", fresh("room"));
    verbs.make_room(&room, &owner.jid).await;
    for size in [72 * 1024 + 1, 190_000, 5_000_000] {
        let error = verbs.set(&room, &vec![7; size]).await.expect_err("over the bound");
        assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    }
    let client = Client::login(rig, &owner).await;
    assert_eq!(client.picture(&room).await, None);
    let most = vec![7; 72 * 1024];
    assert!(verbs.set(&room, &most).await.expect("the link is still up"));
    assert_eq!(client.picture(&room).await, Some(("image/png".into(), most)));
    // Prosody 0.12 reads it all whenever somebody asks about the room, so an owner's own client is held to a bound too.
    for card in [photo(&vec![7; 100_000]), "<DESC/>".repeat(1000)] {
        let reply = client.set_room_vcard(&room, &card).await;
        assert_eq!(reply.attr("type") == Some("error"), server == Server::Prosody012, "{}", show(&reply));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_where_rooms_have_no_pictures() {
    for server in Server::PROSODY {
        let rig = server.start(Grant::None);
        let path = rig.dir().join("prosody.cfg.lua");
        let shipped = std::fs::read_to_string(&path).expect("the server's configuration");
        let lines = "\"stanzagate\"; room_pictures }";
        assert!(shipped.contains(lines), "{lines} is not in the configuration");
        rig.stop_server().expect("the server stops");
        std::fs::write(&path, shipped.replace(lines, "\"stanzagate\" }\n\tmuc_vcard = false")).expect("a new one");
        rig.start_server().expect("the server starts");
        let verbs: &'static Verbs = Box::leak(Box::new(Verbs::start(&rig).await));
        let owner = account(&rig, "alice");
        let room = format!("{}@{ROOMS}", fresh("room"));
        verbs.make_room(&room, &owner.jid).await;
        assert!(!verbs.set(&room, b"a picture").await.expect("an answer"), "{server:?}");
        assert_eq!(Client::login(&rig, &owner).await.picture(&room).await, None);

        rig.stop_server().expect("the server stops");
        let error = verbs.set(&room, b"a picture").await.expect_err("nobody to ask");
        assert!(matches!(error.kind(), Kind::Unavailable | Kind::OutcomeUnknown), "{server:?}: {error}");
        verbs.run(async { verbs.chat.drain(std::time::Duration::from_secs(5)).await }).await;
    }
}
