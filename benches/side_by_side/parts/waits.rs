//! What it costs a call to wait until its message is written, routed, or found in the recipient's archive, on servers
//! that archive. The recipients are online.

use super::messages::{conversations, send_message, sending};
use crate::bench::Bench;
use crate::contest::{compare, for_a_round};
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::roles::load::Plan;
use crate::server::{COMPONENTS, Server, Variant};

const LEVELS: [&str; 3] = ["written", "routed", "archived"];
/// Accounts that are online and receive: more than in the other parts, since nothing holds `written` back, and ejabberd
/// throws out a client for whom 10,000 messages wait.
const RECIPIENTS: usize = 64;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let mut gateways = Vec::new();
        for (level, name) in LEVELS.into_iter().zip(COMPONENTS) {
            gateways.push((level, Gateway::waiting(&bench.gateway, &server, name, level)?));
        }
        for connections in bench.form.connections {
            on(bench, &mut server, &gateways, *connections)?;
        }
    }
    Ok(())
}

fn on(bench: &mut Bench, server: &mut Server, gateways: &[(&str, Gateway)], connections: usize) -> Fallible {
    let form = bench.form;
    let bodies: Vec<String> =
        conversations(&server.recipients).iter().map(|(from, to)| send_message(from, to)).collect();
    let until = server.variant.until(&form, connections, 1);
    let through: Vec<[&Gateway; 1]> = gateways.iter().map(|(_, gateway)| [gateway]).collect();
    let sendings = gateways.iter().zip(&through).map(|((level, _), through)| {
        let plan =
            Plan { bodies: bodies.clone(), until, ..for_a_round(&form, connections, "/qtalk/send_message", SUCCESS) };
        ((*level).to_owned(), sending(plan, through))
    });
    let sendings = sendings.collect();
    let part = format!("{}, a call waits until", server.variant.name());
    // All against `routed`, the default.
    compare(bench, server, (&part, connections), sendings, Some(1))
}
