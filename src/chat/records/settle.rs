//! Making the records' nodes. A node is made closed, in one step. Where other gateways must be let in, ejabberd's SQL
//! storage then opens it for a moment: to change the owners it deletes the node's options and writes them again, one by
//! one, and who reads meanwhile finds the defaults, under which anybody may look. Two who change owners at once may leave
//! it so. So only the gateway that made a node lets others in, while nothing is in it; it reads back how the node stands,
//! mends it until that is right, and says so with an item. Nobody writes to a node before that item is there.

use std::time::Duration;

use crate::chat::records::Records;
use crate::chat::records::answer::{Answer, PAUSES, SETTLING};
use crate::chat::records::share::is_closed;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{disco, iq, pubsub, rsm};

/// The item that says that a node is closed and shared.
const SETTLED: &str = "settled";
/// A node to be made.
#[derive(Debug, Clone)]
pub(in crate::chat) struct New {
    pub(in crate::chat) name: String,
    pub(in crate::chat) description: Option<String>,
}

impl New {
    /// One without a description.
    pub(in crate::chat) fn plain(name: &str) -> New {
        New { name: name.to_owned(), description: None }
    }
}

/// That a node may be written to, or the refusal.
pub(in crate::chat) type Ready = Result<(), StanzaError>;

impl Records {
    /// Makes nodes side by side, or leaves those that exist; all that are ready are closed, and shared with the siblings.
    pub(in crate::chat) async fn create_nodes(
        &self,
        call: &Call,
        service: &str,
        nodes: &[New],
    ) -> Vec<Result<Ready, ChatError>> {
        let create = |node: &New| {
            iq::set(&self.server.component, service, pubsub::create(&node.name, node.description.as_deref()))
        };
        if !self.shares(call).await {
            let answers = self.server.ask_all(call, nodes.iter().map(create).collect(), WINDOW).await;
            return answers.into_iter().map(|answer| Ok(there(answer?).map(drop))).collect();
        }
        // Both are asked at once, and done one after the other: a node that was there needs nothing further.
        let asked = nodes.iter().flat_map(|node| [create(node), self.settled_query(service, &node.name)]);
        let mut answers = self.server.ask_all(call, asked.collect(), WINDOW).await.into_iter();
        let mut outcomes = Vec::with_capacity(nodes.len());
        let (mut made, mut found) = (Vec::new(), Vec::new());
        for n in 0..nodes.len() {
            let (created, settled) = (answers.next(), answers.next());
            let created = created.unwrap_or_else(|| Err(LinkError::Unknown.into()));
            match &created {
                Ok(Ok(_)) => made.push(n),
                Ok(Err(error)) if error.is("conflict") && !settled.is_some_and(|answer| is_settled(&answer)) => {
                    found.push(n);
                }
                _ => {}
            }
            outcomes.push(created.map(|answer| there(answer).map(drop)));
        }
        let of = |places: &[usize]| places.iter().filter_map(|n| nodes.get(*n)).collect::<Vec<_>>();
        let settled = self.settle(call, service, &of(&made), true).await;
        let awaited = self.await_settled(call, service, &of(&found)).await;
        for (n, outcome) in made.into_iter().zip(settled).chain(found.into_iter().zip(awaited)) {
            if let Some(place) = outcomes.get_mut(n) {
                *place = outcome;
            }
        }
        outcomes
    }

    fn settled_query(&self, service: &str, node: &str) -> Element {
        iq::get(&self.server.component, service, pubsub::items(node, [SETTLED]))
    }

