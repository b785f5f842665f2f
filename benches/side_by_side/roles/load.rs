//! The load: keep-alive connections, each with one request at a time, every answer checked, latencies kept exactly.
//!
//! No load generator does this part: every body holds a number of its own that the recipients count, an answer is a success by
//! its body and not by its status, and what is under way at the end is waited for, because what was acknowledged must be
//! exactly what was received. oha 1.16 takes bodies from a file at random and looks at status and length of an answer only;
//! hey 0.1.4 sends one body; wrk 4.1 can make bodies in Lua, but leaves what is under way at the end, and ends after whole
//! seconds only and not after a number of requests.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::child::{self, order};
use crate::count::{Count, Template};
use crate::fallible::Fallible;
use crate::http::{Answer, PATIENCE, head};

/// Connections that any server lets wait to be accepted: a further one is only tried again after a second.
const BACKLOG: usize = 4;
/// Pause for accepting those.
const ACCEPTING: Duration = Duration::from_millis(2);

/// What is to be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The servers; connections are spread over them.
    pub targets: Vec<SocketAddr>,
    /// The path.
    pub path: String,
    /// Bodies, taken in turn.
    pub bodies: Vec<String>,
    /// What every answer must contain.
    pub success: String,
    /// Connections.
    pub connections: usize,
    /// When it ends.
    pub until: Until,
}

/// When a load ends; what is under way then is still waited for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Until {
    /// After a time.
    Time(Duration),
    /// After a number of requests.
    Requests(u64),
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Requests that were answered with success.
    pub requests: u64,
    /// Messages in those.
    pub acknowledged: Count,
    /// Requests that failed.
    pub failed: u64,
    /// Why the first of them did.
    pub failure: Option<String>,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Latency at 50, 99 and 99.9 percent.
    pub latency: [Duration; 3],
}

struct Shared {
    plan: Plan,
    bodies: Vec<(String, Template)>,
    started: Cell<Instant>,
    asked: Cell<u64>,
    number: Cell<u64>,
    outcome: RefCell<Outcome>,
    latency: RefCell<Histogram<u64>>,
}

/// Reads the plan, connects, waits for the word to begin (any line: the first number), and answers with the outcome.
pub async fn run() -> Fallible {
    let Some(plan) = order::<Plan>().await? else { return Ok(()) };
    let target = *plan.targets.first().ok_or("no target")?;
    let bodies = plan.bodies.iter().map(|body| (head(target, &plan.path, body.len()), Template::new(body))).collect();
    let mut streams = Vec::new();
    for target in plan.targets.iter().cycle().take(plan.connections) {
        streams.push(connect(*target).await?);
        if streams.len() % BACKLOG == 0 {
            sleep(ACCEPTING).await;
        }
    }
    child::write(&())?;
    let Some(first) = order::<u64>().await? else { return Ok(()) };
    let shared = Rc::new(Shared {
        plan,
        bodies,
        started: Cell::new(Instant::now()),
        asked: Cell::new(0),
        number: Cell::new(first),
        outcome: RefCell::default(),
        latency: RefCell::new(Histogram::new_with_bounds(1_000, 600_000_000_000, 3)?),
    });
    let tasks = LocalSet::new();
    for (stream, target) in streams.into_iter().zip(shared.plan.targets.clone().into_iter().cycle()) {
        let shared = shared.clone();
        tasks.spawn_local(async move { shared.connection(stream, target).await });
    }
    tasks.await;
    let latency = shared.latency.borrow();
    let mut outcome = shared.outcome.borrow().clone();
    outcome.took = shared.started.get().elapsed();
    outcome.latency = [0.5, 0.99, 0.999].map(|at| Duration::from_nanos(latency.value_at_quantile(at)));
    child::write(&outcome)
}

async fn connect(target: SocketAddr) -> Fallible<TcpStream> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Shared {
    async fn connection(&self, mut stream: TcpStream, target: SocketAddr) {
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        while let Some(count) = self.next(&mut request) {
            let started = Instant::now();
            let outcome = timeout(PATIENCE, exchange(&mut stream, &request, &mut answer)).await;
            let took = started.elapsed();
            let failure = match outcome {
                Ok(Ok((200, text))) if text.contains(&self.plan.success) => None,
                Ok(Ok((status, text))) => Some(format!("{status} {text}")),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("no answer".to_owned()),
            };
            if self.file(failure, count, took) {
                continue;
            }
            // What is left on the old connection belongs to nobody.
            match connect(target).await {
                Ok(again) => stream = again,
                Err(_) => return,
            }
        }
    }

    /// Keeps what came of a request; false when it failed.
    fn file(&self, failure: Option<String>, count: Count, took: Duration) -> bool {
        let mut outcome = self.outcome.borrow_mut();
        if let Some(failure) = failure {
            outcome.failed += 1;
            outcome.failure.get_or_insert(failure);
            return false;
        }
        outcome.requests += 1;
        outcome.acknowledged.merge(count);
        self.latency.borrow_mut().saturating_record(took.as_nanos() as u64);
        true
    }

    /// Writes the next request, unless it is over.
    fn next(&self, request: &mut Vec<u8>) -> Option<Count> {
        let asked = self.asked.get();
        let over = match self.plan.until {
            Until::Time(time) => self.started.get().elapsed() >= time,
            Until::Requests(requests) => asked >= requests,
        };
        if over {
            return None;
        }
        self.asked.set(asked + 1);
        let (head, body) = self.bodies.get(asked as usize % self.bodies.len().max(1))?;
        request.clear();
        request.extend_from_slice(head.as_bytes());
        let mut count = Count::default();
        body.fill(self.number.get(), request, &mut count);
        self.number.set(self.number.get() + body.messages());
        Some(count)
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Fallible<(u16, String)> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection was closed".into());
        }
        if let Some(answer) = Answer::parse(buffer)? {
            return if answer.len == buffer.len() {
                Ok((answer.status, answer.text()))
            } else {
                Err("more than one answer".into())
            };
        }
    }
}
