//! Prosody's way with contact lists and accounts: privileged lists, and what the helper module tells. Facts measured on
//! 0.12 and 13.0.

use futures::future::try_join;
use std::time::Duration;

use jid::{BareJid, NodeRef};

use crate::chat::accounts::Accounts;
use crate::chat::server::admin::unreadable;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::Call;
use crate::session::LoginToken;
use crate::xml::Element;
use crate::xml::element::Build as _;
use crate::xmpp::roster::{self, Item};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{commands, directory, helper, iq};

/// Accounts in one question about whether or when they are online.
const ASKED: usize = 200;
/// Such questions that are asked side by side: the server answers nobody else meanwhile.
const CHUNKS: usize = 2;

pub(in crate::chat) async fn roster(accounts: &Accounts, call: &Call, user: &BareJid) -> Result<Vec<Item>, ChatError> {
    match accounts.server.ask(call, iq::get(&accounts.server.component, user.as_str(), roster::query())).await? {
        Ok(reply) => Ok(roster::items(&reply)),
        Err(error) => Err(refused(accounts, error)),
    }
}

/// Sets both lists. A request that waits for its answer would stay on its receiver's list, invisible there and shown
/// again at each log-in: it is withdrawn first. The probes have each see at once that the other is online.
pub(in crate::chat) async fn join(
    accounts: &Accounts,
    call: &Call,
    one: &BareJid,
    other: &BareJid,
) -> Result<(), ChatError> {
    let (ours, theirs) = try_join(roster(accounts, call, one), roster(accounts, call, other)).await?;
    let sides = [(one, other, find(&ours, other)), (other, one, find(&theirs, one))];
    for (owner, contact, item) in sides {
        if item.is_some_and(|item| item.asked) {
            tell(accounts, call, owner, "unsubscribe", contact).await?;
        }
    }
    for (owner, contact, item) in sides {
        if !item.is_some_and(Item::is_mutual) {
            let set = iq::set(&accounts.server.component, owner.as_str(), roster::set_mutual(contact, item));
            accounts.server.ask(call, set).await?.map_err(|error| refused(accounts, error))?;
        }
    }
    tell(accounts, call, one, "probe", other).await?;
    tell(accounts, call, other, "probe", one).await
}

fn find<'a>(items: &'a [Item], jid: &BareJid) -> Option<&'a Item> {
    items.iter().find(|item| item.jid == *jid)
}

/// Presence in a user's name takes effect on the side of its receiver only.
async fn tell(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    kind: &str,
    contact: &BareJid,
) -> Result<(), ChatError> {
    let presence = roster::presence(kind, Some(user), contact).with("id", accounts.server.link.new_id(call));
    Ok(accounts.server.link.send(call, &presence).await?)
}

/// Changes one list only: the other's is changed by another call.
pub(in crate::chat) async fn leave(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    item: &Item,
) -> Result<(), ChatError> {
    if item.asked {
        tell(accounts, call, user, "unsubscribe", &item.jid).await?;
    }
    match accounts
        .server
        .ask(call, iq::set(&accounts.server.component, user.as_str(), roster::remove(&item.jid)))
        .await?
    {
        Err(error) if !error.is("item-not-found") => Err(refused(accounts, error)),
        _ => Ok(()),
    }
}

fn refused(accounts: &Accounts, error: StanzaError) -> ChatError {
    // Unhandled: the module is not there, or (on a set) the account is gone since it was looked for.
    if error.is("forbidden") || error.is("service-unavailable") {
        return ChatError::Right(format!(
            "a contact list was refused ({error}): give {:?} roster = \"both\" in privileged_entities, with the module \
             privilege on the VirtualHost and on the component (config/prosody.cfg.lua)",
            accounts.server.component
        ));
    }
    ChatError::refused(error)
}

/// Page after page from the helper module: no command of Prosody's own lists accounts.
pub(in crate::chat) async fn accounts(
    accounts: &Accounts,
    call: &Call,
    domain: &str,
) -> Result<Vec<BareJid>, ChatError> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let question = iq::get(&accounts.server.component, domain, directory::accounts_query(after.as_deref()));
        let reply = accounts.server.ask(call, question).await?.map_err(|error| {
            ChatError::Right(format!(
                "the list of accounts was refused ({error}): enable the module stanzagate (config/mod_stanzagate.lua) on \
                 the VirtualHost, with stanzagate_component = {:?}",
                accounts.server.component
            ))
        })?;
        let (names, next) = directory::accounts(&reply);
        all.extend(names.iter().filter_map(|name| BareJid::new(&format!("{name}@{domain}")).ok()));
        if next.is_none() || next == after {
            return Ok(all);
        }
        after = next;
    }
}

