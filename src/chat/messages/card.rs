//! Messages of the service itself: a plain body that any client shows, and a child with JSON for apps that know it.

use futures::{StreamExt as _, stream};
use jid::BareJid;

use crate::chat::messages::Messages;
use crate::chat::messages::send::count;
use crate::chat::types::address::Realm;
use crate::chat::types::card::Card;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Content, Message, Receipt, Target};
use crate::config::server::Wait;
use crate::link::{Call, Prepared};
use crate::xml::element::Build as _;

/// Messages in one write, and about how many bytes: well below what the link lets wait.
const CHUNK: usize = 1000;
const CHUNK_BYTES: usize = 2 << 20;
/// Recipients whose archives are looked at side by side.
const PROVEN: usize = 8;
/// What a message weighs beside its body and JSON.
const FRAME: usize = 512;
/// The resource of a domain at which both products take announcements to those who are online.
const ONLINE: &str = "announce/online";

impl Messages {
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
        let outcomes = self.notify_each(call, realm, users, card).await;
        outcomes.iter().for_each(|outcome| count(call, &self.metrics.users, outcome));
        outcomes
    }

    async fn notify_each(
        &self,
        call: &Call,
        realm: &Realm,
        users: &[BareJid],
        card: &Card,
    ) -> Vec<Result<Receipt, ChatError>> {
        let json = card.json.to_string();
        let from = card.extras.from.as_ref().map_or(realm.domain.as_str(), |user| user.as_str());
        let wait = match call.wait.unwrap_or(self.server.config.server.wait) {
            Wait::Archived if !card.store && call.wait.is_some() => {
                return users.iter().map(|_| Err(ChatError::NotKept)).collect();
            }
            Wait::Archived if !card.store => Wait::Routed,
            wait => wait,
        };
        let mut outcomes: Vec<Result<Receipt, ChatError>> = Vec::with_capacity(users.len());
        for (user, exists) in users.iter().zip(self.accounts.exist(call, users).await) {
            outcomes.push(match exists {
                Ok(true) => Ok(Receipt { id: self.server.link.new_id(call), archive_id: None }),
                Ok(false) => Err(ChatError::UnknownUser(user.clone())),
                Err(error) => Err(error),
            });
        }
        if wait == Wait::Archived {
            let ready = users.iter().cloned().zip(outcomes).map(|(user, outcome)| self.ready(call, user, outcome));
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
                Wait::Written => self.server.link.write_all_prepared(call, &messages).await,
                Wait::Routed | Wait::Archived => self.server.link.send_all_prepared(call, &messages).await,
            };
            for ((user, _, outcome), sent) in chunk.iter_mut().zip(sent) {
                match sent {
                    Ok(None) => {}
                    Ok(Some(bounce)) => **outcome = Err(self.accounts.bounced(call, user, &bounce).await),
                    Err(error) => **outcome = Err(error.into()),
                }
            }
        }
        if wait == Wait::Archived {
            let sent = users.iter().cloned().zip(receipts).zip(outcomes);
            let proven = sent.map(|((user, receipt), outcome)| self.proven(call, user, receipt, outcome));
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
        let from = BareJid::new(&self.server.component).map_err(|error| ChatError::Config(error.to_string()))?;
        let content = Content::Card { card: Box::new(card.clone()), nick: name.to_owned() };
        let message = Message { from, to: Target::Room(room.clone()), content, sender_copy: false };
        let outcome = self.send_to_room(call, room, &message).await;
        count(call, &self.metrics.rooms, &outcome);
        outcome
    }

    /// Sends a card from the realm's domain to everybody who is online there, as a headline: it is never kept, whatever
    /// `store` says. Sent when the server has taken it; it passes it on by itself.
    ///
    /// # Errors
    /// [`ChatError::Right`] when the server does not let the gateway announce.
    pub async fn broadcast(&self, call: &Call, realm: &Realm, card: &Card) -> Result<(), ChatError> {
        let to = format!("{}/{ONLINE}", realm.domain);
        let message = card.message(&self.server.component, &to, &card.json.to_string(), false);
        self.accounts.announce(call, &realm.domain, message.with("id", self.server.link.new_id(call))).await
    }
}
