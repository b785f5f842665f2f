//! Who guesses has to wait, and nobody else has to: tokens, passwords, codes.

use reqwest::Method;
use serde_json::json;

use super::stage::{Gateway, NULL, Reply, address, any, call, group, members, of, refused, stage};
use crate::support::gateways::Gateways;
use crate::support::{Server, account, fresh};
use crate::{on_newest, on_oldest_and_newest};

on_oldest_and_newest!(wrong_tokens_are_limited_by_address, passwords_are_not_guessed, codes_are_not_guessed);
on_newest!(many_addresses_guess_no_faster_and_lock_nobody_out);

/// Fails unless the caller has to wait, and is told for how long.
#[track_caller]
fn throttled(what: &str, reply: &Reply, longest: u64) {
    refused(what, reply, &[429]);
    let wait = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| (1..=longest).contains(&wait)), "{what}: {:?}", reply.headers);
}

async fn wrong_tokens_are_limited_by_address(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let user = account(rig, "alice");
    let (from, other) = (address(), address());
    let ask = async |token: &str, from: &str| {
        any(gateway, Method::GET, "/api/im/group/", |request| {
            request.header("x-forwarded-for", from).header("authorization", format!("Token {token}"))
        })
        .await
    };
    let right = gateway.rongcloud_token(&user.jid);
    for n in 0..60 {
        refused("a wrong token", &ask(&format!("wrong{n}"), &from).await, &[403]);
    }
    throttled("one more", &ask("wrong", &from).await, 60);
    throttled("one of nobody's", &ask(&gateway.rongcloud_token("a@example.com"), &from).await, 60);
    ask(&right, &from).await.expect_json(200);
    refused("from elsewhere", &ask("wrong", &other).await, &[403]);
    // Without a token nothing is guessed.
    for _ in 0..3 {
        let nothing = any(gateway, Method::GET, "/api/im/group/", |request| request.header("x-forwarded-for", &from));
        refused("no token", &nothing.await, &[403]);
    }
}

async fn log_in(gateway: &Gateway, from: &str, name: &str, password: &str) -> Reply {
    let body = json!({"username": name, "password": password});
    any(gateway, Method::POST, "/api/auth/login/", |request| request.header("x-forwarded-for", from).json(&body)).await
}

async fn passwords_are_not_guessed(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (user, other) = (account(rig, "alice"), account(rig, "bob"));
    let (from, elsewhere) = (address(), address());
    // A success makes up for the failures before it.
    for name in [user.name.clone(), user.jid.to_uppercase()] {
        refused("a wrong password", &log_in(gateway, &from, &name, "wrong").await, &[400]);
        let name = name.replace("ALICE", "alice");
        log_in(gateway, &from, &name, &user.password).await.expect_json(200);
    }
    // However the name is written it is the same user.
    let names = [user.name.clone(), user.jid.clone(), user.name.to_uppercase(), format!("{}@EXAMPLE.org", user.name)];
    for n in 0..10 {
        refused("a wrong password", &log_in(gateway, &from, &names[n % 4], &format!("wrong{n}")).await, &[400]);
    }
    // Even the right one, or the guesser would see by the answer when they have it. They are told nothing by the waiting either.
    for n in 0..100 {
        let password = if n % 10 == 0 { user.password.as_str() } else { "wrong" };
        throttled("one more", &log_in(gateway, &from, &names[n % 4], password).await, 60);
    }
    // That costs neither them elsewhere nor others at the same address anything.
    log_in(gateway, &elsewhere, &user.name, &user.password).await.expect_json(200);
    log_in(gateway, &from, &other.name, &other.password).await.expect_json(200);

    // One password for many users: the address waits, whether they exist or not.
    let sprayer = address();
    for n in 0..100 {
        let name = if n == 50 { user.name.clone() } else { fresh("nobody") };
        refused("a password of nobody's", &log_in(gateway, &sprayer, &name, "letmein").await, &[400]);
    }
    throttled("a user more", &log_in(gateway, &sprayer, &other.name, &other.password).await, 60);
    log_in(gateway, &elsewhere, &other.name, &other.password).await.expect_json(200);
    // Tokens are another matter.
    let token = gateway.rongcloud_token(&other.jid);
    any(gateway, Method::GET, "/api/im/group/", |request| {
        request.header("x-forwarded-for", &sprayer).header("authorization", format!("Token {token}"))
    })
    .await
    .expect_json(200);
}

