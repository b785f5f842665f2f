//! Bodies that are no JSON object, hardly one, or a huge one, at every endpoint that reads a body.

use futures::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::stage::{Gateway, call, get, group, look, raw, refused, same_connection};
use crate::on_oldest_and_newest;
use crate::support::{Server, account};

on_oldest_and_newest!(no_endpoint_reads_what_is_no_object, lists_and_attributes_have_bounds);

/// Bodies that every endpoint refuses, whatever its fields are.
fn broken() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| format!("{{\"x\":{}{}}}", open.repeat(200), close.repeat(200));
    let texts = [
        "{",
        "}",
        "[",
        "[]",
        "null",
        "true",
        "0",
        "\"x\"",
        "NaN",
        "{\"x\":NaN}",
        "{\"x\":Infinity}",
        "{\"x\":-}",
        "{\"x\":1e999}",
        "{\"x\":01}",
        "{\"x\":0x1}",
        "{\"x\":1,}",
        "{,}",
        "{'x':1}",
        "{x:1}",
        "{\"x\":1}{}",
        "{\"x\":\"\n\"}",
        "{\"x\":\"\0\"}",
        "{\"x\":\"\\x00\"}",
        "// {}\n{}",
        "<x/>",
        "x=1",
        "\u{feff}\u{feff}{}",
    ];
    let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.extend([deep("[", "]"), deep("{\"x\":", "}").replace("}}", "0}}")].map(String::into_bytes));
    bodies.push(b"{\"x\":\"\xff\"}".to_vec());
    bodies.push(b"{\"\xc0\x80\":1}".to_vec());
    bodies.push("{\"x\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect());
    bodies.push([b"{\"members\":".to_vec(), vec![b'['; 1 << 20]].concat());
    bodies
}

async fn no_endpoint_reads_what_is_no_object(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let group = group(gateway, &alice, &[]).await;
    let room = call(gateway, Method::POST, "/rooms", &json!({"members": [alice.name]})).await.expect_status(201).json;
    let (group, room) = (format!("/groups/{group}"), format!("/rooms/{}", room.as_str().expect("an id")));
    let user = format!("/ctx/{}", alice.name);
    let before = [look(gateway, &user).await, get(gateway, &group).await, get(gateway, &room).await];
    let mut endpoints = vec![
        (Method::POST, "/groups".to_owned()),
        (Method::POST, "/rooms".to_owned()),
        (Method::POST, "/passengers".to_owned()),
        (Method::POST, "/system".to_owned()),
        (Method::POST, format!("/system/{}", alice.name)),
        (Method::PUT, group.clone()),
        (Method::PUT, room.clone()),
    ];
    for owner in [&group, &room] {
        endpoints.extend([Method::POST, Method::DELETE].map(|method| (method, format!("{owner}/members"))));
    }
    for owner in [&user, &group, &room] {
        endpoints.extend([Method::POST, Method::PUT].map(|method| (method, format!("{owner}/attributes"))));
    }
    let bodies = broken();
    let calls = endpoints.iter().flat_map(|(method, path)| {
        bodies.iter().map(move |body| async move {
            let reply = raw(gateway, method.clone(), path, body.clone()).await;
            let shown = String::from_utf8_lossy(body.get(..60).unwrap_or(body)).into_owned();
            refused(&format!("{method} {path} {shown}"), &reply, &[5001]);
        })
    });
    let made = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(16).count().await;
    assert_eq!(made, endpoints.len() * bodies.len());
    assert_eq!([look(gateway, &user).await, get(gateway, &group).await, get(gateway, &room).await], before);
    same_connection(gateway).await;
}

async fn lists_and_attributes_have_bounds(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let alice = account(rig, "alice");
    let group = group(gateway, &alice, &[]).await;
    let members = |count: usize| json!({"members": (0..count).map(|n| format!("nobody{n}")).collect::<Vec<_>>()});
    let path = format!("/groups/{group}/members");
    for method in [Method::POST, Method::DELETE] {
        call(gateway, method, &path, &members(10_001)).await.expect_error(400, 5010);
    }
    call(gateway, Method::DELETE, &path, &members(10_000)).await.expect_status(204);
    let reply = call(gateway, Method::POST, &path, &members(100)).await;
    refused("100 who do not exist", &reply, &[5004, 5008]);
    let reply = call(gateway, Method::POST, "/rooms", &members(900)).await.expect_error(404, 5004);
    assert!(reply.text.len() < 2_000 && reply.text.contains("890 more"), "{}", reply.text);

    let attributes = format!("/ctx/{}/attributes", alice.name);
    let megabyte = "\u{1}<&\"名".repeat(140_000);
    for body in [json!({"kept": 1, "x": megabyte}), json!({"kept": 1, megabyte.as_str(): 1})] {
        for method in [Method::POST, Method::PUT] {
            call(gateway, method, &attributes, &body).await.expect_error(400, 5010);
        }
    }
    // In XML this one is too long for a stanza: then none of them is set.
    let escaped = json!({"small": 1, "x": "&".repeat(65_000)});
    call(gateway, Method::POST, &attributes, &escaped).await.expect_error(400, 5010);
    assert_eq!(get(gateway, &attributes).await, json!({}));
    // Each as large as may be, as many as may be together: they are read back, and taken away, all the same.
    let large = "x".repeat(65_000);
    for names in [["a", "b"], ["c", "d"]] {
        let body: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), json!(large))).collect();
        call(gateway, Method::POST, &attributes, &json!(body)).await.expect_status(201);
    }
    call(gateway, Method::POST, &attributes, &json!({"e": large})).await.expect_error(400, 5010);
    let more: Map<String, Value> = (0..97).map(|n| (format!("n{n}"), json!(n))).collect();
    call(gateway, Method::POST, &attributes, &json!(more)).await.expect_error(400, 5010);
    assert_eq!(get(gateway, &attributes).await.as_object().map(Map::len), Some(4));
    call(gateway, Method::DELETE, &attributes, &json!({})).await.expect_status(204);
    assert_eq!(get(gateway, &attributes).await, json!({}));
    same_connection(gateway).await;
}
