//! Friendships and sessions as XMPP clients see them, and as clients change them.

use std::time::{Duration, Instant};

use jid::BareJid;
use stanzagate::chat::Chat;
use stanzagate::chat::accounts::friend::Friendship;
use stanzagate::chat::types::address::Realm;
use stanzagate::chat::types::error::ChatError;
use tokio_xmpp::minidom::Element;

use crate::on_oldest_and_newest;
use crate::support::element::{child, show};
use crate::support::verbs::call;
use crate::support::{Account, Client, Server, Verbs, account, fresh, stanza};

on_oldest_and_newest!(
    friends_are_on_both_lists,
    whatever_half_there_was_is_made_whole,
    names_and_groups_stay,
    both_may_begin_at_once,
    what_clients_did_is_seen,
    an_ended_friendship_leaves_nothing,
    strangers_and_nobodies_are_told_apart,
    own_sessions_are_not_counted,
);

const ROSTER: &str = "jabber:iq:roster";
const NONE: [BareJid; 0] = [];

fn jid(account: &Account) -> BareJid {
    BareJid::new(&account.jid).expect("a JID")
}

/// Subscription and `ask` of an entry, asked by the client itself.
async fn entry(client: &Client, contact: &Account) -> Option<(String, Option<String>)> {
    let reply = client.iq(stanza(&format!("<iq type='get'><query xmlns='{ROSTER}'/></iq>"))).await;
    let query = child(&reply, "query").unwrap_or_else(|| panic!("no roster: {}", show(&reply)));
    let item = query.children().find(|item| item.attr("jid") == Some(&contact.jid))?;
    Some((item.attr("subscription").unwrap_or_default().to_owned(), item.attr("ask").map(str::to_owned)))
}

fn both() -> Option<(String, Option<String>)> {
    Some(("both".into(), None))
}

/// A roster push that shows `contact` with this subscription.
fn pushes<'a>(contact: &'a Account, subscription: &'a str) -> impl Fn(&Element) -> bool + 'a {
    move |iq| {
        let item = iq.get_child("query", ROSTER).and_then(|query| child(query, "item"));
        iq.attr("type") == Some("set")
            && item.is_some_and(|item| {
                item.attr("jid") == Some(&contact.jid) && item.attr("subscription") == Some(subscription)
            })
    }
}

/// A client that has asked for its contact list, as all do: only then it gets changes.
async fn device(server: Server, account: &Account) -> Client {
    let client = Client::login(server.shared(), account).await;
    client.iq(stanza(&format!("<iq type='get'><query xmlns='{ROSTER}'/></iq>"))).await;
    client
}

fn presence(kind: &str, to: &Account) -> Element {
    stanza(&format!("<presence type='{kind}' to='{}'/>", to.jid))
}

async fn befriend(chat: &Chat, realm: &Realm, from: &Account, to: &Account) -> Friendship {
    chat.accounts.befriend(&call(), realm, &jid(from), &jid(to)).await.expect("friends")
}

async fn friends_are_on_both_lists(server: Server) {
    let (alice, bob) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let phone = device(server, &alice).await;
            let begun = befriend(chat, realm, &alice, &bob).await;
            assert_eq!((&begun.from, &begun.to), (&jid(&alice), &jid(&bob)));
            assert!(begun.since_ms > 1_700_000_000_000, "{begun:?}");
            phone.wait_for("the push", pushes(&bob, "both")).await;
            assert_eq!(entry(&phone, &bob).await, both());

            // The other one was offline; they find it when they come, and each sees the other come and go.
            let laptop = device(server, &bob).await;
            assert_eq!(entry(&laptop, &alice).await, both());
            let bobs = laptop.jid().to_owned();
            phone.wait_for("his presence", |el| el.name() == "presence" && el.attr("from") == Some(&bobs)).await;
            let alices = phone.jid().to_owned();
            laptop.wait_for("her presence", |el| el.name() == "presence" && el.attr("from") == Some(&alices)).await;
            let asks = |el: &Element| el.name() == "presence" && el.attr("type") == Some("subscribe");
            laptop.expect_none("an old request", crate::support::room::SILENCE, asks).await;

            assert_eq!(befriend(chat, realm, &bob, &alice).await, begun, "a second time changes nothing");
            for (one, other) in [(&alice, &bob), (&bob, &alice)] {
                let seen = chat.accounts.friendship(&call(), realm, &jid(one), &jid(other)).await.expect("an answer");
                assert_eq!(seen.as_ref(), Some(&begun));
                assert_eq!(chat.accounts.friends(&call(), &jid(one)).await.expect("a list"), [jid(other)]);
            }
        })
        .await;
}

