//! Messages on Prosody: occupants that the gateway makes for users, privileged messages. Facts measured on 0.12 and 13.0.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::rooms::prosody::take_place;

use crate::chat::messages::Messages;
use crate::chat::messages::recall::{Found, SentMessage};
use crate::chat::rooms::occupants::Occupant;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::chat::types::product::Product;
use crate::clock::now_ms;
use crate::link::Call;
use crate::link::{LinkError, Prepared, is_own};
use crate::xml::Element;
use crate::xml::element::Build;
use crate::xmpp::privilege;
use crate::xmpp::stanza_error::StanzaError;

/// A privileged message is archived for its sender and copied to their devices. The server says nothing of it but a
/// refusal of the privilege.
pub(in crate::chat) async fn deliver_with_copy(
    messages: &Messages,
    call: &Call,
    from: &BareJid,
    stanzas: Vec<Element>,
    written: bool,
) -> Vec<Result<Option<Element>, ChatError>> {
    let privileged = |stanza| {
        privilege::message(&messages.server.component, from.domain().as_str(), stanza)
            .with("id", messages.server.link.new_id(call))
    };
    let outer: Vec<Element> = stanzas.into_iter().map(privileged).collect();
    if written {
        let prepared: Vec<_> = outer.iter().map(Prepared::element).collect();
        let sent = messages.server.link.write_all_prepared(call, &prepared).await;
        return sent.into_iter().map(|sent| sent.map_err(ChatError::from)).collect();
    }
    let bounces = messages.server.link.send_all_routed(call, &outer).await;
    let outcome = |bounce: Result<Option<Element>, LinkError>| match bounce? {
        None => Ok(None),
        Some(bounce) => {
            let error = StanzaError::read(&bounce);
            Err(ChatError::Right(format!(
                "a privileged message was refused ({error}): give {:?} message = \"outgoing\" in privileged_entities, \
                 with the module privilege on the VirtualHost and on the component",
                messages.server.component
            )))
        }
    };
    bounces.into_iter().map(outcome).collect()
}

/// An occupant in the user's name speaks; the firewall rule returns the room's reflection to the gateway.
pub(in crate::chat) async fn send_to_room(
    messages: &Messages,
    call: &Call,
    room: &BareJid,
    message: &Message,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    let occupant = || messages.rooms.occupant(room, user, || take_place(&messages.rooms, call, room, message));
    let first = occupant().await?;
    match speak_from(messages, call, room, message, &first).await {
        // The occupant was removed since: nothing was sent, so a new one may say it.
        Err(ChatError::Refused(error)) if error.is("not-acceptable") => {
            messages.rooms.leave_rooms(messages.rooms.occupants.remove_if(room, user, &first)).await;
            speak_from(messages, call, room, message, &occupant().await?).await
        }
        outcome => outcome,
    }
}

async fn speak_from(
    messages: &Messages,
    call: &Call,
    room: &BareJid,
    message: &Message,
    occupant: &Arc<Occupant>,
) -> Result<Receipt, ChatError> {
    let user = &message.from;
    messages.can_keep(call, message, occupant)?;
    let id = messages.server.link.new_id(call);
    let full = occupant.resource.as_ref().map(|resource| format!("{user}/{resource}"));
    let from = full.as_deref().unwrap_or(user.as_str());
    let stanza = message.prepared_from(from, (&id, true), Product::Prosody).map_err(LinkError::from)?;
    if message.is_topic() {
        return set_topic(messages, call, room, id, &stanza).await;
    }
    let mut reflection = messages.server.incoming.reflections.register((room.clone(), id.clone()));
    // A refusal has nothing but the stanza's id. Where that is the caller's, another one with the same waits its turn.
    let (mut refusal, _guard) = if is_own(stanza.id()) {
        (None, None)
    } else {
        let guard = messages.named.take(format!("{room} {from} {}", stanza.id()), call.deadline).await;
        let guard = guard.ok_or(LinkError::Busy)?;
        let key = (room.clone(), from.to_owned(), stanza.id().to_owned());
        (Some(messages.server.incoming.refusals.register(key)), Some(guard))
    };
    let sent = SentMessage { room, message, id: &id, occupant, stream: messages.server.link.stream(), ms: now_ms() };
    let mut seen = None;
    match messages.server.link.send_prepared(call, &stanza).await {
        Ok(()) => {
            let until = messages.server.until(call, PATIENCE);
            let refused = async { refusal.as_mut()?.until(until).await };
            seen = tokio::select! {
                seen = sent.heard(&mut reflection, until) => seen,
                Some(refused) = refused => Some(Err(refused)),
            };
        }
        // It may have been written.
        Err(LinkError::Unknown | LinkError::Timeout) => {}
        Err(error) => return Err(error.into()),
    }
    match seen {
        Some(Ok(archive_id)) => Ok(sent.receipt(archive_id)),
        Some(Err(error)) if error.is_absent() => {
            messages.rooms.occupants.remove_if(room, user, occupant);
            Err(ChatError::UnknownRoom(room.clone()))
        }
        Some(Err(error)) => Err(ChatError::refused(error)),
        None => match Box::pin(messages.recall(call, &sent)).await {
            Found::At(archive_id) => Ok(sent.receipt(Some(archive_id))),
            Found::Nowhere => Err(sent.not_shown()),
            Found::Unclear => Err(sent.unknown()),
        },
    }
}

/// The room shows its topic in a message of its own, without the id of the one that set it, and shows one that it has
/// already to nobody. A refusal comes back before the ping behind it.
async fn set_topic(
    messages: &Messages,
    call: &Call,
    room: &BareJid,
    id: String,
    stanza: &Prepared,
) -> Result<Receipt, ChatError> {
    match messages.server.link.send_routed_prepared(call, stanza).await?.map(|bounce| StanzaError::read(&bounce)) {
        None => Ok(Receipt { id, archive_id: None }),
        Some(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
        Some(error) => Err(ChatError::refused(error)),
    }
}

/// How long a room may take to reflect a message.
const PATIENCE: Duration = Duration::from_secs(5);
