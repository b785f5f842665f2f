//! The steps of messages in which ejabberd and Prosody differ.

use jid::BareJid;

use crate::chat::messages::{Messages, ejabberd, prosody};
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::product::Product;
use crate::link::Call;
use crate::xml::Element;

impl Messages {
    /// Sends addressed messages of one account, in their order, so that the sender's archive and devices get them too.
    /// `Some` is the error that one came back with, unless they are only to be `written`.
    pub(in crate::chat) async fn deliver_with_copy(
        &self,
        call: &Call,
        from: &BareJid,
        stanzas: Vec<Element>,
        written: bool,
    ) -> Vec<Result<Option<Element>, ChatError>> {
        match self.server.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::deliver_with_copy(self, call, from, stanzas, written).await,
            Ok(Product::Prosody) => prosody::deliver_with_copy(self, call, from, stanzas, written).await,
            Err(error) => stanzas.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Says something in a room in a user's name, and waits for the room's reflection.
    pub(in crate::chat) async fn send_to_room(
        &self,
        call: &Call,
        room: &BareJid,
        message: &Message,
    ) -> Result<Receipt, ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::send_to_room(self, call, room, message).await,
            Product::Prosody => prosody::send_to_room(self, call, room, message).await,
        }
    }
}
