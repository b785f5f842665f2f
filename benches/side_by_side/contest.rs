//! One contest: contenders in alternating rounds, each round counted at both ends, medians of the rounds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::child::Helper;
use super::count::Count;
use super::disk::Disks;
use super::fallible::Fallible;
use super::form::Form;
use super::gateway::Gateway;
use super::role::Role;
use super::roles::load::{Outcome, Plan, Until};
use super::roles::sink::Order;
use super::sample::{Result, Sample, median};
use super::server::Server;
use super::usage::{self, Machine};

/// Longest wait for messages that were acknowledged but have not come yet.
pub const LAG: Duration = Duration::from_secs(120);

/// One who is measured.
pub struct Contender<'a> {
    /// What the table calls it.
    pub name: String,
    /// One round of it; the number of the first message is given.
    pub round: Box<dyn FnMut(u64) -> Fallible<Sample> + 'a>,
}

/// Lets all contenders take turns; the first turn of each is for warming up and does not count.
pub fn alternate(form: &Form, mut contenders: Vec<Contender<'_>>) -> Fallible<Vec<Result>> {
    let mut samples: BTreeMap<usize, Vec<Sample>> = BTreeMap::new();
    let warm_up = usize::from(form.rounds > 1);
    for round in 0..form.rounds + warm_up {
        for (index, contender) in contenders.iter_mut().enumerate() {
            let sample = (contender.round)(fresh()).map_err(|error| format!("{}: {error}", contender.name))?;
            if round >= warm_up {
                samples.entry(index).or_default().push(sample);
            }
        }
    }
    let results = contenders.iter().zip(samples.into_values());
    Ok(results.map(|(contender, samples)| Result { name: contender.name.clone(), sample: median(&samples) }).collect())
}

/// A number above all that were given to messages before.
pub fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(100_000_000, Ordering::Relaxed) % 9_000_000_000
}

/// A load on real servers, whose messages must all arrive.
pub struct Sending<'a> {
    /// The load.
    pub plan: Plan,
    /// The gateways it goes through; none for the server's own API.
    pub gateways: &'a [&'a Gateway],
    /// Recipients of each message; none where nothing is sent.
    pub copies: u64,
}

impl Sending<'_> {
    /// One round.
    pub fn round(&self, server: &mut Server, first: u64) -> Fallible<Sample> {
        let (mut load, ()) = Helper::start(Role::Load, &self.plan)?;
        let before: Count = server.sink.ask(&Order::NOW)?;
        let group = server.group()?;
        let server_cpu = usage::cpu_of_group(group)?;
        let watch = Watch::begin(self.gateways)?;
        let disks = server.variant.disks()?;
        let started = Instant::now();
        let outcome: Outcome = load.ask(&first)?;
        accept(&outcome)?;
        let wanted = outcome.acknowledged.times(self.copies);
        let after: Count = server.sink.ask(&Order::Wait(before.messages + wanted.messages, LAG))?;
        let all_here = started.elapsed();
        let received = after.since(before);
        if received != wanted {
            return Err(format!("acknowledged {wanted:?}, received {received:?}").into());
        }
        let served = usage::cpu_of_group(group)?.saturating_sub(server_cpu);
        let mut sample = watch.end(self.gateways, &outcome)?;
        sample.server_cpu = Some(per_10_000(served, units(&outcome)));
        sample.received = received.messages;
        if self.copies > 0 {
            sample.disk = per_message(disks, received)?;
        }
        // Who answers before anything is delivered is no faster for it.
        if self.copies > 0 {
            sample.rate = received.messages as f64 / all_here.as_secs_f64();
        }
        Ok(sample)
    }
}

/// Loads on one server, by what the table calls them.
pub fn contenders<'a>(
    server: &'a RefCell<&'a mut Server>,
    sendings: Vec<(String, Sending<'a>)>,
) -> impl Iterator<Item = Contender<'a>> {
    sendings.into_iter().map(move |(name, sending)| Contender {
        name,
        round: Box::new(move |first| sending.round(&mut server.borrow_mut(), first)),
    })
}

