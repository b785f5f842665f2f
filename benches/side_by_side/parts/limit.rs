//! Against the limit: the rate at which recipients get messages through the gateway, and the rate at which they get the
//! same stanzas from a bare component connection, which is the floor under any gateway.

use std::cell::RefCell;
use std::time::Instant;

use stanzagate::dev::{DOMAIN, Product};

use super::messages::{TEXT, conversations, send_message, sending};
use super::rooms::third_message;
use super::{Bench, Pair};
use crate::Fallible;
use crate::child::Helper;
use crate::contest::{Contender, LAG, Sample, alternate, for_a_round, per_10_000, per_message};
use crate::count::{Count, SLOT};
use crate::gateway::SUCCESS;
use crate::roles::load::{Plan, Until};
use crate::roles::sink::Order;
use crate::roles::{Role, push};
use crate::server::{Server, Variant};
use crate::usage;

/// Accounts that are online and receive, and messages of one call: a notice to each.
const RECIPIENTS: usize = 64;
/// Connections that send batches, and single messages.
const BATCHES: usize = 8;
const SINGLE: usize = 256;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench<'_>, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let pair = Pair::start(bench, &server)?;
        on(bench, &mut server, &pair)?;
    }
    Ok(())
}

fn on(bench: &mut Bench<'_>, server: &mut Server, pair: &Pair) -> Fallible {
    let messages = server.variant.bearable(bench.form.messages);
    let conversations = conversations(&server.recipients);
    let full = |(from, to): &(String, String)| (format!("{from}@{DOMAIN}"), format!("{to}@{DOMAIN}"));
    let letters: Vec<String> = conversations.iter().map(full).map(|(from, to)| third_message(&from, &to)).collect();
    let singles = conversations.iter().map(|(from, to)| send_message(from, to)).collect();
    let stanzas: Vec<String> =
        conversations.iter().map(full).map(|(from, to)| stanza(server.variant.product, &from, &to)).collect();
    let gateways = [&pair.plain];
    let load = |path, bodies, connections, requests| {
        let plan = for_a_round(&bench.form, connections, path, SUCCESS);
        let plan = Plan { bodies, until: Until::Requests(requests), ..plan };
        sending(plan, &gateways)
    };
    let batches = load(
        "/qtalk/send_thirdmessage",
        vec![format!("[{}]", letters.join(","))],
        BATCHES,
        messages.div_ceil(RECIPIENTS as u64),
    );
    let singles = load("/qtalk/send_message", singles, SINGLE, messages);
    let part = format!("{}, received", server.variant.name());
    let server = RefCell::new(server);
    let contenders = vec![
        Contender {
            name: format!("send_thirdmessage, {RECIPIENTS} in a call, {BATCHES} connections"),
            round: Box::new(|first| batches.round(&mut server.borrow_mut(), first)),
        },
        Contender {
            name: format!("send_message, {SINGLE} connections"),
            round: Box::new(|first| singles.round(&mut server.borrow_mut(), first)),
        },
        Contender {
            name: "a bare component connection".to_owned(),
            round: Box::new(|first| pushed(&mut server.borrow_mut(), &stanzas, messages, first)),
        },
    ];
    let results = alternate(&bench.form, contenders)?;
    bench.table.add(&part, "", &results, Some(2));
    Ok(())
}

fn pushed(server: &mut Server, stanzas: &[String], messages: u64, first: u64) -> Fallible<Sample> {
    let plan =
        push::Plan { component: server.component(), domain: DOMAIN.to_owned(), stanzas: stanzas.to_vec(), messages };
    let (mut push, ()) = Helper::start(Role::Push, &plan)?;
    let before: Count = server.sink.ask(&Order::NOW)?;
    let cpu = usage::cpu_of_group(server.group()?)?;
    let disks = server.variant.disks()?;
    let started = Instant::now();
    let sent: Count = push.ask(&first)?;
    let after: Count = server.sink.ask(&Order::Wait(before.messages + sent.messages, LAG))?;
    let took = started.elapsed();
    let received = after.since(before);
    if received != sent {
        return Err(format!("sent {sent:?}, received {received:?}").into());
    }
    let used = usage::cpu_of_group(server.group()?)?.saturating_sub(cpu);
    Ok(Sample {
        rate: received.messages as f64 / took.as_secs_f64(),
        server_cpu: Some(per_10_000(used, received.messages as f64)),
        disk: per_message(disks, received)?,
        acknowledged: sent.messages,
        received: received.messages,
        ..Sample::default()
    })
}

/// What the gateway writes for `send_message`.
fn stanza(server: Product, from: &str, to: &str) -> String {
    let (id, sent_at) = ("id='http12345678901795254882595' msgType='1' extendInfo=''", "msec_times='1795254882595'");
    let head = format!("<message from='{from}' to='{to}' type='chat' id='abcdef.0123456789abcdef.12345'");
    let child = format!("<qtalk xmlns='urn:stanzagate:qtalk:0' {id} {sent_at}/>");
    match server {
        Product::Ejabberd => format!("{head}><body>{TEXT} {SLOT}</body>{child}</message>"),
        Product::Prosody => format!("{head} {sent_at}><body {id}>{TEXT} {SLOT}</body>{child}</message>"),
    }
}
