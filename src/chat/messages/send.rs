//! Sending one message: who may, by which way, and what was observed of it.

use jid::BareJid;

use crate::chat::messages::Messages;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Content, Message, Receipt, Target};
use crate::chat::types::product::Product;
use crate::config::server::Wait;
use crate::link::{Call, LinkError};
use crate::metrics::messages::Counted;
use crate::xml::Element;

/// How messages go from one user to another.
#[derive(Debug, Clone, Copy)]
struct Mode {
    server: Product,
    /// The sender can have copies.
    gives_copies: bool,
    wait: Wait,
    /// The call itself says what is waited for.
    asked: bool,
}

/// How one of them goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// The sender gets a copy.
    copies: bool,
    /// What is waited for; `None` where that cannot come.
    wait: Option<Wait>,
}

impl Mode {
    /// True when the sender gets a copy of `message`.
    fn copies(self, message: &Message) -> bool {
        self.gives_copies && message.sender_copy && !matches!(message.content, Content::Notice { .. })
    }

    fn way(self, message: &Message) -> Way {
        let wait = match self.wait {
            Wait::Archived if !message.is_kept() => (!self.asked).then_some(Wait::Routed),
            wait => Some(wait),
        };
        Way { copies: self.copies(message), wait }
    }
}

impl Messages {
    /// Sends one message, one-to-one or to a room, and returns when what the call waits for is known (one-to-one: by default
    /// that the server has processed it) or the room has reflected it (rooms).
    ///
    /// # Errors
    /// Unknown recipient, sender or room, a sender who is not a member, a refusal by the room, a link that is busy,
    /// down, or fell before the answer.
    pub async fn send(&self, call: &Call, message: &Message) -> Result<Receipt, ChatError> {
        let (outcome, metrics) = match &message.to {
            Target::Room(room) => (self.send_to_room_as(call, room, message).await, &self.metrics.rooms),
            Target::User(user) => (self.send_to_user(call, user, message).await, &self.metrics.users),
        };
        count(call, metrics, &outcome);
        outcome
    }

    async fn send_to_room_as(&self, call: &Call, room: &BareJid, message: &Message) -> Result<Receipt, ChatError> {
        if !self.server.config.server.unknown_senders {
            self.accounts.require_users(call, &[&message.from]).await?;
        }
        let receipt = Box::pin(self.send_to_room(call, room, message)).await?;
        tracing::debug!(request = %call.request, stanza = %receipt.id, %room, "reflected");
        Ok(receipt)
    }

    /// As [`Messages::send`] for messages of one sender to one target, which go in their order; one result each, in order.
    /// One that fails stops none behind it. Those to a user do not wait for each other's processing.
    pub async fn send_all(&self, call: &Call, messages: Vec<Message>) -> Vec<Result<Receipt, ChatError>> {
        if let Some(Message { to: Target::User(user), .. }) = messages.first() {
            let outcomes = self.send_all_to_user(call, user, &messages).await;
            outcomes.iter().for_each(|outcome| count(call, &self.metrics.users, outcome));
            return outcomes;
        }
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in &messages {
            outcomes.push(self.send(call, message).await);
        }
        outcomes
    }

    async fn send_to_user(&self, call: &Call, user: &BareJid, message: &Message) -> Result<Receipt, ChatError> {
        let mode = self.mode(call, message, user).await?;
        if mode.copies(message) || mode.wait != Wait::Routed {
            let mut outcomes = Box::pin(self.send_all_by(mode, call, user, std::slice::from_ref(message))).await;
            return outcomes.pop().unwrap_or(Err(LinkError::Unknown.into()));
        }
        let id = self.server.link.new_id(call);
        let prepared = message.prepared(&id, mode.server, false).map_err(LinkError::from)?;
        sending(call, user, prepared.id());
        let bounce = self.server.links.send_to(call, user, &prepared).await.map_err(ChatError::from);
        self.received(call, user, id, bounce).await
    }

