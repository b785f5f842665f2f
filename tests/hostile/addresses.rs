//! Addresses that name somebody else than they seem to, or nobody, or the gateway itself.

use serde_json::{Value, json};

use super::attack::{Attack, Judge};
use crate::on_oldest_and_newest;
use crate::support::element::show;
use crate::support::{Server, fresh};

on_oldest_and_newest!(nobody_is_named_by_a_trick, lookalikes_are_one_account_or_none);

const ADDRESS: i64 = 10;
const UNKNOWN: i64 = 2;

fn hostile(attack: &Attack, local: &str) -> Vec<String> {
    let domain = attack.rig.domain();
    let mut all: Vec<String> = [
        "",
        "@",
        "/",
        "@DOMAIN",
        "DOMAIN",
        "LOCAL@",
        "LOCAL@evil.example",
        "LOCAL@gw.example.org",
        "gw.example.org",
        "LOCAL@conference.DOMAIN",
        "LOCAL@DOMAIN.evil.example",
        "LOCAL@evil.example/DOMAIN",
        "LOCAL@DOMAIN@DOMAIN",
        "LOCAL@evil@DOMAIN",
        "LOCAL\u{0}@DOMAIN",
        "LOCAL @DOMAIN",
        " LOCAL@DOMAIN",
        "LOCAL@DOMAIN\n",
        "LO CAL@DOMAIN",
        "LOCAL@DOMAIN \u{0}",
        "LOCAL\t@DOMAIN",
        "LOCAL\u{a0}@DOMAIN",
        "LOCAL\u{3000}@DOMAIN",
        "LOCAL\u{200b}@DOMAIN",
        "LOCAL\u{200d}@DOMAIN",
        "LOCAL\u{feff}@DOMAIN",
        "LOCAL\u{ad}@DOMAIN",
        "LOCAL\u{202e}@DOMAIN",
        "\u{5d0}LOCAL@DOMAIN",
        "LOCAL\u{fffe}@DOMAIN",
        "LOCAL\u{ffff}@DOMAIN",
        "LOCAL\u{fffd}@DOMAIN",
        "LOCAL\u{e000}@DOMAIN",
        "LOCAL\u{1f600}@DOMAIN",
        "LOCAL\u{e0041}@DOMAIN",
        "LO\"CAL@DOMAIN",
        "LO'CAL@DOMAIN",
        "LO&CAL@DOMAIN",
        "LO:CAL@DOMAIN",
        "LO<CAL@DOMAIN",
        "<LOCAL>@DOMAIN",
        "LOCAL%00@DOMAIN",
        "LOCAL\\20@DOMAIN",
        "..@DOMAIN",
        "LOCAL@DOMAIN.",
        "LOCAL@[::1]",
        "LOCAL@127.0.0.1",
        "LOCAL@xn--DOMAIN",
        "LOCAL@*",
        "*@DOMAIN",
        "LOCAL@\u{ff0e}",
        "LOCAL\u{1c4}@DOMAIN",
        "\u{2163}\u{212a}\u{df}@DOMAIN",
        "\u{378}@DOMAIN",
        "a\u{300}\u{345}@DOMAIN",
    ]
    .iter()
    .map(|text| text.replace("LOCAL", local).replace("DOMAIN", domain))
    .collect();
    all.push(format!("{}@{domain}", "x".repeat(1024)));
    all.push(format!("{}@{domain}", "x".repeat(100_000)));
    all.push(format!("{}@{domain}", "\u{fdfa}".repeat(300)));
    all.push(format!("{local}@{}", "x.".repeat(600)));
    all.push(format!("{local}@{domain}/{}", "r".repeat(2000)));
    all
}

