//! Sending one message: who may, by which way, and what was observed of it.

use jid::BareJid;

use super::core::Core;
use super::message::{Content, Message, Receipt, Target};
use super::{Call, ChatError};
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
                let sender_known = self.require_both(call, &message, user).await?;
                let id = self.link.new_id(call);
                let stanza = message.stanza(&id);
                tracing::debug!(request = %call.request, stanza = %id, to = %user, "sending");
                let copy = message.sender_copy && sender_known && !matches!(message.content, Content::Notice { .. });
                let bounce = if copy {
                    Box::pin(self.deliver_with_copy(call, &message.from, stanza)).await?
                } else {
                    self.link.send_routed(call, &stanza).await?
                };
                match bounce {
                    None => Ok(Receipt { id, archive_id: None }),
                    Some(bounce) => {
                        let error = Box::pin(self.bounced(call, user, &bounce)).await;
                        tracing::debug!(request = %call.request, stanza = %id, %error, "bounced");
                        Err(error)
                    }
                }
            }
        }
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
