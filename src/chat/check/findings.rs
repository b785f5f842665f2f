//! What the trials showed.

use std::collections::HashMap;

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

/// What they showed so far.
#[derive(Debug, Default)]
pub(in crate::chat) struct Findings {
    all: Vec<Finding>,
    /// Rights of which no trial can tell anything, with the reason and the right whose lines help.
    blocked: HashMap<Right, (String, Right)>,
    pub(in crate::chat) notes: Vec<String>,
}

impl Findings {
    /// Notes what a trial showed, or in its place what blocks the right. What was not tried is a note too.
    pub(in crate::chat) fn add(&mut self, right: Right, verdict: Result<String, String>) {
        let finding = match self.blocked.get(&right) {
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
        let verdict = if self.is_blocked(right) { Ok(String::new()) } else { trial.await };
        self.add(right, verdict);
    }

    /// Says why no trial of `rights` can tell anything, and the lines of which right help.
    pub(in crate::chat) fn block(&mut self, rights: &[Right], why: &str, cure: Right) {
        self.blocked.extend(rights.iter().map(|right| (*right, (why.to_owned(), cure))));
    }

    pub(in crate::chat) fn is_blocked(&self, right: Right) -> bool {
        self.blocked.contains_key(&right)
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
