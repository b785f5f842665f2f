//! Who waits for which IQ reply (RFC 6120 sections 8.1.2.1 and 8.2.3).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jid::Jid;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::oneshot;

use super::LinkError;
use crate::xml::CLIENT;
use crate::xml::received::{Received, Tag};

/// Who must answer a request.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The request's `to`; `None` is our own account.
    to: Option<String>,
    /// The server's own domain.
    server: Arc<str>,
}

impl Peer {
    pub(super) fn new(to: Option<&str>, server: &Arc<str>) -> Self {
        Self { to: to.map(str::to_owned), server: server.clone() }
    }

    /// True when a reply with these attributes comes from whom was asked. Its `to` proves nothing: Prosody answers a request
    /// with a borrowed `from` on our own stream.
    pub(super) fn sent(&self, from: Option<&str>, own: Option<&str>) -> bool {
        match (self.to.as_deref(), from) {
            (Some(to), Some(from)) => same(to, from),
            // Only the server itself may leave out `from`: it speaks for itself or for our own account.
            (Some(to), None) => same(to, &self.server) || own.is_some_and(|own| same(to, &bare(own))),
            (None, None) => true,
            (None, Some(from)) => {
                same(from, &self.server) || own.is_some_and(|own| same(from, own) || same(from, &bare(own)))
            }
        }
    }
}

/// Compares two JIDs as XMPP does: normalised, and a bare JID is not the same as a full one.
fn same(one: &str, other: &str) -> bool {
    one == other || matches!((Jid::new(one), Jid::new(other)), (Ok(one), Ok(other)) if one == other)
}

fn bare(jid: &str) -> String {
    Jid::new(jid).map(|jid| jid.to_bare().to_string()).unwrap_or_default()
}

type Answer = Result<Received, LinkError>;

struct Pending {
    peer: Peer,
    answer: oneshot::Sender<Answer>,
    /// Set when the reply may come as its own text.
    as_text: Option<Counted>,
}

/// One of those that are counted.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pending IQs of one stream.
pub(super) struct IqTracker {
    pending: Mutex<HashMap<String, Pending>>,
    /// How many of them are asked for a text.
    texts: Arc<AtomicUsize>,
    most: usize,
    gauge: Gauge,
}

impl IqTracker {
    pub(super) fn new(most: usize, gauge: Gauge) -> Self {
        Self { pending: Mutex::default(), texts: Arc::default(), most, gauge }
    }

    /// Registers a request, of which the reply may come as its own text or not. Dropping the guard forgets it.
    pub(super) fn expect(
        self: &Arc<Self>,
        id: &str,
        peer: Peer,
        as_text: bool,
    ) -> Result<(Guard, oneshot::Receiver<Answer>), LinkError> {
        let (answer, receiver) = oneshot::channel();
        let mut pending = self.pending.lock();
        if pending.len() >= self.most {
            return Err(LinkError::Busy);
        }
        let as_text = as_text.then(|| Counted::new(&self.texts));
        pending.insert(id.to_owned(), Pending { peer, answer, as_text });
        self.gauge.inc();
        Ok((Guard { tracker: self.clone(), id: id.to_owned() }, receiver))
    }

    /// True for the start tag of a result that somebody takes as its own text.
    pub(super) fn wants_text(&self, stanza: Tag<'_>) -> bool {
        if self.texts.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let [from, to] = ["from", "to"].map(|name| stanza.attr(name));
        let asked = |pending: &Pending| pending.as_text.is_some() && pending.peer.sent(from.as_deref(), to.as_deref());
        stanza.is("iq", CLIENT)
            && stanza.attr("type").is_some_and(|kind| kind == "result")
            && stanza.attr("id").is_some_and(|id| self.pending.lock().get(&*id).is_some_and(asked))
    }

    /// Hands a reply to whoever asked for it; false when nobody did, or when somebody else answers.
    pub(super) fn resolve(&self, reply: Received) -> bool {
        let [Some(id), from, to] = ["id", "from", "to"].map(|name| reply.attr(name)) else { return false };
        let mut all = self.pending.lock();
        if !all.get(&*id).is_some_and(|pending| pending.peer.sent(from.as_deref(), to.as_deref())) {
            return false;
        }
        let found = all.remove(&*id);
        drop(all);
        self.settle(found, Ok(reply))
    }

    /// Fails one request.
    pub(super) fn fail(&self, id: &str, error: LinkError) {
        let found = self.pending.lock().remove(id);
        self.settle(found, Err(error));
    }

    /// Fails all requests.
    pub(super) fn fail_all(&self, error: &LinkError) {
        let all = std::mem::take(&mut *self.pending.lock());
        for (_, pending) in all {
            self.settle(Some(pending), Err(error.clone()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.lock().is_empty()
    }

    fn settle(&self, found: Option<Pending>, answer: Answer) -> bool {
        let Some(pending) = found else { return false };
        self.gauge.dec();
        // The caller may have left in this very moment: then nobody needs it.
        let _ = pending.answer.send(answer);
        true
    }
}

/// Forgets the request when the caller leaves.
pub(super) struct Guard {
    tracker: Arc<IqTracker>,
    id: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.tracker.pending.lock().remove(&self.id).is_some() {
            self.tracker.gauge.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    fn accepts(asked: Option<&str>, from: Option<&str>) -> bool {
        let mut reply = Element::bare("iq", CLIENT);
        for (name, value) in [("from", from), ("to", Some("alice@example.org/gw"))] {
            if let (Ok(name), Some(value)) = (rxml::NcName::try_from(name), value) {
                reply.attrs_mut().insert(rxml::Namespace::NONE, name, value.to_owned());
            }
        }
        Peer::new(asked, &"example.org".into()).sent(reply.attr("from"), reply.attr("to"))
    }

    #[test]
    fn another_entity_must_name_itself_exactly() {
        assert!(accepts(Some("bob@example.org"), Some("bob@example.org")));
        assert!(accepts(Some("Bob@EXAMPLE.org"), Some("bob@example.org")));
        assert!(!accepts(Some("bob@example.org"), Some("bob@example.org/x")));
        assert!(!accepts(Some("bob@example.org/x"), Some("bob@example.org")));
        assert!(!accepts(Some("bob@example.org"), Some("eve@example.org")));
        assert!(!accepts(Some("bob@example.org"), None));
        assert!(!accepts(Some("not a jid@@"), Some("example.org")));
    }

    #[test]
    fn only_the_server_and_the_own_account_may_leave_out_from() {
        assert!(accepts(Some("example.org"), None));
        assert!(accepts(Some("alice@example.org"), None));
        assert!(!accepts(Some("rooms.example.org"), None));
    }

    #[test]
    fn a_request_to_nobody_is_answered_by_the_server_or_the_own_account() {
        for from in [None, Some("example.org"), Some("alice@example.org"), Some("alice@example.org/gw")] {
            assert!(accepts(None, from), "{from:?}");
        }
        for from in ["alice@example.org/other", "eve@example.org", "rooms.example.org"] {
            assert!(!accepts(None, Some(from)), "{from}");
        }
    }
}