async fn many_addresses_guess_no_faster_and_lock_nobody_out(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (user, other) = (account(rig, "alice"), account(rig, "bob"));
    let net = rand::random::<u16>();
    let home = |host: u16| format!("2001:db8:{net:x}:1:{host:x}::1");
    log_in(gateway, &home(1), &user.name, &user.password).await.expect_json(200);
    // One who has a /48 is one stranger, whatever address of it they take, and locks nobody out.
    let mut guessed = 0;
    for n in 0..60 {
        let from = format!("2001:db9:{net:x}:{n:x}::{n:x}");
        guessed += usize::from(log_in(gateway, &from, &user.name, "wrong").await.status == 400);
    }
    assert_eq!(guessed, 20);
    log_in(gateway, &address(), &user.name, &user.password).await.expect_json(200);
    // Many together make no more guesses than this at one user ...
    for n in 0..12 {
        let site = format!("2001:{:x}:{net:x}", 0xdc0 + n);
        for k in 0..20 {
            guessed +=
                usize::from(log_in(gateway, &format!("{site}:{k:x}::1"), &user.name, "wrong").await.status == 400);
        }
    }
    assert_eq!(guessed, 100);
    throttled("from nowhere in particular", &log_in(gateway, &address(), &user.name, &user.password).await, 600);
    // ... and where they were before they still get in; so do others, from everywhere.
    log_in(gateway, &home(2), &user.name, &user.password).await.expect_json(200);
    log_in(gateway, &address(), &other.name, &other.password).await.expect_json(200);
}

async fn codes_are_not_guessed(server: Server) {
    let (rig, stage) = (Gateways::rig(server), stage(server).await);
    let gateway = &stage.gateway;
    let (owner, guest) = (account(rig, "alice"), account(rig, "bob"));
    let (id, other) = (group(gateway, &owner, "4711").await, group(gateway, &owner, "4712").await);
    let guess = async |user: &str, id: u64, code: &str| {
        call(gateway, user, Method::POST, &of(id, "invite"), &json!({"code": code})).await
    };
    for code in ["4710", "47110", "", "４７１１", "4711\u{200b}"] {
        let reply = guess(&guest.jid, id, code).await;
        refused(code, &reply, &[400]);
    }
    // The empty one was no guess.
    refused("a fifth", &guess(&guest.jid, id, "0").await, &[400]);
    // Were their further tries counted for the group, nobody could come in any more.
    for n in 0..60 {
        let code = if n % 10 == 0 { "4711" } else { "0" };
        throttled("one more", &guess(&guest.jid, id, code).await, 300);
    }
    guess(&guest.jid, other, "4712").await.expect_json(200);
    let friend = account(rig, "carol");
    guess(&friend.jid, id, "4711").await.expect_json(200);
    // Those who are inside guess nothing.
    for _ in 0..8 {
        guess(&friend.jid, id, "wrong").await.expect_json(200);
    }
    // Many who guess, each a little: the group waits, other groups do not.
    let mut wrong = 5;
    for n in 0.. {
        let guesser = account(rig, "guesser");
        for _ in 0..5 {
            let reply = guess(&guesser.jid, id, "0").await;
            if reply.status == 429 {
                throttled("the group", &reply, 300);
                assert_eq!(wrong, 50);
                break;
            }
            refused("a guess", &reply, &[400]);
            wrong += 1;
        }
        if wrong == 50 && n > 9 {
            break;
        }
        assert!(wrong <= 50 && n < 12, "{wrong} guesses");
    }
    let late = account(rig, "late");
    throttled("the right code", &guess(&late.jid, id, "4711").await, 300);
    guess(&late.jid, other, "4712").await.expect_json(200);
    // Members bring in whom they like all the same.
    let number = super::stage::number(gateway, &late).await;
    call(gateway, &owner.jid, Method::POST, &of(id, "join"), &json!({"userid": number})).await.expect_json(200);
    let inside = members(gateway, &owner, id).await;
    assert_eq!(inside, [owner.name, friend.name, late.name].into_iter().collect());
    call(gateway, &guest.jid, Method::GET, &of(id, "users"), &NULL).await.expect_detail(403);
}
