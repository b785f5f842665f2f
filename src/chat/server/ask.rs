//! How an answer is asked of the server, and within what time.

use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::server::Server;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xml::received::Received;
use crate::xmpp::iq;
use crate::xmpp::stanza_error::StanzaError;

/// IQs of one verb that are asked side by side.
pub(in crate::chat) const WINDOW: usize = 64;

impl Server {
    /// Asks, and tells a refusal from an answer.
    pub(in crate::chat) async fn ask(
        &self,
        call: &Call,
        iq: Element,
    ) -> Result<Result<Element, StanzaError>, ChatError> {
        Ok(iq::outcome(self.link.iq(call, iq).await?))
    }

    /// Asks where any refusal is a failure of the verb.
    pub(in crate::chat) async fn require(&self, call: &Call, iq: Element) -> Result<Element, ChatError> {
        self.ask(call, iq).await?.map_err(ChatError::refused)
    }

    /// Asks many things side by side; the answers are in the order of the questions.
    pub(in crate::chat) async fn ask_all(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
    ) -> Vec<Result<Result<Element, StanzaError>, ChatError>> {
        let replies = self.link.iq_all(call, iqs, window).await;
        replies.into_iter().map(|reply| Ok(iq::outcome(reply?))).collect()
    }

    /// As [`Server::ask_all`], of answers that may be long: each is read when it comes, and only what was read is kept until
    /// all have come.
    pub(in crate::chat) async fn ask_all_reading<T>(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
        read: impl Fn(&Received) -> T,
    ) -> Vec<Result<Result<T, StanzaError>, ChatError>> {
        let outcome = |reply| iq::received_outcome(reply).map(|reply| read(&reply));
        let replies = self.link.iq_all_reading(call, iqs, window, outcome).await;
        replies.into_iter().map(|outcome| Ok(outcome?)).collect()
    }

    /// As [`Server::ask_all`], where any refusal is a failure and no answer says more than that it was done.
    pub(in crate::chat) async fn require_all(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
    ) -> Vec<Result<(), ChatError>> {
        let answers = self.ask_all(call, iqs, window).await;
        answers.into_iter().map(|answer| answer?.map(drop).map_err(ChatError::refused)).collect()
    }

    /// True for an address of the gateway's own domain, or of another gateway's on the same server.
    pub(in crate::chat) fn is_own(&self, jid: &BareJid) -> bool {
        let domain = jid.domain().as_str();
        domain == self.component || self.siblings.iter().any(|sibling| sibling == domain)
    }

    /// Fails when the caller's time is up: what is not begun then has certainly not been done.
    pub(in crate::chat) fn in_time(&self, call: &Call) -> Result<(), ChatError> {
        if Instant::now() < call.deadline { Ok(()) } else { Err(LinkError::Timeout.into()) }
    }

    /// The moment until which one step of a verb may wait: `step` from now, but never beyond the caller's own deadline.
    pub(in crate::chat) fn until(&self, call: &Call, step: Duration) -> Instant {
        call.deadline.min(Instant::now() + step)
    }
}
