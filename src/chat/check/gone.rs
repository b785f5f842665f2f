//! Trying whether a room that was destroyed stays gone when a client that still knows it enters it.

use jid::BareJid;

use super::call;
use crate::chat::{Chat, ChatError, Product};
use crate::xml::element::Build;
use crate::xmpp::{iq, muc};

impl Chat {
    /// What a server's administrator should know though every endpoint works: that users' clients bring back rooms that
    /// were destroyed, and the lines that prevent it. It is tried with `user`, if there is one.
    pub async fn check_gone(&self, product: Product, user: Option<&BareJid>) -> Option<String> {
        let lines = match product {
            Product::Ejabberd => {
                "# ejabberd.yml:\naccess_rules:\n  muc_create:\n    allow: gateway\nmodules:\n  mod_muc:\n    access_create: muc_create"
            }
            Product::Prosody => "-- prosody.cfg.lua, in the MUC component:\n    muc_tombstones = true",
        };
        match self.core.comes_back(user).await {
            Ok(true) => Some(format!(
                "A client that enters a room which was destroyed makes it anew (README, \"Rooms that are gone\"). Unless users \
                 are to make such rooms:\n\n{lines}\n"
            )),
            Ok(false) => None,
            Err(error) => Some(format!("Whether rooms stay gone was not tried: {error}\n")),
        }
    }
}

impl super::Core {
    /// Makes a room, destroys it, and enters it as a user's client would.
    async fn comes_back(&self, user: Option<&BareJid>) -> Result<bool, String> {
        let text = |error: ChatError| error.to_string();
        let user = match user {
            Some(user) => user.clone(),
            None => self.nobody()?,
        };
        let room = self.check_room_made().await?;
        let destroy = || iq::set(&self.component, room.as_str(), muc::destroy(""));
        self.require(&call(), destroy()).await.map_err(text)?;
        let own = format!("{user}/{}", self.seat_resource());
        let call_ = call();
        let join = muc::join(&own, &room, "check", None).with("id", self.link.new_id(&call_));
        self.link.send_routed(&call_, &join).await.map_err(|error| error.to_string())?;
        match self.room_info(&call(), &room).await {
            Ok(_) => {}
            Err(ChatError::UnknownRoom(_)) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
        let gone = self.require(&call(), destroy()).await;
        gone.map_err(|error| format!("{room} came back, and could not be destroyed: {error}"))?;
        Ok(true)
    }
}
