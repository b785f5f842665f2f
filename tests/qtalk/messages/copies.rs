//! The sender's own copy: in their archive and on their other devices, as the original gave it.

use std::time::Duration;

use super::{Own, SEND, archived, chat, entry, marks, send, shown};
use crate::support::element::{body, child, forwarded, says, show};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(
    the_senders_devices_and_archive_get_a_copy,
    a_copy_can_be_declined,
    copies_can_be_turned_off,
);

const CARBONS: &str = "urn:xmpp:carbons:2";

async fn the_senders_devices_and_archive_get_a_copy(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let bob = Client::login(rig, &bob).await;
    let (phone, desk) = (Client::login(rig, &alice).await, Client::login(rig, &alice).await);
    phone.carbons_enable().await;
    desk.carbons_enable().await;
    let text = fresh("copied");
    send(gateway, &alice.jid, bob.bare(), &text).await.expect_success();
    bob.wait_for("the message", says(&text)).await;
    for device in [&phone, &desk] {
        let carbon = device.wait_for("a carbon", |el| child(el, "sent").is_some_and(|sent| sent.has_ns(CARBONS))).await;
        let copy = forwarded(&carbon).expect("the message in the carbon");
        assert_eq!(body(copy).as_deref(), Some(text.as_str()));
        assert_eq!(copy.attr("to"), Some(bob.bare()));
        assert_eq!(marks(copy).attr("maType"), Some("20"), "{}", show(&carbon));
        assert_eq!(shown(device, &text).await, 1);
    }
    assert_eq!(archived(&phone, None, &text).await, 1, "in the sender's archive, once");
    assert_eq!((shown(&bob, &text).await, archived(&bob, None, &text).await), (1, 1), "the recipient's");
}

async fn a_copy_can_be_declined(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (bob, phone) = (Client::login(rig, &bob).await, Client::login(rig, &alice).await);
    phone.carbons_enable().await;
    let refused = [("carbon_message='true'", fresh("nocopy")), ("auto_reply='true'", fresh("auto"))];
    for (mark, text) in &refused {
        let message = format!("<message type='chat' {mark}><body>{text}</body></message>");
        gateway.post(SEND, &entry(&alice.jid, bob.bare(), &message)).await.expect_success();
        bob.wait_for("the message", says(text)).await;
    }
    // What comes later is seen, so what was not seen until then does not come.
    let text = fresh("copied");
    send(gateway, &alice.jid, bob.bare(), &text).await.expect_success();
    phone.wait_for("a carbon", |el| forwarded(el).is_some_and(says(&text))).await;
    for (mark, text) in &refused {
        assert_eq!((shown(&phone, text).await, archived(&phone, None, text).await), (0, 0), "{mark}");
    }
}

async fn copies_can_be_turned_off(server: Server) {
    let own = Own::start(server, |config| config.qtalk.sender_copy = false).await;
    let (alice, bob) = (account(own.rig, "alice"), account(own.rig, "bob"));
    let (bob, phone) = (Client::login(own.rig, &bob).await, Client::login(own.rig, &alice).await);
    phone.carbons_enable().await;
    let text = fresh("nocopy");
    own.gateway.post(SEND, &entry(&alice.jid, bob.bare(), &chat(&text))).await.expect_success();
    let got = bob.wait_for("the message", says(&text)).await;
    assert_eq!(got.attr("from"), Some(alice.jid.as_str()), "from the bare address");
    phone.expect_none("a copy", Duration::from_millis(200), |el| forwarded(el).is_some_and(says(&text))).await;
    assert_eq!(archived(&phone, None, &text).await, 0);
    own.end().await;
}