    /// Closes nodes and lets the siblings in, until it is read back that both are so; then the nodes say so. Those that are
    /// not `fresh` may hold something already.
    async fn settle(&self, call: &Call, service: &str, nodes: &[&New], fresh: bool) -> Vec<Result<Ready, ChatError>> {
        let mut outcomes: Vec<Option<Result<Ready, ChatError>>> = nodes.iter().map(|_| None).collect();
        let mut to_do: Vec<ToDo> = (0..nodes.len()).map(|n| ToDo { n, share: fresh, close: false }).collect();
        let mut done = Vec::new();
        for pause in std::iter::once(Duration::ZERO).chain(PAUSES) {
            if to_do.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            let states = self.mended(call, service, nodes, &to_do).await;
            let pending = std::mem::take(&mut to_do);
            for (last, state) in pending.into_iter().zip(states) {
                match state {
                    Ok(Ok(State { closed: true, shared: true })) => done.push(last.n),
                    Ok(Ok(state)) => to_do.push(ToDo { n: last.n, share: !state.shared, close: !state.closed }),
                    Ok(Err(error)) => set(&mut outcomes, last.n, Ok(Err(error))),
                    Err(error) => set(&mut outcomes, last.n, Err(error)),
                }
            }
            if !fresh {
                self.keep_what_would_open(call, service, nodes, &mut to_do, &mut done).await;
            }
        }
        let say = |n: &usize| nodes.get(*n).map(|node| self.publishing(service, (&node.name, SETTLED, "1")));
        let said = self.server.ask_all(call, done.iter().filter_map(say).collect(), WINDOW).await;
        for (n, answer) in done.into_iter().zip(said) {
            // In ejabberd 23.01 nobody replaces an item of another gateway's: it has said so too then.
            let outcome = if is_closed(&answer) { Ok(Ok(())) } else { answer.map(|answer| answer.map(drop)) };
            set(&mut outcomes, n, outcome);
        }
        let unsettled = || {
            Err(ChatError::refused_by(
                service.to_owned(),
                "internal-server-error",
                "it does not keep a record's node closed",
            ))
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unsettled)).collect()
    }

    /// Does what is to be done about nodes, and reads back how they stand.
    async fn mended(
        &self,
        call: &Call,
        service: &str,
        nodes: &[&New],
        to_do: &[ToDo],
    ) -> Vec<Result<Result<State, StanzaError>, ChatError>> {
        let mut asked = Vec::new();
        let open = to_do.iter().filter_map(|to_do| Some((nodes.get(to_do.n)?, to_do)));
        for (node, to_do) in open.clone() {
            if to_do.share {
                asked.push(self.letting_in(service, &node.name));
            }
            if to_do.close {
                let close = pubsub::close(&node.name, node.description.as_deref());
                asked.push(iq::set(&self.server.component, service, close));
            }
        }
        // What came of these shows behind them: all are asked at once, and done one after the other.
        let first = asked.len();
        for (node, _) in open.clone() {
            asked.push(iq::get(&self.server.component, service, pubsub::config_query(&node.name)));
            asked.push(iq::get(&self.server.component, service, pubsub::owners_query(&node.name)));
        }
        let mut answers = self.server.ask_all(call, asked, WINDOW).await.into_iter().skip(first);
        let mut states = Vec::with_capacity(to_do.len());
        for (node, _) in open {
            let (config, owners) = (answers.next(), answers.next());
            let missing = || Err(LinkError::Unknown.into());
            let (config, owners) = (config.unwrap_or_else(missing), owners.unwrap_or_else(missing));
            states.push(match (config, owners) {
                (Ok(Ok(config)), Ok(Ok(owners))) => {
                    let said = node.description.is_none() || pubsub::description(&config).is_some();
                    Ok(Ok(State { closed: pubsub::is_closed(&config) && said, shared: self.is_shared(&owners) }))
                }
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(Err(error)), _) | (_, Ok(Err(error))) => Ok(Err(error)),
            });
        }
        states
    }

    /// Of nodes that hold something, those stay unshared that would be open while others are let in.
    async fn keep_what_would_open(
        &self,
        call: &Call,
        service: &str,
        nodes: &[&New],
        to_do: &mut Vec<ToDo>,
        done: &mut Vec<usize>,
    ) {
        if !to_do.iter().any(|to_do| to_do.share) || !self.opens_when_shared(call, service).await {
            return;
        }
        for to_do in to_do.iter_mut().filter(|to_do| to_do.share) {
            let Some(node) = nodes.get(to_do.n) else { continue };
            to_do.share = matches!(self.holds_items(call, service, &node.name).await, Ok(false));
        }
        let (kept, left): (Vec<ToDo>, Vec<ToDo>) = to_do.drain(..).partition(|to_do| !to_do.share && !to_do.close);
        done.extend(kept.into_iter().map(|kept| kept.n));
        *to_do = left;
    }

    /// Whether the service opens a node for a moment when its owners change: ejabberd's SQL storage, which alone offers
    /// pages of items.
    pub(in crate::chat) async fn opens_when_shared(&self, call: &Call, service: &str) -> bool {
        match self.server.ask(call, iq::get(&self.server.component, service, disco::info_query())).await {
            Ok(Ok(reply)) => disco::has_feature(&reply, rsm::NS),
            _ => true,
        }
    }

    /// Whether there is an item in a node.
    pub(in crate::chat) async fn holds_items(&self, call: &Call, service: &str, node: &str) -> Result<bool, ChatError> {
        let query = iq::get(&self.server.component, service, pubsub::ids_query(node, 1, None));
        match self.server.ask(call, query).await? {
            Ok(reply) => Ok(!pubsub::ids(&reply).is_empty()),
            Err(error) if error.is("item-not-found") => Ok(false),
            Err(error) => Err(self.pubsub_refusal(service, error)),
        }
    }

    /// Waits until the gateways that made nodes have settled them. What one has left, because it ended or is of a version
    /// that knew nothing of this, is done here.
    async fn await_settled(&self, call: &Call, service: &str, nodes: &[&New]) -> Vec<Result<Ready, ChatError>> {
        let mut outcomes: Vec<Option<Result<Ready, ChatError>>> = nodes.iter().map(|_| None).collect();
        let mut left: Vec<usize> = Vec::new();
        let mut waiting: Vec<(usize, Answer)> = Vec::new();
        for (attempt, pause) in std::iter::once(Duration::ZERO).chain(SETTLING).enumerate() {
            let looked_at: Vec<usize> =
                if attempt == 0 { (0..nodes.len()).collect() } else { waiting.drain(..).map(|(n, _)| n).collect() };
            if looked_at.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            let asked = looked_at.iter().filter_map(|n| nodes.get(*n)).flat_map(|node| {
                let ids = iq::get(&self.server.component, service, pubsub::ids_query(&node.name, 1, None));
                [self.settled_query(service, &node.name), ids]
            });
            let mut answers = self.server.ask_all(call, asked.collect(), WINDOW).await.into_iter();
            for n in looked_at {
                let (settled, ids) = (answers.next(), answers.next());
                let settled = settled.unwrap_or_else(|| Err(LinkError::Unknown.into()));
                let old = matches!(ids, Some(Ok(Ok(ids))) if !pubsub::ids(&ids).is_empty());
                match settled {
                    answer if is_settled(&answer) => set(&mut outcomes, n, Ok(Ok(()))),
                    Ok(Ok(_)) if old => left.push(n),
                    Ok(Err(error)) if error.is("item-not-found") => set(&mut outcomes, n, Ok(Err(error))),
                    Ok(answer) => waiting.push((n, answer)),
                    Err(error) => set(&mut outcomes, n, Err(error)),
                }
            }
        }
        for (n, answer) in waiting {
            match answer {
                Ok(_) => left.push(n),
                Err(error) => set(&mut outcomes, n, Ok(Err(error))),
            }
        }
        let adopted: Vec<&New> = left.iter().filter_map(|n| nodes.get(*n).copied()).collect();
        for (n, outcome) in left.into_iter().zip(self.settle(call, service, &adopted, false).await) {
            set(&mut outcomes, n, outcome);
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(LinkError::Unknown.into()))).collect()
    }
}

/// What is to be done about the node at a place.
struct ToDo {
    n: usize,
    share: bool,
    close: bool,
}

/// How a node stands.
struct State {
    closed: bool,
    shared: bool,
}

fn set<T>(places: &mut [Option<T>], n: usize, value: T) {
    if let Some(place) = places.get_mut(n) {
        *place = Some(value);
    }
}

/// The answer to who makes a node, where one that is there is as good.
fn there(answer: Answer) -> Result<Option<Element>, StanzaError> {
    match answer {
        Err(error) if error.is("conflict") => Ok(None),
        answer => answer.map(Some),
    }
}

fn is_settled(answer: &Result<Answer, ChatError>) -> bool {
    matches!(answer, Ok(Ok(reply)) if !pubsub::read_items(reply).is_empty())
}
