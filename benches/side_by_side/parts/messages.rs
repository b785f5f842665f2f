//! Messages to users who are online, one for each request: the gateway against ejabberd's own HTTP API, side by side on
//! one server.

use std::cell::RefCell;

use serde_json::json;
use stanzagate::dev::{DOMAIN, Product};

use super::{Bench, Pair};
use crate::Fallible;
use crate::contest::{Contender, Sending, alternate, for_a_round};
use crate::count::SLOT;
use crate::gateway::{Gateway, SUCCESS};
use crate::roles::load::Plan;
use crate::server::{SENDERS, Server, Variant};

/// Accounts that are online and receive.
const RECIPIENTS: usize = 16;
/// What every message says, beside its number.
pub const TEXT: &str = "The build of the main branch has passed after 12 minutes; 1,024 tests, none failed.";

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench<'_>, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let pair = Pair::start(bench, &server)?;
        for connections in bench.form.connections {
            on(bench, &mut server, &pair, *connections)?;
        }
    }
    Ok(())
}

fn on(bench: &mut Bench<'_>, server: &mut Server, pair: &Pair, connections: usize) -> Fallible {
    let (plain, copying) = ([&pair.plain], [&pair.copying]);
    let form = bench.form;
    let pairs = conversations(&server.recipients);
    let plan = |path: &str, success: &str, bodies: Vec<String>| Plan {
        bodies,
        ..for_a_round(&form, connections, path, success)
    };
    let ours = |gateways: &[&Gateway]| {
        let bodies = pairs.iter().map(|(from, to)| send_message(from, to)).collect();
        let targets = gateways.iter().map(|gateway| gateway.address).collect();
        Plan { targets, ..plan("/qtalk/send_message", SUCCESS, bodies) }
    };
    let mut contenders = vec![
        ("send_message".to_owned(), Sending { plan: ours(&plain), gateways: &plain, copies: 1 }),
        (
            "send_message, with the sender's copy".to_owned(),
            Sending { plan: ours(&copying), gateways: &copying, copies: 1 },
        ),
    ];
    if server.variant.product == Product::Ejabberd {
        let api = vec![server.api()?];
        for (path, body) in
            [("/api/send_message", their_message as fn(&str, &str) -> String), ("/api/send_stanza", their_stanza)]
        {
            let bodies = pairs.iter().map(|(from, to)| body(from, to)).collect();
            let plan = Plan { targets: api.clone(), ..plan(path, "0", bodies) };
            contenders.push((format!("ejabberd {path}"), Sending { plan, gateways: &[], copies: 1 }));
        }
    }
    let against = contenders.iter().position(|(name, _)| name.ends_with("/api/send_message"));
    let part = server.variant.name();
    let server = RefCell::new(server);
    let contenders = contenders.into_iter().map(|(name, sending)| Contender {
        name,
        round: Box::new({
            let server = &server;
            move |first| sending.round(&mut server.borrow_mut(), first)
        }),
    });
    let results = alternate(&form, contenders.collect())?;
    bench.table.add(&part, &connections.to_string(), &results, against);
    Ok(())
}

/// Who writes to whom: every sender to every recipient, in turn.
pub fn conversations(recipients: &[String]) -> Vec<(String, String)> {
    let senders = SENDERS.iter().cycle();
    recipients
        .iter()
        .cycle()
        .zip(senders)
        .take(recipients.len())
        .map(|(to, from)| ((*from).to_owned(), to.clone()))
        .collect()
}

fn send_message(from: &str, to: &str) -> String {
    json!({ "From": from, "To": [{ "User": to }], "Body": format!("{TEXT} {SLOT}"), "Type": "chat" }).to_string()
}

fn their_message(from: &str, to: &str) -> String {
    json!({
        "type": "chat", "from": format!("{from}@{DOMAIN}"), "to": format!("{to}@{DOMAIN}"), "subject": "",
        "body": format!("{TEXT} {SLOT}"),
    })
    .to_string()
}

fn their_stanza(from: &str, to: &str) -> String {
    let (from, to) = (format!("{from}@{DOMAIN}"), format!("{to}@{DOMAIN}"));
    let stanza = format!("<message type='chat' id='bench'><body>{TEXT} {SLOT}</body></message>");
    json!({ "from": from, "to": to, "stanza": stanza }).to_string()
}
