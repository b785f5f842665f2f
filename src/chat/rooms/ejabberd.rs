//! ejabberd's way: MUC/Sub for rooms, users' own sessions for what only they may do. Facts measured on 23.01 and 24.12.

pub(in crate::chat) mod enrol;
mod listed;

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jid::BareJid;
use minidom::rxml::Namespace;

use crate::chat::Call;
use crate::chat::kit::waiters::Waiting;
use crate::chat::messages::recall::{Found, Said};
use crate::chat::rooms::lists::{RoomLists, distinct_nick};
use crate::chat::rooms::seats::Seat;
use crate::chat::server::Product;
use crate::chat::server::core::{Core, Reflection, WINDOW};
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::room::Affiliation;
use crate::clock::now_ms;
use crate::link::LinkError;
use crate::session::SessionError;
use crate::xml::Element;
use crate::xml::element::{Build, client, set};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{bookmarks, disco, iq, muc, muc_admin, mucsub};

/// Affiliation items in one IQ: a thousand take the room about 20 ms.
const ITEMS: usize = 1000;
/// Sessions that one verb uses side by side.
const SESSIONS: usize = 8;
/// How long a room may take to reflect before it is asked whether it refused.
const PATIENCE: Duration = Duration::from_millis(500);
/// A room that just woke may answer the question before it reflects the message that came first.
const GRACE: Duration = Duration::from_millis(250);
/// Rooms of one page. Of a longer one ejabberd shows but its max_rooms_discoitems, 100 by default, and goes on behind it.
const PAGE: usize = 100;
/// What members are subscribed to.
pub(in crate::chat) const MEMBER_NODES: &[&str] = &[mucsub::MESSAGES, mucsub::SUBJECT];
/// What the gateway is subscribed to: reflections, and what makes its own knowledge of members old.
const OWN_NODES: &[&str] = &[mucsub::MESSAGES, mucsub::SUBJECT, mucsub::AFFILIATIONS, mucsub::SYSTEM];

/// An empty headline to an account that does not exist comes back before the ping behind it; to one that does it
/// vanishes (or reaches online devices, which show nothing). No other stanza tells the two apart here.
pub(in crate::chat) async fn probe(core: &Core, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
    let probes: Vec<Element> = users
        .iter()
        .map(|user| {
            client("message")
                .with("type", "headline")
                .with("from", core.component.as_str())
                .with("to", user.to_string())
                .with("id", core.link.new_id(call))
        })
        .collect();
    let bounces = core.link.send_all_routed(call, &probes).await;
    bounces
        .into_iter()
        .map(|bounce| match bounce?.map(|bounce| StanzaError::read(&bounce)) {
            None => Ok(true),
            Some(error) => Ok(!(error.is("service-unavailable") || error.is("item-not-found"))),
        })
        .collect()
}

/// A component's message leaves no copy with its sender; one from a session of their own does.
pub(in crate::chat) async fn deliver_with_copy(
    core: &Core,
    call: &Call,
    from: &BareJid,
    stanzas: Vec<Element>,
    written: bool,
) -> Vec<Result<Option<Element>, ChatError>> {
    let mut bounces = Vec::with_capacity(stanzas.len());
    for stanza in stanzas {
        bounces.push(deliver_from_session(core, call, from, stanza, written).await);
    }
    bounces
}

async fn deliver_from_session(
    core: &Core,
    call: &Call,
    from: &BareJid,
    stanza: Element,
    written: bool,
) -> Result<Option<Element>, ChatError> {
    let mut own = stanza.clone();
    own.attrs_mut().remove(&Namespace::NONE, "from");
    let sent = match written {
        true => core.sessions.send(call, from, own).await.map(|()| None),
        false => core.sessions.send_routed(call, from, own).await,
    };
    match sent {
        Ok(bounce) => return Ok(bounce),
        // Of each of these nothing was written.
        Err(
            error @ (SessionError::Refused(_)
            | SessionError::Connect(_)
            | SessionError::Banned(_)
            | SessionError::Link(LinkError::Down(_))),
        ) => {
            tracing::warn!(request = %call.request, %error, "sent without the sender's own copy");
        }
        Err(error) => return Err(error.into()),
    }
    if written {
        core.link.send(call, &stanza).await?;
        return Ok(None);
    }
    Ok(core.link.send_routed(call, &stanza).await?)
}

