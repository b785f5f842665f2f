//! Messages of the service itself: a plain body that any client shows, and a child with JSON for apps that know it.

use jid::BareJid;
use serde_json::Value;

use super::{Call, Chat, ChatError, Realm};

/// Namespace and name of the child that holds JSON (in `<json xmlns='urn:xmpp:json:0'/>`, XEP-0335).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardChild {
    /// Namespace.
    pub ns: &'static str,
    /// Local name.
    pub name: &'static str,
}

/// A message of the service.
#[derive(Debug, Clone)]
pub struct Card {
    /// What any client shows.
    pub body: String,
    /// The child.
    pub child: CardChild,
    /// What it holds.
    pub json: Value,
    /// Whether it is kept for those who are offline. If not, it is a headline that only online devices get.
    pub store: bool,
}

impl Chat {
    /// Sends a card from the realm's domain to each of `users`; one outcome each. Sent when the server has processed it.
    pub async fn notify(
        &self,
        call: &Call,
        realm: &Realm,
        users: &[BareJid],
        card: &Card,
    ) -> Vec<Result<(), ChatError>> {
        todo!("{call:?} {realm:?} {users:?} {card:?}")
    }

    /// Sends a card from the realm's domain to everybody who is online there.
    pub async fn broadcast(&self, call: &Call, realm: &Realm, card: &Card) -> Result<(), ChatError> {
        todo!("{call:?} {realm:?} {card:?}")
    }
}
