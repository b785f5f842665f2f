//! What makes a member's clients show a room on ejabberd: their subscription, and their bookmark where they grant a session.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::ejabberd::{SESSIONS, enrol_nicks, listed};
use crate::chat::rooms::lists::RoomLists;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::element::{Build, client};
use crate::xmpp::bookmarks::{Options, Shown};
use crate::xmpp::{bookmarks, iq};

/// Bookmarks that are written side by side. Both versions lose some nodes that are made at the same moment (the
/// transactions meet and one is given up) and then answer item-not-found: of 500 about 120 of eight, 50 of two.
pub(in crate::chat) const BOOKMARKS: usize = 2;
/// How a bookmark that was refused is tried again: once more, one after the other, and after a while. 23.01 refuses
/// XEP-0402's publish-options and needs its own configuration for the node instead.
const AGAIN: [(Duration, Options); 5] = [
    (Duration::ZERO, Options::None),
    (Duration::from_millis(20), Options::All),
    (Duration::ZERO, Options::None),
    (Duration::from_millis(200), Options::All),
    (Duration::ZERO, Options::None),
];

/// A subscription for everybody, and a bookmark where the gateway may open the user's session.
pub(in crate::chat) async fn enrol(
    rooms: &Rooms,
    call: &Call,
    shown: &Shown<'_>,
    (users, lists): (&[(BareJid, String)], &RoomLists),
) -> Vec<Result<bool, ChatError>> {
    let deaf: Vec<_> = users.iter().filter(|(user, _)| !lists.gets_messages(user)).cloned().collect();
    let mut asked = enrol_nicks(rooms, call, shown.room, &deaf).await.into_iter();
    let subscribed: Vec<_> = users
        .iter()
        .map(|(user, _)| match lists.gets_messages(user) {
            true => Ok(()),
            false => asked.next().unwrap_or(Ok(())).map_err(|error| error.of("their subscription")),
        })
        .collect();
    if !rooms.server.sessions.granted() {
        return subscribed.into_iter().map(|outcome: Result<(), ChatError>| outcome.map(|()| false)).collect();
    }
    let bookmarked = bookmark(rooms, call, shown, users).await;
    let bookmarked = bookmarked.into_iter().map(|outcome| outcome.map_err(|error| error.of("their bookmark")));
    let both = subscribed.into_iter().zip(bookmarked);
    both.map(|(subscribed, bookmarked)| subscribed.and(bookmarked).map(|()| true)).collect()
}

/// A bookmark for each, in a session of their own.
async fn bookmark(
    rooms: &Rooms,
    call: &Call,
    shown: &Shown<'_>,
    users: &[(BareJid, String)],
) -> Vec<Result<(), ChatError>> {
    let publish = async |user: &BareJid, nick: &str, options| {
        rooms.server.in_time(call)?;
        if let Err(error) = rooms.server.sessions.open(call, user).await {
            // A session that is not open yet when the time is up is nothing that the server refuses.
            return rooms.server.in_time(call).and(Err(error.into()));
        }
        let place = rooms.bookmarking.acquire().await;
        rooms.server.in_time(call)?;
        let request = client("iq").with("type", "set").child(bookmarks::publish(shown, nick, options));
        let reply = rooms.server.sessions.iq(call, user, request).await?;
        drop(place);
        iq::outcome(reply).map(drop).map_err(ChatError::refused)
    };
    let publish_first = async |user: &BareJid, nick: &str| {
        let domain = user.domain().as_str();
        if rooms.plain_bookmarks.get(domain).is_some() {
            return publish(user, nick, Options::None).await;
        }
        match publish(user, nick, Options::All).await {
            // At once, while their session is open.
            Err(ChatError::Refused(error)) if !error.is("item-not-found") => {
                let plain = publish(user, nick, Options::None).await;
                // The options cannot be read, whoever sends them; any other refusal may be one of this user's own node.
                if plain.is_ok() && error.is("resource-constraint") {
                    rooms.plain_bookmarks.insert(domain.to_owned(), ());
                }
                plain
            }
            other => other,
        }
    };
    let published = stream::iter(users.to_vec()).map(async |(user, nick)| {
        publish_first(&user, &nick).await?;
        listed::put(rooms, call, shown, &user, &nick).await
    });
    let mut bookmarked: Vec<_> = published.buffered(SESSIONS).collect().await;
    for (outcome, (user, nick)) in bookmarked.iter_mut().zip(users) {
        let mut tried = Options::None;
        for (pause, options) in AGAIN {
            let Err(ChatError::Refused(error)) = &outcome else { break };
            // Any other refusal may be one of the options themselves.
            if tried == Options::None && !error.is("item-not-found") {
                break;
            }
            tokio::time::sleep(pause).await;
            *outcome = match publish(user, nick, options).await {
                Ok(()) => listed::put(rooms, call, shown, user, nick).await,
                refused => refused,
            };
            tried = options;
        }
    }
    bookmarked
}