/// A room accepts what comes from a subscriber's bare JID, and reflects it to the gateway's own subscription.
pub(in crate::chat) async fn speak(
    core: &Core,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    if message.is_topic() && !crate::chat::messages::topic::is_open(core, call, room).await? {
        return crate::chat::messages::topic::set(core, call, room, message).await;
    }
    let user = &message.from;
    let seat = core.seat(room, user, || take_seat(core, call, room, message)).await?;
    core.can_keep(call, message, &seat)?;
    let id = core.link.new_id(call);
    let mut reflection = core.incoming.reflections.register((room.clone(), id.clone()));
    let stanza = message.prepared(&id, Product::Ejabberd, true).map_err(LinkError::from)?;
    let said = Said { room, message, id: &id, seat: &seat, stream: core.link.stream(), ms: now_ms() };
    let mut seen = None;
    match core.link.send_prepared(call, &stanza).await {
        Ok(()) => seen = reflection.until(core.until(call, PATIENCE)).await,
        // It may have been written.
        Err(LinkError::Unknown | LinkError::Timeout) => {}
        Err(error) => return Err(error.into()),
    }
    match seen {
        Some(Ok(archive_id)) => Ok(said.receipt(archive_id.filter(|_| seat.archived))),
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => Box::pin(find_out(core, call, &said, reflection)).await,
    }
}

/// What became of a message that the room has not reflected. A refusal went to the user, where the gateway cannot see it.
async fn find_out(
    core: &Core,
    call: &Call,
    said: &Said<'_>,
    mut reflection: Waiting<(BareJid, String), Reflection>,
) -> Result<Receipt, ChatError> {
    let looked = match said.holds() {
        true => look_again(core, call, said, &mut reflection).await,
        false => Ok(Looked::Silent { hears: false, why: None }),
    };
    let (hears, why) = match looked {
        Ok(Looked::Reflected(Ok(archive_id))) => {
            return Ok(said.receipt(archive_id.filter(|_| said.seat.archived)));
        }
        Ok(Looked::Reflected(Err(error))) => return Err(ChatError::refused(error)),
        Ok(Looked::Silent { hears, why }) => (hears, why),
        // It was gone before: else its last word would have come before this.
        Err(error @ ChatError::UnknownRoom(_)) if said.holds() => return Err(error),
        Err(error) => {
            tracing::debug!(request = %call.request, room = %said.room, %error, "cannot look at the room again");
            (false, None)
        }
    };
    match core.recall(call, said).await {
        Found::At(archive_id) => Ok(said.receipt(Some(archive_id))),
        Found::Nowhere => Err(why.unwrap_or_else(|| said.not_shown())),
        // What the room showed, the gateway would have heard.
        Found::Unclear if hears && said.holds() => Err(why.unwrap_or_else(|| said.not_shown())),
        Found::Unclear => Err(said.unknown()),
    }
}

/// What a second look at a room shows.
enum Looked {
    Reflected(Reflection),
    /// It answers, and has not shown the message as far as the gateway `hears` it: because of `why`, if that can be seen.
    Silent {
        hears: bool,
        why: Option<ChatError>,
    },
}

