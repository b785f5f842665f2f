//! Recipients who are offline get the message when they log in.

use super::{archived, send, shown};
use crate::support::element::{child, says};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(
    a_message_waits_for_its_recipient,
    a_session_of_the_gateways_takes_no_message_from_its_user,
    a_device_without_presence_takes_no_message,
);

async fn a_message_waits_for_its_recipient(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let (first, second) = (fresh("waits"), fresh("waits"));
    send(gateway, &alice.jid, &bob.jid, &first).await.expect_success();
    send(gateway, &alice.jid, &bob.jid, &second).await.expect_success();
    let client = Client::login(rig, &bob).await;
    let got = client.wait_for("the message that waited", says(&first)).await;
    assert!(child(&got, "delay").is_some_and(|delay| delay.has_ns("urn:xmpp:delay")), "it says when it was sent");
    client.wait_for("the second", says(&second)).await;
    assert_eq!((shown(&client, &first).await, archived(&client, None, &first).await), (1, 1));
    client.close().await;

    // Once delivered, it waits no longer.
    let again = Client::login(rig, &bob).await;
    assert_eq!(shown(&again, &first).await, 0);
}

async fn a_session_of_the_gateways_takes_no_message_from_its_user(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    // On ejabberd this opens a session of bob's in the gateway, and it stays open.
    send(gateway, &bob.jid, &alice.jid, &fresh("before")).await.expect_success();
    let text = fresh("waits");
    send(gateway, &alice.jid, &bob.jid, &text).await.expect_success();
    let client = Client::login(rig, &bob).await;
    client.wait_for("the message that waited", says(&text)).await;
    assert_eq!((shown(&client, &text).await, archived(&client, None, &text).await), (1, 1));

    // With both, the device gets it, live.
    let live = fresh("live");
    send(gateway, &bob.jid, &alice.jid, &fresh("before")).await.expect_success();
    send(gateway, &alice.jid, &bob.jid, &live).await.expect_success();
    client.wait_for("the message", says(&live)).await;
    assert_eq!((shown(&client, &live).await, archived(&client, None, &live).await), (1, 1));
}

async fn a_device_without_presence_takes_no_message(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let silent = Client::connect(rig, &bob, Some("silent")).await;
    let text = fresh("waits");
    send(gateway, &alice.jid, &bob.jid, &text).await.expect_success();
    assert_eq!(shown(&silent, &text).await, 0);
    let phone = Client::login(rig, &bob).await;
    phone.wait_for("the message that waited", says(&text)).await;
    assert_eq!(shown(&phone, &text).await, 1);
}