    async fn send_all_to_user(
        &self,
        call: &Call,
        user: &BareJid,
        messages: &[Message],
    ) -> Vec<Result<Receipt, ChatError>> {
        let Some(first) = messages.first() else { return Vec::new() };
        match self.mode(call, first, user).await {
            Ok(mode) => self.send_all_by(mode, call, user, messages).await,
            Err(error) => messages.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn send_all_by(
        &self,
        mode: Mode,
        call: &Call,
        user: &BareJid,
        messages: &[Message],
    ) -> Vec<Result<Receipt, ChatError>> {
        let mut outcomes = Vec::with_capacity(messages.len());
        // Those that go the same way go together.
        for messages in messages.chunk_by(|one, next| mode.way(one) == mode.way(next)) {
            let Some(first) = messages.first() else { continue };
            let way = mode.way(first);
            let ready = match way.wait {
                Some(Wait::Archived) => self.can_prove(call, user).await,
                Some(Wait::Written | Wait::Routed) => Ok(()),
                None => Err(ChatError::NotKept),
            };
            if let Err(error) = ready {
                outcomes.extend(messages.iter().map(|_| Err(error.clone())));
                continue;
            }
            let ids: Vec<String> = messages.iter().map(|_| self.server.link.new_id(call)).collect();
            let named = messages.iter().zip(&ids);
            let (written, proven) = (way.wait == Some(Wait::Written), way.wait == Some(Wait::Archived));
            let bounces = if way.copies {
                let stanzas: Vec<_> = named.map(|(message, id)| message.stanza(id, mode.server, proven)).collect();
                stanzas.iter().for_each(|stanza| sending(call, user, stanza.attr("id").unwrap_or_default()));
                Box::pin(self.deliver_with_copy(call, &first.from, stanzas, written)).await
            } else {
                let prepared: Vec<_> = named.map(|(message, id)| message.prepared(id, mode.server, proven)).collect();
                prepared.iter().flatten().for_each(|prepared| sending(call, user, prepared.id()));
                let bounces = match written {
                    true => self.server.link.write_all_prepared(call, &prepared).await,
                    false => self.server.links.send_all_to(call, user, &prepared).await,
                };
                bounces.into_iter().map(|bounce| bounce.map_err(ChatError::from)).collect()
            };
            let mut received = Vec::with_capacity(ids.len());
            for (id, bounce) in ids.iter().zip(bounces) {
                received.push(self.received(call, user, id.clone(), bounce).await);
            }
            if proven {
                self.prove(call, user, &ids, &mut received).await;
            }
            outcomes.extend(received);
        }
        outcomes
    }

    /// How messages of the sender of `message` go to a user. Both must exist, as far as the configuration asks for it.
    async fn mode(&self, call: &Call, message: &Message, to: &BareJid) -> Result<Mode, ChatError> {
        let sender_known = self.require_both(call, message, to).await?;
        let server = self.server.product(call).await?;
        Ok(Mode {
            server,
            gives_copies: sender_known && self.server.gives_copies(server),
            wait: call.wait.unwrap_or(self.server.config.server.wait),
            asked: call.wait.is_some(),
        })
    }

    async fn received(
        &self,
        call: &Call,
        user: &BareJid,
        id: String,
        bounce: Result<Option<Element>, ChatError>,
    ) -> Result<Receipt, ChatError> {
        let Some(bounce) = bounce? else { return Ok(Receipt { id, archive_id: None }) };
        let error = Box::pin(self.accounts.bounced(call, user, &bounce)).await;
        tracing::debug!(request = %call.request, stanza = %id, %error, "bounced");
        Err(error)
    }

    /// The recipient must exist; the sender too, unless the configuration lets anybody speak. True when they do.
    async fn require_both(&self, call: &Call, message: &Message, to: &BareJid) -> Result<bool, ChatError> {
        if !self.server.config.server.unknown_senders {
            self.accounts.require_users(call, &[to, &message.from]).await?;
            return Ok(true);
        }
        self.accounts.require_users(call, &[to]).await?;
        match self.accounts.require_users(call, &[&message.from]).await {
            Ok(()) => Ok(true),
            Err(ChatError::UnknownUser(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Counts what became of a message.
pub(super) fn count(call: &Call, metrics: &Counted, outcome: &Result<Receipt, ChatError>) {
    call.tally.count(outcome.is_ok());
    match outcome {
        Ok(_) => metrics.ok(),
        Err(error) => metrics.failed(error.kind().word()),
    }
}

/// Notes with which id a stanza goes to a user: the caller's own or the gateway's.
fn sending(call: &Call, user: &BareJid, id: &str) {
    tracing::debug!(request = %call.request, stanza = id, to = %user, "sending");
}
