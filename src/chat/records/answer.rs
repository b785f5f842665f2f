//! What a pubsub service answers, and when it is asked again.

use std::time::Duration;

use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;

/// The item in which a node says whose it is, where its name does not.
pub(in crate::chat) const WHOSE: &str = "jid";
/// How long to wait before each further attempt. ejabberd loses some nodes and items that are made at the same moment
/// (the transactions meet and one is given up).
pub(in crate::chat) const PAUSES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(60), Duration::from_millis(200), Duration::from_millis(500)];

/// How long to wait before each further look at a node that another gateway has made and not shared yet. A server under load
/// takes seconds for that. Then that gateway has ended, or the node is somebody else's.
pub(in crate::chat) const SETTLING: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(60),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// A pause of about that length: gateways that met once would meet again after pauses of the same one.
pub(in crate::chat) fn about(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.5))
}

/// The result of a question, or the refusal.
pub(in crate::chat) type Answer = Result<Element, StanzaError>;

/// True for what a server answers that has lost a node or an item which it was just about to make.
pub(in crate::chat) fn is_lost(error: &StanzaError) -> bool {
    error.is("item-not-found") || error.is("internal-server-error")
}
