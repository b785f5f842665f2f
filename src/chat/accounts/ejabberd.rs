//! ejabberd's way with contact lists and accounts: lists are changed in their owners' sessions, since a component may
//! neither read them nor change a subscription. Facts measured on 23.01 and 24.12.

use futures::future::try_join;
use jid::BareJid;

use crate::chat::Call;
use crate::chat::server::Product;
use crate::chat::server::admin::{Refusal, unreadable};
use crate::chat::server::core::Core;
use crate::chat::types::error::ChatError;
use crate::clock::now_ms;
use crate::xml::Element;
use crate::xml::element::{Build, client};
use crate::xmpp::commands::Answer;
use crate::xmpp::roster::{self, Item};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{commands, data_form, disco, entity_time, iq};

/// What the command says of a user who has a session.
const ONLINE: &str = "Online";

pub(in crate::chat) async fn roster(core: &Core, call: &Call, user: &BareJid) -> Result<Vec<Item>, ChatError> {
    let request = client("iq").with("type", "get").child(roster::query());
    let reply = iq::outcome(core.sessions.iq(call, user, request).await?).map_err(ChatError::refused)?;
    Ok(roster::items(&reply))
}

/// Both ask, then both grant. Each request is on the other's list before it is granted, so whatever half of a
/// subscription there was is made whole (RFC 6121 appendix A).
pub(in crate::chat) async fn join(core: &Core, call: &Call, one: &BareJid, other: &BareJid) -> Result<(), ChatError> {
    for kind in ["subscribe", "subscribed"] {
        try_join(tell(core, call, one, kind, other), tell(core, call, other, kind, one)).await?;
    }
    Ok(())
}

async fn tell(core: &Core, call: &Call, user: &BareJid, kind: &str, contact: &BareJid) -> Result<(), ChatError> {
    match core.sessions.send_routed(call, user, roster::presence(kind, None, contact)).await? {
        Some(bounce) => Err(ChatError::refused(StanzaError::read(&bounce))),
        None => Ok(()),
    }
}

/// The server itself ends the subscriptions of an entry that is removed, but a request it leaves with the contact.
pub(in crate::chat) async fn leave(core: &Core, call: &Call, user: &BareJid, item: &Item) -> Result<(), ChatError> {
    if item.asked {
        tell(core, call, user, "unsubscribe", &item.jid).await?;
    }
    let request = client("iq").with("type", "set").child(roster::remove(&item.jid));
    match iq::outcome(core.sessions.iq(call, user, request).await?) {
        Err(error) if !error.is("item-not-found") => Err(ChatError::refused(error)),
        _ => Ok(()),
    }
}

/// One answer holds all of them: 60,000 within the bounds of what the link takes.
pub(in crate::chat) async fn accounts(core: &Core, call: &Call, domain: &str) -> Result<Vec<BareJid>, ChatError> {
    let answer = match core.command(call, domain, commands::execute(commands::REGISTERED_USERS)).await? {
        Ok(answer) => answer,
        Err(refusal) if refusal.is("item-not-found") => return Err(core.no_command(Product::Ejabberd)),
        Err(refusal) => return Err(refusal.into()),
    };
    let form = answer.form.ok_or_else(|| unreadable("get-registered-users-list"))?;
    let listed = data_form::values(&form, "registereduserjids");
    Ok(listed.iter().filter_map(|jid| BareJid::new(jid).ok()).collect())
}

/// For one who was never online the command gives the time when the account was made. It takes a session of the gateway's
/// for the user's own, and writes local time without a zone.
pub(in crate::chat) async fn last_seen(
    core: &Core,
    call: &Call,
    users: &[BareJid],
) -> Vec<Result<Option<u64>, ChatError>> {
    let Some(first) = users.first() else { return Vec::new() };
    let question = iq::get(&core.component, first.domain().as_str(), entity_time::query());
    let zone = match core.ask(call, question).await {
        Ok(reply) => reply.ok().and_then(|reply| entity_time::offset(&reply)),
        Err(error) => return users.iter().map(|_| Err(error.clone())).collect(),
    };
    // A server without mod_time is taken to live in UTC.
    let zone = zone.unwrap_or_else(|| "Z".into());
    let answers = core.command_for_each(call, users, commands::LAST_LOGIN).await;
    let read = |answer: Result<Answer, Refusal>| match answer {
        Ok(answer) => {
            let said = answer.form.map(|form| data_form::values(&form, "lastlogin")).unwrap_or_default().concat();
            Ok(if said == ONLINE { Some(now_ms()) } else { entity_time::local_ms(&said, &zone) })
        }
        Err(refusal) if refusal.is("item-not-found") => Err(core.no_command(Product::Ejabberd)),
        Err(refusal) => Err(refusal.into()),
    };
    answers.into_iter().map(|answer| read(answer?)).collect()
}

/// mod_announce works apart from the stream, so that its refusal may come too late to be seen: its command is looked at
/// first, which is open to the same addresses.
pub(in crate::chat) async fn announce(
    core: &Core,
    call: &Call,
    domain: &str,
    message: Element,
) -> Result<(), ChatError> {
    let look = iq::get(&core.component, domain, disco::node_query(commands::ANNOUNCE));
    if let Err(error) = core.ask(call, look).await? {
        return Err(ChatError::Right(format!(
            "announcements were refused ({error}): enable mod_announce, and let its access rule `announce` allow {:?} \
             (config/ejabberd.yml)",
            core.component
        )));
    }
    match core.link.send_routed(call, &message).await? {
        Some(bounce) => Err(ChatError::refused(StanzaError::read(&bounce))),
        None => Ok(()),
    }
}