async fn whatever_half_there_was_is_made_whole(server: Server) {
    let rig = server.shared();
    let (alice, bob, carol, dave) =
        (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"), account(rig, "dave"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let hers = device(server, &alice).await;
            // Bob is asked and offline, Carol has granted what Alice asked, Dave asks Alice.
            hers.send(presence("subscribe", &bob));
            hers.send(presence("subscribe", &carol));
            let carols = device(server, &carol).await;
            carols.wait_for("the request", |el| el.attr("type") == Some("subscribe")).await;
            carols.send(presence("subscribed", &alice));
            hers.wait_for("the grant", pushes(&carol, "to")).await;
            let daves = device(server, &dave).await;
            daves.send(presence("subscribe", &alice));
            hers.wait_for("the request", |el| el.attr("type") == Some("subscribe")).await;

            for (from, to) in [(&alice, &bob), (&carol, &alice), (&alice, &dave)] {
                befriend(chat, realm, from, to).await;
            }
            for other in [&bob, &carol, &dave] {
                assert_eq!(entry(&hers, other).await, both(), "{}", other.jid);
            }
            assert_eq!(entry(&carols, &alice).await, both());
            assert_eq!(entry(&daves, &alice).await, both());
            // They see her online at once: nothing is left to wait for.
            let alices = hers.jid().to_owned();
            daves.wait_for("her presence", |el| el.name() == "presence" && el.attr("from") == Some(&alices)).await;
            let bobs = device(server, &bob).await;
            assert_eq!(entry(&bobs, &alice).await, both());
            let asks = |el: &Element| el.name() == "presence" && el.attr("type") == Some("subscribe");
            bobs.expect_none("the old request", crate::support::room::SILENCE, asks).await;
            let again = Client::login(server.shared(), &alice).await;
            again.expect_none("the old request", crate::support::room::SILENCE, asks).await;
        })
        .await;
}

async fn names_and_groups_stay(server: Server) {
    let (alice, bob) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let hers = device(server, &alice).await;
            let item = format!("<item jid='{}' name='Bobby'><group>Work</group></item>", bob.jid);
            hers.iq(stanza(&format!("<iq type='set'><query xmlns='{ROSTER}'>{item}</query></iq>"))).await;
            befriend(&verbs.chat, &verbs.realm, &bob, &alice).await;
            let reply = hers.iq(stanza(&format!("<iq type='get'><query xmlns='{ROSTER}'/></iq>"))).await;
            let item = child(&reply, "query").and_then(|query| child(query, "item")).expect("an entry");
            assert_eq!((item.attr("name"), item.attr("subscription")), (Some("Bobby"), Some("both")));
            assert_eq!(child(item, "group").map(Element::text).as_deref(), Some("Work"));
        })
        .await;
}

async fn both_may_begin_at_once(server: Server) {
    let rig = server.shared();
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let others: Vec<Account> = (0..6).map(|_| account(rig, "carol")).collect();
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let pairs = [(&alice, &bob), (&bob, &alice), (&alice, &bob), (&bob, &alice)];
            let pairs = pairs.into_iter().chain(others.iter().map(|other| (other, &alice)));
            let made = futures::future::join_all(pairs.map(|(from, to)| befriend(chat, realm, from, to))).await;
            assert_eq!(made.len(), 10);
            let expected = others.iter().chain([&bob]).map(jid).collect::<std::collections::BTreeSet<_>>();
            let friends = chat.accounts.friends(&call(), &jid(&alice)).await.expect("a list");
            assert_eq!(friends, Vec::from_iter(expected));
            for other in others.iter().chain([&bob]) {
                assert_eq!(chat.accounts.friends(&call(), &jid(other)).await.expect("a list"), [jid(&alice)]);
            }
            let ends = others.iter().map(async |other| {
                chat.accounts.unfriend(&call(), realm, &jid(&alice), &jid(other)).await.expect("an end");
            });
            futures::future::join_all(ends).await;
            assert_eq!(chat.accounts.friends(&call(), &jid(&alice)).await.expect("a list"), [jid(&bob)]);
        })
        .await;
}

async fn what_clients_did_is_seen(server: Server) {
    let (alice, bob) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let (hers, his) = (device(server, &alice).await, device(server, &bob).await);
            let asks = |el: &Element| el.attr("type") == Some("subscribe");
            for (one, other, to_one, to_other) in [(&hers, &his, &alice, &bob), (&his, &hers, &bob, &alice)] {
                one.send(presence("subscribe", to_other));
                other.wait_for("the request", asks).await;
                other.send(presence("subscribed", to_one));
            }
            hers.wait_for("the push", pushes(&bob, "both")).await;
            let seen = chat.accounts.friendship(&call(), realm, &jid(&bob), &jid(&alice)).await.expect("an answer");
            assert_eq!(seen, Some(Friendship { from: jid(&bob), to: jid(&alice), since_ms: 0 }));

            let remove = format!("<item jid='{}' subscription='remove'/>", bob.jid);
            hers.iq(stanza(&format!("<iq type='set'><query xmlns='{ROSTER}'>{remove}</query></iq>"))).await;
            his.wait_for("the end", pushes(&alice, "none")).await;
            for (one, other) in [(&alice, &bob), (&bob, &alice)] {
                assert_eq!(chat.accounts.friends(&call(), &jid(one)).await.expect("a list"), NONE);
                assert_eq!(
                    chat.accounts.friendship(&call(), realm, &jid(one), &jid(other)).await.expect("an answer"),
                    None
                );
            }
            let again = befriend(chat, realm, &bob, &alice).await;
            assert_eq!((again.from, again.since_ms > 0), (jid(&bob), true));
            assert_eq!(entry(&his, &alice).await, both());
        })
        .await;
}

