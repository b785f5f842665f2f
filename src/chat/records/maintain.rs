//! Maintains the records' nodes that are there already, when a gateway starts and by `check`: those that anybody could
//! look into are closed, other gateways are let in, and numbers that have lost whose they are get it back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::records::{Records, name};
use crate::chat::types::error::ChatError;
use crate::chat::types::number::numbers_before;
use crate::link::{Call, LinkState};
use crate::xml::Element;
use crate::xmpp::{iq, pubsub};

/// Time for one step.
const STEP: Duration = Duration::from_secs(30);
/// Nodes that are looked at in one step.
const NODES: usize = 1000;
/// Questions that are asked side by side: few, for calls go on meanwhile.
const WINDOW: usize = 16;
/// Time for all. What is left then is looked at when the gateway starts again.
const TIME: Duration = Duration::from_secs(600);
/// How long to wait before a node that is open is looked at once more: one that is just being made may be for a moment.
const YOUNG: Duration = Duration::from_secs(1);
/// How long to wait before all is tried again, and how often that is done.
const AGAIN: (Duration, usize) = (Duration::from_secs(15), 20);
/// Names that are listed, and characters of each.
const LISTED: (usize, usize) = (3, 64);

/// What was found and done.
#[derive(Debug, Default)]
pub(in crate::chat) struct Maintained {
    /// Nodes that were looked at.
    pub(in crate::chat) nodes: usize,
    /// Those that were open to others and are closed now.
    pub(in crate::chat) closed: Vec<String>,
    /// Those that are open to others still.
    pub(in crate::chat) open: Vec<String>,
    /// Those into which other gateways were let.
    shared: usize,
    /// Those into which they were not let, because the nodes would be open to everybody while that is done.
    unshared: Vec<String>,
    /// Numbers that have got back whose they are.
    named: usize,
    /// Nodes for which there was no time.
    left: usize,
    holders: HashMap<u64, BareJid>,
    unsaid: HashSet<u64>,
}

impl Records {
    /// Looks after the records of earlier days in the background, once. What it finds is logged.
    pub fn maintain_records(self: &Arc<Self>) {
        tokio::spawn(Records::maintain_all(Arc::downgrade(self)));
    }

