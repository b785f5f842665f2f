//! What `routed` and `archived` cost over `written`, for one caller and at full load, on the gateway's link alone. On
//! ejabberd, whose members get a room's messages without being there.

use std::cell::RefCell;

use stanzagate::dev::DOMAIN;

use super::messages::{TEXT, conversations};
use super::rooms::{add, make};
use crate::bench::Bench;
use crate::child::Helper;
use crate::contest::{Contender, LAG, accept, alternate};
use crate::count::{Count, SLOT};
use crate::fallible::Fallible;
use crate::gateway::Gateway;
use crate::role::Role;
use crate::roles::link::{Level, Plan};
use crate::roles::load::Outcome;
use crate::roles::sink::Order;
use crate::sample::Sample;
use crate::server::{COMPONENTS, SENDERS, Server, Variant};

/// A room has one member who is online, so that a message means the same work for the server at every level. Users are
/// more, because ejabberd throws out a client for whom 10,000 messages wait, and nothing holds `written` back.
const RECIPIENTS: usize = 64;
const CALLERS: [usize; 2] = [1, 256];

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let full = |user: &str| format!("{user}@{DOMAIN}");
        let users: Vec<(String, String)> =
            conversations(&server.recipients).iter().map(|(from, to)| (full(from), full(to))).collect();
        let mut rooms = Vec::new();
        {
            // Gone before the callers come: a room reflects to each gateway that has spoken there.
            let [name, ..] = COMPONENTS;
            let gateway = Gateway::on(&bench.gateway, &server, name, "")?;
            for (owner, member) in SENDERS.iter().zip(&server.recipients) {
                let room = format!("room-of-{owner}");
                make(&gateway, owner, &room)?;
                add(&gateway, owner, &room, std::slice::from_ref(member))?;
                rooms.push((full(owner), server.room(&room)));
            }
        }
        for callers in CALLERS {
            on(bench, &mut server, callers, &users, &rooms)?;
        }
    }
    Ok(())
}

fn on(
    bench: &mut Bench,
    server: &mut Server,
    callers: usize,
    users: &[(String, String)],
    rooms: &[(String, String)],
) -> Fallible {
    let levels = [
        ("written", Level::Written, users),
        ("routed", Level::Routed, users),
        ("archived, or reflected by the room where nothing is", Level::Archived, rooms),
    ];
    let (part, time) = (format!("{}, acknowledgement", server.variant.name()), bench.form.round);
    let most = server.variant.bearable(bench.form.messages) as usize;
    let component = server.component();
    let server = RefCell::new(server);
    let contenders = levels.into_iter().map(|(name, level, conversations)| {
        let plan = Plan {
            component: component.clone(),
            domain: DOMAIN.to_owned(),
            level,
            conversations: conversations.to_vec(),
            text: format!("{TEXT} {SLOT}"),
            callers,
            time,
            most,
        };
        let server = &server;
        let round = Box::new(move |first| round(&mut server.borrow_mut(), &plan, first));
        Contender { name: name.to_owned(), round }
    });
    let results = alternate(&bench.form, contenders.collect())?;
    bench.table.add(&part, &callers.to_string(), &results, Some(0));
    Ok(())
}

fn round(server: &mut Server, plan: &Plan, first: u64) -> Fallible<Sample> {
    let (mut link, ()) = Helper::start(Role::Link, plan)?;
    let before: Count = server.sink.ask(&Order::NOW)?;
    let (outcome, batch): (Outcome, Option<f64>) = link.ask(&first)?;
    accept(&outcome)?;
    let wanted = outcome.acknowledged;
    let after: Count = server.sink.ask(&Order::Wait(before.messages + wanted.messages, LAG))?;
    let received = after.since(before);
    if received != wanted {
        return Err(format!("acknowledged {wanted:?}, received {received:?}").into());
    }
    Ok(Sample {
        rate: wanted.messages as f64 / outcome.took.as_secs_f64(),
        latency: Some(outcome.latency.map(|time| time.as_secs_f64())),
        batch,
        acknowledged: wanted.messages,
        received: received.messages,
        ..Sample::default()
    })
}
