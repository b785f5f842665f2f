//! Messages of the service itself: to some, kept or not, and to everybody who is online.

use std::time::{Duration, Instant};

use jid::BareJid;
use serde_json::{Value, json};
use stanzagate::chat::types::card::{Card, CardChild, Extras};
use stanzagate::chat::types::error::ChatError;
use stanzagate::chat::types::message::Receipt;
use tokio_xmpp::minidom::Element;

use crate::on_all_servers;
use crate::support::element::says;
use crate::support::room::SILENCE;
use crate::support::verbs::call;
use crate::support::{Account, Client, Server, Verbs, account, fresh};

on_all_servers!(
    a_kept_card_waits_for_its_receiver,
    a_passing_card_reaches_only_those_who_are_here,
    each_receiver_has_his_own_outcome,
    many_receivers_are_served_in_one_call,
    everybody_online_gets_a_broadcast_and_nobody_else,
);

const NS: &str = "urn:example:card";
const JSON: &str = "urn:xmpp:json:0";

fn card(body: &str, store: bool) -> Card {
    let json = json!({"text": "<b>&amp; ü\u{1}\n", "media": 0, "body": body});
    Card { body: body.to_owned(), child: CardChild { ns: NS, name: "card" }, json, store, extras: Extras::default() }
}

fn jid(account: &Account) -> BareJid {
    BareJid::new(&account.jid).expect("a JID")
}

/// Fails unless this is the card, from the domain.
fn expect(message: &Element, card: &Card) {
    assert_eq!(message.attr("from"), Some("example.org"), "{message:?}");
    let child = message.get_child("card", NS).and_then(|child| child.get_child("json", JSON));
    let seen: Value = serde_json::from_str(&child.expect("the child").text()).expect("JSON");
    assert_eq!(seen, card.json);
}

async fn a_kept_card_waits_for_its_receiver(server: Server) {
    let rig = server.shared();
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let phone = Client::login(server.shared(), &alice).await;
            let text = fresh("kept");
            let kept = card(&text, true);
            let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &[jid(&alice), jid(&bob)], &kept).await;
            assert!(sent.iter().all(Result::is_ok), "{sent:?}");
            expect(&phone.wait_for("the card", says(&text)).await, &kept);
            let late = Client::login(server.shared(), &bob).await;
            expect(&late.wait_for("the card", says(&text)).await, &kept);
            for client in [&phone, &late] {
                let archived: Vec<Element> = client.mam(None).await.into_iter().filter(says(&text)).collect();
                assert_eq!(archived.len(), 1, "{archived:?}");
                expect(&archived[0], &kept);
            }
        })
        .await;
}

async fn a_passing_card_reaches_only_those_who_are_here(server: Server) {
    let rig = server.shared();
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let phone = Client::login(server.shared(), &alice).await;
            let laptop = Client::login(server.shared(), &alice).await;
            let text = fresh("passing");
            let passing = card(&text, false);
            let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &[jid(&alice), jid(&bob)], &passing).await;
            assert!(sent.iter().all(Result::is_ok), "{sent:?}");
            for client in [&phone, &laptop] {
                let message = client.wait_for("the card", says(&text)).await;
                assert_eq!(message.attr("type"), Some("headline"));
                expect(&message, &passing);
            }
            let late = Client::login(server.shared(), &bob).await;
            late.expect_none("the card", SILENCE, says(&text)).await;
            for client in [&phone, &late] {
                assert!(!client.mam(None).await.iter().any(says(&text)), "a passing card was archived");
            }
        })
        .await;
}

async fn each_receiver_has_his_own_outcome(server: Server) {
    let alice = account(server.shared(), "alice");
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let phone = Client::login(server.shared(), &alice).await;
            let nobody = BareJid::new(&format!("{}@example.org", fresh("nobody"))).expect("a JID");
            let text = fresh("some");
            let users = [nobody.clone(), jid(&alice), nobody.clone()];
            let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &users, &card(&text, true)).await;
            let unknown =
                |sent: &Result<Receipt, ChatError>| matches!(sent, Err(ChatError::UnknownUser(u)) if *u == nobody);
            assert!(sent.len() == 3 && unknown(&sent[0]) && sent[1].is_ok() && unknown(&sent[2]), "{sent:?}");
            phone.wait_for("the card", says(&text)).await;
            assert!(verbs.chat.messages.notify(&call(), &verbs.realm, &[], &card(&text, true)).await.is_empty());
            // What XML cannot carry, and what no stanza may weigh, harms nobody else.
            for bad in [card("\u{ffff}", true), card(&"x".repeat(300_000), true)] {
                let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &[jid(&alice)], &bad).await;
                assert!(sent[0].is_err(), "{sent:?}");
            }
            phone.ping().await;
            let again = fresh("again");
            let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &[jid(&alice)], &card(&again, true)).await;
            assert!(sent[0].is_ok(), "{sent:?}");
            phone.wait_for("the card", says(&again)).await;
        })
        .await;
}

async fn many_receivers_are_served_in_one_call(server: Server) {
    let alice = account(server.shared(), "alice");
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let phone = Client::login(server.shared(), &alice).await;
            // The same one many times, with more text than the queue to the server holds at once.
            let users = vec![jid(&alice); 1000];
            let text = format!("{}{}", fresh("many"), "x".repeat(4500));
            let sent = verbs.chat.messages.notify(&call(), &verbs.realm, &users, &card(&text, false)).await;
            assert!(sent.len() == 1000 && sent.iter().all(Result::is_ok), "{:?}", sent.iter().find(|s| s.is_err()));
            let count = || phone.received().iter().filter(|el| says(&text)(el)).count();
            let deadline = Instant::now() + Duration::from_secs(60);
            while count() < 1000 && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(count(), 1000);
        })
        .await;
}

async fn everybody_online_gets_a_broadcast_and_nobody_else(server: Server) {
    let rig = server.shared();
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let rig = server.shared();
            let clients =
                [Client::login(rig, &alice).await, Client::login(rig, &alice).await, Client::login(rig, &bob).await];
            // On ejabberd the gateway has a session of hers, which must not bring it back to her as a message.
            verbs.chat.accounts.befriend(&call(), &verbs.realm, &jid(&bob), &jid(&carol)).await.expect("friends");
            let text = fresh("all");
            // Nobody keeps it, whatever the card says.
            let all = card(&text, true);
            verbs.chat.messages.broadcast(&call(), &verbs.realm, &all).await.expect("sent");
            for client in &clients {
                let message = client.wait_for("the card", says(&text)).await;
                assert_eq!(message.attr("type"), Some("headline"));
                expect(&message, &all);
                client.expect_none("it twice", SILENCE, says(&text)).await;
            }
            let late = Client::login(rig, &carol).await;
            late.expect_none("the card", SILENCE, says(&text)).await;
            for client in [&clients[0], &late] {
                assert!(!client.mam(None).await.iter().any(says(&text)), "a broadcast was archived");
            }
        })
        .await;
}
