//! ejabberd's way: MUC/Sub for rooms, users' own sessions for what only they may do. Facts measured on 23.01 and 24.12.

pub(in crate::chat) mod enrol;
mod listed;

use futures::{StreamExt as _, stream};
use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lists::{RoomLists, distinct_nick};
use crate::chat::rooms::occupants::Occupant;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::Message;
use crate::chat::types::room::Affiliation;
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xml::element::{Build, client, set};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{bookmarks, disco, iq, muc, muc_admin, mucsub};

/// Affiliation items in one IQ: a thousand take the room about 20 ms.
const ITEMS: usize = 1000;
/// Sessions that one verb uses side by side.
const SESSIONS: usize = 8;
/// Rooms of one page. Of a longer one ejabberd shows but its max_rooms_discoitems, 100 by default, and goes on behind it.
const PAGE: usize = 100;
/// What members are subscribed to.
pub(in crate::chat) const MEMBER_NODES: &[&str] = &[mucsub::MESSAGES, mucsub::SUBJECT];
/// What the gateway is subscribed to: reflections, and what makes its own knowledge of members old.
const OWN_NODES: &[&str] = &[mucsub::MESSAGES, mucsub::SUBJECT, mucsub::AFFILIATIONS, mucsub::SYSTEM];

/// Whether a room tells the gateway what it shows, its topics too.
pub(in crate::chat) fn is_subscribed(rooms: &Rooms, lists: &RoomLists) -> bool {
    lists
        .subscribers()
        .any(|subscriber| subscriber.as_str() == rooms.server.component && lists.gets_messages(subscriber))
}

