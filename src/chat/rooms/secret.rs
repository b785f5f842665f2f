//! Passwords of rooms: an owner's client may set one, and the gateway, an owner too, reads it.

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::info::RoomInfo;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xmpp::{data_form, iq, muc};

impl Rooms {
    /// The room's password, if it has one.
    pub(in crate::chat) async fn secret(&self, call: &Call, room: &BareJid) -> Result<Option<String>, ChatError> {
        let reply =
            self.server.require(call, iq::get(&self.server.component, room.as_str(), muc::config_query())).await?;
        let values = muc::config_form(&reply).map(|form| data_form::values(form, muc::SECRET)).unwrap_or_default();
        Ok(values.into_iter().next().filter(|secret| !secret.is_empty()))
    }

    /// As [`Rooms::secret`], of a room that was looked at.
    pub(in crate::chat) async fn secret_of(
        &self,
        call: &Call,
        room: &BareJid,
        info: &RoomInfo,
    ) -> Result<Option<String>, ChatError> {
        if info.has_secret { self.secret(call, room).await } else { Ok(None) }
    }
}
