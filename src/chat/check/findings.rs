//! What the trials showed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::chat::types::product::Product;
use crate::chat::types::right::Right;

/// What trying a right showed.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The right.
    pub right: Right,
    /// What was seen working, or why it does not.
    pub verdict: Result<String, String>,
    /// The right whose lines help: it is the right itself, unless something else stands in its way.
    pub cure: Right,
    /// Whether it was seen. What stands in the way of a trial, and of no call, leaves it open: then the verdict is no error.
    pub proved: bool,
}

/// How a verdict begins that leaves open whether the right is there.
const UNTRIED: &str = "not tried: ";

/// The verdict on what could not be tried, with what is known of it.
pub(in crate::chat) fn untried(why: &str) -> String {
    format!("{UNTRIED}{why}")
}

/// What all trials showed.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the server is.
    pub product: Option<Product>,
    /// Each right that was tried.
    pub findings: Vec<Finding>,
    /// What else the operator should know. None of it keeps an endpoint from working.
    pub notes: Vec<String>,
}

/// A trial that fails after so long has waited for an answer in vain.
const HANGS: Duration = Duration::from_secs(4);
/// After so many of them it is one thing that they all wait for.
const ENOUGH: usize = 2;

/// What they showed so far.
#[derive(Debug, Default)]
pub(in crate::chat) struct Findings {
    all: Vec<Finding>,
    /// Rights of which no trial can tell anything, with the reason and the right whose lines help.
    blocked: HashMap<Right, (String, Right)>,
    /// What waited for an answer in vain.
    hung: Vec<Right>,
    /// Why nothing more is tried.
    stopped: Option<String>,
    pub(in crate::chat) notes: Vec<String>,
}

impl Findings {
    /// Notes what a trial showed, or in its place what blocks the right. What was not tried is a note too.
    pub(in crate::chat) fn add(&mut self, right: Right, verdict: Result<String, String>) {
        let stopped = self.stopped.as_ref().map(|why| (why.clone(), Right::Storage));
        let finding = match stopped.as_ref().or(self.blocked.get(&right)) {
            Some((why, cure)) => Finding { right, verdict: Err(why.clone()), cure: *cure, proved: false },
            None => {
                let proved = verdict.as_ref().is_ok_and(|seen| !seen.starts_with(UNTRIED));
                Finding { right, verdict, cure: right, proved }
            }
        };
        if let Some(why) = finding.verdict.as_ref().ok().and_then(|seen| seen.strip_prefix(UNTRIED)) {
            let note = format!("not seen to work: {} ({why})", right.name());
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self.all.push(finding);
    }

    /// Tries a right, unless it is blocked.
    pub(in crate::chat) async fn trial(&mut self, right: Right, trial: impl Future<Output = Result<String, String>>) {
        let verdict = if self.is_blocked(right) {
            Ok(String::new())
        } else {
            let begun = Instant::now();
            let verdict = trial.await;
            self.look_at(right, begun, &verdict);
            verdict
        };
        self.add(right, verdict);
    }

    /// Counts a trial that waited in vain since it was begun. After some nothing more is tried.
    pub(in crate::chat) fn look_at(&mut self, right: Right, begun: Instant, verdict: &Result<String, String>) {
        if verdict.is_err() && begun.elapsed() >= HANGS {
            self.hung.push(right);
        }
        if self.hung.len() >= ENOUGH {
            let hung: Vec<&str> = self.hung.iter().map(|right| right.name()).collect();
            let hung = hung.join("\", \"");
            self.stop(&format!(
                "the server answers, but not what it has to look up: \"{hung}\" waited in vain. Does its database answer? \
                 Nothing more was tried"
            ));
        }
    }

    /// Nothing more is tried: for this, and with it all that waited in vain.
    pub(in crate::chat) fn stop(&mut self, why: &str) {
        if self.stopped.is_some() {
            return;
        }
        for finding in self.all.iter_mut().filter(|finding| self.hung.contains(&finding.right)) {
            (finding.verdict, finding.cure) = (Err(why.to_owned()), Right::Storage);
        }
        let cause =
            Finding { right: Right::Storage, verdict: Err(why.to_owned()), cure: Right::Storage, proved: false };
        self.all.insert(self.all.len().min(1), cause);
        self.stopped = Some(why.to_owned());
    }

    pub(in crate::chat) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Says why no trial of `rights` can tell anything, and the lines of which right help.
    pub(in crate::chat) fn block(&mut self, rights: &[Right], why: &str, cure: Right) {
        self.blocked.extend(rights.iter().map(|right| (*right, (why.to_owned(), cure))));
    }

    pub(in crate::chat) fn is_blocked(&self, right: Right) -> bool {
        self.is_stopped() || self.blocked.contains_key(&right)
    }

    /// True when the right was tried and is there.
    pub(in crate::chat) fn has(&self, right: Right) -> bool {
        self.all.iter().any(|finding| finding.right == right && finding.verdict.is_ok())
    }

    pub(in crate::chat) fn report(self, product: Option<Product>, told: impl Fn(Right) -> bool) -> Report {
        let findings = self.all.into_iter().filter(|finding| told(finding.right)).collect();
        Report { product, findings, notes: self.notes }
    }
}
