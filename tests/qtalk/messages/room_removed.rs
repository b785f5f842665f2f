//! A member whom the room's owner removed with an ordinary client is refused soon after, and hears no more of the room.

use std::time::{Duration, Instant};

use super::room::{Room, group};
use super::{Own, SEND, archived, entry, shown};
use crate::support::element::{says, show};
use crate::support::{Account, Client, Gateway, Server, account, fresh, stanza};

crate::on_all_servers!(
    a_removed_occupant_is_out_at_once,
    a_removed_member_whose_device_is_not_there_is_out_soon,
    a_removed_member_of_an_open_room_is_refused_soon,
);

/// The cache time of these gateways.
const CACHE: u64 = 2;

async fn set_affiliation(owner: &Client, room: &str, user: &str, affiliation: &str) {
    let item = format!("<item affiliation='{affiliation}' jid='{user}'/>");
    let query = format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>");
    let reply = owner.iq(stanza(&format!("<iq type='set' to='{room}'>{query}</iq>"))).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
}

/// Sends until it is refused, within the cache time and what a loaded machine adds; what was refused must not be in the
/// room. Returns how long that took.
async fn refused_after(gateway: &Gateway, owner: &Client, user: &Account, room: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let text = fresh("removed");
        let reply = gateway.post(SEND, &entry(&user.jid, room, &group(&text))).await;
        if !reply.ret() {
            assert_eq!(reply.errcode(), 5, "{}", reply.text);
            assert_eq!(archived(owner, Some(room), &text).await, 0);
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(CACHE + 3), "still heard: {}", reply.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_removed_occupant_is_out_at_once(server: Server) {
    removed(server, true).await;
}

async fn a_removed_member_whose_device_is_not_there_is_out_soon(server: Server) {
    removed(server, false).await;
}

async fn removed(server: Server, occupant: bool) {
    let own = Own::start(server, |config| config.server.cache_seconds = CACHE).await;
    let (owner, bob) = (account(own.rig, "alice"), account(own.rig, "bob"));
    let room = Room::make_with(&own.gateway, owner, vec![bob]).await;
    let bob = &room.members[0];
    let owner = Client::login(own.rig, &room.owner).await;
    owner.join(&room.jid, "Owner").await.expect("the owner may enter");
    // On ejabberd their subscription shows them the room even when they are no occupant.
    let device = Client::login(own.rig, bob).await;
    if occupant {
        device.join(&room.jid, &bob.name).await.expect("a member may enter");
    }
    let text = fresh("heard");
    own.gateway.post(SEND, &entry(&bob.jid, &room.jid, &group(&text))).await.expect_success();
    owner.wait_for("the message", says(&text)).await;
    set_affiliation(&owner, &room.jid, &bob.jid, "none").await;
    let took = refused_after(&own.gateway, &owner, bob, &room.jid).await;
    assert!(!occupant || took < Duration::from_secs(CACHE), "{took:?}: the room's own word was not heard");
    let secret = fresh("secret");
    owner.send(stanza(&format!("<message type='groupchat' to='{}'><body>{secret}</body></message>", room.jid)));
    owner.wait_for("it", says(&secret)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(shown(&device, &secret).await, 0, "he hears no more of the room");
    // Once they are a member again they are heard again.
    room.add(&own.gateway, &[&bob.name]).await;
    let text = fresh("heard");
    own.gateway.post(SEND, &entry(&bob.jid, &room.jid, &group(&text))).await.expect_success();
    owner.wait_for("the message", says(&text)).await;
    own.end().await;
}

async fn a_removed_member_of_an_open_room_is_refused_soon(server: Server) {
    let own = Own::start(server, |config| config.server.cache_seconds = CACHE).await;
    let owner = Client::login(own.rig, &account(own.rig, "alice")).await;
    let bob = account(own.rig, "bob");
    let room = format!("{}@conference.example.org", fresh("open"));
    owner.make_room(&room, "Owner").await;
    set_affiliation(&owner, &room, &bob.jid, "member").await;
    let text = fresh("heard");
    own.gateway.post(SEND, &entry(&bob.jid, &room, &group(&text))).await.expect_success();
    owner.wait_for("the message", says(&text)).await;
    set_affiliation(&owner, &room, &bob.jid, "none").await;
    refused_after(&own.gateway, &owner, &bob, &room).await;
    own.end().await;
}
