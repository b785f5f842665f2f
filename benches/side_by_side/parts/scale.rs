//! Scaling out: one, two and three gateways, each a component of its own, on the same server, behind one HTTP balancer
//! that gives each request to the next. No reply may reach the wrong one.

use super::messages::{conversations, send_message, sending};
use crate::balancer::Balancer;
use crate::bench::Bench;
use crate::contest::{Sending, compare, for_a_round};
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::roles::load::Plan;
use crate::server::{COMPONENTS, Server, Variant};

const RECIPIENTS: usize = 16;
const GATEWAYS: usize = 3;
const CONNECTIONS: usize = 256;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, RECIPIENTS)?;
        let start = |name: &&str| Gateway::on(&bench.gateway, &server, name, "sender_copy = false");
        let gateways: Vec<Gateway> = COMPONENTS.iter().take(GATEWAYS).map(start).collect::<Fallible<_>>()?;
        let gateways: Vec<&Gateway> = gateways.iter().collect();
        let bodies: Vec<String> =
            conversations(&server.recipients).iter().map(|(from, to)| send_message(from, to)).collect();
        let plan = || {
            let plan = for_a_round(&bench.form, CONNECTIONS, "/qtalk/send_message", SUCCESS);
            Plan { bodies: bodies.clone(), ..plan }
        };
        let groups: Vec<&[&Gateway]> = (1..=gateways.len()).filter_map(|count| gateways.get(..count)).collect();
        let balancers: Vec<Balancer> = groups.iter().map(|group| Balancer::before(group)).collect::<Fallible<_>>()?;
        let mut sendings = vec![(
            "send_message to one, no balancer".to_owned(),
            sending(plan(), groups.first().copied().unwrap_or_default()),
        )];
        for (group, balancer) in groups.iter().zip(&balancers) {
            let through =
                Sending { plan: Plan { targets: vec![balancer.address], ..plan() }, ..sending(plan(), group) };
            sendings.push((format!("send_message, balanced over {}", group.len()), through));
        }
        let part = format!("{}, gateways", variant.name());
        compare(bench, &mut server, (&part, CONNECTIONS), sendings, Some(1))?;
        for gateway in gateways {
            let strays = gateway.metric("stanzagate_link_dropped_total")?;
            if strays > 0.0 {
                return Err(format!("{strays} stanzas reached a gateway that nobody there waited for").into());
            }
        }
    }
    Ok(())
}
