//! Endpoints of strangers: those with whom a user has spoken who are not their friends.

use jid::BareJid;
use serde_json::{Value, json};

use super::CHILD;
use super::context::Context;
use super::error::Failure;
use super::friends;
use super::members::must_exist;
use super::shown::{Kept, last_private, shown, since};
use super::wire::{Reply, Request};
use crate::chat::archive::history::Stored;

/// Strangers of one page when the caller does not say, and at most.
const PAGE: (u64, u64) = (20, 100);

/// GET `/ctx/{u}/strangers?skip&limit&ids=a,b`, with `&detail` more than ids; the latest first.
pub async fn list(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let user = cx.user(request.part(0))?;
    let (skip, limit) = (request.query.number("skip", 0)?, request.query.number("limit", PAGE.0)?.min(PAGE.1));
    let wanted: Option<Vec<&str>> = request.query.value("ids").map(|ids| ids.split(',').collect());
    must_exist(cx, std::slice::from_ref(&user)).await?;
    let since = since(cx, Kept::Long);
    let (peers, friends) = tokio::join!(cx.chat.histories.peers(cx.call, &user, since, CHILD), friends::of(cx, &user));
    let friends: std::collections::HashSet<BareJid> = friends?.into_iter().collect();
    let stranger = |(peer, _): &(BareJid, Stored)| {
        let asked = wanted.as_ref().is_none_or(|wanted| wanted.contains(&cx.id(peer).as_str()));
        asked && *peer != user && cx.is_user(peer) && !friends.contains(peer)
    };
    let (skip, limit) = (usize::try_from(skip).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or_default());
    let page: Vec<(BareJid, Stored)> = peers?.into_iter().filter(stranger).skip(skip).take(limit).collect();
    if !request.query.has("detail") {
        return Ok(Reply::ok(page.iter().map(|(peer, _)| json!(cx.id(peer))).collect::<Value>()));
    }
    let (peers, last): (Vec<BareJid>, Vec<Stored>) = page.into_iter().unzip();
    let online = friends::online(cx, &peers).await?;
    let rows = peers.iter().zip(online).zip(last);
    let row = |((peer, online), last): ((&BareJid, bool), Stored)| -> Value {
        json!({"id": cx.id(peer), "online": online, "recent": shown(cx, &last)})
    };
    Ok(Reply::ok(rows.map(row).collect::<Value>()))
}

/// GET `/ctx/{u}/strangers/{s}`.
pub async fn look(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let (user, stranger) = (cx.user(request.part(0))?, cx.user(request.part(1))?);
    let none = || Failure::not_found("the stranger");
    if friends::between(cx, &user, &stranger).await?.is_some() || user == stranger {
        return Err(none());
    }
    let last = last_private(cx, &user, &stranger).await?.ok_or_else(none)?;
    let online = friends::online(cx, std::slice::from_ref(&stranger)).await?.first().copied().unwrap_or_default();
    Ok(Reply::ok(json!({"ts": last.ms, "online": online, "recent": shown(cx, &last)})))
}
