//! Letting other gateways into the records' nodes. On Prosody they are administrators of the service and need nothing. On
//! ejabberd a node is closed to all but its owners, so whoever makes one makes the siblings its owners too, in a second
//! step: until then they wait a moment when they are refused. What a gateway that ended between the two steps has left,
//! or made before it knew of a sibling, it mends when it starts again.

use std::collections::HashSet;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::super::core::{Core, WINDOW};
use super::super::{Call, ChatError, LinkState, Product};
use super::name;
use super::store::{Answer, PAUSES, is_lost};
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{iq, pubsub};

/// Time for one step of mending.
const STEP: Duration = Duration::from_secs(30);
/// Nodes that are looked at in one step.
const NODES: usize = 1000;
/// How long to wait before mending is tried again.
const AGAIN: Duration = Duration::from_secs(15);

impl Core {
    /// True when others must be let into each node, or may have to be.
    async fn shares(&self, call: &Call) -> bool {
        !self.siblings.is_empty() && !matches!(self.product(call).await, Ok(Product::Prosody))
    }

    /// Asks about nodes side by side. What is refused may be another gateway's, which is about to share it: that is asked
    /// again for a moment.
    pub(super) async fn ask_nodes(
        &self,
        call: &Call,
        questions: Vec<Element>,
        window: usize,
    ) -> Vec<Result<Answer, ChatError>> {
        if !self.shares(call).await {
            return self.ask_all(call, questions, window).await;
        }
        let mut answers = self.ask_all(call, questions.clone(), window).await;
        for pause in PAUSES {
            let closed = answers.iter_mut().zip(&questions).filter(|(answer, _)| is_closed(answer));
            let (places, questions): (Vec<_>, Vec<_>) = closed.map(|(place, asked)| (place, asked.clone())).unzip();
            if places.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            for (place, answer) in places.into_iter().zip(self.ask_all(call, questions, window).await) {
                *place = answer;
            }
        }
        answers
    }

    /// As [`Core::ask_nodes`], for one question.
    pub(super) async fn ask_node(&self, call: &Call, question: Element) -> Result<Answer, ChatError> {
        let answer = self.ask_nodes(call, vec![question], 1).await.pop();
        answer.unwrap_or_else(|| Err(crate::link::LinkError::Unknown.into()))
    }

    /// Publishes items side by side, each from its node, its id and its JSON.
    pub(super) async fn publish(
        &self,
        call: &Call,
        service: &str,
        items: &[(&str, &str, &str)],
        window: usize,
    ) -> Vec<Result<Answer, ChatError>> {
        let publishing =
            |(node, id, json): &(&str, &str, &str)| iq::set(&self.component, service, pubsub::publish(node, id, json));
        let mut answers = self.ask_all(call, items.iter().map(publishing).collect(), window).await;
        if !self.shares(call).await {
            return answers;
        }
        for pause in std::iter::once(Duration::ZERO).chain(PAUSES) {
            let closed = answers.iter_mut().zip(items).filter(|(answer, _)| is_closed(answer));
            let (places, items): (Vec<_>, Vec<_>) = closed.unzip();
            if places.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            // In ejabberd 23.01 an owner does not replace another's item; but he may remove it. Both are asked at once, and
            // done one after the other.
            let anew = items.into_iter().flat_map(|item: &(&str, &str, &str)| {
                [iq::set(&self.component, service, pubsub::retract(item.0, item.1)), publishing(item)]
            });
            let anew = self.ask_all(call, anew.collect(), window.next_multiple_of(2)).await;
            for (place, answer) in places.into_iter().zip(anew.into_iter().skip(1).step_by(2)) {
                *place = answer;
            }
        }
        answers
    }

