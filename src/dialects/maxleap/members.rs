//! Endpoints of members: added to and removed from groups and rooms, by others or by themselves.

use std::collections::HashSet;

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::{Map, Value};

use super::context::Context;
use super::error::{Code, Failure};
use super::wire::{Reply, Request, texts};
use crate::chat::groups::{Group, GroupKind};
use crate::chat::types::error::ChatError;
use crate::chat::types::room::MemberOutcome;

/// Names that one error lists; of more it says how many.
const LISTED: usize = 10;

/// POST `/groups/{g}/members`.
pub async fn add_to_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    add(cx, request, GroupKind::Group, required(cx, request)?).await
}

/// POST `/rooms/{r}/members`.
pub async fn add_to_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    add(cx, request, GroupKind::Room, required(cx, request)?).await
}

/// POST `/groups/{g}/members/{u}`.
pub async fn join_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    add(cx, request, GroupKind::Group, vec![cx.user(request.part(1))?]).await
}

/// POST `/rooms/{r}/members/{u}`.
pub async fn join_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    add(cx, request, GroupKind::Room, vec![cx.user(request.part(1))?]).await
}

/// DELETE `/groups/{g}/members`.
pub async fn remove_from_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    remove(cx, request, GroupKind::Group, required(cx, request)?).await
}

/// DELETE `/rooms/{r}/members`.
pub async fn remove_from_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    remove(cx, request, GroupKind::Room, required(cx, request)?).await
}

/// DELETE `/groups/{g}/members/{u}`.
pub async fn leave_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    remove(cx, request, GroupKind::Group, vec![cx.user(request.part(1))?]).await
}

/// DELETE `/rooms/{r}/members/{u}`.
pub async fn leave_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    remove(cx, request, GroupKind::Room, vec![cx.user(request.part(1))?]).await
}

async fn add(cx: &Context<'_>, request: &Request<'_>, kind: GroupKind, users: Vec<BareJid>) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let _guard = cx.lock(&room).await?;
    let (group, exist) =
        tokio::join!(cx.chat.groups.group(cx.call, &cx.app.realm, &room, kind), must_exist(cx, &users));
    let group = group?;
    exist?;
    let old: HashSet<&BareJid> = group.members.iter().collect();
    let new = users.iter().filter(|user| !old.contains(user)).count();
    within_limit(cx, kind, group.members.len() + new)?;
    // Old members too: what a call that failed half-way left undone is done now.
    if !users.is_empty() {
        let outcomes = cx.chat.rooms.add_members(cx.call, &room, group.owner.as_ref(), &users).await?;
        all_done(cx, &outcomes, "added")?;
    }
    Ok(Reply::Empty(StatusCode::CREATED))
}

async fn remove(
    cx: &Context<'_>,
    request: &Request<'_>,
    kind: GroupKind,
    users: Vec<BareJid>,
) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let _guard = cx.lock(&room).await?;
    let group: Group = cx.chat.groups.group(cx.call, &cx.app.realm, &room, kind).await?;
    if group.owner.as_ref().is_some_and(|owner| users.contains(owner)) {
        return Err(Failure::new(Code::Unsupported, "the owner of a group cannot be removed: give it another owner"));
    }
    let members: HashSet<&BareJid> = group.members.iter().collect();
    let there: Vec<BareJid> = users.into_iter().filter(|user| members.contains(user)).collect();
    if !there.is_empty() {
        let outcomes = cx.chat.rooms.remove_members(cx.call, &room, &there).await?;
        all_done(cx, &outcomes, "removed")?;
    }
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}

/// The users that a body names as `members`.
fn required(cx: &Context<'_>, request: &Request<'_>) -> Result<Vec<BareJid>, Failure> {
    named(cx, &request.object()?)?.ok_or_else(|| Failure::parameter("members is missing"))
}

/// The users that `members` names in a body, each once; `None` when it is not there or null.
///
/// # Errors
/// 5001 for what is no list of ids, 5010 for too many of them.
pub fn named(cx: &Context<'_>, body: &Map<String, Value>) -> Result<Option<Vec<BareJid>>, Failure> {
    let Some(ids) = texts(body, "members", cx.config.limits.list)? else { return Ok(None) };
    let mut seen = HashSet::with_capacity(ids.len());
    let mut users = Vec::with_capacity(ids.len());
    for id in ids {
        let user = cx.user(&id)?;
        if seen.insert(user.clone()) {
            users.push(user);
        }
    }
    Ok(Some(users))
}

/// # Errors
/// 5004 that names those of `users` who have no account.
pub async fn must_exist(cx: &Context<'_>, users: &[BareJid]) -> Result<(), Failure> {
    let mut unknown = Vec::new();
    for (user, exists) in users.iter().zip(cx.chat.accounts.accounts_exist(cx.call, users).await) {
        if !exists? {
            unknown.push(cx.id(user));
        }
    }
    match unknown.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::not_found(&format!("the user {one}"))),
        more => Err(Failure::new(Code::NotFound, format!("these users do not exist: {}", listed(more)))),
    }
}

/// # Errors
/// 5008 when a group or room would have too many members, its owner included.
pub fn within_limit(cx: &Context<'_>, kind: GroupKind, members: usize) -> Result<(), Failure> {
    let (limit, what) = match kind {
        GroupKind::Group => (cx.config.maxleap.group_members, "group"),
        GroupKind::Room => (cx.config.maxleap.room_members, "room"),
    };
    match members > limit {
        true => Err(Failure::new(Code::Full, format!("a {what} has at most {limit} members, this would be {members}"))),
        false => Ok(()),
    }
}

/// Nothing when all were done.
///
/// # Errors
/// The error of those for whom it was not `done`, and for whom it was.
pub fn all_done(cx: &Context<'_>, outcomes: &[MemberOutcome], done: &str) -> Result<(), Failure> {
    let (mut well, mut failed, mut first) = (Vec::new(), Vec::new(), None);
    for MemberOutcome { user, result } in outcomes {
        match result {
            Ok(()) => well.push(cx.id(user)),
            Err(error) => {
                failed.push(format!("{} ({error})", cx.id(user)));
                first.get_or_insert(error);
            }
        }
    }
    let Some(first) = first else { return Ok(()) };
    if well.is_empty() && failed.len() == 1 {
        return Err(first.clone().into());
    }
    let all_later = || outcomes.iter().all(|o| o.result.as_ref().is_err_and(ChatError::may_succeed_later));
    if well.is_empty() && all_later() {
        return Err(first.clone().into());
    }
    let well = if well.is_empty() { "nobody".to_owned() } else { listed(&well) };
    Err(ChatError::Partial(format!("{done}: {well}; not {done}: {}", listed(&failed))).into())
}

/// The names, or the first of them and how many more there are.
pub fn listed(names: &[String]) -> String {
    match names.get(..LISTED).filter(|first| first.len() < names.len()) {
        Some(first) => format!("{} and {} more", first.join(", "), names.len() - first.len()),
        None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
        assert_eq!(listed(&names[..2]), "u0, u1");
        assert_eq!(listed(&names), "u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 2 more");
    }
}
