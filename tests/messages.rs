//! One-to-one messages on each of the four servers: what a standard client receives, and what its archive holds.

mod support;

use serde_json::json;
use support::element::says;
use support::{Client, Gateway, Server, account, fresh};

on_all_servers!(a_message_arrives,);

const SEND: &str = "/qtalk/send_thirdmessage";

async fn a_message_arrives(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let (alice, bob) = (account(rig, "alice"), account(rig, "bob"));
    let bob = Client::login(rig, &bob).await;
    let text = fresh("hello");
    let message = format!("<message type='chat'><body id='m1' msgType='1' maType='20'>{text}</body></message>");
    gateway.post(SEND, &json!({"from": alice.jid, "to": bob.bare(), "message": message})).await.expect_success();
    bob.wait_for("the message", says(&text)).await;
}