/// Either the address is refused, or what is left of it names an account that does not exist.
async fn nobody_is_named_by_a_trick(server: Server) {
    let attack = Attack::on(server).await;
    let (room, id) = attack.room().await;
    let members = attack.members(&id).await;
    let (rooms, xml) = (attack.rig.rooms(), "<message type='chat'><body>TRICK</body></message>");
    let group = xml.replace("chat", "groupchat");
    let (good, other) = (attack.recipient.jid.clone(), attack.sender.jid.clone());
    for address in hostile(&attack, &attack.recipient.name) {
        let local = address.split('@').next().unwrap_or_default();
        let requests = [
            ("send_thirdmessage", json!({"from": other, "to": address, "message": xml})),
            ("send_thirdmessage", json!({"from": address, "to": good, "message": xml})),
            ("send_thirdmessage", json!({"from": address, "to": room, "message": group})),
            ("send_thirdmessage", json!({"from": other, "to": address, "message": group})),
            ("send_notify", json!({"from": address, "to": good, "category": "1", "data": "TRICK"})),
            ("send_notify", json!({"from": other, "to": [address], "category": "1", "data": "TRICK"})),
            ("get_user_nick", json!({"ID": address, "Domain": attack.rig.domain()})),
            ("get_user_nick", json!({"ID": attack.recipient.name, "Domain": format!("{address}x")})),
            ("muc_users", json!({"muc_id": address, "muc_domain": rooms})),
            (
                "add_muc_user",
                json!({"muc_id": id, "muc_domain": rooms, "muc_owner": attack.sender.name, "muc_member": [address]}),
            ),
            ("destroy_muc", json!({"muc_id": id, "muc_domain": rooms, "muc_owner": address})),
            ("clear_staff", json!({"users": ["x"], "host": format!("{address}x")})),
            ("send_message", json!({"From": address, "To": [{"User": attack.recipient.name}], "Body": "TRICK"})),
        ];
        let run = async {
            for (endpoint, body) in &requests {
                let reply = attack.post_json(endpoint, body).await;
                assert!(
                    !reply.ret() || names_only_itself(&address, local, &attack),
                    "{endpoint} {body}: {}",
                    reply.text
                );
            }
        };
        attack.beside(&format!("{address:.100?}"), run).await;
    }
    assert_eq!(attack.members(&id).await, members);
    let seen = attack.evidence("TRICK").await;
    assert!(seen.is_empty(), "{}", seen.iter().map(show).collect::<String>());
}

/// A full stop at the end of a domain is that domain; a resource is dropped.
fn names_only_itself(address: &str, local: &str, attack: &Attack) -> bool {
    let domain = address.split(['@', '/']).nth(1).unwrap_or_default();
    local == attack.recipient.name && domain == attack.rig.domain()
}

/// Case, width and compatibility forms are folded as XMPP folds them (RFC 6122 appendix A): to the one account that
/// exists, with one room and one membership for all spellings.
async fn lookalikes_are_one_account_or_none(server: Server) {
    let attack = Attack::on(server).await;
    let (domain, rooms) = (attack.rig.domain(), attack.rig.rooms());
    let name = attack.recipient.name.clone();
    let wide: String = name.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xfee0)).collect();
    for spelling in [name.to_uppercase(), format!("V{}", &name[1..]), wide.clone(), name.replace("vi", "\u{2165}")] {
        let mark = fresh("SPELLED");
        let xml = format!("<message type='chat'><body>{mark}</body></message>");
        let to = format!("{spelling}@{}/resource", domain.to_uppercase());
        let reply = attack.beside(&spelling, attack.send_xml_to(&to, &xml)).await;
        let seen = attack.evidence(&mark).await;
        // U+2165 is "vi" in one sign.
        assert!(
            reply.ret() && seen.len() == 1,
            "{spelling}: {} {}",
            reply.text,
            seen.iter().map(show).collect::<String>()
        );
    }
    let sharp = format!("{}ss", fresh("gro"));
    let id = fresh("kelvin");
    attack.create(&id, json!({})).await.expect_success();
    for spelling in [id.to_uppercase(), id.replace('k', "\u{212a}"), id.replace("kelvin", "kel\u{2174}in")] {
        let reply = attack.beside(&spelling, attack.create(&spelling, json!({}))).await.refused(&spelling, &[3]);
        assert!(reply.json["errmsg"].as_str().is_some_and(|text| text.contains(&id)), "{}", reply.text);
    }
    let members = json!({"muc_id": id.to_uppercase(), "muc_domain": rooms.to_uppercase(), "muc_owner": attack.sender.name.to_uppercase(),
        "muc_member": [name.to_uppercase(), name, format!("{wide}@{domain}"), format!("{sharp}x"), sharp.replace("ss", "\u{df}")]});
    let reply = attack
        .beside("spellings", attack.post_json("add_muc_user", &members))
        .await
        .refused("spellings", &[UNKNOWN, ADDRESS]);
    let failed: Vec<u64> = failed_places(&reply.json);
    assert_eq!(failed, [3, 4], "{}", reply.text);
    let listed = attack.members(&id).await.expect("the room");
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
}

fn failed_places(json: &Value) -> Vec<u64> {
    let parts = json["data"]["failed"].as_array().cloned().unwrap_or_default();
    parts.iter().filter_map(|part| part["index"].as_u64()).collect()
}
