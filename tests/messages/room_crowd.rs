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
    let of_one = (0..20).map(|_| (one.jid.clone(), fresh("crowd")));
    let of_ten = room.members.iter().flat_map(|member| (0..3).map(|_| (member.jid.clone(), fresh("crowd"))));
    let sends: Vec<(String, String)> = of_one.chain(of_ten).collect();
    let posted = sends.iter().map(|(from, text)| async {
        gateway.post(SEND, &entry(from, &room.jid, &group(text))).await.expect_success();
    });
    join_all(posted).await;
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