/// The resources of each who has an account, from the helper module; `None` where it is not loaded.
pub(in crate::chat) async fn resources(
    accounts: &Accounts,
    call: &Call,
    users: &[BareJid],
) -> Option<Vec<Result<Option<Vec<String>>, ChatError>>> {
    // One question is about the users of one host, in their order.
    let chunks: Vec<&[BareJid]> =
        users.chunk_by(|one, other| one.domain() == other.domain()).flat_map(|of_host| of_host.chunks(ASKED)).collect();
    let question = |chunk: &&[BareJid]| {
        let names = chunk.iter().map(|user| user.node().map_or("", NodeRef::as_str));
        let domain = chunk.first().map_or("", |user| user.domain().as_str());
        iq::get(&accounts.server.component, domain, directory::online_query(names))
    };
    let answers = accounts.server.ask_all(call, chunks.iter().map(question).collect(), CHUNKS).await;
    let mut all = Vec::with_capacity(users.len());
    for (chunk, answer) in chunks.iter().zip(answers) {
        match answer.map(|answer| answer.map(|reply| directory::online(&reply))) {
            Ok(Ok(known)) if known.len() == chunk.len() => all.extend(known.into_iter().map(Ok)),
            Ok(_) => return None,
            Err(error) => all.extend(chunk.iter().map(|_| Err(error.clone()))),
        }
    }
    Some(all)
}

/// From the helper module, which notes it: 0 for one whom it never saw.
pub(in crate::chat) async fn last_seen(
    accounts: &Accounts,
    call: &Call,
    users: &[BareJid],
) -> Vec<Result<Option<u64>, ChatError>> {
    let question = |chunk: &[BareJid]| {
        let names = chunk.iter().map(|user| user.node().map_or("", NodeRef::as_str));
        let domain = chunk.first().map_or("", |user| user.domain().as_str());
        iq::get(&accounts.server.component, domain, directory::last_query(names))
    };
    let answers = accounts.server.ask_all(call, users.chunks(ASKED).map(question).collect(), CHUNKS).await;
    let mut seen = Vec::with_capacity(users.len());
    for (chunk, answer) in users.chunks(ASKED).zip(answers) {
        match answer {
            Ok(Ok(reply)) => {
                let mut known = directory::last(&reply).into_iter();
                seen.extend(chunk.iter().map(|_| Ok(known.next().map(Option::unwrap_or_default))));
            }
            // Nobody else knows.
            Ok(Err(_)) => seen.extend(chunk.iter().map(|_| Ok(None))),
            Err(error) => seen.extend(chunk.iter().map(|_| Err(error.clone()))),
        }
    }
    seen
}

/// Whoever is no admin is refused before the ping behind the message is answered.
pub(in crate::chat) async fn announce(accounts: &Accounts, call: &Call, message: Element) -> Result<(), ChatError> {
    let Some(bounce) = accounts.server.link.send_routed(call, &message).await? else { return Ok(()) };
    Err(ChatError::Right(format!(
        "an announcement was refused ({}): enable the module announce on the VirtualHost, and name {:?} in its admins \
         (config/prosody.cfg.lua)",
        StanzaError::read(&bounce),
        accounts.server.component
    )))
}

/// The helper module tells of many at once. For one, or without the module, it is the statistics command, which answers
/// for existing accounts only.
pub(in crate::chat) async fn probe(
    accounts: &Accounts,
    call: &Call,
    users: &[BareJid],
) -> Vec<Result<bool, ChatError>> {
    if users.len() > 1
        && let Some(known) = resources(accounts, call, users).await
    {
        return known.into_iter().map(|known| Ok(known?.is_some())).collect();
    }
    let question = |user: &BareJid| {
        let fields = [("accountjid", user.as_str())];
        iq::set(
            &accounts.server.component,
            user.domain().as_str(),
            commands::execute_with(commands::USER_STATS, &fields),
        )
    };
    let answers = accounts.server.ask_all(call, users.iter().map(question).collect(), WINDOW).await;
    answers
        .into_iter()
        .map(|answer| match answer? {
            Ok(reply) => Ok(commands::read(&reply).is_some_and(|answer| answer.error.is_none())),
            Err(error) if error.is("forbidden") || error.is("not-allowed") => Err(ChatError::Right(format!(
                "user-stats was refused: name {:?} in the VirtualHost's admins",
                accounts.server.component
            ))),
            Err(error) if error.is("service-unavailable") || error.is("item-not-found") => Err(ChatError::Right(
                "there is no user-stats command: enable the module admin_adhoc on the VirtualHost".into(),
            )),
            Err(error) => Err(ChatError::refused(error)),
        })
        .collect()
}

/// A log-in token, made by the helper module.
pub(in crate::chat) async fn login_token(
    accounts: &Accounts,
    call: &Call,
    user: &BareJid,
    life: Duration,
) -> Result<LoginToken, ChatError> {
    let expires_in = life.as_secs().max(1);
    let question = iq::set(&accounts.server.component, user.as_str(), helper::login_token(expires_in));
    match accounts.server.ask(call, question).await? {
        Ok(reply) => match helper::token(&reply) {
            Some(key) => Ok(LoginToken { key: key.into(), mechanism: "OAUTHBEARER", expires_in }),
            None => Err(unreadable("token")),
        },
        Err(error) if error.is("item-not-found") => {
            accounts.forget_user(user);
            Err(ChatError::UnknownUser(user.clone()))
        }
        Err(error) if error.is("service-unavailable") || error.is("feature-not-implemented") => {
            Err(accounts.no_tokens(&format!("a log-in token was refused ({error}); "), Product::Prosody, user))
        }
        Err(error) => Err(ChatError::refused(error)),
    }
}
