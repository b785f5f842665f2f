//! Ordinary users of the server against the gateway: what they send to its address must neither harm the connection nor
//! be taken for what only rooms and servers say.

use std::time::Duration;

use serde_json::json;

use super::attack::{Attack, Judge};
use super::raw::RawClient;
use crate::on_oldest_and_newest;
use crate::support::element::{child, says, show};
use crate::support::{Client, Server, account, fresh, stanza};

on_oldest_and_newest!(
    a_flood_of_odd_stanzas_harms_nothing,
    large_and_deep_stanzas_are_skipped,
    every_character_that_a_server_passes_on_is_taken,
    nobody_but_the_room_confirms_a_message,
    nobody_but_the_room_says_that_it_was_made,
    keys_are_for_users_of_the_server_only,
);

async fn a_flood_of_odd_stanzas_harms_nothing(server: Server) {
    let attack = Attack::on(server).await;
    let user = Client::login(attack.rig, &attack.sender).await;
    let shapes = [
        "<iq type='get' id='ID' to='TO'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='set' id='ID' to='TO'><query xmlns='jabber:iq:register'/></iq>",
        "<iq type='get' id='ID' to='TO'><query xmlns='http://jabber.org/protocol/disco#info' node='ID'/></iq>",
        "<iq type='result' id='ID' to='TO'/>",
        "<iq type='result' id='ID' to='TO'><query xmlns='jabber:iq:version'><name>Prosody</name></query></iq>",
        "<iq type='error' id='ID' to='TO'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        "<message id='ID' to='TO'><body>hello</body></message>",
        "<message id='ID' type='error' to='TO'/>",
        "<message id='ID' type='error' to='TO'><error code='404'/></message>",
        "<message id='ID' type='groupchat' to='TO'><body>ID</body></message>",
        "<message id='ID' type='headline' to='TO'><privilege xmlns='urn:xmpp:privilege:2'><perm access='message' type='none'/></privilege></message>",
        "<presence id='ID' to='TO'/>",
        "<presence id='ID' type='subscribe' to='TO'/>",
        "<presence id='ID' type='error' to='TO'/>",
        "<presence id='ID' to='TO'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><status code='201'/></x></presence>",
    ];
    let addresses = ["gw.example.org", "gw.example.org/x", "someone@gw.example.org", "a@gw.example.org/gw-1"];
    let ids = ["1", "", "gw-1", "aaaaaa..0", "aaaaaa.keepalive.1", "&apos;&lt;", "\u{1f600}"];
    let flood = async {
        for n in 0..1000_usize {
            let (shape, to) = (shapes[n % shapes.len()], addresses[n / 7 % addresses.len()]);
            user.send(stanza(&shape.replace("ID", ids[n % ids.len()]).replace("TO", to)));
        }
        user.ping().await;
    };
    attack.beside("a flood", flood).await;
    let reply = user.iq(stanza("<iq type='get' to='gw.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
    assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    attack.assert_same_connection("a flood").await;
    assert_eq!(user.closed(), None);
}

async fn large_and_deep_stanzas_are_skipped(server: Server) {
    let attack = Attack::on(server).await;
    let user = Client::login(attack.rig, &attack.sender).await;
    let deep = format!("{}{}", "<a xmlns='urn:a'>".repeat(100), "</a>".repeat(100));
    let counted = async || {
        let skipped = attack.metric("stanzagate_link_oversize_total").await;
        skipped + attack.metric("stanzagate_link_mended_total").await
    };
    let before = counted().await;
    let large = "x".repeat(200_000);
    let quotes = "&apos;".repeat(20_000);
    let stanzas = [
        format!("<message to='gw.example.org'>{deep}</message>"),
        format!("<iq type='get' id='deep' to='gw.example.org'>{deep}</iq>"),
        format!("<message to='gw.example.org'><body>{large}</body></message>"),
        format!("<message to='gw.example.org' type='groupchat' id='{}'/>", "i".repeat(100_000)),
        format!("<message to='gw.example.org'><a xmlns='urn:a' b='{large}'/></message>"),
        format!("<message to='gw.example.org'><a xmlns='urn:a' b='{quotes}'/></message>"),
        format!("<message to='gw.example.org'>{}</message>", "<a xmlns='urn:a'/>".repeat(10_000)),
        format!("<message to='gw.example.org'><a xmlns='{large}'/></message>"),
    ];
    for xml in &stanzas {
        // Not all servers take all of these from a client: each comes from a session of its own.
        let mut sender = RawClient::login(attack.rig, &attack.sender).await;
        let sent = async {
            sender.write(xml).await;
            sender.write("<iq type='get' id='after' to='gw.example.org'><ping xmlns='urn:xmpp:ping'/></iq>").await;
            sender.hear_within("after", Duration::from_millis(500)).await;
        };
        attack.beside(&format!("{xml:.60}"), sent).await;
    }
    attack.assert_same_connection("large stanzas").await;
    assert!(counted().await > before, "nothing was over a bound");
    let reply = user.iq(stanza("<iq type='get' to='gw.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
    assert_eq!(reply.attr("type"), Some("result"));
}

/// A member sees the ids of the gateway's stanzas, and can guess the next one where callers choose their requests' ids.
async fn nobody_but_the_room_confirms_a_message(server: Server) {
    let attack = Attack::on(server).await;
    let (room, _) = attack.room().await;
    let speaker = attack.sender.clone();
    let user = Client::login(attack.rig, &attack.recipient).await;
    user.join(&room, "watcher").await.unwrap_or_else(|error| panic!("{}", show(&error)));
    let spoken = format!("<message type='groupchat'><body>{}</body></message>", fresh("seen"));
    attack.send_xml_to(&room, &spoken).await.expect_success();
    let seen =
        user.wait_for("the message", |el| el.attr("type") == Some("groupchat") && child(el, "body").is_some()).await;
    let id = seen.attr("id").unwrap_or_default().to_owned();
    let (instance, number) = (id.split('.').next().unwrap_or_default(), id.rsplit('.').next().unwrap_or_default());
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("{id}"));

    // The gateway may not speak in the room any more; it must not learn otherwise from the spy.
    let gone = fresh("nosuchroom");
    let spoof = async |request: &str| {
        for n in number..number + 300 {
            let guess = format!("{instance}.{request}.{n}");
            let item = format!("<item id='fake'><message xmlns='jabber:client' from='{room}/x' id='{guess}'/></item>");
            let items = format!("<items node='urn:xmpp:mucsub:nodes:messages'>{item}</items>");
            let event = format!("<event xmlns='http://jabber.org/protocol/pubsub#event'>{items}</event>");
            user.send(stanza(&format!("<message to='gw.example.org'>{event}</message>")));
            user.send(stanza(&format!(
                "<message to='gw.example.org' type='groupchat' id='{guess}'><body>x</body></message>"
            )));
            let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
            user.send(stanza(&format!("<message to='gw.example.org' type='error' id='{guess}'>{error}</message>")));
        }
        user.ping().await;
    };
    let say = async |to: &str, request: &str, text: &str| {
        let xml = format!("<message type='groupchat'><body>{text}</body></message>");
        let body = json!({"from": speaker.jid, "to": to, "message": xml});
        let reply = attack.gateway.request(|http, url| {
            http.post(format!("{url}/qtalk/send_thirdmessage")).header("x-request-id", request).body(body.to_string())
        });
        reply.await.shaped("send_thirdmessage")
    };
    for (to, known) in [(room.clone(), true), (format!("{gone}@{}", attack.rig.rooms()), false)] {
        let (request, text) = (fresh("guessed"), fresh("spoken"));
        let calls = async {
            for n in 0..20 {
                let reply = say(&to, &request, &format!("{text}.{n}")).await;
                assert_eq!(reply.ret(), known, "message {n} to {to}: {}", reply.text);
            }
        };
        attack.beside("spoofed reflections", async { tokio::join!(spoof(&request), calls) }).await;
        if known {
            for n in 0..20 {
                user.wait_for("what was acknowledged", says(&format!("{text}.{n}"))).await;
            }
        }
    }
}

async fn nobody_but_the_room_says_that_it_was_made(server: Server) {
    let attack = Attack::on(server).await;
    let (_, id) = attack.room().await;
    let user = Client::login(attack.rig, &attack.recipient).await;
    let instance = attack.instance().await;
    let lie = async {
        for n in 0..400 {
            let own = format!("gw.example.org/{instance}-{n}");
            let x = "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><status code='201'/></x>";
            user.send(stanza(&format!("<presence to='{own}'>{x}</presence>")));
            user.send(stanza(&format!("<presence to='{own}' type='error'/>")));
        }
        user.ping().await;
    };
    let make = async {
        for _ in 0..10 {
            let new = fresh("honestroom");
            attack.create(&new, json!({})).await.expect_success();
            assert_eq!(attack.members(&new).await.and_then(|list| list.as_array().map(Vec::len)), Some(1));
        }
        attack.create(&id, json!({})).await.refused("a room that exists", &[3]);
    };
    attack.beside("false presence", async { tokio::join!(lie, make) }).await;
}

async fn keys_are_for_users_of_the_server_only(server: Server) {
    let attack = Attack::on(server).await;
    let user = Client::login(attack.rig, &account(attack.rig, "keyless")).await;
    // Without a key to sign with there is nothing to give; from an address of somebody else's neither.
    for to in ["gw.example.org", "someone@gw.example.org"] {
        for kind in ["get", "set"] {
            let ask = format!("<iq type='{kind}' to='{to}'><key xmlns='urn:xmpp:key'/></iq>");
            let reply = attack.beside(to, user.iq(stanza(&ask))).await;
            assert_eq!(reply.attr("type"), Some("error"), "{}", show(&reply));
        }
    }
    let room = format!("{}@{}", fresh("keyroom"), attack.rig.rooms());
    user.make_room(&room, "Keyless").await;
    // A room's occupant reaches the gateway under the room's address, which is no user's.
    let ask = format!("<iq type='get' to='{room}/nobody'><key xmlns='urn:xmpp:key'/></iq>");
    let reply = user.iq(stanza(&ask)).await;
    assert_eq!(reply.attr("type"), Some("error"), "{}", show(&reply));
}

/// Servers pass on what their own XML parsers take, which may be more than the gateway's takes.
async fn every_character_that_a_server_passes_on_is_taken(server: Server) {
    let attack = Attack::on(server).await;
    let signs = [
        0x0d, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xad, 0x2028, 0xe000, 0xfdd0, 0xfeff, 0xfffd, 0x1_fffe, 0xe_0001, 0x10_ffff,
    ];
    for sign in signs.into_iter().filter_map(char::from_u32) {
        for reference in [false, true] {
            let text = if reference { format!("&#x{:x};", u32::from(sign)) } else { sign.to_string() };
            let mut user = RawClient::login(attack.rig, &attack.sender).await;
            let sent = async {
                user.write(&format!(
                    "<message to='gw.example.org'><a xmlns='urn:a' b='x{text}x'>x{text}x</a></message>"
                ))
                .await;
                user.write(&format!(
                    "<iq type='get' id='a{text}' to='gw.example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
                ))
                .await;
                user.hear_within(" id='a", Duration::from_millis(200)).await;
            };
            attack.beside(&format!("U+{:04X}", u32::from(sign)), sent).await;
        }
    }
}
