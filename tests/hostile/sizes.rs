//! Text that grows when it is escaped: below what servers take it arrives unchanged, above it is refused by the gateway,
//! because a server would close the connection that everybody's requests are on.

use serde_json::json;

use super::attack::{Attack, Judge};
use super::raw::RawClient;
use crate::on_oldest_and_newest;
use crate::support::{Server, account, fresh};

on_oldest_and_newest!(what_grows_by_escaping_never_reaches_a_servers_limit, every_size_up_to_the_bound_arrives);

async fn what_grows_by_escaping_never_reaches_a_servers_limit(server: Server) {
    let attack = Attack::on(server).await;
    let id = fresh("loudroom");
    attack.create(&id, json!({})).await.expect_success();
    let room = format!("{id}@{}", attack.rig.rooms());
    // Not the witness: attributes over 8 kB are more than their XML parser takes.
    let other = account(attack.rig, "bystander");
    for sign in ["'", "\"", "\n", "\r", "\t", "<", "&", ">", "\u{10ffff}", "]]>"] {
        let text = sign.repeat(60_000 / sign.len());
        let quoted = text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
        let quoted = &quoted[..quoted.len().min(64_000) / 30 * 30];
        let mark = fresh("GROWN");
        let xml = format!("<message a='{quoted}'><body b='{mark}'>{mark}</body></message>");
        let texts = |kind: &str, to: &str| {
            json!({"From": attack.sender.name, "To": [{"User": to}], "Body": mark, "Extend_Info": text, "Type": kind,
                "Domain": attack.rig.rooms()})
        };
        let notice = json!({"from": attack.sender.jid, "to": other.jid, "category": mark, "data": text});
        let requests = [
            ("send_thirdmessage", json!({"from": attack.sender.jid, "to": other.jid, "message": xml})),
            ("send_thirdmessage", json!({"from": attack.sender.jid, "to": room, "message": xml})),
            ("send_message", texts("chat", &other.name)),
            ("send_message", texts("groupchat", &id)),
            ("send_notify", notice),
        ];
        for (endpoint, request) in &requests {
            let what = format!("{endpoint} with 60 kB of {sign:?}");
            let reply = attack.beside(&what, attack.post_json(endpoint, request)).await;
            assert!(reply.ret() || [11, 12].contains(&reply.errcode()), "{what}: {}", reply.text);
        }
    }
}

async fn every_size_up_to_the_bound_arrives(server: Server) {
    let attack = Attack::on(server).await;
    let account = account(attack.rig, "reader");
    let mut reader = RawClient::login(attack.rig, &account).await;
    for (size, sign) in [(1, "x"), (8_191, "x"), (8_193, "x"), (65_000, "x"), (60_000, "大")] {
        let (mark, text) = (fresh("SIZE"), sign.repeat(size / sign.len()));
        for (body, info) in [(&mark, &format!("{mark}{text}end")), (&format!("{mark}{text}end"), &String::new())] {
            let request = json!({"From": attack.sender.name, "To": [{"User": account.name}], "Type": "chat",
                "Body": body, "Extend_Info": info});
            let what = format!("{size} bytes of {sign}");
            attack.beside(&what, attack.post_json("send_message", &request)).await.expect_success();
            reader.hear(&format!("{mark}{text}end")).await;
            reader.hear("</message>").await;
            reader.forget();
        }
    }
    let long = "x".repeat(70_000);
    let request = json!({"From": attack.sender.name, "To": [{"User": account.name}], "Body": long});
    attack.beside("a long body", attack.post_json("send_message", &request)).await.refused("a long body", &[12]);
}
