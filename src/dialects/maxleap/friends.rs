//! Endpoints of friends: made, looked at, ended, listed.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::CHILD;
use super::context::Context;
use super::error::Failure;
use super::members::must_exist;
use super::shown::{Kept, shown, since};
use super::wire::{Reply, Request};
use crate::chat::accounts::friend::Friendship;
use crate::chat::kit::keyed_locks::KeyGuard;

/// POST `/ctx/{u}/friends/{f}`.
pub async fn befriend(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, friend) = two(cx, request)?;
    if user == friend {
        return Err(Failure::parameter("nobody is their own friend"));
    }
    must_exist(cx, &[user.clone(), friend.clone()]).await?;
    let _guard = lock(cx, &user, &friend).await?;
    let friendship = cx.chat.accounts.befriend(cx.call, &cx.app.realm, &user, &friend).await?;
    Ok(Reply::Json(StatusCode::CREATED, described(cx, &friendship, ("ns", json!(&*cx.app.id)))))
}

/// GET `/ctx/{u}/friends/{f}`.
pub async fn friendship(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, friend) = two(cx, request)?;
    let friendship = between(cx, &user, &friend).await?.ok_or_else(none)?;
    let online = online(cx, std::slice::from_ref(&friend)).await?.first().copied().unwrap_or_default();
    Ok(Reply::ok(described(cx, &friendship, ("online", json!(online)))))
}

/// DELETE `/ctx/{u}/friends/{f}`: done too when they are no friends, or do not exist.
pub async fn unfriend(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, friend) = two(cx, request)?;
    if user != friend {
        let _guard = lock(cx, &user, &friend).await?;
        cx.chat.accounts.unfriend(cx.call, &cx.app.realm, &user, &friend).await?;
    }
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}

/// GET `/ctx/{u}/friends`, with `?detail` more than ids.
pub async fn list(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let user = cx.user(request.part(0))?;
    must_exist(cx, std::slice::from_ref(&user)).await?;
    let friends = of(cx, &user).await?;
    if !request.query.has("detail") {
        return Ok(Reply::ok(friends.iter().map(|friend| json!(cx.id(friend))).collect::<Value>()));
    }
    let since = since(cx, Kept::Short);
    let (online, recent) = tokio::join!(online(cx, &friends), cx.chat.histories.peers(cx.call, &user, since, CHILD));
    let (online, recent) = (online?, recent?);
    let recent: std::collections::HashMap<_, _> = recent.into_iter().collect();
    let row = |(friend, online): (&BareJid, bool)| {
        let mut row = Map::new();
        row.insert("id".into(), json!(cx.id(friend)));
        row.insert("online".into(), json!(online));
        if let Some(last) = recent.get(friend) {
            row.insert("recent".into(), shown(cx, last));
        }
        Value::Object(row)
    };
    Ok(Reply::ok(friends.iter().zip(online).map(row).collect::<Value>()))
}

/// The friends of a user on their own domain: no id names others.
pub async fn of(cx: &Context<'_>, user: &BareJid) -> Result<Vec<BareJid>, Failure> {
    let friends = cx.chat.accounts.friends(cx.call, user).await?;
    Ok(friends.into_iter().filter(|friend| cx.is_user(friend)).collect())
}

/// The friendship of two users; `None` too when one of them does not exist.
pub async fn between(cx: &Context<'_>, one: &BareJid, other: &BareJid) -> Result<Option<Friendship>, Failure> {
    if one == other {
        return Ok(None);
    }
    must_exist(cx, &[one.clone(), other.clone()]).await?;
    Ok(cx.chat.accounts.friendship(cx.call, &cx.app.realm, one, other).await?)
}

/// 5004 for two who are no friends.
pub fn none() -> Failure {
    Failure::not_found("the friendship")
}

/// Whether each of `users` is online.
pub async fn online(cx: &Context<'_>, users: &[BareJid]) -> Result<Vec<bool>, Failure> {
    let sessions = cx.chat.accounts.sessions(cx.call, users).await;
    sessions.into_iter().map(|sessions| Ok(sessions? > 0)).collect()
}

/// Waits until no other call changes what is between two users.
async fn lock(cx: &Context<'_>, one: &BareJid, other: &BareJid) -> Result<KeyGuard, Failure> {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    cx.lock_key(format!("{first} {second}")).await
}

fn two(cx: &Context<'_>, request: &Request<'_>) -> Result<(BareJid, BareJid), Failure> {
    Ok((cx.user(request.part(0))?, cx.user(request.part(1))?))
}

fn described(cx: &Context<'_>, friendship: &Friendship, (name, value): (&str, Value)) -> Value {
    let (from, to) = (cx.id(&friendship.from), cx.id(&friendship.to));
    json!({"id": id(&cx.app.id, &from, &to), "from": from, "to": to, name: value, "ts": friendship.since_ms})
}

/// The id of a friendship: the same whoever began it, and whenever.
fn id(app: &str, one: &str, other: &str) -> String {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    let hash = Sha256::digest(format!("{app}\0{first}\0{second}"));
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_friendship_has_no_direction() {
        let one = id("app", "alice", "bob");
        assert_eq!(one, id("app", "bob", "alice"));
        assert_eq!(one.len(), 16);
        assert_ne!(one, id("other", "alice", "bob"));
        assert_ne!(id("app", "a", "bc"), id("app", "ab", "c"));
    }
}
