//! Prosody's way: occupants that the gateway seats for users, privileged messages and IQs. Facts measured on 0.12 and 13.0.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::messages::recall::{Found, Said};
use crate::chat::rooms::lists::{RoomLists, distinct_nick};
use crate::chat::rooms::seats::Seat;
use crate::chat::server::Product;
use crate::chat::server::core::{Core, WINDOW};
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::room::Affiliation;
use crate::clock::now_ms;
use crate::link::{LinkError, Prepared, is_own};
use crate::xml::element::Build;
use crate::xml::{Element, GATEWAY};
use crate::xmpp::bookmarks::{Options, Shown};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{bookmarks, commands, data_form, helper, iq, muc, muc_admin, privilege, pubsub};

/// Only the first item of an affiliation IQ is applied, and each rewrites the whole room: few at a time, so that the
/// server's other users are not kept waiting.
const AFFILIATIONS: usize = 4;
/// Affiliations in one question to the helper module: the server answers nobody else meanwhile.
const AT_ONCE: usize = 50;
/// Privileged IQs at once. Prosody remembers the last 256 inner ids of a host.
const PRIVILEGED: usize = 32;
/// How long a room may take to reflect a message.
const PATIENCE: Duration = Duration::from_secs(5);

/// The helper module tells of many at once. For one, or without the module, it is the statistics command, which answers
/// for existing accounts only.
pub(in crate::chat) async fn probe(core: &Core, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
    if users.len() > 1
        && let Some(known) = crate::chat::accounts::prosody::resources(core, call, users).await
    {
        return known.into_iter().map(|known| Ok(known?.is_some())).collect();
    }
    let question = |user: &BareJid| {
        let fields = [("accountjid", user.as_str())];
        iq::set(&core.component, user.domain().as_str(), commands::execute_with(commands::USER_STATS, &fields))
    };
    let answers = core.ask_all(call, users.iter().map(question).collect(), WINDOW).await;
    answers
        .into_iter()
        .map(|answer| match answer? {
            Ok(reply) => Ok(commands::read(&reply).is_some_and(|answer| answer.error.is_none())),
            Err(error) if error.is("forbidden") || error.is("not-allowed") => Err(ChatError::Right(format!(
                "user-stats was refused: name {:?} in the VirtualHost's admins",
                core.component
            ))),
            Err(error) if error.is("service-unavailable") || error.is("item-not-found") => Err(ChatError::Right(
                "there is no user-stats command: enable the module admin_adhoc on the VirtualHost".into(),
            )),
            Err(error) => Err(ChatError::refused(error)),
        })
        .collect()
}

/// A privileged message is archived for its sender and copied to their devices. The server says nothing of it but a
/// refusal of the privilege.
pub(in crate::chat) async fn deliver_with_copy(
    core: &Core,
    call: &Call,
    from: &BareJid,
    stanzas: Vec<Element>,
    written: bool,
) -> Vec<Result<Option<Element>, ChatError>> {
    let privileged =
        |stanza| privilege::message(&core.component, from.domain().as_str(), stanza).with("id", core.link.new_id(call));
    let outer: Vec<Element> = stanzas.into_iter().map(privileged).collect();
    if written {
        let prepared: Vec<_> = outer.iter().map(Prepared::element).collect();
        let sent = core.link.write_all_prepared(call, &prepared).await;
        return sent.into_iter().map(|sent| sent.map_err(ChatError::from)).collect();
    }
    let bounces = core.link.send_all_routed(call, &outer).await;
    let outcome = |bounce: Result<Option<Element>, LinkError>| match bounce? {
        None => Ok(None),
        Some(bounce) => {
            let error = StanzaError::read(&bounce);
            Err(ChatError::Right(format!(
                "a privileged message was refused ({error}): give {:?} message = \"outgoing\" in privileged_entities, \
                 with the module privilege on the VirtualHost and on the component",
                core.component
            )))
        }
    };
    bounces.into_iter().map(outcome).collect()
}