async fn an_ended_friendship_leaves_nothing(server: Server) {
    let rig = server.shared();
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let hers = device(server, &alice).await;
            befriend(chat, realm, &alice, &bob).await;
            hers.wait_for("the push", pushes(&bob, "both")).await;
            for _ in 0..2 {
                chat.accounts.unfriend(&call(), realm, &jid(&bob), &jid(&alice)).await.expect("an end");
            }
            hers.wait_for("the push", pushes(&bob, "remove")).await;
            assert_eq!(entry(&hers, &bob).await, None);
            let his = device(server, &bob).await;
            assert_eq!(entry(&his, &alice).await, None);
            assert_eq!(
                chat.accounts.friendship(&call(), realm, &jid(&alice), &jid(&bob)).await.expect("an answer"),
                None
            );

            // A request that waits is withdrawn with it.
            hers.send(presence("subscribe", &carol));
            hers.ping().await;
            chat.accounts.unfriend(&call(), realm, &jid(&carol), &jid(&alice)).await.expect("an end");
            assert_eq!(entry(&hers, &carol).await, None);
            let carols = device(server, &carol).await;
            let asks = |el: &Element| el.name() == "presence" && el.attr("type") == Some("subscribe");
            carols.expect_none("the request", crate::support::room::SILENCE, asks).await;
        })
        .await;
}

async fn strangers_and_nobodies_are_told_apart(server: Server) {
    let (alice, bob) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let (chat, realm) = (&verbs.chat, &verbs.realm);
            let nobody = BareJid::new(&format!("{}@example.org", fresh("nobody"))).expect("a JID");
            let unknown = |error: &ChatError| matches!(error, ChatError::UnknownUser(user) if *user == nobody);
            assert!(unknown(&chat.accounts.befriend(&call(), realm, &jid(&alice), &nobody).await.expect_err("nobody")));
            assert!(unknown(&chat.accounts.befriend(&call(), realm, &nobody, &jid(&alice)).await.expect_err("nobody")));
            assert!(unknown(
                &chat.accounts.friendship(&call(), realm, &jid(&alice), &nobody).await.expect_err("nobody")
            ));
            assert!(unknown(&chat.accounts.friends(&call(), &nobody).await.expect_err("nobody")));
            chat.accounts.unfriend(&call(), realm, &nobody, &jid(&alice)).await.expect("nothing to end");
            chat.accounts.unfriend(&call(), realm, &jid(&alice), &jid(&bob)).await.expect("nothing to end");
            chat.accounts.befriend(&call(), realm, &jid(&alice), &jid(&alice)).await.expect_err("himself");
            assert_eq!(
                chat.accounts.friendship(&call(), realm, &jid(&alice), &jid(&bob)).await.expect("an answer"),
                None
            );
            assert_eq!(chat.accounts.friends(&call(), &jid(&alice)).await.expect("a list"), NONE);

            // Somebody of another domain is a contact, but nobody whom callers may name.
            let hers = device(server, &alice).await;
            let item = "<item jid='x@elsewhere.example' name='X'/>";
            hers.iq(stanza(&format!("<iq type='set'><query xmlns='{ROSTER}'>{item}</query></iq>"))).await;
            assert_eq!(chat.accounts.friends(&call(), &jid(&alice)).await.expect("a list"), NONE);
        })
        .await;
}

async fn own_sessions_are_not_counted(server: Server) {
    let (alice, bob) = (account(server.shared(), "alice"), account(server.shared(), "bob"));
    let verbs = Verbs::shared(server).await;
    verbs
        .run(async move {
            let chat = &verbs.chat;
            // On ejabberd this opens a session of the gateway's for each.
            befriend(chat, &verbs.realm, &alice, &bob).await;
            let nobody = BareJid::new("nobody@example.org").expect("a JID");
            let users = [jid(&alice), nobody, jid(&bob)];
            let count = async || {
                let counted = chat.accounts.sessions(&call(), &users).await;
                counted.into_iter().map(|count| count.expect("a count")).collect::<Vec<_>>()
            };
            assert_eq!(count().await, [0, 0, 0]);
            let first = Client::login(server.shared(), &alice).await;
            assert_eq!(count().await, [1, 0, 0]);
            let second = Client::login(server.shared(), &alice).await;
            let his = Client::connect(server.shared(), &bob, None).await;
            assert_eq!(count().await, [2, 0, 1]);
            for client in [first, second, his] {
                client.close().await;
            }
            let deadline = Instant::now() + Duration::from_secs(5);
            while count().await != [0, 0, 0] {
                assert!(Instant::now() < deadline, "sessions that ended are counted: {:?}", count().await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
}
