//! IQs over the link, and their answers: one, or many side by side.

use std::time::Instant;

use futures::StreamExt;

use super::conn::tree;
use super::{Call, Link, LinkError, Prepared};
use crate::xml::received::Received;
use crate::xml::{Element, StreamKind};

impl Link {
    /// Sends an IQ (its id is set here) and waits for the reply: the whole `<iq type='result'|'error'>`.
    ///
    /// # Errors
    /// [`LinkError`] when there is no reply. A reply of type `error` is an `Ok`.
    pub async fn iq(&self, call: &Call, iq: Element) -> Result<Element, LinkError> {
        tree(self.ask(call, iq, false).await?)
    }

    /// As [`Link::iq`], of which a large result comes as its own text: to build a tree costs several times as much as to read
    /// what it says.
    ///
    /// # Errors
    /// As [`Link::iq`].
    pub async fn iq_as_text(&self, call: &Call, iq: Element) -> Result<Received, LinkError> {
        self.ask(call, iq, true).await
    }

    async fn ask(&self, call: &Call, iq: Element, as_text: bool) -> Result<Received, LinkError> {
        let iq = Prepared::iq(iq, StreamKind::Component, &call.request)?;
        let patience = self.patience(call);
        loop {
            match self.up(patience).await?.iq_prepared(call, &iq, as_text).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    /// Sends many IQs with at most `window` unanswered at once; one result each, in the order of the IQs. What is not sent
    /// when the caller's time is up is not sent at all.
    pub async fn iq_all(&self, call: &Call, iqs: Vec<Element>, window: usize) -> Vec<Result<Element, LinkError>> {
        side_by_side(call, iqs, window, |iq| self.iq(call, iq)).await
    }

    /// As [`Link::iq_all`], of replies as [`Link::iq_as_text`] gives them: each is read when it comes, and only what was read
    /// is kept until all have come.
    pub async fn iq_all_reading<T>(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
        read: impl Fn(Received) -> T,
    ) -> Vec<Result<T, LinkError>> {
        let read = &read;
        side_by_side(call, iqs, window, |iq| async move { self.iq_as_text(call, iq).await.map(read) }).await
    }
}

/// Asks with at most `window` questions unanswered at once, as long as the caller has time.
async fn side_by_side<T, Asking: Future<Output = Result<T, LinkError>>>(
    call: &Call,
    iqs: Vec<Element>,
    window: usize,
    ask: impl Fn(Element) -> Asking,
) -> Vec<Result<T, LinkError>> {
    let ask = &ask;
    let ask = |iq| async move {
        match Instant::now() < call.deadline {
            true => ask(iq).await,
            false => Err(LinkError::Timeout),
        }
    };
    futures::stream::iter(iqs.into_iter().map(ask)).buffered(window.max(1)).collect().await
}
