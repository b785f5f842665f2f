//! A client answers to the very address that a message came from (RFC 6121 section 5.1). On ejabberd that is an address
//! of the gateway's session; the sender's own devices must get the answer all the same, once.

use std::time::Duration;

use stanzagate::dev::Rig;

use super::{Own, archived, send, shown};
use crate::support::element::{forwarded, says};
use crate::support::{Account, Client, Gateway, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(
    an_answer_reaches_the_senders_device,
    an_answer_reaches_every_device_with_carbons_once,
    an_answer_waits_for_a_sender_who_is_offline,
    an_answer_is_delivered_after_the_session_has_closed,
);

/// Has `alice` write to `bob` through the gateway; returns the address that bob's client sees.
async fn written_to(gateway: &Gateway, alice: &Account, bob: &Client) -> String {
    let text = fresh("question");
    send(gateway, &alice.jid, bob.bare(), &text).await.expect_success();
    let got = bob.wait_for("the message", says(&text)).await;
    got.attr("from").expect("a sender").to_owned()
}

fn answer(bob: &Client, to: &str) -> String {
    let text = fresh("answer");
    bob.send(stanza(&format!("<message type='chat' id='{text}' to='{to}'><body>{text}</body></message>")));
    text
}

/// Fails unless `device` is shown `text` once, also after a while, and its archive holds it once.
async fn gets_once(device: &Client, text: &str) {
    device.wait_for("the answer", |el| says(text)(el) || forwarded(el).is_some_and(says(text))).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(shown(device, text).await, 1, "shown to {}", device.jid());
    assert_eq!(archived(device, None, text).await, 1, "in the archive of {}", device.bare());
}

async fn bob_and_alice(rig: &Rig) -> (Client, Account) {
    (Client::login(rig, &account(rig, "bob")).await, account(rig, "alice"))
}

async fn an_answer_reaches_the_senders_device(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (bob, alice) = bob_and_alice(rig).await;
    let phone = Client::login(rig, &alice).await;
    let seen = written_to(gateway, &alice, &bob).await;
    // On ejabberd the message comes from the session of the gateway that gave the sender their copy.
    assert_eq!(seen.contains('/'), server.is_ejabberd(), "{seen}");
    let text = answer(&bob, &seen);
    let got = phone.wait_for("the answer", says(&text)).await;
    assert_eq!(got.attr("from"), Some(bob.jid()), "the sender is the one who answered");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((shown(&phone, &text).await, archived(&phone, None, &text).await), (1, 1));
    assert_eq!(archived(&bob, None, &text).await, 1);
    assert_eq!(shown(&bob, &text).await, 0, "nothing comes back to the one who answered");
}

async fn an_answer_reaches_every_device_with_carbons_once(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (bob, alice) = bob_and_alice(rig).await;
    let (phone, desk) = (Client::login(rig, &alice).await, Client::login(rig, &alice).await);
    phone.carbons_enable().await;
    desk.carbons_enable().await;
    let text = answer(&bob, &written_to(gateway, &alice, &bob).await);
    gets_once(&phone, &text).await;
    gets_once(&desk, &text).await;
}

async fn an_answer_waits_for_a_sender_who_is_offline(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (bob, alice) = bob_and_alice(rig).await;
    let text = answer(&bob, &written_to(gateway, &alice, &bob).await);
    bob.ping().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let phone = Client::login(rig, &alice).await;
    gets_once(&phone, &text).await;
}

async fn an_answer_is_delivered_after_the_session_has_closed(server: Server) {
    let own = Own::start(server, |config| config.sessions.idle_seconds = 1).await;
    let (bob, alice) = bob_and_alice(own.rig).await;
    let (online, offline) = (alice, account(own.rig, "alice"));
    let phone = Client::login(own.rig, &online).await;
    let first = written_to(&own.gateway, &online, &bob).await;
    let second = written_to(&own.gateway, &offline, &bob).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let text = answer(&bob, &first);
    gets_once(&phone, &text).await;
    let text = answer(&bob, &second);
    bob.ping().await;
    let phone = Client::login(own.rig, &offline).await;
    gets_once(&phone, &text).await;
    own.end().await;
}
