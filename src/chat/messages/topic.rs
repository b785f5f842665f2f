//! A room's topic on ejabberd where only moderators set it: subscribers, from whose addresses the gateway sends, have no
//! role there (XEP-0045 section 8.1).

use std::time::Duration;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::rooms::lists::distinct_nick;
use crate::chat::server::Product;
use crate::chat::server::core::Core;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::room::Affiliation;
use crate::link::LinkError;
use crate::xmpp::{data_form, iq, muc};

/// How long the room may take to show the topic.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the room lets subscribers set its topic.
pub(in crate::chat) async fn is_open(core: &Core, call: &Call, room: &BareJid) -> Result<bool, ChatError> {
    // To be asked for its form would create the room.
    core.room_info(call, room).await?;
    let reply = core.require(call, iq::get(&core.component, room.as_str(), muc::config_query())).await?;
    let values = muc::config_form(&reply).map(|form| data_form::values(form, muc::CHANGE_SUBJECT)).unwrap_or_default();
    Ok(values.first().is_none_or(|value| value == "1" || value == "true"))
}

/// Sets the topic in the name of an owner or admin, whom the room would let do it if they were there: the gateway, a
/// moderator of every room, enters with their name for that moment.
pub(in crate::chat) async fn set(
    core: &Core,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    match core.lists(call, room).await?.of(user) {
        Affiliation::Owner | Affiliation::Admin => {}
        Affiliation::Member => {
            let text = Some("only its owners and admins may set the topic".to_owned());
            return Err(ChatError::Refused { by: room.to_string(), condition: "forbidden".into(), text });
        }
        _ => return Err(ChatError::NotMember { user: user.clone(), room: room.clone() }),
    }
    let own = core.own_occupant();
    let nick = distinct_nick(&core.nick(call, user).await?, user);
    core.enter(call, room, &own, &nick).await?;
    let id = core.link.new_id(call);
    let mut shown = core.incoming.reflections.register((room.clone(), id.clone()));
    let stanza = message.prepared_from(&own, (&id, true), Product::Ejabberd).map_err(LinkError::from)?;
    core.link.send_prepared(call, &stanza).await?;
    let seen = shown.until(core.until(call, PATIENCE)).await;
    if let Err(error) = core.link.send(call, &muc::leave(&own, room, &nick)).await {
        tracing::warn!(request = %call.request, %room, %error, "did not leave the room after its topic was set");
    }
    match seen {
        Some(Ok(_)) => Ok(Receipt { id, archive_id: None }),
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => Err(LinkError::Timeout.into()),
    }
}