/// Looks whether the room is there, and whether the user may speak in it: that tells the usual causes of silence.
async fn look_again(
    core: &Core,
    call: &Call,
    said: &Said<'_>,
    reflection: &mut Waiting<(BareJid, String), Reflection>,
) -> Result<Looked, ChatError> {
    let (room, user) = (said.room, &said.message.from);
    if let Err(error) = core.room_info(call, room).await {
        core.seats.leave_old(room, user, said.seat);
        return Err(error);
    }
    if let Some(seen) = reflection.until(core.until(call, GRACE)).await {
        return Ok(Looked::Reflected(seen));
    }
    core.seats.leave_old(room, user, said.seat);
    core.surveys.forget(room);
    let hears = hears(core, &core.lists(call, room).await?);
    let why = match take_seat(core, call, room, said.message).await {
        Ok(_) => None,
        Err(error @ ChatError::NotMember { .. }) => Some(error),
        Err(error) => return Err(error),
    };
    // A busy room may have shown it meanwhile.
    match reflection.until(core.until(call, GRACE)).await {
        Some(seen) => Ok(Looked::Reflected(seen)),
        None => Ok(Looked::Silent { hears, why }),
    }
}

/// Whether a room tells the gateway what it shows, its topics too.
fn hears(core: &Core, lists: &RoomLists) -> bool {
    lists.subscribers().any(|subscriber| subscriber.as_str() == core.component && lists.hears(subscriber))
}

async fn take_seat(core: &Core, call: &Call, room: &BareJid, message: &Message) -> Result<Seat, ChatError> {
    let user = &message.from;
    let survey = core.survey(call, room, message).await?;
    let (lists, archived) = (&survey.lists, survey.info.archived);
    if let Some(nick) = message.own_nick() {
        return own_seat(core, call, room, nick, (lists, archived)).await;
    }
    if lists.of(user) < Affiliation::Member {
        return Err(ChatError::NotMember { user: user.clone(), room: room.clone() });
    }
    if !hears(core, lists) {
        let own = async || {
            let own = mucsub::subscribe(None, &core.component, OWN_NODES);
            subscribe(core, call, room, vec![own]).await.into_iter().collect()
        };
        survey.hears.get_or_try_init(own).await?;
    }
    let wanted = core.nick(call, user).await?;
    let nick = lists.nick_for(user, &wanted);
    if !lists.is_subscribed(user) {
        enrol_nicks(core, call, room, &[(user.clone(), nick.clone())])
            .await
            .into_iter()
            .collect::<Result<Vec<()>, _>>()?;
    }
    Ok(Seat::new(nick, None, archived))
}

/// The gateway speaks under the nick of its own subscription, which it has for the reflections anyway.
async fn own_seat(
    core: &Core,
    call: &Call,
    room: &BareJid,
    wanted: &str,
    (lists, archived): (&RoomLists, bool),
) -> Result<Seat, ChatError> {
    let own = BareJid::new(&core.component).map_err(|error| ChatError::Config(error.to_string()))?;
    let other = distinct_nick(wanted, &own);
    for nick in [wanted, &other] {
        if lists.hears(&own) && lists.nick(&own) == Some(nick) {
            return Ok(Seat::new(nick.to_owned(), None, archived));
        }
        match subscribe(core, call, room, vec![mucsub::subscribe(None, nick, OWN_NODES)]).await.pop() {
            Some(Err(ChatError::Refused { condition, .. })) if condition == "conflict" && nick == wanted => {}
            Some(Err(error)) => return Err(error),
            _ => return Ok(Seat::new(nick.to_owned(), None, archived)),
        }
    }
    Err(LinkError::Timeout.into())
}

/// An owner's client that removes a member leaves their subscription, and a members-only room goes on sending to them.
pub(in crate::chat) async fn end_stale_subscriptions(core: &Core, call: &Call, room: &BareJid, lists: &RoomLists) {
    let stale = |user: &&BareJid| !core.is_own(user) && lists.of(user) < Affiliation::Member;
    let stale: Vec<BareJid> = lists.subscribers().filter(stale).cloned().collect();
    for (user, outcome) in stale.iter().zip(unsubscribe(core, call, room, &stale).await) {
        if let Err(error) = outcome {
            tracing::warn!(%room, %user, %error, "one who is no member any more is still subscribed");
        }
    }
}