    async fn maintain_all(records: Weak<Records>) {
        for _ in 0..AGAIN.1 {
            let Some(mut state) = records.upgrade().map(|records| records.server.link.state()) else { return };
            if state.wait_for(|state| *state == LinkState::Up).await.is_err() {
                return;
            }
            let Some(here) = records.upgrade() else { return };
            match here.tend_services().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "not all records were looked after; that is tried again"),
            }
            drop(here);
            tokio::time::sleep(AGAIN.0).await;
        }
        tracing::warn!("the records are not looked after any more; `stanzagate check` does it too");
    }

    async fn tend_services(&self) -> Result<(), ChatError> {
        let services: HashSet<&str> = self.server.addresses.realms().map(|realm| realm.pubsub.as_str()).collect();
        for service in services {
            match self.maintain(service).await {
                Ok(maintained) => maintained.log(service),
                // One that is not there, or does not let the gateway look, has no nodes of the gateway's.
                Err(error @ ChatError::Right(_)) => tracing::debug!(service, %error, "no records to look after"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks after all nodes of a service that are the gateway's own.
    ///
    /// # Errors
    /// [`ChatError::Right`] when the service does not list all nodes; a link that fails.
    pub(in crate::chat) async fn maintain(&self, service: &str) -> Result<Maintained, ChatError> {
        let until = Instant::now() + TIME;
        let nodes = self.nodes(&step(), service).await?;
        let nodes: Vec<String> = nodes.into_iter().filter(|node| name::is_record(node)).collect();
        let shares = self.shares(&step()).await;
        let opens = shares && self.opens_when_shared(&step(), service).await;
        let mut maintained = Maintained::default();
        for some in nodes.chunks(NODES) {
            if Instant::now() > until {
                maintained.left += some.len();
                continue;
            }
            maintained.nodes += some.len();
            self.close_some(service, some, &mut maintained).await?;
            if shares {
                self.share_some(service, some, opens, &mut maintained).await?;
            }
        }
        self.name_numbers(service, &mut maintained).await?;
        Ok(maintained)
    }

    /// The nodes that are open to others.
    async fn open_of(
        &self,
        service: &str,
        nodes: &[String],
        maintained: &mut Maintained,
    ) -> Result<Vec<String>, ChatError> {
        let question = |node: &String| iq::get(&self.server.component, service, pubsub::config_query(node));
        let answers = self.server.ask_all(&step(), nodes.iter().map(question).collect(), WINDOW).await;
        let mut open = Vec::new();
        for (node, answer) in nodes.iter().zip(answers) {
            // Refused: it is another's. Not found: it has ended meanwhile.
            let Ok(config) = answer? else { continue };
            if !pubsub::is_closed(&config) {
                open.push(node.clone());
            }
            maintained.learn(node, &config);
        }
        Ok(open)
    }

    async fn close_some(&self, service: &str, nodes: &[String], maintained: &mut Maintained) -> Result<(), ChatError> {
        let mut open = self.open_of(service, nodes, maintained).await?;
        if open.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(YOUNG).await;
        open = self.open_of(service, &open, maintained).await?;
        let close = |node: &String| iq::set(&self.server.component, service, pubsub::close(node, None));
        for answer in self.server.ask_all(&step(), open.iter().map(close).collect(), WINDOW).await {
            answer?.ok();
        }
        let still: HashSet<String> = self.open_of(service, &open, maintained).await?.into_iter().collect();
        let (still, closed): (Vec<String>, Vec<String>) = open.into_iter().partition(|node| still.contains(node));
        maintained.open.extend(still);
        maintained.closed.extend(closed);
        Ok(())
    }

    /// Lets the siblings into nodes; where that would open them, only into those that hold nothing.
    async fn share_some(
        &self,
        service: &str,
        nodes: &[String],
        opens: bool,
        maintained: &mut Maintained,
    ) -> Result<(), ChatError> {
        let question = |node: &String| iq::get(&self.server.component, service, pubsub::owners_query(node));
        let answers = self.server.ask_all(&step(), nodes.iter().map(question).collect(), WINDOW).await;
        let mut to_share = Vec::new();
        for (node, answer) in nodes.iter().zip(answers) {
            let Ok(owners) = answer? else { continue };
            if self.is_shared(&owners) {
                continue;
            }
            match opens && self.holds_items(&step(), service, node).await? {
                true => maintained.unshared.push(node.clone()),
                false => to_share.push(node.clone()),
            }
        }
        let requests = to_share.iter().map(|node| self.letting_in(service, node)).collect();
        for answer in self.server.ask_all(&step(), requests, WINDOW).await {
            match answer? {
                Err(error) if !error.is("item-not-found") => return Err(self.pubsub_refusal(service, error)),
                _ => maintained.shared += 1,
            }
        }
        match opens {
            true => self.close_some(service, &to_share, maintained).await,
            false => Ok(()),
        }
    }

    /// A user who has a number holds those before it too whose nodes do not say whose they are.
    async fn name_numbers(&self, service: &str, maintained: &mut Maintained) -> Result<(), ChatError> {
        let mut lost: HashMap<u64, &BareJid> = HashMap::new();
        for (number, user) in &maintained.holders {
            let before = numbers_before(user, *number).filter(|before| maintained.unsaid.contains(before));
            lost.extend(before.map(|before| (before, user)));
        }
        let name = |(number, user): (&u64, &&BareJid)| {
            let user = name::escape(user.as_str());
            iq::set(&self.server.component, service, pubsub::close(&name::number(*number), Some(&user)))
        };
        for answer in self.server.ask_all(&step(), lost.iter().map(name).collect(), WINDOW).await {
            maintained.named += usize::from(answer?.is_ok());
        }
        Ok(())
    }
}

impl Maintained {
    fn learn(&mut self, node: &str, config: &Element) {
        let Some(number) = name::number_of(node) else { return };
        match pubsub::description(config) {
            None => drop(self.unsaid.insert(number)),
            Some(user) => {
                self.unsaid.remove(&number);
                let user = name::unescape(&user).and_then(|user| BareJid::new(&user).ok());
                self.holders.extend(user.map(|user| (number, user)));
            }
        }
    }

    fn log(&self, service: &str) {
        if !self.closed.is_empty() {
            let (count, nodes) = (self.closed.len(), listed(&self.closed));
            tracing::warn!(service, count, nodes, "records' nodes were open to any user, and are closed now");
        }
        if !self.open.is_empty() {
            let (count, nodes) = (self.open.len(), listed(&self.open));
            tracing::error!(service, count, nodes, "records' nodes are open to any user and could not be closed");
        }
        if !self.unshared.is_empty() {
            let (count, nodes) = (self.unshared.len(), listed(&self.unshared));
            tracing::warn!(
                service,
                count,
                nodes,
                "records' nodes are not shared with the gateways in component.siblings: ejabberd's SQL storage would open \
                 them to any user meanwhile. docs/operations.md has the SQL statement that does it (Several gateways)"
            );
        }
        let Maintained { nodes, shared, named, left, .. } = self;
        tracing::info!(service, nodes, shared, named, left, "the records were looked after");
    }
}

/// A few names, for a log line or a finding.
pub(in crate::chat) fn listed(nodes: &[String]) -> String {
    let (most, length) = LISTED;
    let cut = |node: &String| node.chars().take(length).collect::<String>();
    let names = nodes.iter().take(most).map(cut).collect::<Vec<_>>().join(", ");
    match nodes.len().checked_sub(most).filter(|more| *more > 0) {
        Some(more) => format!("{names} and {more} more"),
        None => names,
    }
}

fn step() -> Call {
    Call::new("maintain".into(), Instant::now() + STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_names_are_listed_and_cut() {
        let nodes: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        assert_eq!(listed(&nodes), "0, 1, 2 and 2 more");
        assert_eq!(listed(&nodes[..3]), "0, 1, 2");
        assert_eq!(listed(&["語".repeat(100)]).chars().count(), 64);
    }
}
