//! Messages to rooms whose members are online: `send_thirdmessage` against ejabberd's own HTTP API, into the same rooms.

use serde_json::json;
use stanzagate::dev::{DOMAIN, Product, ROOMS};

use super::messages::{TEXT, sending};
use crate::bench::Bench;
use crate::contest::{Sending, compare, for_a_round};
use crate::count::SLOT;
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::roles::load::Plan;
use crate::roles::sink::Order;
use crate::server::{Archive, COMPONENTS, SENDERS, Server, Variant};

/// Members of each room who are online and receive.
const MEMBERS: usize = 8;
/// Connections over which many rooms are written to.
const CONNECTIONS: usize = 32;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, MEMBERS)?;
        let [name, ..] = COMPONENTS;
        let gateway = Gateway::on(&bench.gateway, &server, name, "")?;
        let rooms = SENDERS.map(|owner| (owner, format!("room-of-{owner}")));
        for (owner, room) in &rooms {
            make(&gateway, owner, room)?;
            add(&gateway, owner, room, &server.recipients)?;
        }
        enter(&mut server, &rooms)?;
        for connections in bench.form.connections {
            on(bench, &mut server, &gateway, &rooms, *connections)?;
        }
        if *variant == (Variant { product: Product::Ejabberd, archive: Archive::Off }) {
            many(bench, &mut server, &gateway)?;
        }
    }
    Ok(())
}

/// What a message costs as the rooms become more: each has one member who is online.
fn many(bench: &mut Bench, server: &mut Server, gateway: &Gateway) -> Fallible {
    let most = bench.form.rooms.iter().copied().max().unwrap_or_default();
    let mut bodies = Vec::new();
    for (number, (owner, member)) in SENDERS.iter().cycle().zip(server.recipients.iter().cycle()).take(most).enumerate()
    {
        let room = format!("one-of-many-{number}");
        make(gateway, owner, &room)?;
        add(gateway, owner, &room, std::slice::from_ref(member))?;
        bodies.push(third_message(&format!("{owner}@{DOMAIN}"), &server.room(&room)));
    }
    let gateways = [gateway];
    let to = |rooms: &usize| {
        let bodies = bodies.iter().take(*rooms).cloned().collect();
        let plan = Plan { bodies, ..for_a_round(&bench.form, CONNECTIONS, "/qtalk/send_thirdmessage", SUCCESS) };
        (format!("send_thirdmessage to {rooms} rooms in turn"), sending(plan, &gateways))
    };
    let sendings = bench.form.rooms.iter().map(to).collect();
    let part = format!("{}, many rooms", server.variant.name());
    compare(bench, server, (&part, CONNECTIONS), sendings, Some(0))
}

fn on(
    bench: &mut Bench,
    server: &mut Server,
    gateway: &Gateway,
    rooms: &[(&str, String)],
    connections: usize,
) -> Fallible {
    let form = bench.form;
    let until = server.variant.until(&form, connections, MEMBERS as u64);
    let plan = |path: &str, success: &str, body: fn(&str, &str) -> String| Plan {
        until,
        bodies: rooms.iter().map(|(from, room)| body(&format!("{from}@{DOMAIN}"), &server.room(room))).collect(),
        ..for_a_round(&form, connections, path, success)
    };
    let gateways = [gateway];
    let to_all = |sending| Sending { copies: MEMBERS as u64, ..sending };
    let ours = sending(plan("/qtalk/send_thirdmessage", SUCCESS, third_message), &gateways);
    let mut sendings = vec![("send_thirdmessage".to_owned(), to_all(ours))];
    if server.variant.product == Product::Ejabberd {
        for (path, body) in
            [("/api/send_message", their_message as fn(&str, &str) -> String), ("/api/send_stanza", their_stanza)]
        {
            let plan = Plan { targets: vec![server.api()?], ..plan(path, "0", body) };
            sendings.push((format!("ejabberd {path}"), to_all(sending(plan, &[]))));
        }
    }
    let against = sendings.iter().position(|(name, _)| name.ends_with("/api/send_message"));
    let part = format!("{}, rooms of {MEMBERS}", server.variant.name());
    compare(bench, server, (&part, connections), sendings, against)
}

/// Makes a room.
pub fn make(gateway: &Gateway, owner: &str, room: &str) -> Fallible {
    let body = json!({
        "muc_id": room, "muc_name": room, "muc_domain": ROOMS, "muc_owner": owner, "muc_owner_host": DOMAIN,
        "system": "bench",
    });
    gateway.qtalk("create_muc", &body).map(drop)
}

/// Adds members.
pub fn add(gateway: &Gateway, owner: &str, room: &str, members: &[String]) -> Fallible {
    gateway.qtalk("add_muc_user", &member_list(owner, room, members)).map(drop)
}

/// The body that adds members.
pub fn member_list(owner: &str, room: &str, members: &[String]) -> serde_json::Value {
    json!({
        "muc_id": room, "muc_domain": ROOMS, "muc_owner": owner, "muc_owner_host": DOMAIN, "muc_member": members,
        "system": "bench",
    })
}

/// On Prosody only those who are in a room get its messages; on ejabberd members are subscribed.
fn enter(server: &mut Server, rooms: &[(&str, String)]) -> Fallible {
    if server.variant.product == Product::Prosody {
        let rooms: Vec<String> = rooms.iter().map(|(_, room)| server.room(room)).collect();
        server.sink.ask::<()>(&Order::Enter(rooms))?;
    }
    Ok(())
}

/// The body of a call of ours.
pub fn third_message(from: &str, to: &str) -> String {
    let message = format!("<message type='chat'><body id='m1' msgType='1' maType='20'>{TEXT} {SLOT}</body></message>");
    json!({ "from": from, "to": to, "message": message }).to_string()
}

fn their_message(from: &str, to: &str) -> String {
    json!({ "type": "groupchat", "from": from, "to": to, "subject": "", "body": format!("{TEXT} {SLOT}") }).to_string()
}

fn their_stanza(from: &str, to: &str) -> String {
    let stanza = format!("<message type='groupchat' id='bench'><body>{TEXT} {SLOT}</body></message>");
    json!({ "from": from, "to": to, "stanza": stanza }).to_string()
}
