//! Many messages to a room at once: each is acknowledged, shown and stored exactly once.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::room::{Room, group};
use super::{SEND, entry};
use crate::support::element::{body, says};
use crate::support::{Client, Gateway, Server, fresh};

crate::on_all_servers!(a_crowd_is_heard_once_each,);

async fn a_crowd_is_heard_once_each(server: Server) {
    let (rig, gateway) = (server.shared(), Gateway::shared(server).await);
    let room = Room::make(server, &["bob"; 10]).await;
    let owner = Client::login(rig, &room.owner).await;
    owner.join(&room.jid, "Listener").await.expect("the owner may enter");
    let one = &room.members[0];
    let of_one: Vec<_> = (0..20).map(|_| (one.jid.clone(), fresh("crowd"))).collect();
    let of_ten: Vec<_> = room.members.iter().map(|member| (member.jid.clone(), fresh("crowd"))).collect();
    for sends in [&of_one, &of_ten] {
        let posted = sends.iter().map(|(from, text)| async {
            gateway.post(SEND, &entry(from, &room.jid, &group(text))).await.expect_success();
        });
        join_all(posted).await;
    }
    let sends: Vec<_> = of_one.into_iter().chain(of_ten).collect();
    for (_, text) in &sends {
        owner.wait_for(text, says(text)).await;
    }
    owner.ping().await;
    let archive = owner.mam(Some(&room.jid)).await;
    let live = owner.received();
    let direct = live.iter().filter(|el| el.name() == "message");
    for (place, messages) in [("archived", archive.iter().collect::<Vec<_>>()), ("shown", direct.collect())] {
        let mut counts: BTreeMap<String, usize> = sends.iter().map(|(_, text)| (text.clone(), 0)).collect();
        for text in messages.into_iter().filter_map(body) {
            counts.entry(text).and_modify(|count| *count += 1);
        }
        counts.retain(|_, count| *count != 1);
        assert!(counts.is_empty(), "{place} not once: {counts:?}");
    }
}
