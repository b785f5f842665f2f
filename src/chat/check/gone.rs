//! Trying whether a room that was destroyed stays gone when a client that still knows it enters it.

use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::check::Check;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::{Call, LinkError};
use crate::xml::element::Build;
use crate::xmpp::{commands, iq, muc};

/// How long one look at a room may take, and how often it is looked at.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS: usize = 10;

impl Check<'_> {
    /// What a server's administrator should know though every endpoint works: that users' clients bring back rooms that
    /// were destroyed, and the lines that prevent it. It is tried with `user`, if there is one.
    pub async fn check_gone(&self, product: Product, user: Option<&BareJid>) -> Option<String> {
        let lines = match product {
            Product::Ejabberd => {
                "# ejabberd.yml:\naccess_rules:\n  muc_create:\n    allow: gateway\nmodules:\n  mod_muc:\n    access_create: muc_create"
            }
            Product::Prosody => "-- prosody.cfg.lua, in the MUC component:\n    muc_tombstones = true",
        };
        match self.comes_back(product, user).await {
            Ok(true) => Some(format!(
                "A client that enters a room which was destroyed makes it anew (docs/operations.md, \"Rooms that are gone\"). \
                 Unless users are to make such rooms:\n\n{lines}\n"
            )),
            Ok(false) => None,
            Err(error) => Some(format!("Whether rooms stay gone was not tried: {error}\n")),
        }
    }

    /// Makes a room, destroys it, and enters it as a user's client would.
    async fn comes_back(&self, product: Product, user: Option<&BareJid>) -> Result<bool, String> {
        let text = |error: ChatError| error.to_string();
        let user = match user {
            Some(user) => user.clone(),
            None => self.nobody()?,
        };
        let room = self.check_room_made().await?;
        let destroy = || iq::set(&self.server.component, room.as_str(), muc::destroy(""));
        self.server.require(&self.call(), destroy()).await.map_err(text)?;
        // What comes to a room that is ending is lost with it.
        if self.is_there(&room).await? {
            return Err(format!("{room} is still there after it was destroyed"));
        }
        let own = format!("{user}/{}", self.rooms.occupant_resource());
        let call = self.call();
        let join = muc::join(&own, &room, "check", None).with("id", self.server.link.new_id(&call));
        // It is to be kept: what it sends to an occupant that no client is comes back, and puts them out (ejabberd).
        let keep = iq::set(&own, room.as_str(), muc::configure([("muc#roomconfig_persistentroom", "1")]));
        let keep = keep.with("id", self.server.link.new_id(&call));
        for sent in self.server.link.send_all_routed(&call, &[join, keep]).await {
            sent.map_err(|error| error.to_string())?;
        }
        if !self.is_there(&room).await? {
            self.bury(product, &room).await;
            return Ok(false);
        }
        let gone = self.server.require(&self.call(), destroy()).await;
        gone.map_err(|error| format!("{room} came back, and could not be destroyed: {error}"))?;
        Ok(true)
    }

    /// Takes away what Prosody keeps of a room that was destroyed: nobody knows this one, so nobody needs to be told.
    pub(in crate::chat) async fn bury(&self, product: Product, room: &BareJid) {
        if product != Product::Prosody {
            return;
        }
        let command = commands::execute_with(commands::PROSODY_DESTROY_ROOM, &[("rooms", room.as_str())]);
        if let Err(error) =
            self.server.require(&self.call(), iq::set(&self.server.component, room.domain().as_str(), command)).await
        {
            tracing::debug!(%room, %error, "the server still knows of a room that was tried");
        }
    }

    /// Looks at a room until it answers: ejabberd says nothing for one that is ending.
    async fn is_there(&self, room: &BareJid) -> Result<bool, String> {
        let mut seen = Err(LinkError::Timeout.into());
        for _ in 0..LOOKS {
            let look = Call { deadline: Instant::now() + LOOK, ..self.call() };
            seen = self.rooms.room_info(&look, room).await;
            if !matches!(seen, Err(ChatError::Link(LinkError::Timeout))) {
                break;
            }
        }
        match seen {
            Ok(_) => Ok(true),
            Err(ChatError::UnknownRoom(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}
