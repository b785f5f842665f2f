//! What cannot be delivered is said, each by its own text, and nothing of it is delivered.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::{Own, SEND, archived, chat, entry, send, shown};
use crate::support::element::{body, says};
use crate::support::{Client, Gateway, Server, account, fresh, stanza};

crate::on_oldest_and_newest!(
    each_failure_has_its_own_text,
    one_who_blocks_the_sender_is_not_called_missing,
    unknown_senders_may_be_allowed,
);

async fn each_failure_has_its_own_text(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let text = fresh("never");
    let cases = [
        (alice.bare(), "nobody@example.org", 2, "the user nobody@example.org does not exist"),
        ("ghost@example.org", bob.bare(), 2, "the user ghost@example.org does not exist"),
        ("ghost@example.org", "nobody@example.org", 2, "does not exist"),
        (alice.bare(), "bob@elsewhere.example", 10, "to: the domain \"elsewhere.example\" is not served"),
        ("alice@elsewhere.example", bob.bare(), 10, "from: the domain \"elsewhere.example\" is not served"),
        (alice.bare(), "bob@gw.example.org", 10, "to: the domain \"gw.example.org\" is not served"),
        ("gateway@gw.example.org", bob.bare(), 10, "from: the domain \"gw.example.org\" is not served"),
        ("gw.example.org", bob.bare(), 10, "from: \"gw.example.org\" names no user"),
        ("example.org", bob.bare(), 10, "from: \"example.org\" names no user"),
        (alice.bare(), "example.org", 10, "to: \"example.org\" names no user"),
        (alice.bare(), "a b@example.org", 10, "to: \"a b@example.org\" is not a valid address"),
        ("lobby@conference.example.org", bob.bare(), 10, "from: the domain \"conference.example.org\" is not served"),
    ];
    let mut texts = HashSet::new();
    for (from, to, errcode, errmsg) in cases {
        let reply = send(gateway, from, to, &text).await.expect_failure(errcode);
        assert!(reply.errmsg().contains(errmsg), "{from} to {to}: {}", reply.errmsg());
        texts.insert(reply.errmsg().to_owned());
    }
    assert!(texts.len() >= cases.len() - 1, "{texts:?}");

    let xml = [
        ("", "message is empty", 1),
        ("hello", "message: ", 11),
        ("<presence/>", "the element is <presence>, not <message>", 11),
        ("<message type='error'><body>x</body></message>", "\"error\" cannot be sent", 11),
        ("<message><body>x</body></message><message/>", "message: ", 11),
        ("<message><body>x</body><iq/></message>", "<iq> is not allowed", 11),
        ("<message><delay xmlns='urn:xmpp:delay' stamp='2000-01-01T00:00:00Z'/></message>", "urn:xmpp:delay", 11),
    ];
    for (message, errmsg, errcode) in xml {
        let reply = gateway.post(SEND, &entry(alice.bare(), bob.bare(), message)).await.expect_failure(errcode);
        assert!(reply.errmsg().contains(errmsg), "{message}: {}", reply.errmsg());
    }
    for (body, errcode) in [(json!("text"), 1), (json!(7), 1), (json!({"to": bob.bare(), "message": chat(&text)}), 1)] {
        gateway.post(SEND, &body).await.expect_failure(errcode);
    }

    let after = fresh("after");
    send(gateway, alice.bare(), bob.bare(), &after).await.expect_success();
    bob.wait_for("what came after", says(&after)).await;
    for client in [&alice, &bob] {
        assert_eq!((shown(client, &text).await, archived(client, None, &text).await), (0, 0));
    }
    let bodies: Vec<_> = bob.received().iter().filter_map(body).collect();
    assert_eq!(bodies, [after], "the failures showed him nothing at all");
}

/// A server does not tell who blocks whom (XEP-0191 section 3.5): all four drop the message and say nothing. Where one says
/// something, it is in the words for a user who does not exist.
async fn one_who_blocks_the_sender_is_not_called_missing(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = Client::login(rig, &account(rig, "alice")).await;
    let bob = Client::login(rig, &account(rig, "bob")).await;
    let block = format!("<block xmlns='urn:xmpp:blocking'><item jid='{}'/></block>", alice.bare());
    let reply = bob.iq(stanza(&format!("<iq type='set'>{block}</iq>"))).await;
    assert_eq!(reply.attr("type"), Some("result"));
    let text = fresh("blocked");
    let reply = send(gateway, alice.bare(), bob.bare(), &text).await;
    let refused = reply.json["errcode"] == 7;
    assert!(reply.json["ret"] == true || refused, "{}", reply.text);
    bob.expect_none("what he blocked", Duration::from_millis(200), says(&text)).await;
    alice.close().await;
    bob.close().await;
}

async fn unknown_senders_may_be_allowed(server: Server) {
    let own = Own::start(server, |config| config.server.unknown_senders = true).await;
    let bob = Client::login(own.rig, &account(own.rig, "bob")).await;
    let text = fresh("service");
    send(&own.gateway, "monitoring@example.org", bob.bare(), &text).await.expect_success();
    let got = bob.wait_for("the message", says(&text)).await;
    assert_eq!(got.attr("from"), Some("monitoring@example.org"));
    assert_eq!(shown(&bob, &text).await, 1);
    send(&own.gateway, "monitoring@example.org", "nobody@example.org", &text).await.expect_failure(2);
    send(&own.gateway, "monitoring@gw.example.org", bob.bare(), &text).await.expect_failure(10);
    // Whoever has an account gets their own copy as before.
    let alice = Client::login(own.rig, &account(own.rig, "alice")).await;
    let text = fresh("known");
    send(&own.gateway, alice.bare(), bob.bare(), &text).await.expect_success();
    bob.wait_for("the message", says(&text)).await;
    assert_eq!(archived(&alice, None, &text).await, 1);
    own.end().await;
}
