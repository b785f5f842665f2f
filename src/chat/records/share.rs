//! Letting other gateways into the records' nodes. On Prosody they are administrators of the service and need nothing. On
//! ejabberd a node is closed to all but its owners, so whoever makes one makes the siblings its owners too, in a second
//! step: until then they wait a moment when they are refused.

use std::collections::HashSet;
use std::time::Duration;

use crate::chat::records::Records;
use crate::chat::records::answer::{Answer, SETTLING, about};
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{iq, pubsub};

impl Records {
    /// True when others must be let into each node, or may have to be.
    pub(in crate::chat) async fn shares(&self, call: &Call) -> bool {
        !self.server.siblings.is_empty() && self.server.nodes_have_owners(call).await
    }

    /// Asks about nodes side by side. What is refused may be another gateway's, which is about to share it: that is asked
    /// again for a moment.
    pub(in crate::chat) async fn ask_nodes(
        &self,
        call: &Call,
        questions: Vec<Element>,
        window: usize,
    ) -> Vec<Result<Answer, ChatError>> {
        if !self.shares(call).await {
            return self.server.ask_all(call, questions, window).await;
        }
        let mut answers = self.server.ask_all(call, questions.clone(), window).await;
        for pause in SETTLING {
            let closed = answers.iter_mut().zip(&questions).filter(|(answer, _)| is_closed(answer));
            let (places, questions): (Vec<_>, Vec<_>) = closed.map(|(place, asked)| (place, asked.clone())).unzip();
            if places.is_empty() {
                break;
            }
            tokio::time::sleep(about(pause)).await;
            for (place, answer) in places.into_iter().zip(self.server.ask_all(call, questions, window).await) {
                *place = answer;
            }
        }
        answers
    }

    /// As [`Records::ask_nodes`], for one question.
    pub(in crate::chat) async fn ask_node(&self, call: &Call, question: Element) -> Result<Answer, ChatError> {
        let answer = self.ask_nodes(call, vec![question], 1).await.pop();
        answer.unwrap_or_else(|| Err(crate::link::LinkError::Unknown.into()))
    }

    /// Publishes items side by side, each from its node, its id and its JSON.
    pub(in crate::chat) async fn publish(
        &self,
        call: &Call,
        service: &str,
        items: &[(&str, &str, &str)],
        window: usize,
    ) -> Vec<Result<Answer, ChatError>> {
        let publishing = |item: &(&str, &str, &str)| self.publishing(service, *item);
        let mut answers = self.server.ask_all(call, items.iter().map(publishing).collect(), window).await;
        if !self.shares(call).await {
            return answers;
        }
        for pause in std::iter::once(Duration::ZERO).chain(SETTLING) {
            let closed = answers.iter_mut().zip(items).filter(|(answer, _)| is_closed(answer));
            let (places, items): (Vec<_>, Vec<_>) = closed.unzip();
            if places.is_empty() {
                break;
            }
            tokio::time::sleep(about(pause)).await;
            // In ejabberd 23.01 an owner does not replace another's item; but they may remove it. Both are asked at once, and
            // done one after the other.
            let anew = items.into_iter().flat_map(|item: &(&str, &str, &str)| {
                [iq::set(&self.server.component, service, pubsub::retract(item.0, item.1)), publishing(item)]
            });
            let anew = self.server.ask_all(call, anew.collect(), window.next_multiple_of(2)).await;
            for (place, answer) in places.into_iter().zip(anew.into_iter().skip(1).step_by(2)) {
                *place = answer;
            }
        }
        answers
    }

    /// The request that publishes an item.
    pub(in crate::chat) fn publishing(&self, service: &str, (node, id, json): (&str, &str, &str)) -> Element {
        iq::set(&self.server.component, service, pubsub::publish(node, id, json))
    }

    /// The request that lets the siblings into a node.
    pub(in crate::chat) fn letting_in(&self, service: &str, node: &str) -> Element {
        iq::set(
            &self.server.component,
            service,
            pubsub::make_owners(node, self.server.siblings.iter().map(String::as_str)),
        )
    }

    /// Whether all siblings are among the owners in an answer to [`pubsub::owners_query`].
    pub(in crate::chat) fn is_shared(&self, reply: &Element) -> bool {
        let owners: HashSet<&str> = pubsub::owners(reply).collect();
        self.server.siblings.iter().all(|sibling| owners.contains(sibling.as_str()))
    }
}

/// True for what a node answers to whom it is closed.
pub(in crate::chat) fn is_closed(answer: &Result<Answer, ChatError>) -> bool {
    let closed = |error: &StanzaError| ["forbidden", "not-allowed", "not-authorized"].iter().any(|name| error.is(name));
    matches!(answer, Ok(Err(error)) if closed(error))
}