/// Subscribes; where the room does not allow subscriptions, allows them first, and where it has a password, says it.
async fn subscribe(core: &Core, call: &Call, room: &BareJid, mut requests: Vec<Element>) -> Vec<Result<(), ChatError>> {
    let ask = async |requests: &[Element]| {
        let iqs = requests.iter().map(|request| iq::set(&core.component, room.as_str(), request.clone())).collect();
        core.ask_all(call, iqs, WINDOW).await
    };
    let mut answers = ask(&requests).await;
    let refused = |answers: &[Result<Result<Element, StanzaError>, ChatError>], condition: &str| {
        answers.iter().any(|answer| matches!(answer, Ok(Err(error)) if error.is(condition)))
    };
    if refused(&answers, "not-allowed") {
        let allow = muc::configure([("allow_subscription", "1")]);
        match core.ask(call, iq::set(&core.component, room.as_str(), allow)).await {
            Ok(Ok(_)) => {
                tracing::info!(%room, "allowed MUC/Sub subscriptions in a room that did not");
                answers = ask(&requests).await;
            }
            Ok(Err(error)) => tracing::warn!(%room, %error, "cannot allow MUC/Sub subscriptions in this room"),
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        }
    }
    if refused(&answers, "not-authorized") {
        match core.secret(call, room).await {
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
    core: &Core,
    call: &Call,
    room: &BareJid,
    users: &[(BareJid, String)],
) -> Vec<Result<(), ChatError>> {
    let request = |(user, nick): &(BareJid, String)| mucsub::subscribe(Some(user), nick, MEMBER_NODES);
    let mut outcomes = subscribe(core, call, room, users.iter().map(request).collect()).await;
    for (outcome, (user, nick)) in outcomes.iter_mut().zip(users) {
        if matches!(outcome, Err(ChatError::Refused { condition, .. }) if condition == "conflict") {
            let other = (user.clone(), distinct_nick(nick, user));
            if let Some(again) = subscribe(core, call, room, vec![request(&other)]).await.pop() {
                *outcome = again;
            }
        }
    }
    outcomes
}

/// One IQ takes any number of items, but one bad item refuses all: then each is asked by itself.
pub(in crate::chat) async fn set_affiliations(
    core: &Core,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let request = |chunk: &[(BareJid, Option<String>)]| {
        iq::set(&core.component, room.as_str(), muc_admin::set(affiliation, chunk.iter().map(|(user, _)| (user, None))))
    };
    let mut outcomes = Vec::with_capacity(users.len());
    for chunk in users.chunks(ITEMS) {
        if let Err(late) = core.in_time(call) {
            outcomes.extend(chunk.iter().map(|_| Err(late.clone())));
            continue;
        }
        match core.ask(call, request(chunk)).await {
            Ok(Ok(_)) => outcomes.extend(chunk.iter().map(|_| Ok(()))),
            Ok(Err(_)) if chunk.len() > 1 => {
                let alone = chunk.iter().map(|user| request(std::slice::from_ref(user))).collect();
                outcomes.extend(core.require_all(call, alone, WINDOW).await);
            }
            Ok(Err(error)) => outcomes.push(Err(ChatError::refused(error))),
            Err(error) => outcomes.extend(chunk.iter().map(|_| Err(error.clone()))),
        }
    }
    outcomes
}

/// Ends subscriptions and removes bookmarks; what is not there needs no removing.
pub(in crate::chat) async fn withdraw(
    core: &Core,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
    gone: bool,
) -> Vec<Result<(), ChatError>> {
    let mut outcomes: Vec<Result<(), ChatError>> = users.iter().map(|_| Ok(())).collect();
    if !gone {
        outcomes = unsubscribe(core, call, room, users).await;
    }
    if !core.sessions.granted() {
        return outcomes;
    }
    let exist = core.exist(call, users).await;
    let removed = stream::iter(users.iter().cloned().zip(exist)).map(async |(user, exists)| {
        // A grant opens a session even for an account that is gone.
        if !exists? {
            return Ok(());
        }
        let request = client("iq").with("type", "set").child(bookmarks::retract(room));
        let retracted = absent_is_fine(iq::outcome(core.sessions.iq(call, &user, request).await?));
        retracted.and(listed::remove(core, call, room, &user).await)
    });
    let removed: Vec<_> = removed.buffered(SESSIONS).collect().await;
    outcomes.into_iter().zip(removed).map(|(ended, removed)| ended.and(removed)).collect()
}

/// Ends subscriptions; one that is not there needs no ending.
pub(in crate::chat) async fn unsubscribe(
    core: &Core,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
) -> Vec<Result<(), ChatError>> {
    let ends = users.iter().map(|user| iq::set(&core.component, room.as_str(), mucsub::unsubscribe(user))).collect();
    core.ask_all(call, ends, WINDOW).await.into_iter().map(|answer| absent_is_fine(answer?)).collect()
}

/// The rooms that a user is subscribed to, and those among their bookmarks; none where no session may be opened.
pub(in crate::chat) async fn shown_rooms(
    core: &Core,
    call: &Call,
    user: &BareJid,
    service: &str,
) -> Result<Vec<BareJid>, ChatError> {
    if !core.sessions.granted() {
        return Ok(Vec::new());
    }
    let get = |payload: Element| client("iq").with("type", "get").child(payload);
    let subscribed = get(mucsub::subscriptions()).with("to", service);
    let subscribed = iq::outcome(core.sessions.iq(call, user, subscribed).await?).map_err(ChatError::refused)?;
    let subscribed = mucsub::subscribers(&subscribed, &[]).into_iter();
    let mut rooms: Vec<BareJid> = subscribed.map(|subscription| subscription.jid).collect();
    match iq::outcome(core.sessions.iq(call, user, get(bookmarks::query())).await?) {
        Ok(reply) => rooms.extend(bookmarks::rooms(&reply)),
        Err(error) if error.is("item-not-found") => {}
        Err(error) if error.is_too_big() => tracing::warn!(%user, "their bookmarks are too large to be read"),
        Err(error) => return Err(ChatError::refused(error)),
    }
    rooms.extend(listed::rooms(core, call, user).await?);
    Ok(rooms)
}

fn absent_is_fine(answer: Result<Element, StanzaError>) -> Result<(), ChatError> {
    match answer {
        Err(error) if !error.is("item-not-found") => Err(ChatError::refused(error)),
        _ => Ok(()),
    }
}

/// Three affiliation lists and the subscribers, asked at once.
pub(in crate::chat) async fn lists(core: &Core, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
    let question = vec![iq::get(&core.component, room.as_str(), mucsub::subscriptions())];
    let subscribers = core.ask_all_reading(call, question, 1, |reply| mucsub::subscribers(reply, MEMBER_NODES));
    let (mut lists, mut subscribers) = core.affiliation_lists(call, room, subscribers).await?;
    if let Some(Ok(Ok(subscribers))) = subscribers.pop() {
        lists.subscribe(subscribers);
    }
    Ok(lists)
}

/// A service admin is shown hidden rooms too, in pages.
pub(in crate::chat) async fn rooms(core: &Core, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
    let mut rooms = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let query = iq::get(&core.component, service, disco::items_query(PAGE, after.as_deref()));
        let reply = core.require(call, query).await?;
        let page = disco::items(&reply);
        rooms.extend(page.iter().filter_map(|(jid, _)| BareJid::new(jid).ok()));
        let next = disco::next_page(&reply).filter(|_| !page.is_empty());
        if next.is_none() || next == after {
            return Ok(rooms);
        }
        after = next;
    }
}