pub(in crate::chat) async fn take_place(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Occupant, ChatError> {
    let user = &message.from;
    let snapshot = rooms.snapshot(call, room, message).await?;
    let (lists, archived) = (&snapshot.lists, snapshot.info.archived);
    if let Some(nick) = message.own_nick() {
        return own_seat(rooms, call, room, nick, (lists, archived)).await;
    }
    if lists.of(user) < Affiliation::Member {
        return Err(ChatError::NotMember { user: user.clone(), room: room.clone() });
    }
    if !is_subscribed(rooms, lists) {
        let own = async || {
            let own = mucsub::subscribe(None, &rooms.server.component, OWN_NODES);
            subscribe(rooms, call, room, vec![own]).await.into_iter().collect()
        };
        snapshot.subscribed.get_or_try_init(own).await?;
    }
    let wanted = rooms.nick(call, user).await?;
    let nick = lists.nick_for(user, &wanted);
    if !lists.is_subscribed(user) {
        enrol_nicks(rooms, call, room, &[(user.clone(), nick.clone())])
            .await
            .into_iter()
            .collect::<Result<Vec<()>, _>>()?;
    }
    Ok(Occupant::new(nick, None, archived))
}

/// The gateway speaks under the nick of its own subscription, which it has for the reflections anyway.
async fn own_seat(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    wanted: &str,
    (lists, archived): (&RoomLists, bool),
) -> Result<Occupant, ChatError> {
    let own = BareJid::new(&rooms.server.component).map_err(|error| ChatError::Config(error.to_string()))?;
    let other = distinct_nick(wanted, &own);
    for nick in [wanted, &other] {
        if lists.gets_messages(&own) && lists.nick(&own) == Some(nick) {
            return Ok(Occupant::new(nick.to_owned(), None, archived));
        }
        match subscribe(rooms, call, room, vec![mucsub::subscribe(None, nick, OWN_NODES)]).await.pop() {
            Some(Err(ChatError::Refused(error))) if error.is("conflict") && nick == wanted => {}
            Some(Err(error)) => return Err(error),
            _ => return Ok(Occupant::new(nick.to_owned(), None, archived)),
        }
    }
    Err(LinkError::Timeout.into())
}

/// An owner's client that removes a member leaves their subscription, and a members-only room goes on sending to them.
pub(in crate::chat) async fn end_stale_subscriptions(rooms: &Rooms, call: &Call, room: &BareJid, lists: &RoomLists) {
    let stale = |user: &&BareJid| !rooms.server.is_own(user) && lists.of(user) < Affiliation::Member;
    let stale: Vec<BareJid> = lists.subscribers().filter(stale).cloned().collect();
    for (user, outcome) in stale.iter().zip(unsubscribe(rooms, call, room, &stale).await) {
        if let Err(error) = outcome {
            tracing::warn!(%room, %user, %error, "one who is no member any more is still subscribed");
        }
    }
}

/// Subscribes; where the room does not allow subscriptions, allows them first, and where it has a password, says it.
async fn subscribe(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    mut requests: Vec<Element>,
) -> Vec<Result<(), ChatError>> {
    let ask = async |requests: &[Element]| {
        let iqs =
            requests.iter().map(|request| iq::set(&rooms.server.component, room.as_str(), request.clone())).collect();
        rooms.server.ask_all(call, iqs, WINDOW).await
    };
    let mut answers = ask(&requests).await;
    let refused = |answers: &[Result<Result<Element, StanzaError>, ChatError>], condition: &str| {
        answers.iter().any(|answer| matches!(answer, Ok(Err(error)) if error.is(condition)))
    };
    if refused(&answers, "not-allowed") {
        let allow = muc::configure([("allow_subscription", "1")]);
        match rooms.server.ask(call, iq::set(&rooms.server.component, room.as_str(), allow)).await {
            Ok(Ok(_)) => {
                tracing::info!(%room, "allowed MUC/Sub subscriptions in a room that did not");
                answers = ask(&requests).await;
            }
            Ok(Err(error)) => tracing::warn!(%room, %error, "cannot allow MUC/Sub subscriptions in this room"),
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        }
    }
    if refused(&answers, "not-authorized") {
        match rooms.secret(call, room).await {
            Ok(Some(secret)) => {
                requests.iter_mut().for_each(|request| set(request, "password", secret.as_str()));
                answers = ask(&requests).await;
            }
            Ok(None) => {}
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        }
    }
    answers.into_iter().map(|answer| answer?.map(drop).map_err(ChatError::refused)).collect()
}

/// Subscribes members under their nicks; one whose nick somebody else has gets one with their address behind it.
async fn enrol_nicks(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    users: &[(BareJid, String)],
) -> Vec<Result<(), ChatError>> {
    let request = |(user, nick): &(BareJid, String)| mucsub::subscribe(Some(user), nick, MEMBER_NODES);
    let mut outcomes = subscribe(rooms, call, room, users.iter().map(request).collect()).await;
    for (outcome, (user, nick)) in outcomes.iter_mut().zip(users) {
        if outcome.as_ref().is_err_and(|error| error.is_refusal("conflict")) {
            let other = (user.clone(), distinct_nick(nick, user));
            if let Some(again) = subscribe(rooms, call, room, vec![request(&other)]).await.pop() {
                *outcome = again;
            }
        }
    }
    outcomes
}

/// One IQ takes any number of items, but one bad item refuses all: then each is asked by itself.
pub(in crate::chat) async fn set_affiliations(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let request = |chunk: &[(BareJid, Option<String>)]| {
        iq::set(
            &rooms.server.component,
            room.as_str(),
            muc_admin::set(affiliation, chunk.iter().map(|(user, _)| (user, None))),
        )
    };
    let mut outcomes = Vec::with_capacity(users.len());
    for chunk in users.chunks(ITEMS) {
        if let Err(late) = rooms.server.in_time(call) {
            outcomes.extend(chunk.iter().map(|_| Err(late.clone())));
            continue;
        }
        match rooms.server.ask(call, request(chunk)).await {
            Ok(Ok(_)) => outcomes.extend(chunk.iter().map(|_| Ok(()))),
            Ok(Err(_)) if chunk.len() > 1 => {
                let alone = chunk.iter().map(|user| request(std::slice::from_ref(user))).collect();
                outcomes.extend(rooms.server.require_all(call, alone, WINDOW).await);
            }
            Ok(Err(error)) => outcomes.push(Err(ChatError::refused(error))),
            Err(error) => outcomes.extend(chunk.iter().map(|_| Err(error.clone()))),
        }
    }
    outcomes
}

/// Ends subscriptions and removes bookmarks; what is not there needs no removing.
pub(in crate::chat) async fn withdraw(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
    gone: bool,
) -> Vec<Result<(), ChatError>> {
    let mut outcomes: Vec<Result<(), ChatError>> = users.iter().map(|_| Ok(())).collect();
    if !gone {
        outcomes = unsubscribe(rooms, call, room, users).await;
    }
    if !rooms.server.sessions.granted() {
        return outcomes;
    }
    let exist = rooms.accounts.exist(call, users).await;
    let removed = stream::iter(users.iter().cloned().zip(exist)).map(async |(user, exists)| {
        // A grant opens a session even for an account that is gone.
        if !exists? {
            return Ok(());
        }
        let request = client("iq").with("type", "set").child(bookmarks::retract(room));
        let retracted = absent_is_fine(iq::outcome(rooms.server.sessions.iq(call, &user, request).await?));
        retracted.and(listed::remove(rooms, call, room, &user).await)
    });
    let removed: Vec<_> = removed.buffered(SESSIONS).collect().await;
    outcomes.into_iter().zip(removed).map(|(ended, removed)| ended.and(removed)).collect()
}

/// Ends subscriptions; one that is not there needs no ending.
pub(in crate::chat) async fn unsubscribe(
    rooms: &Rooms,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
) -> Vec<Result<(), ChatError>> {
    let ends =
        users.iter().map(|user| iq::set(&rooms.server.component, room.as_str(), mucsub::unsubscribe(user))).collect();
    rooms.server.ask_all(call, ends, WINDOW).await.into_iter().map(|answer| absent_is_fine(answer?)).collect()
}

/// The rooms that a user is subscribed to, and those among their bookmarks; none where no session may be opened.
pub(in crate::chat) async fn shown_rooms(
    rooms: &Rooms,
    call: &Call,
    user: &BareJid,
    service: &str,
) -> Result<Vec<BareJid>, ChatError> {
    if !rooms.server.sessions.granted() {
        return Ok(Vec::new());
    }
    let get = |payload: Element| client("iq").with("type", "get").child(payload);
    let subscribed = get(mucsub::subscriptions()).with("to", service);
    let subscribed =
        iq::outcome(rooms.server.sessions.iq(call, user, subscribed).await?).map_err(ChatError::refused)?;
    let subscribed = mucsub::subscribers(&subscribed, &[]).into_iter();
    let mut found: Vec<BareJid> = subscribed.map(|subscription| subscription.jid).collect();
    match iq::outcome(rooms.server.sessions.iq(call, user, get(bookmarks::query())).await?) {
        Ok(reply) => found.extend(bookmarks::rooms(&reply)),
        Err(error) if error.is("item-not-found") => {}
        Err(error) if error.is_too_big() => tracing::warn!(%user, "their bookmarks are too large to be read"),
        Err(error) => return Err(ChatError::refused(error)),
    }
    found.extend(listed::rooms(rooms, call, user).await?);
    Ok(found)
}

fn absent_is_fine(answer: Result<Element, StanzaError>) -> Result<(), ChatError> {
    match answer {
        Err(error) if !error.is("item-not-found") => Err(ChatError::refused(error)),
        _ => Ok(()),
    }
}

/// Three affiliation lists and the subscribers, asked at once.
pub(in crate::chat) async fn lists(rooms: &Rooms, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
    let question = vec![iq::get(&rooms.server.component, room.as_str(), mucsub::subscriptions())];
    let subscribers = rooms.server.ask_all_reading(call, question, 1, |reply| mucsub::subscribers(reply, MEMBER_NODES));
    let (mut lists, mut subscribers) = rooms.affiliation_lists(call, room, subscribers).await?;
    if let Some(Ok(Ok(subscribers))) = subscribers.pop() {
        lists.subscribe(subscribers);
    }
    Ok(lists)
}

/// A service admin is shown hidden rooms too, in pages.
pub(in crate::chat) async fn rooms(rooms: &Rooms, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query = iq::get(&rooms.server.component, service, disco::items_query(PAGE, after.as_deref()));
        let reply = rooms.server.require(call, query).await?;
        let page = disco::items(&reply);
        found.extend(page.iter().filter_map(|(jid, _)| BareJid::new(jid).ok()));
        let next = disco::next_page(&reply).filter(|_| !page.is_empty());
        if next.is_none() || next == after {
            return Ok(found);
        }
        after = next;
    }
}
