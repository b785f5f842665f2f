//! Deletes the accounts of passengers whom nobody has used for long: none of whom the server cannot say so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;
use rand::Rng as _;

use super::passengers;
use crate::chat::records::Subject;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::{Call, Chat, LinkState};
use crate::clock::now_ms;
use crate::config::Config;

/// Passengers that are looked at together.
const BATCH: usize = 200;
/// The time for one batch.
const BATCH_TIME: Duration = Duration::from_secs(60);
/// Between two rounds.
const ROUND: Duration = Duration::from_secs(86_400);
/// Before the first round, and by how much it and the others may be later: gateways that were started together take turns.
const START: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(900));
const DAY_MS: u64 = 86_400_000;

/// Looks once a day for passengers of the realm who were neither made nor online for the configured number of days, and
/// deletes their accounts and records. Returns when there is no such number, or the gateway shuts down.
pub async fn clean_up(chat: Chat, config: Arc<Config>, realm: Realm) {
    let days = u64::from(config.maxleap.passenger_idle_days);
    if days == 0 {
        return;
    }
    let mut wait = START.0 + rand::rng().random_range(Duration::ZERO..START.1);
    let mut state = chat.link_state();
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = state.wait_for(|state| *state == LinkState::Draining) => return,
        }
        match round(&chat, &realm, now_ms().saturating_sub(days * DAY_MS)).await {
            Ok((looked, deleted)) => tracing::info!(domain = %realm.domain, looked, deleted, "idle passengers deleted"),
            Err(error) => tracing::warn!(domain = %realm.domain, %error, "idle passengers were not deleted"),
        }
        wait = ROUND + rand::rng().random_range(Duration::ZERO..START.1);
    }
}

/// Deletes those of the realm's passengers who were idle since `before_ms`. Returns how many users it looked at, and how
/// many it deleted.
///
/// # Errors
/// When the users cannot be listed. What fails for one of them is logged.
pub async fn round(chat: &Chat, realm: &Realm, before_ms: u64) -> Result<(usize, usize), ChatError> {
    let users = chat.records.recorded_users(&call(), realm).await?;
    let mut deleted = 0;
    for batch in users.chunks(BATCH) {
        if *chat.link_state().borrow() == LinkState::Draining {
            break;
        }
        deleted += sweep(chat, realm, batch, before_ms).await;
    }
    Ok((users.len(), deleted))
}

async fn sweep(chat: &Chat, realm: &Realm, users: &[BareJid], before_ms: u64) -> usize {
    let call = call();
    let subjects: Vec<Subject> = users.iter().cloned().map(Subject::User).collect();
    let records = chat.records.records(&call, realm, &subjects).await;
    let mut unused = Vec::new();
    for (user, record) in users.iter().zip(records) {
        match record {
            Ok(record) if record.is_passenger() && passengers::seen_ms(&record) < before_ms => {
                unused.push(user.clone());
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%user, %error, "the record of a user cannot be read"),
        }
    }
    let online = chat.accounts.last_online(&call, &unused).await;
    let (mut deleted, mut untold) = (0, 0_usize);
    for (user, online) in unused.into_iter().zip(online) {
        let done = match online {
            Ok(Some(ms)) if ms >= before_ms => continue,
            Ok(Some(_)) => delete(chat, realm, &user, before_ms).await,
            Ok(None) => match chat.accounts.account_exists(&call, &user).await {
                Ok(true) => {
                    untold += 1;
                    continue;
                }
                Ok(false) => delete(chat, realm, &user, before_ms).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match done {
            Ok(true) => deleted += 1,
            Ok(false) => {}
            Err(error) => tracing::warn!(%user, %error, "an idle passenger cannot be deleted"),
        }
    }
    if untold > 0 {
        tracing::warn!(
            passengers = untold,
            "who may be idle stays, since the server does not tell when they were online: enable mod_last (ejabberd) or \
             the module stanzagate on the VirtualHost (Prosody)"
        );
    }
    deleted
}

/// Deletes an account with what others have of it, so that whoever gets its id one day has no part in that. The record
/// goes last: what is left undone is found by it the next day. False when the passenger has come back since they were
/// looked at.
async fn delete(chat: &Chat, realm: &Realm, user: &BareJid, before_ms: u64) -> Result<bool, ChatError> {
    let call = call();
    let record = chat.records.record(&call, realm, &Subject::User(user.clone())).await?;
    if !record.is_passenger() || passengers::seen_ms(&record) >= before_ms {
        return Ok(false);
    }
    let groups = match chat.groups.groups_of(&call, realm, user).await {
        // Their account went without the gateway, or by a round that did not get to the end.
        Err(ChatError::UnknownUser(_)) => Vec::new(),
        groups => groups?,
    };
    for group in groups {
        let outcomes = chat.rooms.remove_members(&call, &group.room, std::slice::from_ref(user)).await?;
        outcomes.into_iter().try_for_each(|outcome| outcome.result)?;
    }
    chat.accounts.delete_account(&call, user).await?;
    for subject in [Subject::RoomsOf(user.clone()), Subject::FriendsOf(user.clone()), Subject::User(user.clone())] {
        chat.records.forget(&call, realm, &subject).await?;
    }
    Ok(true)
}

fn call() -> Call {
    Call::new(Arc::from("idle-passengers"), Instant::now() + BATCH_TIME)
}
