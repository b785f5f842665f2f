//! What a caller's XML refers to by the caller's own ids: corrections, retractions, receipts, markers, replies,
//! reactions, threads. And ids that the caller gives in other ways (XEP-0359).

use serde_json::json;
use tokio_xmpp::minidom::Element;

use crate::support::element::{child, says, show};
use crate::support::{Account, Client, Gateway, Server, account, fresh, stanza};

crate::on_all_servers!(
    an_id_of_the_callers_own_arrives_with_all_that_refers_to_it,
    a_room_shows_the_ids_of_its_members_callers,
);

crate::on_oldest_and_newest!(messages_with_the_same_id_are_not_mixed);

// ejabberd's refusal goes to the user, where the gateway cannot see it.
crate::tests_on_servers!([(prosody_012, Prosody012), (prosody_136, Prosody136)] a_refusal_finds_the_call_whatever_the_id);

const SEND: &str = "/qtalk/send_thirdmessage";
const SID: &str = "urn:xmpp:sid:0";

/// What refers to the message `id`, each in its XEP's own way.
fn references(id: &str) -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("replace", "urn:xmpp:message-correct:0", format!("<replace xmlns='urn:xmpp:message-correct:0' id='{id}'/>")),
        ("retract", "urn:xmpp:message-retract:1", format!("<retract xmlns='urn:xmpp:message-retract:1' id='{id}'/>")),
        ("received", "urn:xmpp:receipts", format!("<received xmlns='urn:xmpp:receipts' id='{id}'/>")),
        ("displayed", "urn:xmpp:chat-markers:0", format!("<displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/>")),
        ("reply", "urn:xmpp:reply:0", format!("<reply xmlns='urn:xmpp:reply:0' to='x@example.org' id='{id}'/>")),
        (
            "reactions",
            "urn:xmpp:reactions:0",
            format!("<reactions xmlns='urn:xmpp:reactions:0' id='{id}'><reaction>👍</reaction></reactions>"),
        ),
    ]
}

/// The first message of a conversation, with all that a client of today puts into one.
fn first(kind: &str, id: &str, text: &str) -> String {
    format!(
        "<message type='{kind}' id='{id}'><body>{text}</body><thread>t-{id}</thread>\
         <origin-id xmlns='{SID}' id='o-{id}'/><request xmlns='urn:xmpp:receipts'/>\
         <markable xmlns='urn:xmpp:chat-markers:0'/><order xmlns='urn:example:shop' no='7'><item>tea</item></order></message>"
    )
}

async fn send(gateway: &Gateway, from: &Account, to: &str, xml: &str) {
    gateway.post(SEND, &json!({"from": from.jid, "to": to, "message": xml})).await.expect_success();
}

fn expect_first(message: &Element, id: &str) {
    assert_eq!(message.attr("id"), Some(id), "{}", show(message));
    let origin = message.get_child("origin-id", SID).and_then(|origin| origin.attr("id"));
    assert_eq!(origin, Some(format!("o-{id}").as_str()), "{}", show(message));
    assert_eq!(child(message, "thread").map(Element::text), Some(format!("t-{id}")), "{}", show(message));
    assert!(message.get_child("request", "urn:xmpp:receipts").is_some(), "{}", show(message));
    assert!(message.get_child("markable", "urn:xmpp:chat-markers:0").is_some(), "{}", show(message));
    let order = message.get_child("order", "urn:example:shop").expect("the caller's own element");
    assert_eq!((order.attr("no"), child(order, "item").map(Element::text)), (Some("7"), Some("tea".to_owned())));
}

async fn an_id_of_the_callers_own_arrives_with_all_that_refers_to_it(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let (id, text) = ("c-1", fresh("first"));
    send(gateway, &alice, bob.bare(), &first("chat", id, &text)).await;
    expect_first(&bob.wait_for("the message", says(&text)).await, id);
    for (n, (name, ns, reference)) in references(id).into_iter().enumerate() {
        let text = fresh("next");
        let xml = format!("<message type='chat' id='c-1-{n}'><body>{text}</body>{reference}</message>");
        send(gateway, &alice, bob.bare(), &xml).await;
        let got = bob.wait_for(name, says(&text)).await;
        assert_eq!(got.get_child(name, ns).and_then(|child| child.attr("id")), Some(id), "{}", show(&got));
        assert_eq!(got.attr("id"), Some(format!("c-1-{n}").as_str()));
    }
    // The archive says the same, of what it has not removed at the retraction.
    let stored = bob.mam(None).await;
    for message in stored.iter().filter(|el| says(&text)(el)) {
        expect_first(message, id);
    }
    assert!(stored.iter().any(|el| el.attr("id") == Some("c-1-0")));

    // Without an id of the stanza the origin-id names it, as clients write both alike.
    let text = fresh("origin");
    let xml = format!("<message type='chat'><body>{text}</body><origin-id xmlns='{SID}' id='o-1'/></message>");
    send(gateway, &alice, bob.bare(), &xml).await;
    assert_eq!(bob.wait_for("the message", says(&text)).await.attr("id"), Some("o-1"));
    // What an archive says, nobody else may.
    let claim = format!("<message><body>x</body><stanza-id xmlns='{SID}' id='1' by='{}'/></message>", bob.bare());
    let body = json!({"from": alice.jid, "to": bob.bare(), "message": claim});
    gateway.post(SEND, &body).await.expect_failure(11);
    let foreign = json!({"from": alice.jid, "to": bob.bare(), "message": "<message xmlns='jabber:server'/>"});
    let reply = gateway.post(SEND, &foreign).await.expect_failure(11);
    assert!(reply.errmsg().contains("\"jabber:server\""), "{}", reply.text);
}

