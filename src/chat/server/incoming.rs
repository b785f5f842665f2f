//! Where what comes in finds who waits for it.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use jid::BareJid;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::chat::kit::waiters::Waiters;
use crate::chat::server::archives::Archives;
use crate::chat::server::ask::WINDOW;
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;

/// Answers a request for a key that a user of a served domain sent to the component, given the mark of the account.
pub type KeyAnswer = Arc<dyn Fn(&BareJid, Option<&str>) -> Option<String> + Send + Sync>;

/// As [`KeyAnswer`], of whoever asked; it looks for the mark.
pub(in crate::chat) type KeyService = Arc<dyn Fn(BareJid) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// What became of a message to a room: its archive id, when the room gives one, or the refusal.
pub(in crate::chat) type Reflection = Result<Option<String>, StanzaError>;

/// Where what comes in finds who waits for it. Apart from [`Server`], since the link starts before that exists.
#[derive(Default)]
pub(in crate::chat) struct Incoming {
    /// The served MUC services: nobody else's word on rooms counts.
    pub(in crate::chat) services: Vec<String>,
    /// Reflections, by room and the gateway's own id: whoever knows the id of another's message must not answer for the room.
    pub(in crate::chat) reflections: Waiters<(BareJid, String), Reflection>,
    /// Refusals of messages with ids of their callers' own, by room, occupant and id.
    pub(in crate::chat) refusals: Waiters<(BareJid, String, String), StanzaError>,
    /// Our own presence in a room, by room and the full JID it was sent to.
    pub(in crate::chat) entries: Waiters<(BareJid, String), Element>,
    /// Queries of archives, with what has come of them.
    pub(in crate::chat) archives: Archives,
    /// Rooms whose members have changed since they were last looked at.
    pub(in crate::chat) changed: RwLock<HashSet<BareJid>>,
    /// Who answers requests for a key.
    pub(in crate::chat) keys: RwLock<Option<KeyService>>,
    /// How many requests for a key are being answered.
    pub(in crate::chat) asking: Asking,
    /// What Prosody said that it grants (XEP-0356).
    pub(in crate::chat) granted: RwLock<Vec<(String, String)>>,
}

/// Places of those who wait for a key.
pub(in crate::chat) struct Asking(pub(in crate::chat) Arc<Semaphore>);

impl Default for Asking {
    fn default() -> Self {
        Asking(Arc::new(Semaphore::new(WINDOW)))
    }
}
