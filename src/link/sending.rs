//! Stanzas over the link that are no IQs: written, or waited for until the server has processed them.

use std::time::Instant;

use super::conn::Routed;
use super::{Call, Link, LinkError, Prepared};
use crate::xml::encode::EncodeError;
use crate::xml::{Element, StreamKind};

impl Link {
    /// Sends a stanza and returns when it has been written to the socket.
    ///
    /// # Errors
    /// [`LinkError`] when it was not, or may not have been, written.
    pub async fn send(&self, call: &Call, stanza: &Element) -> Result<(), LinkError> {
        self.send_prepared(call, &Prepared::plain(stanza, StreamKind::Component)?).await
    }

    /// As [`Link::send`], of a stanza that is encoded.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub async fn send_prepared(&self, call: &Call, stanza: &Prepared) -> Result<(), LinkError> {
        let patience = self.patience(call);
        loop {
            match self.up(patience).await?.send_prepared(call, stanza).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    /// Sends a stanza and returns when the server has processed it: a ping queued behind it has come back. One ping
    /// serves many stanzas. `Some` is the error stanza with this stanza's id that came back before the ping (its
    /// attributes and its `<error>`). A stanza without an id gets one.
    ///
    /// # Errors
    /// [`LinkError`] when that was not observed.
    pub async fn send_routed(&self, call: &Call, stanza: &Element) -> Result<Option<Element>, LinkError> {
        let stanza = Prepared::routed(stanza, StreamKind::Component, &call.request)?;
        self.send_routed_prepared(call, &stanza).await
    }

    /// As [`Link::send_routed`], of a stanza that has an id and is encoded.
    ///
    /// # Errors
    /// As [`Link::send_routed`].
    pub async fn send_routed_prepared(&self, call: &Call, stanza: &Prepared) -> Result<Option<Element>, LinkError> {
        self.routed(call, stanza, self.patience(call)).await
    }

    /// As [`Link::send_routed`] for many stanzas, which go out in their order and in as few writes as possible; one result
    /// each, in order.
    pub async fn send_all_routed(&self, call: &Call, stanzas: &[Element]) -> Vec<Result<Option<Element>, LinkError>> {
        let prepare = |stanza| Prepared::routed(stanza, StreamKind::Component, &call.request);
        self.send_all_prepared(call, &stanzas.iter().map(prepare).collect::<Vec<_>>()).await
    }

    /// As [`Link::send_all_routed`], of stanzas that have ids and are encoded before the first is queued, so that they
    /// wait together for the writer.
    pub async fn send_all_prepared(
        &self,
        call: &Call,
        prepared: &[Result<Prepared, EncodeError>],
    ) -> Vec<Result<Option<Element>, LinkError>> {
        let patience = self.patience(call);
        // All are queued on one stream: what this one never writes would else come behind what the next one has written.
        let mut conn = self.up(patience).await;
        let mut queued = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            let routed = match (prepared, &conn) {
                (Ok(stanza), Ok(conn)) => conn.queue_routed(call, stanza).await,
                (Err(error), _) => Err(error.clone().into()),
                (Ok(_), Err(error)) => Err(error.clone()),
            };
            // A queue that stays full is not waited for again with each stanza.
            if matches!(routed, Err(LinkError::Busy)) {
                conn = Err(LinkError::Busy);
            }
            queued.push(routed);
        }
        let mut outcomes = Vec::with_capacity(queued.len());
        for (prepared, routed) in prepared.iter().zip(queued) {
            let outcome = match routed {
                Ok(routed) => routed.outcome(call).await,
                Err(error) => Err(error),
            };
            outcomes.push(match (outcome, prepared) {
                // Never written: once more, on the next connection.
                (Err(LinkError::Down(_)), Ok(stanza)) => self.routed(call, stanza, patience).await,
                (outcome, _) => outcome,
            });
        }
        outcomes
    }

    /// As [`Link::send_prepared`] for many stanzas, one after the other.
    pub async fn write_all_prepared(
        &self,
        call: &Call,
        prepared: &[Result<Prepared, EncodeError>],
    ) -> Vec<Result<Option<Element>, LinkError>> {
        let mut outcomes = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            outcomes.push(match prepared {
                Ok(stanza) => self.send_prepared(call, stanza).await.map(|()| None),
                Err(error) => Err(error.clone().into()),
            });
        }
        outcomes
    }

    async fn routed(&self, call: &Call, stanza: &Prepared, patience: Instant) -> Result<Option<Element>, LinkError> {
        loop {
            match self.queue_routed(call, stanza, patience).await?.outcome(call).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }

    async fn queue_routed(&self, call: &Call, stanza: &Prepared, patience: Instant) -> Result<Routed, LinkError> {
        loop {
            match self.up(patience).await?.queue_routed(call, stanza).await {
                Err(LinkError::Down(_)) => {}
                outcome => return outcome,
            }
        }
    }
}
