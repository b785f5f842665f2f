//! Callers on the gateway's own link, without HTTP: how long each level of acknowledgement takes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jid::BareJid;
use serde::{Deserialize, Serialize};
use stanzagate::chat::types::message::{Content, MarksChild, Message, Target};
use stanzagate::chat::{Call, Chat};
use stanzagate::config::Config;
use stanzagate::config::secret::Secret;
use stanzagate::link::{Link, LinkConfig, LinkState};
use stanzagate::metrics::Metrics;
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::element::{Build as _, client};
use tokio::task::LocalSet;

use super::load::Outcome;
use crate::child::{self, order};
use crate::count::{Count, Template};
use crate::fallible::Fallible;
use crate::xmpp::Component;

/// What a caller waits for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Level {
    /// The message is on the socket.
    Written,
    /// The server has processed it.
    Routed,
    /// The room has reflected it.
    Archived,
}

/// What is to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// As whom.
    pub component: Component,
    /// The server's domain.
    pub domain: String,
    /// What is waited for.
    pub level: Level,
    /// Who writes to whom, both as bare addresses; to rooms with [`Level::Archived`].
    pub conversations: Vec<(String, String)>,
    /// What each message says, with a slot.
    pub text: String,
    /// Callers, each with one message at a time.
    pub callers: usize,
    /// How long at most.
    pub time: Duration,
    /// Messages at most.
    pub most: usize,
}

enum Way {
    Link(Link),
    Room(Chat),
}

/// Connects, waits for the word to begin (the first number), and answers with the outcome and the messages that one
/// barrier confirmed.
pub async fn run() -> Fallible {
    let Some(plan) = order::<Plan>().await? else { return Ok(()) };
    let metrics = Metrics::new();
    let way = way(&plan, &metrics)?;
    let mut state = match &way {
        Way::Link(link) => link.state(),
        Way::Room(chat) => chat.link_state(),
    };
    state.wait_for(|state| *state == LinkState::Up).await?;
    child::write(&())?;
    let Some(first) = order::<u64>().await? else { return Ok(()) };
    let callers = Rc::new(Callers {
        way,
        text: Template::new(&plan.text),
        number: Cell::new(first),
        asked: Cell::new(0),
        started: Instant::now(),
        outcome: RefCell::default(),
        latency: RefCell::new(Histogram::new_with_bounds(1_000, 600_000_000_000, 3)?),
        plan,
    });
    let tasks = LocalSet::new();
    for _ in 0..callers.plan.callers {
        let callers = callers.clone();
        tasks.spawn_local(async move { callers.call().await });
    }
    tasks.await;
    let mut outcome = callers.outcome.borrow().clone();
    outcome.took = callers.started.elapsed();
    let latency = callers.latency.borrow();
    outcome.latency = [0.5, 0.99, 0.999].map(|at| Duration::from_nanos(latency.value_at_quantile(at)));
    child::write(&(outcome, batch(&metrics.encode()?)))
}

fn way(plan: &Plan, metrics: &Metrics) -> Fallible<Way> {
    let mut config = Config::default();
    let (address, name) = (plan.component.address.to_string(), plan.component.name.clone());
    let secret = Secret::new(plan.component.secret.clone());
    if !matches!(plan.level, Level::Archived) {
        let link = LinkConfig {
            address,
            name,
            secret: secret.secret(),
            server: plan.domain.clone(),
            connect_timeout: Duration::from_secs(10),
            queue_stanzas: config.component.queue_stanzas,
            queue_bytes: config.component.queue_bytes,
            busy_wait: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            iq_timeout: Duration::from_secs(30),
            pending: config.component.pending,
            keepalive: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(15),
            stall: Duration::from_secs(5),
            backoff: (Duration::from_millis(200), Duration::from_secs(1)),
            bounds: Bounds { depth: 64, bytes: 8 << 20, elements: 131_072 },
            looks: None,
        };
        return Ok(Way::Link(Link::start(link, Arc::new(|_, _| {}), metrics.link.clone())));
    }
    config.server.domain.clone_from(&plan.domain);
    config.component.address = address;
    config.component.name = name;
    config.component.secret = Some(secret);
    Ok(Way::Room(Chat::start(Arc::new(config), metrics.clone())?))
}

struct Callers {
    plan: Plan,
    way: Way,
    text: Template,
    number: Cell<u64>,
    asked: Cell<usize>,
    started: Instant,
    outcome: RefCell<Outcome>,
    latency: RefCell<Histogram<u64>>,
}

impl Callers {
    async fn call(&self) {
        let mut pairs = Vec::new();
        for (from, to) in &self.plan.conversations {
            match (BareJid::new(from), BareJid::new(to)) {
                (Ok(from), Ok(to)) => pairs.push((from, to)),
                (Err(error), _) | (_, Err(error)) => return self.fail(&error),
            }
        }
        while self.started.elapsed() < self.plan.time && self.asked.get() < self.plan.most {
            let asked = self.asked.replace(self.asked.get() + 1);
            let Some((from, to)) = pairs.get(asked % pairs.len().max(1)) else { return };
            let number = self.number.replace(self.number.get() + 1);
            let (mut text, mut count) = (Vec::new(), Count::default());
            self.text.fill(number, &mut text, &mut count);
            let text = String::from_utf8_lossy(&text).into_owned();
            let started = Instant::now();
            match self.send(from, to, text).await {
                Ok(()) => {
                    self.latency.borrow_mut().saturating_record(started.elapsed().as_nanos() as u64);
                    let mut outcome = self.outcome.borrow_mut();
                    outcome.requests += 1;
                    outcome.acknowledged.merge(count);
                }
                Err(error) => self.fail(&*error),
            }
        }
    }

    async fn send(&self, from: &BareJid, to: &BareJid, text: String) -> Fallible {
        let call = Call::new("bench".into(), Instant::now() + Duration::from_secs(30));
        match &self.way {
            Way::Link(link) => {
                let stanza = client("message").with("type", "chat").with("from", from.as_str()).with("to", to.as_str());
                let stanza = stanza.child(client("body").text_of(text));
                if matches!(self.plan.level, Level::Written) {
                    return Ok(link.send(&call, &stanza).await?);
                }
                match link.send_routed(&call, &stanza).await? {
                    Some(_) => Err("it came back".into()),
                    None => Ok(()),
                }
            }
            Way::Room(chat) => {
                let child = MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
                let (kind, message, marks) = ("groupchat".to_owned(), Vec::new(), Vec::new());
                let content = Content::Text { body: text, kind, message, marks, child };
                let to = Target::Room(to.clone());
                chat.messages.send(&call, &Message { from: from.clone(), to, content, sender_copy: false }).await?;
                Ok(())
            }
        }
    }

    fn fail(&self, error: &dyn std::fmt::Display) {
        let mut outcome = self.outcome.borrow_mut();
        outcome.failed += 1;
        outcome.failure.get_or_insert(error.to_string());
    }
}

/// Stanzas that one barrier confirmed, on average.
fn batch(metrics: &str) -> Option<f64> {
    let value = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    let pings = value("stanzagate_link_barrier_stanzas_count")?;
    (pings > 0.0).then(|| value("stanzagate_link_barrier_stanzas_sum").map(|stanzas| stanzas / pings))?
}