/// Lets loads take turns on one server, and adds what came of them to the table.
pub fn compare(
    bench: &mut Bench,
    server: &mut Server,
    (part, connections): (&str, usize),
    sendings: Vec<(String, Sending<'_>)>,
    against: Option<usize>,
) -> Fallible {
    let server = RefCell::new(server);
    let results = alternate(&bench.form, contenders(&server, sendings).collect())?;
    bench.table.add(part, &connections.to_string(), &results, against);
    Ok(())
}

/// What the disks have done for each message.
pub fn per_message(disks: Option<Disks>, received: Count) -> Fallible<Option<[f64; 2]>> {
    let Some(disk) = disks.map(|disks| disks.end()).transpose()? else { return Ok(None) };
    Ok(Some([disk.flushes / received.messages as f64, disk.busy]))
}

/// Fails when a request did, or none was made.
pub fn accept(outcome: &Outcome) -> Fallible {
    if outcome.failed > 0 || outcome.requests == 0 {
        let failure = outcome.failure.clone().unwrap_or_default();
        return Err(
            format!("{} of {} requests failed: {failure}", outcome.failed, outcome.requests + outcome.failed).into()
        );
    }
    Ok(())
}

/// What gateways use during a round.
pub struct Watch {
    cpu: Duration,
    barriers: (f64, f64),
    machine: Machine,
}

impl Watch {
    /// Begins.
    pub fn begin(gateways: &[&Gateway]) -> Fallible<Watch> {
        for gateway in gateways {
            gateway.forget_log()?;
            gateway.forget_peak()?;
        }
        Ok(Watch { cpu: cpu(gateways)?, barriers: barriers(gateways)?, machine: Machine::now()? })
    }

    /// Ends, and says it with what came of the load.
    pub fn end(self, gateways: &[&Gateway], outcome: &Outcome) -> Fallible<Sample> {
        let machine = Machine::now()?.since(self.machine);
        let used = cpu(gateways)?.saturating_sub(self.cpu);
        let (stanzas, pings) = barriers(gateways)?;
        let (stanzas, pings) = (stanzas - self.barriers.0, pings - self.barriers.1);
        let memory: u64 = gateways.iter().map(|gateway| usage::peak(gateway.pid())).sum::<Fallible<u64>>()?;
        let ours = !gateways.is_empty();
        Ok(Sample {
            rate: units(outcome) / outcome.took.as_secs_f64(),
            latency: Some(outcome.latency.map(|time| time.as_secs_f64())),
            gateway_cpu: ours.then(|| per_10_000(used, units(outcome))),
            memory: ours.then_some(memory as f64),
            batch: (pings > 0.0).then(|| stanzas / pings),
            machine: Some(machine),
            acknowledged: outcome.acknowledged.messages,
            ..Sample::default()
        })
    }
}

fn cpu(gateways: &[&Gateway]) -> Fallible<Duration> {
    gateways.iter().map(|gateway| usage::cpu(gateway.pid())).sum()
}

fn barriers(gateways: &[&Gateway]) -> Fallible<(f64, f64)> {
    gateways.iter().try_fold((0.0, 0.0), |(stanzas, pings), gateway| {
        let sum = gateway.metric("stanzagate_link_barrier_stanzas_sum")?;
        Ok((stanzas + sum, pings + gateway.metric("stanzagate_link_barrier_stanzas_count")?))
    })
}

/// Messages, or requests where there are none.
fn units(outcome: &Outcome) -> f64 {
    (if outcome.acknowledged.messages > 0 { outcome.acknowledged.messages } else { outcome.requests }) as f64
}

/// CPU seconds of 10,000 of `units`.
pub fn per_10_000(cpu: Duration, units: f64) -> f64 {
    cpu.as_secs_f64() / units * 10_000.0
}

/// A plan that lasts as long as a round.
pub fn for_a_round(form: &Form, connections: usize, path: &str, success: &str) -> Plan {
    Plan {
        targets: Vec::new(),
        path: path.to_owned(),
        bodies: Vec::new(),
        success: success.to_owned(),
        connections,
        until: Until::Time(form.round),
    }
}