    /// Makes nodes side by side, each from its name and the request for it, and lets the siblings into them.
    pub(super) async fn create_nodes(
        &self,
        call: &Call,
        service: &str,
        creations: Vec<(&str, Element)>,
    ) -> Vec<Result<Answer, ChatError>> {
        let (nodes, requests): (Vec<&str>, Vec<Element>) = creations.into_iter().unzip();
        if !self.shares(call).await {
            return self.ask_all(call, requests, WINDOW).await;
        }
        // Noted before anything is asked: a caller may go away at any step, and then the next one who comes shares.
        let noted = |node: &str| (service.to_owned(), node.to_owned());
        let left: Vec<bool> = {
            let mut unshared = self.unshared.lock();
            nodes.iter().map(|node| !unshared.insert(noted(node))).collect()
        };
        let mut made = self.ask_all(call, requests, WINDOW).await;
        let mut to_share = Vec::new();
        for (n, (answer, left)) in made.iter().zip(left).enumerate() {
            let is_there = matches!(answer, Ok(Err(error)) if error.is("conflict"));
            if matches!(answer, Ok(Ok(_))) || (is_there && left) {
                to_share.push(n);
                continue;
            }
            let may_be_made = match answer {
                Ok(Ok(_)) => true,
                Ok(Err(error)) => is_lost(error),
                Err(error) => !error.is_unavailable(),
            };
            if !left
                && !may_be_made
                && let Some(node) = nodes.get(n)
            {
                self.unshared.lock().remove(&noted(node));
            }
        }
        let requests = to_share.iter().filter_map(|n| Some(self.letting_in(service, nodes.get(*n)?)));
        let shared = self.ask_all(call, requests.collect(), WINDOW).await;
        for (n, answer) in to_share.into_iter().zip(shared) {
            // A node that another gateway made meanwhile is that one's to share.
            if !matches!(&answer, Ok(Ok(_)))
                && !is_closed(&answer)
                && let Some(place) = made.get_mut(n)
            {
                *place = answer;
            }
        }
        let mut unshared = self.unshared.lock();
        for (node, answer) in nodes.iter().zip(&made) {
            match answer {
                Ok(Ok(_)) => drop(unshared.remove(&noted(node))),
                Ok(Err(error)) if error.is("conflict") => drop(unshared.remove(&noted(node))),
                _ => {}
            }
        }
        made
    }

    fn letting_in(&self, service: &str, node: &str) -> Element {
        iq::set(&self.component, service, pubsub::make_owners(node, self.siblings.iter().map(String::as_str)))
    }

    /// Lets the siblings into all nodes that are the gateway's own. To be spawned once; it ends when that is done.
    pub(in super::super) async fn share_all(core: Weak<Core>) {
        loop {
            let Some(mut state) = core.upgrade().map(|core| core.link.state()) else { return };
            if state.wait_for(|state| *state == LinkState::Up).await.is_err() {
                return;
            }
            let Some(core) = core.upgrade() else { return };
            match core.share_with_siblings().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the records are not all shared with the other gateways"),
            }
            drop(core);
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn share_with_siblings(&self) -> Result<(), ChatError> {
        if !self.shares(&step()).await {
            return Ok(());
        }
        let services: HashSet<&str> = self.addresses.realms().map(|realm| realm.pubsub.as_str()).collect();
        for service in services {
            let nodes = match self.nodes(&step(), service).await {
                Ok(nodes) => nodes,
                // One that is not there, or does not let the gateway look, has no nodes of the gateway's.
                Err(error @ ChatError::Right(_)) => {
                    tracing::info!(%error, "no records are looked through for other gateways");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let nodes: Vec<String> = nodes.into_iter().filter(|node| name::is_record(node)).collect();
            let mut mended = 0;
            for some in nodes.chunks(NODES) {
                mended += self.share_some(service, some).await?;
            }
            tracing::info!(service, nodes = nodes.len(), mended, "the records are shared with the other gateways");
        }
        Ok(())
    }

    /// How many of the nodes had to be shared.
    async fn share_some(&self, service: &str, nodes: &[String]) -> Result<usize, ChatError> {
        let question = |node: &String| iq::get(&self.component, service, pubsub::owners_query(node));
        let answers = self.ask_all(&step(), nodes.iter().map(question).collect(), WINDOW).await;
        let mut requests = Vec::new();
        for (node, answer) in nodes.iter().zip(answers) {
            // Refused: it is another's. Not found: it has ended meanwhile.
            let Ok(reply) = answer? else { continue };
            let owners: HashSet<&str> = pubsub::owners(&reply).collect();
            if !self.siblings.iter().all(|sibling| owners.contains(sibling.as_str())) {
                requests.push(self.letting_in(service, node));
            }
        }
        let mended = requests.len();
        for answer in self.ask_all(&step(), requests, WINDOW).await {
            match answer? {
                Err(error) if !error.is("item-not-found") => return Err(self.pubsub_refusal(service, error)),
                _ => {}
            }
        }
        Ok(mended)
    }
}

/// True for what a node answers to whom it is closed.
fn is_closed(answer: &Result<Answer, ChatError>) -> bool {
    let closed = |error: &StanzaError| ["forbidden", "not-allowed", "not-authorized"].iter().any(|name| error.is(name));
    matches!(answer, Ok(Err(error)) if closed(error))
}

fn step() -> Call {
    Call { request: "share".into(), deadline: Instant::now() + STEP }
}
