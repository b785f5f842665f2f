//! The gateway alone, on a fake server that answers at once: what a request costs, and how that grows with connections,
//! with acknowledgements that are waited for and with users; and whether memory grows with messages.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use stanzagate::dev::DOMAIN;

use super::messages::send_message;
use super::rooms::third_message;
use crate::bench::Bench;
use crate::child::Helper;
use crate::contest::{Contender, Watch, accept, alternate, for_a_round, fresh};
use crate::count::Count;
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::role::Role;
use crate::roles::allocations::Allocated;
use crate::roles::fake::Ask;
use crate::roles::load::{Outcome, Plan, Until};
use crate::sample::{Result, Sample};
use crate::usage;

const CONNECTIONS: usize = 64;
/// Messages of one call, to as many users.
const BATCH: usize = 64;
/// How long the fake server holds its answers back, to see what waiting acknowledgements cost.
const HOLDS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(10), Duration::from_millis(100)];
/// Requests whose allocations are counted.
const COUNTED: u64 = 500;
/// Users that are written to.
const USERS: [usize; 3] = [1, 1000, 50_000];

/// Measures.
pub fn run(bench: &mut Bench) -> Fallible {
    let (mut fake, address) = Helper::start(Role::Fake, &())?;
    let gateway = Gateway::on_fake(&bench.gateway, address)?;
    let form = bench.form;
    let plan = |path: &str, connections: usize, bodies: Vec<String>| Plan {
        targets: vec![gateway.address],
        bodies,
        ..for_a_round(&form, connections, path, SUCCESS)
    };
    let single =
        |connections, users| plan("/qtalk/send_message", connections, to_users(users, |to| send_message("alice", to)));
    let letters = to_users(BATCH, |to| third_message(&format!("alice@{DOMAIN}"), &format!("{to}@{DOMAIN}")));
    let batch = format!("[{}]", letters.join(","));

    let third = |bodies| plan("/qtalk/send_thirdmessage", CONNECTIONS, bodies);
    let kinds = [
        ("send_message".to_owned(), single(CONNECTIONS, BATCH)),
        ("send_thirdmessage".to_owned(), third(letters)),
        (format!("send_thirdmessage, {BATCH} in a call"), third(vec![batch.clone()])),
        ("health check, no message".to_owned(), health(plan("/health/live", CONNECTIONS, vec![String::new()]))),
    ];
    allocations(bench, address, &kinds)?;
    compare(bench, &mut fake, &gateway, "alone", &CONNECTIONS.to_string(), kinds.into())?;
    for connections in form.crowd {
        let crowd = [("send_message".to_owned(), single(*connections, BATCH))];
        compare(bench, &mut fake, &gateway, "alone, connections", &connections.to_string(), crowd.into())?;
    }
    for users in USERS {
        let users = [(format!("send_message to {users} users"), single(CONNECTIONS, users))];
        compare(bench, &mut fake, &gateway, "alone, users", &CONNECTIONS.to_string(), users.into())?;
    }
    for hold in HOLDS {
        let _: Count = fake.ask(&Ask::Hold(hold))?;
        let held = [(format!("send_message, acknowledged after {hold:?}"), single(256, BATCH))];
        compare(bench, &mut fake, &gateway, "alone, waiting", "256", held.into())?;
    }
    let _: Count = fake.ask(&Ask::Hold(Duration::ZERO))?;
    endure(bench, &mut fake, &gateway, &third(vec![batch]))
}

/// What each kind of request allocates; the first requests, which fill caches and buffers, do not count.
fn allocations(bench: &mut Bench, fake: SocketAddr, kinds: &[(String, Plan)]) -> Fallible {
    let (mut gateway, address): (_, SocketAddr) = Helper::start(Role::Allocations, &fake)?;
    for (name, plan) in kinds {
        let plan = Plan { targets: vec![address], connections: 1, until: Until::Requests(COUNTED), ..plan.clone() };
        let mut per_request = (0.0, 0.0);
        for _ in 0..2 {
            let (mut load, ()) = Helper::start(Role::Load, &plan)?;
            let before: Allocated = gateway.ask(&())?;
            let outcome: Outcome = load.ask(&fresh())?;
            accept(&outcome)?;
            let after: Allocated = gateway.ask(&())?;
            let share = |after: u64, before: u64| (after - before) as f64 / outcome.requests as f64;
            per_request = (share(after.blocks, before.blocks), share(after.bytes, before.bytes));
        }
        let (blocks, bytes) = per_request;
        bench.table.note(format!("{name}: {bytes:.0} bytes in {blocks:.0} allocations for each request"));
    }
    Ok(())
}

fn to_users(users: usize, body: impl Fn(&str) -> String) -> Vec<String> {
    (0..users).map(|user| body(&format!("user{user}"))).collect()
}

fn health(plan: Plan) -> Plan {
    Plan { success: json!({ "status": "live" }).to_string(), ..plan }
}

fn compare(
    bench: &mut Bench,
    fake: &mut Helper,
    gateway: &Gateway,
    part: &str,
    connections: &str,
    plans: Vec<(String, Plan)>,
) -> Fallible {
    let fake = std::cell::RefCell::new(fake);
    let contenders = plans.into_iter().map(|(name, plan)| {
        let fake = &fake;
        let round = Box::new(move |first| round(&mut fake.borrow_mut(), gateway, &plan, first));
        Contender { name, round }
    });
    let results = alternate(&bench.form, contenders.collect())?;
    bench.table.add(part, connections, &results, None);
    Ok(())
}

fn round(fake: &mut Helper, gateway: &Gateway, plan: &Plan, first: u64) -> Fallible<Sample> {
    let (mut load, ()) = Helper::start(Role::Load, plan)?;
    let before: Count = fake.ask(&Ask::Counted)?;
    let watch = Watch::begin(&[gateway])?;
    let outcome: Outcome = load.ask(&first)?;
    accept(&outcome)?;
    let sample = watch.end(&[gateway], &outcome)?;
    let after: Count = fake.ask(&Ask::Counted)?;
    let received = after.since(before);
    if received != outcome.acknowledged {
        return Err(format!("acknowledged {:?}, received {received:?}", outcome.acknowledged).into());
    }
    Ok(Sample { received: received.messages, ..sample })
}

/// Many messages, and what the gateway holds before and after the last nine tenths of them.
fn endure(bench: &mut Bench, fake: &mut Helper, gateway: &Gateway, plan: &Plan) -> Fallible {
    let calls = |messages: u64| Plan { until: Until::Requests(messages.div_ceil(BATCH as u64)), ..plan.clone() };
    let tenth = bench.form.endurance / 10;
    round(fake, gateway, &calls(tenth), fresh())?;
    let before = usage::memory(gateway.pid())? as f64 / 1e6;
    let sample = round(fake, gateway, &calls(tenth * 9), fresh())?;
    let after = usage::memory(gateway.pid())? as f64 / 1e6;
    let name = format!("send_thirdmessage, {BATCH} in a call; memory {before:.1} MB before, {after:.1} MB after");
    bench.table.add("alone, endurance", &CONNECTIONS.to_string(), &[Result { name, sample }], None);
    Ok(())
}
