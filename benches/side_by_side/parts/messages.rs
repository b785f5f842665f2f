//! Messages to users who are online, one for each request: the gateway against ejabberd's own HTTP API, side by side on
//! one server.

use serde_json::json;
use stanzagate::dev::{DOMAIN, Product};

use crate::bench::{Bench, Gateways};
use crate::contest::{Sending, compare, for_a_round};
use crate::count::SLOT;
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::roles::load::Plan;
use crate::server::{SENDERS, Server, Variant};

/// Accounts that are online and receive.
const RECIPIENTS: usize = 16;
/// What every message says, beside its number.
pub const TEXT: &str = "The build of the main branch has passed after 12 minutes; 1,024 tests, none failed.";

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let gateways = Gateways::start(bench, &server)?;
        for connections in bench.form.connections {
            on(bench, &mut server, &gateways, *connections)?;
        }
    }
    Ok(())
}

fn on(bench: &mut Bench, server: &mut Server, gateways: &Gateways, connections: usize) -> Fallible {
    let (plain, copying, spread) = ([&gateways.plain], [&gateways.copying], [&gateways.spread]);
    let form = bench.form;
    let pairs = conversations(&server.recipients);
    let until = server.variant.until(&form, connections, 1);
    let plan = |path: &str, success: &str, body: fn(&str, &str) -> String| Plan {
        bodies: pairs.iter().map(|(from, to)| body(from, to)).collect(),
        until,
        ..for_a_round(&form, connections, path, success)
    };
    let ours = |gateways| sending(plan("/qtalk/send_message", SUCCESS, send_message), gateways);
    let mut sendings = vec![
        ("send_message".to_owned(), ours(&plain)),
        ("send_message over two links".to_owned(), ours(&spread)),
        ("send_message, with the sender's copy".to_owned(), ours(&copying)),
    ];
    if server.variant.product == Product::Ejabberd {
        for (path, body) in
            [("/api/send_message", their_message as fn(&str, &str) -> String), ("/api/send_stanza", their_stanza)]
        {
            let plan = Plan { targets: vec![server.api()?], ..plan(path, "0", body) };
            sendings.push((format!("ejabberd {path}"), sending(plan, &[])));
        }
    }
    let against = sendings.iter().position(|(name, _)| name.ends_with("/api/send_message"));
    let part = server.variant.name();
    compare(bench, server, (&part, connections), sendings, against)
}

/// A load of messages to one recipient each; through `gateways`, where there are any.
pub fn sending<'a>(plan: Plan, gateways: &'a [&'a Gateway]) -> Sending<'a> {
    let mut targets: Vec<_> = gateways.iter().map(|gateway| gateway.address).collect();
    targets.extend(plan.targets);
    Sending { plan: Plan { targets, ..plan }, gateways, copies: 1 }
}

/// Who writes to whom: every recipient gets messages of one sender.
pub fn conversations(recipients: &[String]) -> Vec<(String, String)> {
    recipients.iter().zip(SENDERS.iter().cycle()).map(|(to, from)| ((*from).to_owned(), to.clone())).collect()
}

/// The body of a call of ours.
pub fn send_message(from: &str, to: &str) -> String {
    json!({ "From": from, "To": [{ "User": to }], "Body": format!("{TEXT} {SLOT}"), "Type": "chat" }).to_string()
}

fn their_message(from: &str, to: &str) -> String {
    let (from, to) = (format!("{from}@{DOMAIN}"), format!("{to}@{DOMAIN}"));
    json!({ "type": "chat", "from": from, "to": to, "subject": "", "body": format!("{TEXT} {SLOT}") }).to_string()
}

fn their_stanza(from: &str, to: &str) -> String {
    let (from, to) = (format!("{from}@{DOMAIN}"), format!("{to}@{DOMAIN}"));
    let stanza = format!("<message type='chat' id='bench'><body>{TEXT} {SLOT}</body></message>");
    json!({ "from": from, "to": to, "stanza": stanza }).to_string()
}
