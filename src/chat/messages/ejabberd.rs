//! Messages on ejabberd: MUC/Sub for rooms, senders' own sessions for their copies. Facts measured on 23.01 and 24.12.

use std::time::Duration;

use jid::BareJid;
use minidom::rxml::Namespace;

use crate::chat::kit::waiters::Waiting;
use crate::chat::messages::recall::{Found, SentMessage};
use crate::chat::messages::{Messages, topic};
use crate::chat::rooms::ejabberd::{is_subscribed, take_place};
use crate::chat::server::incoming::Reflection;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::product::Product;
use crate::clock::now_ms;
use crate::link::{Call, LinkError};
use crate::session::SessionError;
use crate::xml::Element;

/// A component's message leaves no copy with its sender; one from a session of their own does.
pub(in crate::chat) async fn deliver_with_copy(
    messages: &Messages,
    call: &Call,
    from: &BareJid,
    stanzas: Vec<Element>,
    written: bool,
) -> Vec<Result<Option<Element>, ChatError>> {
    let mut bounces = Vec::with_capacity(stanzas.len());
    for stanza in stanzas {
        bounces.push(deliver_from_session(messages, call, from, stanza, written).await);
    }
    bounces
}

async fn deliver_from_session(
    messages: &Messages,
    call: &Call,
    from: &BareJid,
    stanza: Element,
    written: bool,
) -> Result<Option<Element>, ChatError> {
    let mut own = stanza.clone();
    own.attrs_mut().remove(&Namespace::NONE, "from");
    let sent = match written {
        true => messages.server.sessions.send(call, from, own).await.map(|()| None),
        false => messages.server.sessions.send_routed(call, from, own).await,
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
        messages.server.link.send(call, &stanza).await?;
        return Ok(None);
    }
    Ok(messages.server.link.send_routed(call, &stanza).await?)
}

/// A room accepts what comes from a subscriber's bare JID, and reflects it to the gateway's own subscription.
pub(in crate::chat) async fn send_to_room(
    messages: &Messages,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    if message.is_topic() && !topic::is_open(messages, call, room).await? {
        return topic::set(messages, call, room, message).await;
    }
    let user = &message.from;
    let occupant = messages.rooms.occupant(room, user, || take_place(&messages.rooms, call, room, message)).await?;
    messages.can_keep(call, message, &occupant)?;
    let id = messages.server.link.new_id(call);
    let mut reflection = messages.server.incoming.reflections.register((room.clone(), id.clone()));
    let stanza = message.prepared(&id, Product::Ejabberd, true).map_err(LinkError::from)?;
    let sent = SentMessage {
        room,
        message,
        id: &id,
        occupant: &occupant,
        stream: messages.server.link.stream(),
        ms: now_ms(),
    };
    let mut seen = None;
    match messages.server.link.send_prepared(call, &stanza).await {
        Ok(()) => seen = reflection.until(messages.server.until(call, PATIENCE)).await,
        // It may have been written.
        Err(LinkError::Unknown | LinkError::Timeout) => {}
        Err(error) => return Err(error.into()),
    }
    match seen {
        Some(Ok(archive_id)) => Ok(sent.receipt(archive_id.filter(|_| occupant.archived))),
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => Box::pin(find_out(messages, call, &sent, reflection)).await,
    }
}

/// What became of a message that the room has not reflected. A refusal went to the user, where the gateway cannot see it.
async fn find_out(
    messages: &Messages,
    call: &Call,
    sent: &SentMessage<'_>,
    mut reflection: Waiting<(BareJid, String), Reflection>,
) -> Result<Receipt, ChatError> {
    let looked = match sent.holds() {
        true => look_again(messages, call, sent, &mut reflection).await,
        false => Ok(Looked::Silent { subscribed: false, why: None }),
    };
    let (subscribed, why) = match looked {
        Ok(Looked::Reflected(Ok(archive_id))) => {
            return Ok(sent.receipt(archive_id.filter(|_| sent.occupant.archived)));
        }
        Ok(Looked::Reflected(Err(error))) => return Err(ChatError::refused(error)),
        Ok(Looked::Silent { subscribed, why }) => (subscribed, why),
        // It was gone before: else its last word would have come before this.
        Err(error @ ChatError::UnknownRoom(_)) if sent.holds() => return Err(error),
        Err(error) => {
            tracing::debug!(request = %call.request, room = %sent.room, %error, "cannot look at the room again");
            (false, None)
        }
    };
    match messages.recall(call, sent).await {
        Found::At(archive_id) => Ok(sent.receipt(Some(archive_id))),
        Found::Nowhere => Err(why.unwrap_or_else(|| sent.not_shown())),
        // What the room showed, the gateway would have heard.
        Found::Unclear if subscribed && sent.holds() => Err(why.unwrap_or_else(|| sent.not_shown())),
        Found::Unclear => Err(sent.unknown()),
    }
}

/// What a second look at a room shows.
enum Looked {
    Reflected(Reflection),
    /// It answers, and has not shown the message as far as the gateway `subscribed` to it: because of `why`, if that can be seen.
    Silent {
        subscribed: bool,
        why: Option<ChatError>,
    },
}

/// Looks whether the room is there, and whether the user may speak in it: that tells the usual causes of silence.
async fn look_again(
    messages: &Messages,
    call: &Call,
    sent: &SentMessage<'_>,
    reflection: &mut Waiting<(BareJid, String), Reflection>,
) -> Result<Looked, ChatError> {
    let (room, user) = (sent.room, &sent.message.from);
    if let Err(error) = messages.rooms.room_info(call, room).await {
        messages.rooms.occupants.remove_if(room, user, sent.occupant);
        return Err(error);
    }
    if let Some(seen) = reflection.until(messages.server.until(call, GRACE)).await {
        return Ok(Looked::Reflected(seen));
    }
    messages.rooms.occupants.remove_if(room, user, sent.occupant);
    messages.rooms.snapshots.forget(room);
    let subscribed = is_subscribed(&messages.rooms, &messages.rooms.lists(call, room).await?);
    let why = match take_place(&messages.rooms, call, room, sent.message).await {
        Ok(_) => None,
        Err(error @ ChatError::NotMember { .. }) => Some(error),
        Err(error) => return Err(error),
    };
    // A busy room may have shown it meanwhile.
    match reflection.until(messages.server.until(call, GRACE)).await {
        Some(seen) => Ok(Looked::Reflected(seen)),
        None => Ok(Looked::Silent { subscribed, why }),
    }
}

/// How long a room may take to reflect before it is asked whether it refused.
const PATIENCE: Duration = Duration::from_millis(500);

/// A room that just woke may answer the question before it reflects the message that came first.
const GRACE: Duration = Duration::from_millis(250);