/// An occupant in the user's name speaks; the firewall rule returns the room's reflection to the gateway.
pub(in crate::chat) async fn speak(
    core: &Core,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    let sit = || core.seat(room, user, || take_seat(core, call, room, message));
    let seat = sit().await?;
    match speak_from(core, call, room, message, &seat).await {
        // The occupant was removed since: nothing was said, so a new one may say it.
        Err(ChatError::Refused { condition, .. }) if condition == "not-acceptable" => {
            core.vacate(core.seats.leave_old(room, user, &seat)).await;
            speak_from(core, call, room, message, &sit().await?).await
        }
        outcome => outcome,
    }
}

async fn speak_from(
    core: &Core,
    call: &Call,
    room: &BareJid,
    message: &Message,
    seat: &Arc<Seat>,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    core.can_keep(call, message, seat)?;
    let id = core.link.new_id(call);
    let occupant = seat.resource.as_ref().map(|resource| format!("{user}/{resource}"));
    let from = occupant.as_deref().unwrap_or(user.as_str());
    let stanza = message.prepared_from(from, (&id, true), Product::Prosody).map_err(LinkError::from)?;
    if message.is_topic() {
        return set_topic(core, call, room, id, &stanza).await;
    }
    let mut reflection = core.incoming.reflections.register((room.clone(), id.clone()));
    // A refusal has nothing but the stanza's id. Where that is the caller's, another one with the same waits its turn.
    let (mut refusal, _turn) = if is_own(stanza.id()) {
        (None, None)
    } else {
        let turn = core.named.take(format!("{room} {from} {}", stanza.id()), call.deadline).await;
        let turn = turn.ok_or(LinkError::Busy)?;
        let key = (room.clone(), from.to_owned(), stanza.id().to_owned());
        (Some(core.incoming.refusals.register(key)), Some(turn))
    };
    let said = Said { room, message, id: &id, seat, stream: core.link.stream(), ms: now_ms() };
    let mut seen = None;
    match core.link.send_prepared(call, &stanza).await {
        Ok(()) => {
            let until = core.until(call, PATIENCE);
            let refused = async { refusal.as_mut()?.until(until).await };
            seen = tokio::select! {
                seen = said.heard(&mut reflection, until) => seen,
                Some(refused) = refused => Some(Err(refused)),
            };
        }
        // It may have been written.
        Err(LinkError::Unknown | LinkError::Timeout) => {}
        Err(error) => return Err(error.into()),
    }
    match seen {
        Some(Ok(archive_id)) => Ok(said.receipt(archive_id)),
        Some(Err(error)) if error.is_absent() => {
            core.seats.leave_old(room, user, seat);
            Err(ChatError::UnknownRoom(room.clone()))
        }
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => match Box::pin(core.recall(call, &said)).await {
            Found::At(archive_id) => Ok(said.receipt(Some(archive_id))),
            Found::Nowhere => Err(said.not_shown()),
            Found::Unclear => Err(said.unknown()),
        },
    }
}

