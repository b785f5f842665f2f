//! `send_thirdmessage` with an array: order, and what becomes of the rest when some fail.

use serde_json::{Value, json};

use super::{SEND, archived, chat, entry, shown};
use crate::support::element::{body, says};
use crate::support::{Client, Gateway, Server, account, fresh};

crate::on_oldest_and_newest!(
    a_batch_arrives_in_its_order,
    what_fails_is_named_and_the_rest_is_delivered,
    an_empty_batch_is_a_success,
);

async fn a_batch_arrives_in_its_order(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let (bob, carol) =
        (Client::login(rig, &account(rig, "bob")).await, Client::login(rig, &account(rig, "carol")).await);
    let prefix = fresh("batch");
    let number = |n: usize| format!("{prefix}-{n}");
    let to = |n: usize| if n.is_multiple_of(3) { carol.bare() } else { bob.bare() };
    let batch: Vec<Value> = (0..30).map(|n| entry(&alice.jid, to(n), &chat(&number(n)))).collect();
    gateway.post(SEND, &batch.into()).await.expect_success();
    bob.wait_for("the last", says(&number(29))).await;
    carol.wait_for("the last", says(&number(27))).await;
    for (client, mine) in [(&carol, true), (&bob, false)] {
        let got: Vec<String> =
            client.received().iter().filter_map(body).filter(|text| text.starts_with(&prefix)).collect();
        let wanted: Vec<String> = (0..30_usize).filter(|n| n.is_multiple_of(3) == mine).map(number).collect();
        assert_eq!(got, wanted);
    }
}

async fn what_fails_is_named_and_the_rest_is_delivered(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let bob = Client::login(rig, &bob).await;
    let texts: Vec<String> = (0..8).map(|_| fresh("part")).collect();
    let good = |n: usize| entry(&alice.jid, bob.bare(), &chat(&texts[n]));
    let batch = json!([
        good(0),
        entry(&alice.jid, "nobody@example.org", &chat(&texts[1])),
        entry(&alice.jid, bob.bare(), "<message type='chat'><body>unclosed</message>"),
        good(3),
        entry("mallory@elsewhere.example", bob.bare(), &chat(&texts[4])),
        "not an object",
        {"from": alice.jid, "to": bob.bare()},
        good(7),
    ]);
    let reply = gateway.post(SEND, &batch).await.expect_failure(13);
    let failed: Vec<(u64, u64)> = reply.json["data"]["failed"]
        .as_array()
        .expect("the failed parts")
        .iter()
        .map(|part| {
            assert!(part["errmsg"].as_str().is_some_and(|text| !text.is_empty()), "{part}");
            (part["index"].as_u64().expect("a place"), part["errcode"].as_u64().expect("a number"))
        })
        .collect();
    assert_eq!(failed, [(1, 2), (2, 11), (4, 10), (5, 1), (6, 1)]);
    assert!(reply.errmsg().starts_with("5 of 8 failed"), "{}", reply.errmsg());

    for (n, text) in texts.iter().enumerate() {
        let wanted = usize::from([0, 3, 7].contains(&n));
        if wanted == 1 {
            bob.wait_for(text, says(text)).await;
        }
        assert_eq!((shown(&bob, text).await, archived(&bob, None, text).await), (wanted, wanted), "part {n}");
    }
    let alike = json!([good(0), entry(&alice.jid, "nobody@example.org", &chat("x"))]);
    gateway.post(SEND, &alike).await.expect_failure(2);
}

async fn an_empty_batch_is_a_success(server: Server) {
    let reply = Gateway::shared(server).await.post(SEND, &json!([])).await;
    assert_eq!(reply.text, r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#);
}
