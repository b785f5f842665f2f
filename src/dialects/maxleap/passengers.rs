//! Endpoints of passengers: accounts that the API makes, with a password of its own choice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jid::BareJid;
use rand::distr::{Alphanumeric, SampleString as _};
use serde_json::{Map, Value, json};

use super::attributes::{check, check_all};
use super::context::Context;
use super::error::{Code, Failure};
use super::reserved::is_reserved;
use super::wire::{Reply, Request, kind};
use crate::chat::Call;
use crate::chat::records::{Record, Subject};
use crate::chat::types::error::ChatError;
use crate::clock::now_ms;

/// The note of when a passenger was made, in milliseconds since 1970.
const CREATED: &str = "created";
/// The note of when a passenger was last made or made again, in milliseconds since 1970.
const SEEN: &str = "seen";
/// How long to wait, again and again, for the record of a passenger who is being made by another call.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(300), Duration::from_millis(500)];
/// Characters of a password: 190 bits.
const PASSWORD: usize = 32;
/// How long deleting one that could not be finished may take.
const UNDO: Duration = Duration::from_secs(10);

/// POST `/passengers`: makes a passenger, or sets attributes of the one with this id. The headers of the answer say how a
/// new one logs in.
pub async fn create(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let mut given = request.object()?;
    let (id, chosen) = match given.remove("id") {
        None | Some(Value::Null) => (format!("{:032x}", rand::random::<u128>()), false),
        Some(Value::String(id)) => (id, true),
        Some(other) => return Err(Failure::parameter(format!("id must be a string, not {}", kind(&other)))),
    };
    let user = cx.user(&id)?;
    check(&given, cx.config.maxleap.attributes, cx.config.maxleap.attribute_bytes)?;
    check_all(&Map::new(), &given, &cx.config.maxleap)?;
    // Of two calls that make the same one, the second sets attributes.
    let _guard = cx.lock(&user).await?;
    let subject = Subject::User(user.clone());
    if chosen && is_reserved(cx, &user) {
        // One who was made before the name was reserved stays a passenger.
        if passenger(cx, &user).await?.is_none() {
            let text = format!("the id {id:?} is reserved: no passenger can have it, choose another");
            return Err(Failure::parameter(text));
        }
        again(cx, &subject, &given).await?;
        return Ok(Reply::Json(StatusCode::CREATED, Value::String(id)));
    }
    let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD);
    let new = cx.chat.accounts.create_account(cx.call, &user, &password).await?;
    if !new {
        again(cx, &subject, &given).await?;
        return Ok(Reply::Json(StatusCode::CREATED, Value::String(id)));
    }
    if let Err(failure) = equip(cx, &subject, &given).await {
        return Err(undo(cx, &user, &subject, failure).await);
    }
    let headers = vec![("x-xmpp-jid", user.to_string()), ("x-xmpp-password", password)];
    Ok(Reply::With(StatusCode::CREATED, Value::String(id), headers))
}

/// GET `/passengers/{p}`.
pub async fn look(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    Ok(Reply::ok(attributes(cx, &cx.user(request.part(0))?).await?))
}

/// The attributes of a passenger.
///
/// # Errors
/// 5004 when `user` is none.
pub async fn attributes(cx: &Context<'_>, user: &BareJid) -> Result<Map<String, Value>, Failure> {
    let record = passenger(cx, user).await?.ok_or_else(|| Failure::not_found("the passenger"))?;
    Ok(record.attributes)
}

/// The record of a user who is a passenger and has an account.
async fn passenger(cx: &Context<'_>, user: &BareJid) -> Result<Option<Record>, Failure> {
    let subject = Subject::User(user.clone());
    let (record, exists) = tokio::join!(
        cx.chat.records.record(cx.call, &cx.app.realm, &subject),
        cx.chat.accounts.account_exists(cx.call, user)
    );
    let record = record?;
    Ok((exists? && record.is_passenger()).then_some(record))
}

/// When a passenger was last made or made again, in milliseconds since 1970; 0 when that is not known.
pub fn seen_ms(record: &Record) -> u64 {
    record.notes.get(SEEN).and_then(Value::as_u64).unwrap_or_default()
}

/// Sets attributes of a known passenger.
async fn again(cx: &Context<'_>, subject: &Subject, given: &Map<String, Value>) -> Result<(), Failure> {
    let realm = &cx.app.realm;
    let mut pauses = PAUSES.into_iter();
    let there = loop {
        let record = cx.chat.records.record(cx.call, realm, subject).await?;
        if record.is_passenger() {
            break record.attributes;
        }
        // Two calls with one id may come at once: the account is made before its record.
        match pauses.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(Failure::new(Code::Conflict, "the id is that of a user who is no passenger")),
        }
    };
    check_all(&there, given, &cx.config.maxleap)?;
    let seen = json!(now_ms());
    let merge = async {
        match given.is_empty() {
            true => Ok(()),
            false => cx.chat.records.merge_attributes(cx.call, realm, subject, given).await,
        }
    };
    let (merged, noted) = tokio::join!(merge, cx.chat.records.set_note(cx.call, realm, subject, SEEN, Some(&seen)));
    merged?;
    Ok(noted?)
}

/// Records that an account is a passenger's, with their attributes.
async fn equip(cx: &Context<'_>, subject: &Subject, given: &Map<String, Value>) -> Result<(), Failure> {
    let realm = &cx.app.realm;
    // Of an account of this name that was deleted past the gateway nothing may remain.
    cx.chat.records.forget(cx.call, realm, subject).await?;
    let now = json!(now_ms());
    for (note, value) in [Record::passenger_note(), (CREATED, now.clone()), (SEEN, now)] {
        cx.chat.records.set_note(cx.call, realm, subject, note, Some(&value)).await?;
    }
    if !given.is_empty() {
        cx.chat.records.merge_attributes(cx.call, realm, subject, given).await?;
    }
    Ok(())
}

/// Deletes a half-made passenger, and says it when that fails too.
async fn undo(cx: &Context<'_>, user: &BareJid, subject: &Subject, failure: Failure) -> Failure {
    // The caller's time may be what has run out.
    let deadline = cx.call.deadline.max(Instant::now() + UNDO);
    let call = Call::new(Arc::clone(&cx.call.request), deadline);
    let (account, record) = tokio::join!(
        cx.chat.accounts.delete_account(&call, user),
        cx.chat.records.forget(&call, &cx.app.realm, subject)
    );
    match account.and(record) {
        Ok(()) => failure,
        // Not to be tried again: the id is taken now.
        Err(error) => ChatError::Partial(format!("{}; and {user} is left half made: {error}", failure.text)).into(),
    }
}
