//! Passengers whose ids are those of others.

use reqwest::Method;
use serde_json::json;

use super::stage::{Gateway, NULL, call, get};
use crate::support::{Client, Server, account, fresh};
use crate::{on_newest, on_oldest_and_newest};

on_oldest_and_newest!(a_users_account_is_no_passengers, one_of_many_who_make_the_same_passenger_gets_his_password);
on_newest!(no_passenger_gets_a_name_of_others);

async fn a_users_account_is_no_passengers(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let attributes = format!("/ctx/{}/attributes", alice.name);
    for given in [json!({}), json!({"mine": true})] {
        call(gateway, Method::POST, &attributes, &given).await.expect_status(201);
        let taken = json!({"id": alice.name, "mine": false, "more": 1});
        let reply = call(gateway, Method::POST, "/passengers", &taken).await.expect_error(409, 5005);
        assert!(!reply.headers.contains_key("x-xmpp-password"));
        assert_eq!(get(gateway, &attributes).await, given);
        call(gateway, Method::GET, &format!("/passengers/{}", alice.name), &NULL).await.expect_error(404, 5004);
        let chats = format!("/passengers/{}/chats/{}", alice.name, alice.name);
        call(gateway, Method::GET, &chats, &NULL).await.expect_error(404, 5004);
    }
    // With the password that they always had.
    drop(Client::login(rig, &alice).await);
}

async fn one_of_many_who_make_the_same_passenger_gets_his_password(server: Server) {
    let gateway = Gateway::shared(server).await;
    let id = fresh("Twin");
    let made = (0..8).map(|n| {
        let body = json!({"id": id, format!("from{n}"): n});
        async move { call(gateway, Method::POST, "/passengers", &body).await.expect_status(201) }
    });
    let replies = futures::future::join_all(made).await;
    assert!(replies.iter().all(|reply| reply.json == json!(id)));
    let passwords = replies.iter().filter(|reply| reply.headers.contains_key("x-xmpp-password")).count();
    assert_eq!(passwords, 1);
    let passenger = get(gateway, &format!("/passengers/{id}")).await;
    let all: serde_json::Map<_, _> = (0..8).map(|n| (format!("from{n}"), json!(n))).collect();
    assert_eq!(passenger, json!(all));
}

/// Neither names of the operator nor numbers, however they are written, and whether somebody has them or not.
async fn no_passenger_gets_a_name_of_others(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let number = account(rig, "1390013");
    for id in [
        "admin",
        "Admin",
        "ADMIN",
        "ad-min",
        "_admin",
        "admin.",
        "root",
        "postmaster",
        "Support",
        "系统",
        "notice",
        "Notice",
        "no-tice",
        "13800138000",
        "+8613800138000",
        "1",
        &number.name,
    ] {
        let reply = call(gateway, Method::POST, "/passengers", &json!({"id": id, "a": 1})).await;
        let reply = reply.expect_error(400, 5001);
        assert!(!reply.headers.contains_key("x-xmpp-password"), "{id}");
        call(gateway, Method::GET, &format!("/passengers/{id}"), &NULL).await.expect_error(404, 5004);
    }
    // The sender of notifications is there, made by nobody's call.
    call(gateway, Method::GET, "/ctx/notice/attributes", &NULL).await.expect_status(200);
    drop(Client::login(rig, &number).await);
    let made = call(gateway, Method::POST, "/passengers", &json!({"id": fresh("visitor")})).await.expect_status(201);
    assert!(made.headers.contains_key("x-xmpp-password"));
}
