//! ejabberd's way with contact lists and accounts: lists are changed in their owners' sessions, since a component may
//! neither read them nor change a subscription. Facts measured on 23.01 and 24.12.

use futures::future::try_join;
use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::Accounts;
use crate::chat::server::admin::{Refusal, unreadable};
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::clock::now_ms;
use crate::link::Call;
use crate::session::LoginToken;
use crate::xml::Element;
use crate::xml::element::{Build, client};
use crate::xmpp::commands::Answer;
use crate::xmpp::roster::{self, Item};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{commands, data_form, disco, entity_time, iq};

/// What the command says of a user who has a session.
const ONLINE: &str = "Online";

pub(in crate::chat) async fn roster(accounts: &Accounts, call: &Call, user: &BareJid) -> Result<Vec<Item>, ChatError> {
    let request = client("iq").with("type", "get").child(roster::query());
    let reply = iq::outcome(accounts.server.sessions.iq(call, user, request).await?).map_err(ChatError::refused)?;
    Ok(roster::items(&reply))
}

/// Both ask, then both grant. Each request is on the other's list before it is granted, so whatever half of a
/// subscription there was is made whole (RFC 6121 appendix A).
pub(in crate::chat) async fn join(
    accounts: &Accounts,
    call: &Call,
    one: &BareJid,
    other: &BareJid,
) -> Result<(), ChatError> {
    for kind in ["subscribe", "subscribed"] {
        try_join(tell(accounts, call, one, kind, other), tell(accounts, call, other, kind, one)).await?;
    }
    Ok(())
}

async fn tell(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    kind: &str,
    contact: &BareJid,
) -> Result<(), ChatError> {
    match accounts.server.sessions.send_routed(call, user, roster::presence(kind, None, contact)).await? {
        Some(bounce) => Err(ChatError::refused(StanzaError::read(&bounce))),
        None => Ok(()),
    }
}

/// The server itself ends the subscriptions of an entry that is removed, but a request it leaves with the contact.
pub(in crate::chat) async fn leave(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    item: &Item,
) -> Result<(), ChatError> {
    if item.asked {
        tell(accounts, call, user, "unsubscribe", &item.jid).await?;
    }
    let request = client("iq").with("type", "set").child(roster::remove(&item.jid));
    match iq::outcome(accounts.server.sessions.iq(call, user, request).await?) {
        Err(error) if !error.is("item-not-found") => Err(ChatError::refused(error)),
        _ => Ok(()),
    }
}

/// One answer holds all of them: 60,000 within the bounds of what the link takes.
pub(in crate::chat) async fn accounts(
    accounts: &Accounts,
    call: &Call,
    domain: &str,
) -> Result<Vec<BareJid>, ChatError> {
    let answer = match accounts.server.command(call, domain, commands::execute(commands::REGISTERED_USERS)).await? {
        Ok(answer) => answer,
        Err(refusal) if refusal.is("item-not-found") => return Err(accounts.server.no_command()),
        Err(refusal) => return Err(refusal.into()),
    };
    let form = answer.form.ok_or_else(|| unreadable("get-registered-users-list"))?;
    let listed = data_form::values(&form, "registereduserjids");
    Ok(listed.iter().filter_map(|jid| BareJid::new(jid).ok()).collect())
}

/// For one who was never online the command gives the time when the account was made. It takes a session of the gateway's
/// for the user's own, and writes local time without a zone.
pub(in crate::chat) async fn last_seen(
    accounts: &Accounts,
    call: &Call,
    users: &[BareJid],
) -> Vec<Result<Option<u64>, ChatError>> {
    let Some(first) = users.first() else { return Vec::new() };
    let question = iq::get(&accounts.server.component, first.domain().as_str(), entity_time::query());
    let zone = match accounts.server.ask(call, question).await {
        Ok(reply) => reply.ok().and_then(|reply| entity_time::offset(&reply)),
        Err(error) => return users.iter().map(|_| Err(error.clone())).collect(),
    };
    // A server without mod_time is taken to live in UTC.
    let zone = zone.unwrap_or_else(|| "Z".into());
    let answers = accounts.server.command_for_each(call, users, commands::LAST_LOGIN).await;
    let read = |answer: Result<Answer, Refusal>| match answer {
        Ok(answer) => {
            let said = answer.form.map(|form| data_form::values(&form, "lastlogin")).unwrap_or_default().concat();
            Ok(if said == ONLINE { Some(now_ms()) } else { entity_time::local_ms(&said, &zone) })
        }
        Err(refusal) if refusal.is("item-not-found") => Err(accounts.server.no_command()),
        Err(refusal) => Err(refusal.into()),
    };
    answers.into_iter().map(|answer| read(answer?)).collect()
}

/// mod_announce works apart from the stream, so that its refusal may come too late to be seen: its command is looked at
/// first, which is open to the same addresses.
pub(in crate::chat) async fn announce(
    accounts: &Accounts,
    call: &Call,
    domain: &str,
    message: Element,
) -> Result<(), ChatError> {
    let look = iq::get(&accounts.server.component, domain, disco::node_query(commands::ANNOUNCE));
    if let Err(error) = accounts.server.ask(call, look).await? {
        return Err(ChatError::Right(format!(
            "announcements were refused ({error}): enable mod_announce, and let its access rule `announce` allow {:?} \
             (config/ejabberd.yml)",
            accounts.server.component
        )));
    }
    match accounts.server.link.send_routed(call, &message).await? {
        Some(bounce) => Err(ChatError::refused(StanzaError::read(&bounce))),
        None => Ok(()),
    }
}

/// An empty headline to an account that does not exist comes back before the ping behind it; to one that does it
/// vanishes (or reaches online devices, which show nothing). No other stanza tells the two apart here.
pub(in crate::chat) async fn probe(
    accounts: &Accounts,
    call: &Call,
    users: &[BareJid],
) -> Vec<Result<bool, ChatError>> {
    let probes: Vec<Element> = users
        .iter()
        .map(|user| {
            client("message")
                .with("type", "headline")
                .with("from", accounts.server.component.as_str())
                .with("to", user.to_string())
                .with("id", accounts.server.link.new_id(call))
        })
        .collect();
    let bounces = accounts.server.link.send_all_routed(call, &probes).await;
    bounces
        .into_iter()
        .map(|bounce| match bounce?.map(|bounce| StanzaError::read(&bounce)) {
            None => Ok(true),
            Some(error) => Ok(!(error.is("service-unavailable") || error.is("item-not-found"))),
        })
        .collect()
}

/// A log-in token, made by the session grant.
pub(in crate::chat) async fn login_token(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    life: Duration,
) -> Result<LoginToken, ChatError> {
    if !accounts.server.sessions.granted() {
        let gateways = "[sessions]\ngrant = \"oauth\"\noauth_url = \"http://127.0.0.1:5280/api\"";
        return Err(accounts.no_tokens(
            &format!("no session grant is configured; add to the gateway's configuration:\n{gateways}\n"),
            Product::Ejabberd,
            user,
        ));
    }
    // Asked each time: both grants make tokens that log in to an account which is gone.
    match accounts.probe(call, std::slice::from_ref(user)).await.pop() {
        Some(Ok(true)) => Ok(accounts.server.sessions.login_token(call, user, life).await?),
        Some(Err(error)) => Err(error),
        Some(Ok(false)) | None => {
            accounts.forget_user(user);
            Err(ChatError::UnknownUser(user.clone()))
        }
    }
}
