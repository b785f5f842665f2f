//! Against the limit: the rate at which recipients get messages through the gateway, and the rate at which they get the
//! same stanzas from a bare component connection, which is the floor under any gateway.

use std::cell::RefCell;
use std::time::Instant;

use stanzagate::dev::{DOMAIN, Product};

use super::messages::{TEXT, conversations, send_message, sending};
use super::rooms::third_message;
use crate::bench::{Bench, Gateways};
use crate::child::Helper;
use crate::contest::{Contender, LAG, alternate, contenders, for_a_round, per_10_000, per_message};
use crate::count::{Count, SLOT};
use crate::fallible::Fallible;
use crate::gateway::SUCCESS;
use crate::role::Role;
use crate::roles::load::{Plan, Until};
use crate::roles::push;
use crate::roles::sink::Order;
use crate::sample::Sample;
use crate::server::{Server, Variant};
use crate::usage;

/// Accounts that are online and receive, and messages of one call: a notice to each.
const RECIPIENTS: usize = 64;
/// Connections that send batches, and single messages.
const BATCHES: usize = 8;
const SINGLE: usize = 256;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let gateways = Gateways::start(bench, &server)?;
        on(bench, &mut server, &gateways)?;
    }
    Ok(())
}

fn on(bench: &mut Bench, server: &mut Server, gateways: &Gateways) -> Fallible {
    let messages = server.variant.bearable(bench.form.messages);
    let conversations = conversations(&server.recipients);
    let full = |(from, to): &(String, String)| (format!("{from}@{DOMAIN}"), format!("{to}@{DOMAIN}"));
    let letters: Vec<String> = conversations.iter().map(full).map(|(from, to)| third_message(&from, &to)).collect();
    let singles: Vec<String> = conversations.iter().map(|(from, to)| send_message(from, to)).collect();
    let batch = vec![format!("[{}]", letters.join(","))];
    let stanzas: Vec<String> =
        conversations.iter().map(full).map(|(from, to)| stanza(server.variant.product, &from, &to)).collect();
    let (one, two) = ([&gateways.plain], [&gateways.spread]);
    let load = |gateways, path, bodies: &[String], connections, requests| {
        let plan = for_a_round(&bench.form, connections, path, SUCCESS);
        sending(Plan { bodies: bodies.to_vec(), until: Until::Requests(requests), ..plan }, gateways)
    };
    let calls = messages.div_ceil(RECIPIENTS as u64);
    let batches = |gateways| load(gateways, "/qtalk/send_thirdmessage", &batch, BATCHES, calls);
    let singles = |gateways| load(gateways, "/qtalk/send_message", &singles, SINGLE, messages);
    let sendings = vec![
        (format!("send_thirdmessage, {RECIPIENTS} in a call, {BATCHES} connections"), batches(&one)),
        (format!("send_thirdmessage, {RECIPIENTS} in a call, {BATCHES} connections, over two links"), batches(&two)),
        (format!("send_message, {SINGLE} connections"), singles(&one)),
        (format!("send_message, {SINGLE} connections, over two links"), singles(&two)),
    ];
    let part = format!("{}, received", server.variant.name());
    let server = RefCell::new(server);
    let bare = Contender {
        name: "a bare component connection".to_owned(),
        round: Box::new(|first| pushed(&mut server.borrow_mut(), &stanzas, messages, first)),
    };
    let results = alternate(&bench.form, contenders(&server, sendings).chain([bare]).collect())?;
    let against = results.len().checked_sub(1);
    bench.table.add(&part, "", &results, against);
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
