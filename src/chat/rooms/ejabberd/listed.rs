//! The list of bookmarks that clients read where the account does not say that the server keeps it and the bookmarks of
//! XEP-0402 the same: 23.01 writes it into PEP as well (XEP-0411), and knows nothing of the newer ones.

use std::time::Duration;

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xml::element::{Build, client};
use crate::xmpp::bookmarks::{COMPAT, Shown};
use crate::xmpp::{disco, iq, listed_bookmarks};

/// A list whose node in PEP was lost (see [`super::enrol::BOOKMARKS`]) is written again after these.
const AGAIN: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(200), Duration::ZERO];

/// Puts a room on the user's list.
pub(in crate::chat) async fn put(
    rooms: &Rooms,
    call: &Call,
    shown: &Shown<'_>,
    user: &BareJid,
    nick: &str,
) -> Result<(), ChatError> {
    change(rooms, call, user, |list| listed_bookmarks::with(list, shown, nick)).await
}

/// Takes a room off the user's list.
pub(in crate::chat) async fn remove(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    user: &BareJid,
) -> Result<(), ChatError> {
    change(rooms, call, user, |list| listed_bookmarks::without(list, room)).await
}

/// The rooms on the user's list, where it is one of its own.
pub(in crate::chat) async fn rooms(rooms: &Rooms, call: &Call, user: &BareJid) -> Result<Vec<BareJid>, ChatError> {
    if is_kept(rooms, call, user).await? {
        return Ok(Vec::new());
    }
    Ok(read(rooms, call, user).await?.map(|list| listed_bookmarks::rooms(&list)).unwrap_or_default())
}

/// What was read is what is written anew, but for the change: the calls of this gateway take turns. Between two gateways,
/// and between one and the user's own client, who writes last wins.
async fn change(
    rooms: &Rooms,
    call: &Call,
    user: &BareJid,
    change: impl Fn(&Element) -> Option<Element>,
) -> Result<(), ChatError> {
    if is_kept(rooms, call, user).await? {
        return Ok(());
    }
    let _guard = rooms.listing.take(user.to_string(), call.deadline).await.ok_or(LinkError::Timeout)?;
    let Some(changed) = read(rooms, call, user).await?.and_then(|list| change(&list)) else { return Ok(()) };
    let mut outcome = Ok(());
    for pause in AGAIN {
        rooms.server.in_time(call)?;
        let place = rooms.bookmarking.acquire().await;
        let request = client("iq").with("type", "set").child(changed.clone());
        let answer = iq::outcome(rooms.server.sessions.iq(call, user, request).await?);
        drop(place);
        match answer {
            Ok(_) => return Ok(()),
            Err(error) => outcome = Err(ChatError::refused(error)),
        }
        tokio::time::sleep(pause).await;
    }
    outcome
}

/// The list as it is; none where the server has no such storage.
async fn read(rooms: &Rooms, call: &Call, user: &BareJid) -> Result<Option<Element>, ChatError> {
    let question = client("iq").with("type", "get").child(listed_bookmarks::query());
    match iq::outcome(rooms.server.sessions.iq(call, user, question).await?) {
        Ok(list) => Ok(Some(list)),
        Err(error) if error.is("service-unavailable") || error.is("feature-not-implemented") => Ok(None),
        Err(error) => Err(ChatError::refused(error)),
    }
}

/// Whether the account says that the server keeps the list itself (XEP-0402 section 6). It is the same for all of a domain.
async fn is_kept(rooms: &Rooms, call: &Call, user: &BareJid) -> Result<bool, ChatError> {
    let domain = user.domain().as_str();
    if let Some(kept) = rooms.kept_lists.get(domain) {
        return Ok(kept);
    }
    let question = client("iq").with("type", "get").with("to", user.as_str()).child(disco::info_query());
    let kept = match iq::outcome(rooms.server.sessions.iq(call, user, question).await?) {
        Ok(reply) => disco::has_feature(&reply, COMPAT),
        Err(error) => return Err(ChatError::refused(error)),
    };
    rooms.kept_lists.insert(domain.to_owned(), kept);
    Ok(kept)
}
