//! Sending one message: who may, by which way, and what was observed of it.

use jid::BareJid;

use super::core::Core;
use super::message::{Content, Message, Receipt, Target};
use super::{Call, ChatError};
use crate::link::LinkError;
use crate::xml::Element;
use crate::xmpp::stanza_error::StanzaError;

impl Core {
    /// Sends one message and reports what was observed.
    pub(super) async fn send(&self, call: &Call, message: Message) -> Result<Receipt, ChatError> {
        match &message.to {
            Target::Room(room) => {
                if !self.config.server.unknown_senders {
                    self.require_users(call, &[&message.from]).await?;
                }
                let receipt = Box::pin(self.speak(call, room, &message)).await?;
                tracing::debug!(request = %call.request, stanza = %receipt.id, %room, "reflected");
                Ok(receipt)
            }
            Target::User(user) => {
                let mut outcomes = self.send_to_user(call, user, std::slice::from_ref(&message)).await;
                outcomes.pop().unwrap_or(Err(LinkError::Unknown.into()))
            }
        }
    }

    /// Sends messages of one sender to one target, in their order; one result each. Those to a user do not wait for each
    /// other's processing.
    pub(super) async fn send_all(&self, call: &Call, messages: Vec<Message>) -> Vec<Result<Receipt, ChatError>> {
        if let Some(Message { to: Target::User(user), .. }) = messages.first() {
            return self.send_to_user(call, &user.clone(), &messages).await;
        }
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            outcomes.push(self.send(call, message).await);
        }
        outcomes
    }

    async fn send_to_user(&self, call: &Call, user: &BareJid, messages: &[Message]) -> Vec<Result<Receipt, ChatError>> {
        let Some(first) = messages.first() else { return Vec::new() };
        let asked =
            async { Ok::<_, ChatError>((self.require_both(call, first, user).await?, self.product(call).await?)) };
        let (sender_known, server) = match asked.await {
            Ok(known) => known,
            Err(error) => return messages.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut outcomes = Vec::with_capacity(messages.len());
        // Those that go the same way go together.
        let copying = sender_known && self.gives_copies(server);
        let copied =
            |message: &Message| copying && message.sender_copy && !matches!(message.content, Content::Notice { .. });
        for messages in messages.chunk_by(|one, next| copied(one) == copied(next)) {
            let Some(first) = messages.first() else { continue };
            let ids: Vec<String> = messages.iter().map(|_| self.link.new_id(call)).collect();
            let named = messages.iter().zip(&ids);
            for id in &ids {
                tracing::debug!(request = %call.request, stanza = %id, to = %user, "sending");
            }
            let bounces = if copied(first) {
                let stanzas = named.map(|(message, id)| message.stanza(id, server)).collect();
                Box::pin(self.deliver_with_copy(call, &first.from, stanzas)).await
            } else {
                let prepared: Vec<_> = named.map(|(message, id)| message.prepared(id, server)).collect();
                let bounces = self.links.send_to(call, user, &prepared).await;
                bounces.into_iter().map(|bounce| bounce.map_err(ChatError::from)).collect()
            };
            for (id, bounce) in ids.into_iter().zip(bounces) {
                outcomes.push(self.received(call, user, id, bounce).await);
            }
        }
        outcomes
    }

    async fn received(
        &self,
        call: &Call,
        user: &BareJid,
        id: String,
        bounce: Result<Option<Element>, ChatError>,
    ) -> Result<Receipt, ChatError> {
        let Some(bounce) = bounce? else { return Ok(Receipt { id, archive_id: None }) };
        let error = Box::pin(self.bounced(call, user, &bounce)).await;
        tracing::debug!(request = %call.request, stanza = %id, %error, "bounced");
        Err(error)
    }

    /// The recipient must exist; the sender too, unless the configuration lets anybody speak. True when he does.
    async fn require_both(&self, call: &Call, message: &Message, to: &BareJid) -> Result<bool, ChatError> {
        if !self.config.server.unknown_senders {
            self.require_users(call, &[to, &message.from]).await?;
            return Ok(true);
        }
        self.require_users(call, &[to]).await?;
        match self.require_users(call, &[&message.from]).await {
            Ok(()) => Ok(true),
            Err(ChatError::UnknownUser(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What a message's coming back says. Servers answer for an account that is gone as they do for one that blocks the
    /// sender, so the account is looked for once more.
    pub(super) async fn bounced(&self, call: &Call, user: &BareJid, bounce: &Element) -> ChatError {
        let error = StanzaError::read(bounce);
        if error.is("service-unavailable") || error.is("item-not-found") {
            self.forget_user(user);
            if let Err(gone @ ChatError::UnknownUser(_)) = self.require_users(call, &[user]).await {
                return gone;
            }
        }
        ChatError::refused(error)
    }
}
