//! Endpoints of histories.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::Value;

use super::CHILD;
use super::context::Context;
use super::error::Failure;
use super::members::must_exist;
use super::shown::{AHEAD_MS, Kept, shown, since};
use super::wire::{Reply, Request};
use super::{friends, passengers};
use crate::chat::archive::history::Span;
use crate::chat::groups::GroupKind;
use crate::clock::now_ms;

/// Messages of one answer when the caller does not say, and at most.
const PAGE: (u64, u64) = (20, 100);

/// GET `/ctx/{u}/friends/{f}/chats?ts&limit`.
pub async fn friend(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, friend) = (cx.user(request.part(0))?, cx.user(request.part(1))?);
    let span = span(cx, request, Kept::Short)?;
    friends::between(cx, &user, &friend).await?.ok_or_else(friends::none)?;
    private(cx, &user, &friend, span).await
}

/// GET `/ctx/{u}/strangers/{s}/chats?ts&limit`.
pub async fn stranger(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, stranger) = (cx.user(request.part(0))?, cx.user(request.part(1))?);
    let span = span(cx, request, Kept::Long)?;
    must_exist(cx, &[user.clone(), stranger.clone()]).await?;
    private(cx, &user, &stranger, span).await
}

/// GET `/passengers/{p}/chats/{u}?ts&limit`.
pub async fn passenger(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (passenger, user) = (cx.user(request.part(0))?, cx.user(request.part(1))?);
    let span = span(cx, request, Kept::Long)?;
    let (known, exists) =
        tokio::join!(passengers::attributes(cx, &passenger), must_exist(cx, std::slice::from_ref(&user)));
    known?;
    exists?;
    private(cx, &passenger, &user, span).await
}

/// GET `/groups/{g}/chats?ts&limit`.
pub async fn group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let span = span(cx, request, Kept::Short)?;
    cx.chat.groups.group(cx.call, &cx.app.realm, &room, GroupKind::Group).await?;
    let stored = match span {
        Some(span) => cx.chat.histories.room_history(cx.call, &cx.app.realm, &room, span, CHILD).await?,
        None => Vec::new(),
    };
    Ok(Reply::ok(stored.iter().map(|stored| shown(cx, stored)).collect::<Value>()))
}

/// DELETE `/groups/{g}/chats`.
pub async fn clear_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    cx.chat.groups.group(cx.call, &cx.app.realm, &room, GroupKind::Group).await?;
    cx.chat.histories.clear_room_history(cx.call, &cx.app.realm, &room).await?;
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}

async fn private(cx: &Context<'_>, user: &BareJid, peer: &BareJid, span: Option<Span>) -> Result<Reply, Failure> {
    let stored = match span {
        Some(span) => cx.chat.histories.private_history(cx.call, user, peer, span, CHILD).await?,
        None => Vec::new(),
    };
    Ok(Reply::ok(stored.iter().map(|stored| shown(cx, stored)).collect::<Value>()))
}

/// What `ts` and `limit` ask for; `None` when that can only be nothing.
fn span(cx: &Context<'_>, request: &Request<'_>, kept: Kept) -> Result<Option<Span>, Failure> {
    let latest = now_ms() + AHEAD_MS;
    let before_ms = request.query.number("ts", latest)?.min(latest);
    let limit = request.query.number("limit", PAGE.0)?.min(PAGE.1);
    let (since_ms, limit) = (since(cx, kept), usize::try_from(limit).unwrap_or_default());
    Ok((limit > 0 && since_ms < before_ms).then_some(Span { since_ms, before_ms, limit }))
}