/// A room with these members and its owner.
async fn room(gateway: &Gateway, owner: &Account, members: &[&Account]) -> String {
    let id = fresh("room");
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let make = json!({"muc_id": id, "muc_owner": owner.name, "muc_domain": "conference.example.org", "muc_name": id,
        "muc_member": names, "system": "test"});
    gateway.post("/qtalk/create_muc", &make).await.expect_success();
    gateway.post("/qtalk/add_muc_user", &make).await.expect_success();
    format!("{id}@conference.example.org")
}

async fn a_room_shows_the_ids_of_its_members_callers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let room = room(gateway, &alice, &[&bob, &carol]).await;
    let reader = Client::login(rig, &carol).await;
    reader.join(&room, "Carol").await.expect("a member may enter");
    let (id, text) = ("c-1", fresh("first"));
    send(gateway, &alice, &room, &first("groupchat", id, &text)).await;
    expect_first(&reader.wait_for("the message", says(&text)).await, id);
    for (n, (name, ns, reference)) in references(id).into_iter().enumerate() {
        let text = fresh("next");
        let xml = format!("<message type='groupchat' id='c-1-{n}'><body>{text}</body>{reference}</message>");
        send(gateway, &alice, &room, &xml).await;
        let got = reader.wait_for(name, says(&text)).await;
        assert_eq!(got.get_child(name, ns).and_then(|child| child.attr("id")), Some(id), "{}", show(&got));
    }
    // Others may use the same id, and an occupant cannot answer for the room by knowing it.
    let text = fresh("bob");
    reader.send(stanza(&format!("<message type='groupchat' to='{room}' id='{id}'><body>mine</body></message>")));
    send(gateway, &bob, &room, &first("groupchat", id, &text)).await;
    expect_first(&reader.wait_for("the message", says(&text)).await, id);
}

async fn messages_with_the_same_id_are_not_mixed(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| account(rig, name));
    let room = room(gateway, &alice, &[&bob, &carol]).await;
    let reader = Client::login(rig, &carol).await;
    reader.join(&room, "Carol").await.expect("a member may enter");
    // One after the other and side by side, of one sender and of two.
    let texts: Vec<String> = (0..20).map(|_| fresh("same")).collect();
    let sends = texts.iter().enumerate().map(|(n, text)| {
        let from = if n % 2 == 0 { &alice } else { &bob };
        let (to, kind) = if n < 10 { (reader.bare(), "chat") } else { (room.as_str(), "groupchat") };
        let xml = format!("<message type='{kind}' id='1'><body>{text}</body></message>");
        async move { send(gateway, from, to, &xml).await }
    });
    futures::future::join_all(sends).await;
    for text in &texts {
        assert_eq!(reader.wait_for(text, says(text)).await.attr("id"), Some("1"));
    }
    // One that exists and one that does not, under the same id at once: each caller hears of their own.
    for n in 0..10 {
        let (text, nobody) = (fresh("pair"), format!("{}@example.org", fresh("nobody")));
        let xml = format!("<message type='chat' id='{n}'><body>{text}</body></message>");
        let body = |to: &str| json!({"from": alice.jid, "to": to, "message": xml});
        let (good, bad) = (body(reader.bare()), body(&nobody));
        let (good, bad) = tokio::join!(gateway.post(SEND, &good), gateway.post(SEND, &bad));
        good.expect_success();
        bad.expect_failure(2);
    }
}

async fn a_refusal_finds_the_call_whatever_the_id(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let [alice, bob] = ["alice", "bob"].map(|name| account(rig, name));
    let room = room(gateway, &alice, &[&bob]).await;
    let owner = Client::login(rig, &alice).await;
    owner.join(&room, "Owner").await.expect("the owner may enter");
    send(gateway, &bob, &room, "<message type='groupchat' id='c-1'><body>in</body></message>").await;
    let item = format!("<item affiliation='none' jid='{}'/>", bob.jid);
    let admin = format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>");
    let reply = owner.iq(stanza(&format!("<iq type='set' to='{room}'>{admin}</iq>"))).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    // Prosody refuses the occupant who is gone, and the gateway must know whose message that was.
    let body = json!({"from": bob.jid, "to": room, "message": "<message type='groupchat' id='c-2'><body>out</body></message>"});
    gateway.post(SEND, &body).await.expect_failure(5);
    assert!(!owner.received().iter().any(says("out")));
}
