//! `getChatGroups` and `getChatUsers`: names by ids, which are the localparts of rooms and users.

use jid::BareJid;

use super::context::Context;
use super::error::Failure;
use super::wire::Reply;
use crate::chat::types::error::ChatError;

/// Every room of the service, hidden ones too.
pub async fn groups(cx: &Context<'_>) -> Result<Reply, Failure> {
    let rooms = cx.chat.groups.room_names(cx.call, cx.realm).await?;
    let named = rooms.into_iter().filter_map(|(room, name)| Some((room.node()?.to_string(), name.into())));
    Ok(Reply::Names(named.collect()))
}

/// The members of a group; without one all accounts, or, where the server does not list them, whoever is in any room.
pub async fn users(cx: &Context<'_>, gid: Option<&str>) -> Result<Reply, Failure> {
    let people = match gid {
        Some(gid) => match cx.chat.groups.people(cx.call, &cx.room(gid)?).await {
            Err(ChatError::UnknownRoom(_)) => return Err(Failure::unknown_group(gid)),
            people => people?,
        },
        None => match cx.chat.groups.everybody(cx.call, cx.realm).await {
            Err(error @ ChatError::Right(_)) => {
                tracing::debug!(request = %cx.call.request, %error, "listing whoever is in a room");
                cx.chat.groups.everybody_in_rooms(cx.call, cx.realm).await?
            }
            people => people?,
        },
    };
    let shown = |user: &BareJid| user.domain().as_str() == cx.realm.domain && *user != cx.sender.jid;
    let people = people.into_iter().filter(|(user, _)| shown(user));
    let named = people.filter_map(|(user, name)| Some((user.node()?.to_string(), name.into())));
    Ok(Reply::Names(named.collect()))
}
