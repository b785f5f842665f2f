//! `stanzagate check` against servers that run from the shipped configuration: every right is found, every endpoint can work.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stanzagate::chat::types::right::Right;
use stanzagate::chat::types::room::NewRoom;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::metrics::Metrics;

use crate::on_all_servers;
use crate::support::verbs::call;
use crate::support::{Server, account};

on_all_servers!(the_shipped_configuration_grants_everything);

async fn the_shipped_configuration_grants_everything(server: Server) {
    let rig = server.shared();
    let user = account(rig, "user");
    let config = Arc::new(rig.gateway_config());
    let chat = Chat::start(Arc::clone(&config), Metrics::new()).expect("a valid configuration");
    let mut state = chat.link_state();
    let up = tokio::time::timeout(Duration::from_secs(10), state.wait_for(|state| *state == LinkState::Up)).await;
    assert!(up.is_ok_and(|up| up.is_ok()), "no link: {:?}", chat.link_state().borrow());
    let jid = chat.addresses().user_at(&user.name, rig.domain()).expect("an address");
    let mut rights: HashSet<Right> = stanzagate::dialects::needs(&config)
        .into_iter()
        .flat_map(|(_, needed, wanted)| [needed, wanted].concat())
        .collect();
    // A trial that was killed a year ago has left an account and a room.
    let name = format!("stanzagate-check-6900{:04x}-00000000", rand::random::<u16>());
    let left = chat.addresses().user_at(&name, rig.domain()).expect("an address");
    assert_eq!(chat.accounts.create_account(&call(), &left, "password").await.ok(), Some(true));
    let room = chat.addresses().room_at(&name, rig.rooms()).expect("an address");
    let new = NewRoom {
        room: room.clone(),
        owner: None,
        name: "left".into(),
        description: String::new(),
        members_only: true,
    };
    chat.rooms.create_room(&call(), &new).await.expect("a room");
    let report = chat.check().run(Some(&jid), rights.clone()).await;
    assert!(report.product.is_some());
    // Tried wherever there are records.
    rights.extend([Right::RecordsAlone, Right::RecordsClosed]);
    if server.is_ejabberd() {
        rights.extend([Right::NotBanned, Right::Unshaped]);
    }
    assert_eq!(report.findings.len(), rights.len());
    for finding in &report.findings {
        assert!(finding.verdict.is_ok(), "{}: {:?}", finding.right.name(), finding.verdict);
    }
    let seen = |right| report.findings.iter().find(|finding| finding.right == right).map(|finding| &finding.verdict);
    if !server.is_ejabberd() {
        let asked = seen(Right::Bookmarks).and_then(|verdict| verdict.as_ref().ok());
        assert!(asked.is_some_and(|seen| seen.contains(jid.as_str())), "a privileged IQ was refused as it should be");
    }
    // None is told of a version that the tests run on.
    assert!(!report.notes.iter().any(|note| note.contains("not tested with")), "{:?}", report.notes);
    assert_eq!(report.notes.iter().any(|note| note.contains("X-OAUTH2 let a token in")), server.is_ejabberd());
    assert_eq!(chat.accounts.account_exists(&call(), &left).await.ok(), Some(false));
    assert!(chat.rooms.members(&call(), &room).await.is_err());
    chat.drain(Duration::from_secs(5)).await;
}
