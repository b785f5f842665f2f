//! A room's topic on ejabberd where only moderators set it: subscribers, from whose addresses the gateway sends, have no
//! role there (XEP-0045 section 8.1).

use std::time::Duration;

use jid::BareJid;

use crate::chat::messages::Messages;
use crate::chat::rooms::lists::distinct_nick;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::product::Product;
use crate::chat::types::room::Affiliation;
use crate::link::{Call, LinkError};
use crate::xmpp::{data_form, iq, muc};

/// How long the room may take to show the topic.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the room lets subscribers set its topic.
pub(in crate::chat) async fn is_open(messages: &Messages, call: &Call, room: &BareJid) -> Result<bool, ChatError> {
    // To be asked for its form would create the room.
    messages.rooms.room_info(call, room).await?;
    let reply =
        messages.server.require(call, iq::get(&messages.server.component, room.as_str(), muc::config_query())).await?;
    let values = muc::config_form(&reply).map(|form| data_form::values(form, muc::CHANGE_SUBJECT)).unwrap_or_default();
    Ok(values.first().is_none_or(|value| value == "1" || value == "true"))
}

/// Sets the topic in the name of an owner or admin, whom the room would let do it if they were there: the gateway, a
/// moderator of every room, enters with their name for that moment.
pub(in crate::chat) async fn set(
    messages: &Messages,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    match messages.rooms.lists(call, room).await?.of(user) {
        Affiliation::Owner | Affiliation::Admin => {}
        Affiliation::Member => {
            let text = "only its owners and admins may set the topic";
            return Err(ChatError::refused_by(room.as_str(), "forbidden", text));
        }
        _ => return Err(ChatError::NotMember { user: user.clone(), room: room.clone() }),
    }
    let own = messages.rooms.own_occupant();
    let nick = distinct_nick(&messages.rooms.nick(call, user).await?, user);
    messages.rooms.enter(call, room, &own, &nick).await?;
    let id = messages.server.link.new_id(call);
    let mut shown = messages.server.incoming.reflections.register((room.clone(), id.clone()));
    let stanza = message.prepared_from(&own, (&id, true), Product::Ejabberd).map_err(LinkError::from)?;
    messages.server.link.send_prepared(call, &stanza).await?;
    let seen = shown.until(messages.server.until(call, PATIENCE)).await;
    if let Err(error) = messages.server.link.send(call, &muc::leave(&own, room, &nick)).await {
        tracing::warn!(request = %call.request, %room, %error, "did not leave the room after its topic was set");
    }
    match seen {
        Some(Ok(_)) => Ok(Receipt { id, archive_id: None }),
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => Err(LinkError::Timeout.into()),
    }
}