/// The room shows its topic in a message of its own, without the id of the one that set it, and shows one that it has
/// already to nobody. A refusal comes back before the ping behind it.
async fn set_topic(
    core: &Core,
    call: &Call,
    room: &BareJid,
    id: String,
    stanza: &Prepared,
) -> Result<Receipt, ChatError> {
    match core.link.send_routed_prepared(call, stanza).await?.map(|bounce| StanzaError::read(&bounce)) {
        None => Ok(Receipt { id, archive_id: None }),
        Some(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
        Some(error) => Err(ChatError::refused(error)),
    }
}

async fn take_seat(core: &Core, call: &Call, room: &BareJid, message: &Message) -> Result<Seat, ChatError> {
    let user = &message.from;
    let survey = core.survey(call, room, message).await?;
    // The gateway itself enters any room: it is an administrator of the service.
    let wanted = match message.own_nick() {
        Some(nick) => nick.to_owned(),
        None if survey.lists.of(user) < Affiliation::Member => {
            return Err(ChatError::NotMember { user: user.clone(), room: room.clone() });
        }
        None => core.nick(call, user).await?,
    };
    let mut nick = survey.lists.nick_for(user, &wanted);
    let resource = core.seat_resource();
    let own = format!("{user}/{resource}");
    for last in [false, true] {
        match enter(core, call, room, &own, &nick).await? {
            Ok(()) => return Ok(Seat::new(nick, Some(resource), survey.info.archived)),
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
    core: &Core,
    call: &Call,
    room: &BareJid,
    own: &str,
    nick: &str,
) -> Result<Result<(), StanzaError>, ChatError> {
    let enter = async |password: Option<&str>| {
        let join = muc::join(own, room, nick, password).with("id", core.link.new_id(call));
        let refusal = core.link.send_routed(call, &join).await?;
        Ok::<_, ChatError>(refusal.map_or(Ok(()), |refusal| Err(StanzaError::read(&refusal))))
    };
    match enter(None).await? {
        Err(error) if error.is("not-authorized") => match core.secret(call, room).await? {
            Some(secret) => enter(Some(&secret)).await,
            None => Ok(Err(error)),
        },
        entered => Ok(entered),
    }
}

/// Many in one question to the helper module, which has the room written once for all of them. For one, or without the
/// module, one IQ for each, a few at a time.
pub(in crate::chat) async fn set_affiliations(
    core: &Core,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let mut outcomes = Vec::with_capacity(users.len());
    for chunk in users.chunks(AT_ONCE) {
        if let Err(late) = core.in_time(call) {
            outcomes.extend(chunk.iter().map(|_| Err(late.clone())));
            continue;
        }
        let together = match chunk.len() > 1 {
            true => set_together(core, call, room, affiliation, chunk).await,
            false => None,
        };
        outcomes.extend(match together {
            Some(done) => done,
            None => set_each(core, call, room, affiliation, chunk).await,
        });
    }
    outcomes
}

/// `None` where the helper module is not loaded.
async fn set_together(
    core: &Core,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Option<Vec<Result<(), ChatError>>> {
    let items = helper::affiliations(affiliation, users.iter().map(|(user, nick)| (user, nick.as_deref())));
    let refused = match core.ask(call, iq::set(&core.component, room.as_str(), items)).await {
        Ok(Ok(reply)) => helper::refusals(&reply),
        Ok(Err(error)) if error.is("service-unavailable") => return None,
        Ok(Err(error)) => return Some(users.iter().map(|_| Err(ChatError::refused(error.clone()))).collect()),
        Err(error) => return Some(users.iter().map(|_| Err(error.clone())).collect()),
    };
    let mut refused = refused.into_iter();
    let outcome = |_| match refused.next() {
        Some(None) => Ok(()),
        Some(Some(condition)) => Err(ChatError::Refused { by: room.to_string(), condition, text: None }),
        None => Err(crate::chat::server::admin::unreadable("affiliations")),
    };
    Some(users.iter().map(outcome).collect())
}

async fn set_each(
    core: &Core,
    call: &Call,
    room: &BareJid,
    affiliation: &str,
    users: &[(BareJid, Option<String>)],
) -> Vec<Result<(), ChatError>> {
    let request = |(user, nick): &(BareJid, Option<String>)| {
        iq::set(&core.component, room.as_str(), muc_admin::set(affiliation, [(user, nick.as_deref())]))
    };
    core.require_all(call, users.iter().map(request).collect(), AFFILIATIONS).await
}

/// A bookmark for everybody, where that is granted. Prosody refuses options that differ from those with which the user's
/// client made the node.
pub(in crate::chat) async fn enrol(
    core: &Core,
    call: &Call,
    shown: &Shown<'_>,
    users: &[(BareJid, String)],
) -> Vec<Result<bool, ChatError>> {
    let publish = async |users: Vec<&(BareJid, String)>, options| {
        let request = |(user, nick): &(BareJid, String)| {
            let payload = bookmarks::publish(shown, nick, options);
            privilege::iq(&core.component, user.as_str(), "set", &core.link.new_id(call), payload)
        };
        privileged(core, call, users.into_iter().map(request).collect()).await
    };
    let differs = |outcome: &Result<(), ChatError>| matches!(outcome, Err(ChatError::Refused { condition, .. }) if condition == "conflict");
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
        Err(ChatError::Refused { condition, .. }) if condition == "conflict" => Ok(false),
        Err(error) => Err(error.of("their bookmark")),
    };
    outcomes.into_iter().map(outcome).collect()
}

/// Removes bookmarks.
pub(in crate::chat) async fn withdraw(
    core: &Core,
    call: &Call,
    room: &BareJid,
    users: &[BareJid],
) -> Vec<Result<(), ChatError>> {
    let requests = users
        .iter()
        .map(|user| {
            privilege::iq(&core.component, user.as_str(), "set", &core.link.new_id(call), bookmarks::retract(room))
        })
        .collect();
    let answers = privileged(core, call, requests).await;
    let exist = core.exist(call, users).await;
    answers
        .into_iter()
        .zip(exist)
        .map(|(answer, exists)| match answer {
            Err(ChatError::Refused { condition, .. }) if condition == "item-not-found" => Ok(()),
            Err(ChatError::Right(_)) => Ok(()),
            // Nobody's bookmarks need no removing.
            Err(_) if matches!(exists, Ok(false)) => Ok(()),
            other => other,
        })
        .collect()
}

/// The rooms among a user's bookmarks.
pub(in crate::chat) async fn shown_rooms(core: &Core, call: &Call, user: &BareJid) -> Result<Vec<BareJid>, ChatError> {
    let request = privilege::iq(&core.component, user.as_str(), "get", &core.link.new_id(call), bookmarks::query());
    match privileged_replies(core, call, vec![request]).await.pop() {
        Some(Ok(reply)) => Ok(bookmarks::rooms(&reply)),
        Some(Err(ChatError::Refused { condition, .. })) if condition == "item-not-found" => Ok(Vec::new()),
        Some(Err(ChatError::Refused { by, .. })) if by == GATEWAY => {
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
pub(in crate::chat) async fn ask_for_nothing(core: &Core, call: &Call, user: &BareJid) -> Result<(), ChatError> {
    let query = pubsub::items("urn:stanzagate:nothing", []);
    let request = privilege::iq(&core.component, user.as_str(), "get", &core.link.new_id(call), query);
    match privileged_replies(core, call, vec![request]).await.pop() {
        Some(Err(ChatError::Refused { condition, .. })) if condition == "item-not-found" => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Err(crate::chat::server::admin::unreadable("a privileged IQ")),
    }
}

async fn privileged(core: &Core, call: &Call, requests: Vec<Element>) -> Vec<Result<(), ChatError>> {
    privileged_replies(core, call, requests).await.into_iter().map(|reply| reply.map(drop)).collect()
}

async fn privileged_replies(core: &Core, call: &Call, requests: Vec<Element>) -> Vec<Result<Element, ChatError>> {
    let replies = core.link.iq_all(call, requests, PRIVILEGED).await;
    replies
        .into_iter()
        .map(|reply| match privilege::outcome(&reply?) {
            Ok(inner) => inner.map_err(ChatError::refused),
            Err(error) if error.is("forbidden") => Err(ChatError::Right(format!(
                "a privileged IQ was refused ({error}): give {:?} iq = {{ [\"http://jabber.org/protocol/pubsub\"] = \
                 \"both\" }} in privileged_entities",
                core.component
            ))),
            Err(error) => Err(ChatError::refused(error)),
        })
        .collect()
}

/// Three affiliation lists, asked at once; they carry the reserved nicks.
pub(in crate::chat) async fn lists(core: &Core, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
    Ok(core.affiliation_lists(call, room, async {}).await?.0)
}

/// The form of the command that destroys rooms lists all of them; service discovery lists the public ones only.
pub(in crate::chat) async fn rooms(core: &Core, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
    let start = iq::set(&core.component, service, commands::execute(commands::PROSODY_DESTROY_ROOM));
    let reply = core.ask(call, start).await?.map_err(|error| {
        ChatError::Right(format!(
            "the list of rooms was refused ({error}): name {:?} in the admins of {service}, with admin_adhoc enabled",
            core.component
        ))
    })?;
    let Some(answer) = commands::read(&reply) else { return Ok(Vec::new()) };
    if let Some(session) = &answer.session {
        let cancel = commands::cancel(commands::PROSODY_DESTROY_ROOM, session);
        core.ask(call, iq::set(&core.component, service, cancel)).await?.ok();
    }
    let listed = answer.form.map(|form| data_form::options(&form, "rooms")).unwrap_or_default();
    Ok(listed.iter().filter_map(|(_, room)| BareJid::new(room).ok()).collect())
}
