//! Prosody's way: occupants that the gateway makes in the name of users, privileged messages and IQs. Facts measured on 0.12 and 13.0.

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lists::{RoomLists, distinct_nick};
use crate::chat::rooms::occupants::Occupant;
use crate::chat::server::admin::unreadable;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::Message;
use crate::chat::types::room::Affiliation;
use crate::link::{Call, LinkError};
use crate::xml::element::Build;
use crate::xml::{Element, GATEWAY};
use crate::xmpp::bookmarks::{Options, Shown};
use crate::xmpp::stanza_error::{ErrorType, StanzaError};
use crate::xmpp::{bookmarks, commands, data_form, helper, iq, muc, muc_admin, privilege, pubsub};

/// Only the first item of an affiliation IQ is applied, and each rewrites the whole room: few at a time, so that the
/// server's other users are not kept waiting.
const AFFILIATIONS: usize = 4;
/// Affiliations in one question to the helper module: the server answers nobody else meanwhile.
const AT_ONCE: usize = 50;
/// Privileged IQs at once. Prosody remembers the last 256 inner ids of a host.
const PRIVILEGED: usize = 32;
pub(in crate::chat) async fn take_place(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Occupant, ChatError> {
    let user = &message.from;
    let snapshot = rooms.snapshot(call, room, message).await?;
    // The gateway itself enters any room: it is an administrator of the service.
    let wanted = match message.own_nick() {
        Some(nick) => nick.to_owned(),
        None if snapshot.lists.of(user) < Affiliation::Member => {
            return Err(ChatError::NotMember { user: user.clone(), room: room.clone() });
        }
        None => rooms.nick(call, user).await?,
    };
    let mut nick = snapshot.lists.nick_for(user, &wanted);
    let resource = rooms.occupant_resource();
    let own = format!("{user}/{resource}");
    for last in [false, true] {
        match enter(rooms, call, room, &own, &nick).await? {
            Ok(()) => return Ok(Occupant::new(nick, Some(resource), snapshot.info.archived)),
            Err(error) if error.is("conflict") && !last => nick = distinct_nick(&nick, user),
            Err(error) if error.is("registration-required") || error.is("forbidden") => {
                return Err(ChatError::NotMember { user: user.clone(), room: room.clone() });
            }
            Err(error) => return Err(ChatError::refused(error)),
        }
    }
    Err(LinkError::Timeout.into())
}

/// Enters. A refusal comes back on the link before the ping behind it; what the room sends to an occupant it accepted
/// goes to a resource that no client has.
async fn enter(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    own: &str,
    nick: &str,
) -> Result<Result<(), StanzaError>, ChatError> {
    let enter = async |password: Option<&str>| {
        let join = muc::join(own, room, nick, password).with("id", rooms.server.link.new_id(call));
        let refusal = rooms.server.link.send_routed(call, &join).await?;
        Ok::<_, ChatError>(refusal.map_or(Ok(()), |refusal| Err(StanzaError::read(&refusal))))
    };
    match enter(None).await? {
        Err(error) if error.is("not-authorized") => match rooms.secret(call, room).await? {
            Some(secret) => enter(Some(&secret)).await,
            None => Ok(Err(error)),
        },
        entered => Ok(entered),
    }
}

/// Many in one question to the helper module, which has the room written once for all of them. For one, or without the
/// module, one IQ for each, a few at a time.
pub(in crate::chat) async fn set_affiliations(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let mut outcomes = Vec::with_capacity(users.len());
    for chunk in users.chunks(AT_ONCE) {
        if let Err(late) = rooms.server.in_time(call) {
            outcomes.extend(chunk.iter().map(|_| Err(late.clone())));
            continue;
        }
        let together = match chunk.len() > 1 {
            true => set_together(rooms, call, room, affiliation, chunk).await,
            false => None,
        };
        outcomes.extend(match together {
            Some(done) => done,
            None => set_each(rooms, call, room, affiliation, chunk).await,
        });
    }
    outcomes
}

/// `None` where the helper module is not loaded.
async fn set_together(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Option<Vec<Result<(), ChatError>>> {
    let items = helper::affiliations(affiliation, users.iter().map(|(user, nick)| (user, nick.as_deref())));
    let refused = match rooms.server.ask(call, iq::set(&rooms.server.component, room.as_str(), items)).await {
        Ok(Ok(reply)) => helper::refusals(&reply),
        Ok(Err(error)) if error.is("service-unavailable") => return None,
        Ok(Err(error)) => return Some(users.iter().map(|_| Err(ChatError::refused(error.clone()))).collect()),
        Err(error) => return Some(users.iter().map(|_| Err(error.clone())).collect()),
    };
    let mut refused = refused.into_iter();
    let outcome = |_| match refused.next() {
        Some(None) => Ok(()),
        Some(Some(condition)) => {
            Err(ChatError::refused(StanzaError::new(room.as_str(), ErrorType::Cancel, &condition, None)))
        }
        None => Err(unreadable("affiliations")),
    };
    Some(users.iter().map(outcome).collect())
}

async fn set_each(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let request = |(user, nick): &(BareJid, Option<String>)| {
        iq::set(&rooms.server.component, room.as_str(), muc_admin::set(affiliation, [(user, nick.as_deref())]))
    };
    rooms.server.require_all(call, users.iter().map(request).collect(), AFFILIATIONS).await
}

/// A bookmark for everybody, where that is granted. Prosody refuses options that differ from those with which the user's
/// client made the node.
pub(in crate::chat) async fn enrol(
    rooms: &Rooms,
    call: &Call,
    shown: &Shown<'_>,
    users: &[(BareJid, String)],
) -> Vec<Result<bool, ChatError>> {
    let publish = async |users: Vec<&(BareJid, String)>, options| {
        let request = |(user, nick): &(BareJid, String)| {
            let payload = bookmarks::publish(shown, nick, options);
            privilege::iq(&rooms.server.component, user.as_str(), "set", &rooms.server.link.new_id(call), payload)
        };
        privileged(rooms, call, users.into_iter().map(request).collect()).await
    };
    let differs = |outcome: &Result<(), ChatError>| outcome.as_ref().is_err_and(|error| error.is_refusal("conflict"));
    let mut outcomes = publish(users.iter().collect(), Options::All).await;
    let again = users.iter().zip(&outcomes).filter(|(_, outcome)| differs(outcome)).map(|(user, _)| user).collect();
    let again = publish(again, Options::Kept).await;
    for (outcome, again) in outcomes.iter_mut().filter(|outcome| differs(outcome)).zip(again) {
        *outcome = again;
    }
    let outcome = |outcome| match outcome {
        Ok(()) => Ok(true),
        // Members are members without bookmarks too. And what the user's own client asked of the node stays.
        Err(ChatError::Right(_)) => Ok(false),
        Err(ChatError::Refused(error)) if error.is("conflict") => Ok(false),
        Err(error) => Err(error.of("their bookmark")),
    };
    outcomes.into_iter().map(outcome).collect()
}

/// Removes bookmarks.
pub(in crate::chat) async fn withdraw(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
) -> Vec<Result<(), ChatError>> {
    let requests = users
        .iter()
        .map(|user| {
            privilege::iq(
                &rooms.server.component,
                user.as_str(),
                "set",
                &rooms.server.link.new_id(call),
                bookmarks::retract(room),
            )
        })
        .collect();
    let answers = privileged(rooms, call, requests).await;
    let exist = rooms.accounts.exist(call, users).await;
    answers
        .into_iter()
        .zip(exist)
        .map(|(answer, exists)| match answer {
            Err(ChatError::Refused(error)) if error.is("item-not-found") => Ok(()),
            Err(ChatError::Right(_)) => Ok(()),
            // Nobody's bookmarks need no removing.
            Err(_) if matches!(exists, Ok(false)) => Ok(()),
            other => other,
        })
        .collect()
}

/// The rooms among a user's bookmarks.
pub(in crate::chat) async fn shown_rooms(
    rooms: &Rooms,
    call: &Call,
    user: &BareJid,
) -> Result<Vec<BareJid>, ChatError> {
    let request = privilege::iq(
        &rooms.server.component,
        user.as_str(),
        "get",
        &rooms.server.link.new_id(call),
        bookmarks::query(),
    );
    match privileged_replies(rooms, call, vec![request]).await.pop() {
        Some(Ok(reply)) => Ok(bookmarks::rooms(&reply)),
        Some(Err(ChatError::Refused(error))) if error.is("item-not-found") => Ok(Vec::new()),
        Some(Err(ChatError::Refused(error))) if error.source() == GATEWAY => {
            tracing::warn!(%user, "their bookmarks are too large to be read");
            Ok(Vec::new())
        }
        // Without the right nobody has been given a bookmark: the index and the rooms themselves are asked in any case.
        Some(Err(ChatError::Right(_))) => Ok(Vec::new()),
        Some(Err(error)) => Err(error),
        None => Ok(Vec::new()),
    }
}

/// Fails unless the user's own account says that a node is not there which nobody has.
pub(in crate::chat) async fn ask_for_nothing(rooms: &Rooms, call: &Call, user: &BareJid) -> Result<(), ChatError> {
    let query = pubsub::items("urn:stanzagate:nothing", []);
    let request = privilege::iq(&rooms.server.component, user.as_str(), "get", &rooms.server.link.new_id(call), query);
    match privileged_replies(rooms, call, vec![request]).await.pop() {
        Some(Err(ChatError::Refused(error))) if error.is("item-not-found") => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Err(unreadable("a privileged IQ")),
    }
}

async fn privileged(rooms: &Rooms, call: &Call, requests: Vec<Element>) -> Vec<Result<(), ChatError>> {
    privileged_replies(rooms, call, requests).await.into_iter().map(|reply| reply.map(drop)).collect()
}

async fn privileged_replies(rooms: &Rooms, call: &Call, requests: Vec<Element>) -> Vec<Result<Element, ChatError>> {
    let replies = rooms.server.link.iq_all(call, requests, PRIVILEGED).await;
    replies
        .into_iter()
        .map(|reply| match privilege::outcome(&reply?) {
            Ok(inner) => inner.map_err(ChatError::refused),
            Err(error) if error.is("forbidden") => Err(ChatError::Right(format!(
                "a privileged IQ was refused ({error}): give {:?} iq = {{ [\"http://jabber.org/protocol/pubsub\"] = \
                 \"both\" }} in privileged_entities",
                rooms.server.component
            ))),
            Err(error) => Err(ChatError::refused(error)),
        })
        .collect()
}

/// Three affiliation lists, asked at once; they carry the reserved nicks.
pub(in crate::chat) async fn lists(rooms: &Rooms, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
    Ok(rooms.affiliation_lists(call, room, async {}).await?.0)
}

/// The form of the command that destroys rooms lists all of them; service discovery lists the public ones only.
pub(in crate::chat) async fn rooms(rooms: &Rooms, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
    let start = iq::set(&rooms.server.component, service, commands::execute(commands::PROSODY_DESTROY_ROOM));
    let reply = rooms.server.ask(call, start).await?.map_err(|error| {
        ChatError::Right(format!(
            "the list of rooms was refused ({error}): name {:?} in the admins of {service}, with admin_adhoc enabled",
            rooms.server.component
        ))
    })?;
    let Some(answer) = commands::read(&reply) else { return Ok(Vec::new()) };
    if let Some(session) = &answer.session {
        let cancel = commands::cancel(commands::PROSODY_DESTROY_ROOM, session);
        rooms.server.ask(call, iq::set(&rooms.server.component, service, cancel)).await?.ok();
    }
    let listed = answer.form.map(|form| data_form::options(&form, "rooms")).unwrap_or_default();
    Ok(listed.iter().filter_map(|(_, room)| BareJid::new(room).ok()).collect())
}
