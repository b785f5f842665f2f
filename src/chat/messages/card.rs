//! Messages of the service itself: a plain body that any client shows, and a child with JSON for apps that know it.

use futures::{StreamExt as _, stream};
use jid::BareJid;
use serde_json::Value;

use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Content, Message, Receipt, Target};
use crate::chat::{Call, Chat};
use crate::config::server::Wait;
use crate::link::Prepared;
use crate::xml::Element;
use crate::xml::element::Build as _;
use crate::xmpp::card;

/// Messages in one write, and about how many bytes: well below what the link lets wait.
const CHUNK: usize = 1000;
const CHUNK_BYTES: usize = 2 << 20;
/// Recipients whose archives are looked at side by side.
const PROVEN: usize = 8;
/// What a message weighs beside its body and JSON.
const FRAME: usize = 512;
/// The resource of a domain at which both products take announcements to those who are online.
const ONLINE: &str = "announce/online";

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
    /// What is beside.
    pub extras: Extras,
}

/// What may be beside a card's body and child.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// The user in whose name it is sent, in a chat of their own with each receiver; without them the service itself.
    pub from: Option<BareJid>,
    /// The name of who speaks (XEP-0172).
    pub nick: Option<String>,
    /// Links with their titles (XEP-0066).
    pub links: Vec<(String, String)>,
    /// Whether the body is no styled text (XEP-0393), so that clients show it as it is.
    pub unstyled: bool,
}

impl Card {
    fn message(&self, from: &str, to: &str, json: &str, store: bool) -> Element {
        let kind = match (store, &self.extras.from) {
            (false, _) => "headline",
            (true, None) => "normal",
            (true, Some(_)) => "chat",
        };
        self.element(card::Head { from, to, kind, store }, json)
    }

    /// As it is said in a room.
    pub(in crate::chat) fn spoken(&self, from: &str, room: &str) -> Element {
        let head = card::Head { from, to: room, kind: "groupchat", store: true };
        self.element(head, &self.json.to_string())
    }

    fn element(&self, head: card::Head<'_>, json: &str) -> Element {
        let Extras { nick, links, unstyled, .. } = &self.extras;
        let mut beside: Vec<Element> = nick.iter().map(|nick| card::nick(nick)).collect();
        beside.extend(links.iter().map(|(url, title)| card::link(url, title)));
        beside.extend(unstyled.then(card::unstyled));
        let message = card::message(head, &self.body, (self.child.ns, self.child.name), json);
        beside.into_iter().fold(message, |message, child| message.child(child))
    }
}

impl Chat {
    /// Sends a card to each of `users`, from the realm's domain or whom the card names; one outcome each. Sent when what
    /// the call waits for is known.
    ///
    /// # Errors
    /// [`ChatError::UnknownUser`] for whoever has no account. On Prosody a recipient's refusal is seen too; on ejabberd
    /// it goes to the domain itself.
    pub async fn notify(
        &self,
        call: &Call,
        realm: &Realm,
        users: &[BareJid],
        card: &Card,
    ) -> Vec<Result<Receipt, ChatError>> {
        let json = card.json.to_string();
        let from = card.extras.from.as_ref().map_or(realm.domain.as_str(), |user| user.as_str());
        let wait = match call.wait.unwrap_or(self.core.config.server.wait) {
            Wait::Archived if !card.store && call.wait.is_some() => {
                return users.iter().map(|_| Err(ChatError::NotKept)).collect();
            }
            Wait::Archived if !card.store => Wait::Routed,
            wait => wait,
        };
        let core = &self.core;
        let mut outcomes: Vec<Result<Receipt, ChatError>> = Vec::with_capacity(users.len());
        for (user, exists) in users.iter().zip(core.exist(call, users).await) {
            outcomes.push(match exists {
                Ok(true) => Ok(Receipt { id: core.link.new_id(call), archive_id: None }),
                Ok(false) => Err(ChatError::UnknownUser(user.clone())),
                Err(error) => Err(error),
            });
        }
        if wait == Wait::Archived {
            let ready = users.iter().cloned().zip(outcomes).map(|(user, outcome)| core.ready(call, user, outcome));
            outcomes = stream::iter(ready).buffered(PROVEN).collect().await;
        }
        let receipts = outcomes.clone();
        let mut places: Vec<_> = users
            .iter()
            .zip(&mut outcomes)
            .filter_map(|(user, outcome)| Some((user, outcome.as_mut().ok()?.id.clone(), outcome)))
            .collect();
        let size = card.body.len() + json.len() + FRAME;
        for chunk in places.chunks_mut((CHUNK_BYTES / size).clamp(1, CHUNK)) {
            let message = |(user, id, _): &(&BareJid, String, &mut Result<Receipt, ChatError>)| {
                Prepared::element(&card.message(from, user.as_str(), &json, card.store).with("id", id))
            };
            let messages: Vec<_> = chunk.iter().map(message).collect();
            let sent = match wait {
                Wait::Written => core.link.write_all_prepared(call, &messages).await,
                Wait::Routed | Wait::Archived => core.link.send_all_prepared(call, &messages).await,
            };
            for ((user, _, outcome), sent) in chunk.iter_mut().zip(sent) {
                match sent {
                    Ok(None) => {}
                    Ok(Some(bounce)) => **outcome = Err(core.bounced(call, user, &bounce).await),
                    Err(error) => **outcome = Err(error.into()),
                }
            }
        }
        if wait == Wait::Archived {
            let sent = users.iter().cloned().zip(receipts).zip(outcomes);
            let proven = sent.map(|((user, receipt), outcome)| core.proven(call, user, receipt, outcome));
            outcomes = stream::iter(proven).buffered(PROVEN).collect().await;
        }
        outcomes
    }

    /// Says a card in a room as the gateway itself, under the nick `name`: no member, and no user, is put on the room's
    /// lists for it. Sent when the room has shown it.
    ///
    /// # Errors
    /// An unknown room, a refusal by the room.
    pub async fn notify_room(
        &self,
        call: &Call,
        room: &BareJid,
        name: &str,
        card: &Card,
    ) -> Result<Receipt, ChatError> {
        let from = BareJid::new(&self.core.component).map_err(|error| ChatError::Config(error.to_string()))?;
        let content = Content::Card { card: Box::new(card.clone()), nick: name.to_owned() };
        let message = Message { from, to: Target::Room(room.clone()), content, sender_copy: false };
        self.core.speak(call, room, &message).await
    }

    /// Sends a card from the realm's domain to everybody who is online there, as a headline: it is never kept, whatever
    /// `store` says. Sent when the server has taken it; it passes it on by itself.
    ///
    /// # Errors
    /// [`ChatError::Right`] when the server does not let the gateway announce.
    pub async fn broadcast(&self, call: &Call, realm: &Realm, card: &Card) -> Result<(), ChatError> {
        let to = format!("{}/{ONLINE}", realm.domain);
        let message = card.message(&self.core.component, &to, &card.json.to_string(), false);
        self.core.announce(call, &realm.domain, message.with("id", self.core.link.new_id(call))).await
    }
}
