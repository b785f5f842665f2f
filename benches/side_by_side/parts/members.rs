//! Members of rooms: `add_muc_user` and `muc_users`, on ejabberd against its `set_room_affiliation` for each and its
//! `get_room_affiliations`.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use stanzagate::dev::{DOMAIN, Product, ROOMS};

use super::messages::sending;
use super::rooms::{add, make, member_list};
use crate::bench::{Bench, Gateways};
use crate::child::Helper;
use crate::contest::{Contender, Sending, accept, alternate, compare, for_a_round, per_10_000};
use crate::fallible::Fallible;
use crate::gateway::{Gateway, SUCCESS};
use crate::role::Role;
use crate::roles::load::{Outcome, Plan, Until};
use crate::sample::Sample;
use crate::server::{Archive, Server, Variant};
use crate::usage;

const OWNER: &str = "alice";
/// Connections over which the members are set one by one.
const SIDE_BY_SIDE: usize = 32;
/// Members in all of the answers that are wanted from Prosody at once, at most: more of them are not listed within the time
/// that a question to the server has.
const LISTED_BY_PROSODY: usize = 100_000;

/// Measures on each of `variants`.
pub fn run(bench: &mut Bench, variants: &[Variant]) -> Fallible {
    for variant in variants {
        let mut server = Server::start(*variant, 0)?;
        let gateways = Gateways::start(bench, &server)?;
        let most = bench.form.members.iter().copied().max().unwrap_or_default();
        let members: Vec<String> = (0..most).map(|number| format!("member{number}")).collect();
        for member in &members {
            server.rig.register(member)?;
        }
        for count in bench.form.members {
            let members = members.get(..*count).unwrap_or_default();
            fill(bench, &server, &gateways, members)?;
            // The same whatever is archived.
            if variant.archive != Archive::Sqlite {
                list(bench, &mut server, &gateways.plain, members)?;
            }
        }
    }
    Ok(())
}

/// One filling of a new room.
struct Filling<'a> {
    server: &'a Server,
    /// Who makes the room.
    host: &'a Gateway,
    gateway: Option<&'a Gateway>,
    target: SocketAddr,
    path: &'static str,
    success: &'static str,
    connections: usize,
    bodies: &'a dyn Fn(&str) -> Vec<String>,
    members: usize,
}

impl Filling<'_> {
    fn round(&self, room: &str) -> Fallible<Sample> {
        make(self.host, OWNER, room)?;
        let bodies = (self.bodies)(room);
        let plan = Plan {
            targets: vec![self.target],
            path: self.path.to_owned(),
            until: Until::Requests(bodies.len() as u64),
            bodies,
            success: self.success.to_owned(),
            connections: self.connections,
        };
        let (mut load, ()) = Helper::start(Role::Load, &plan)?;
        let group = self.server.group()?;
        let cpu = || -> Fallible<(Duration, Duration)> {
            let ours = self.gateway.map_or(Ok(Duration::ZERO), |gateway| usage::cpu(gateway.pid()))?;
            Ok((ours, usage::cpu_of_group(group)?))
        };
        let (ours, theirs) = cpu()?;
        let outcome: Outcome = load.ask(&0)?;
        accept(&outcome)?;
        let used = cpu()?;
        let members = self.members as f64;
        Ok(Sample {
            rate: members / outcome.took.as_secs_f64(),
            latency: Some([outcome.took.as_secs_f64(); 3]),
            gateway_cpu: self.gateway.map(|_| per_10_000(used.0.saturating_sub(ours), members)),
            server_cpu: Some(per_10_000(used.1.saturating_sub(theirs), members)),
            ..Sample::default()
        })
    }
}

fn fill(bench: &mut Bench, server: &Server, gateways: &Gateways, members: &[String]) -> Fallible {
    let all_at_once = |room: &str| vec![member_list(OWNER, room, members).to_string()];
    let each = |room: &str| {
        let body = |member| {
            let jid = format!("{member}@{DOMAIN}");
            json!({ "name": room, "service": ROOMS, "jid": jid, "affiliation": "member" }).to_string()
        };
        members.iter().map(body).collect()
    };
    let ours = |gateway| Filling {
        server,
        host: &gateways.plain,
        gateway: Some(gateway),
        target: gateway.address,
        path: "/qtalk/add_muc_user",
        success: SUCCESS,
        connections: 1,
        bodies: &all_at_once,
        members: members.len(),
    };
    let mut contenders =
        vec![("add_muc_user: affiliation, subscription, bookmark, invitation", ours(&gateways.copying))];
    if server.variant.product == Product::Ejabberd {
        let theirs = Filling {
            server,
            host: &gateways.plain,
            gateway: None,
            target: server.api()?,
            path: "/api/set_room_affiliation",
            success: "0",
            connections: SIDE_BY_SIDE.min(members.len()),
            bodies: &each,
            members: members.len(),
        };
        contenders.push(("ejabberd /api/set_room_affiliation for each: affiliation alone", theirs));
    }
    let number = Cell::new(0);
    let contenders = contenders.into_iter().enumerate().map(|(index, (name, filling))| {
        let number = &number;
        let round = Box::new(move |_| {
            number.set(number.get() + 1);
            filling.round(&format!("filled-{index}-{}-{}", filling.members, number.get()))
        });
        Contender { name: name.to_owned(), round }
    });
    let results = alternate(&bench.form, contenders.collect())?;
    let part = format!("{}, {} members added, each per second", server.variant.name(), members.len());
    bench.table.add(&part, "", &results, (results.len() > 1).then_some(1));
    Ok(())
}

fn list(bench: &mut Bench, server: &mut Server, gateway: &Gateway, members: &[String]) -> Fallible {
    let room = format!("listed-{}", members.len());
    make(gateway, OWNER, &room)?;
    add(gateway, OWNER, &room, members)?;
    let gateways = [gateway];
    for connections in bench.form.connections {
        if server.variant.product == Product::Prosody && connections * members.len() > LISTED_BY_PROSODY {
            continue;
        }
        let plan = |path: &str, success: &str, body: serde_json::Value| Plan {
            bodies: vec![body.to_string()],
            ..for_a_round(&bench.form, *connections, path, success)
        };
        let ours = plan("/qtalk/muc_users", SUCCESS, json!({ "muc_id": room, "muc_domain": ROOMS }));
        let nobody = |sending| Sending { copies: 0, ..sending };
        let mut sendings = vec![("muc_users".to_owned(), nobody(sending(ours, &gateways)))];
        if server.variant.product == Product::Ejabberd {
            let body = json!({ "name": room, "service": ROOMS });
            let theirs = plan("/api/get_room_affiliations", "\"affiliation\"", body);
            let theirs = Plan { targets: vec![server.api()?], ..theirs };
            sendings.push(("ejabberd /api/get_room_affiliations".to_owned(), nobody(sending(theirs, &[]))));
        }
        let part = format!("{}, {} members listed", server.variant.name(), members.len());
        let against = (sendings.len() > 1).then_some(1);
        compare(bench, server, (&part, *connections), sendings, against)?;
    }
    Ok(())
}
