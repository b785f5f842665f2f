//! `stanzagate check` against servers that run from the shipped configuration: every right is found, every endpoint can work.

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stanzagate::chat::check::Right;
use stanzagate::chat::{Chat, LinkState};
use stanzagate::metrics::Metrics;
use support::{Server, account};

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
    let (product, findings) = chat.check(Some(&jid), rights.clone()).await;
    assert!(product.is_some());
    // Tried wherever there are records.
    rights.extend([Right::RecordsAlone, Right::RecordsClosed]);
    assert_eq!(findings.len(), rights.len());
    for finding in findings {
        assert!(finding.verdict.is_ok(), "{}: {:?}", finding.right.name(), finding.verdict);
    }
    chat.drain(Duration::from_secs(5)).await;
}
