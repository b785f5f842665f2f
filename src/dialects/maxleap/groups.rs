//! Endpoints of groups and rooms: made, searched, looked at, changed, destroyed; and those of one user.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Failure;
use super::members::{all_done, must_exist, named, within_limit};
use super::search::Search;
use super::shown::{last_of_groups, shown};
use super::wire::{Reply, Request, kind as sort_of};
use crate::chat::archive::history::Stored;
use crate::chat::groups::{Group, GroupKind, NewGroup};
use crate::chat::types::error::ChatError;

/// POST `/groups`.
pub async fn create_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let body = request.object()?;
    let owner = text(&body, "owner")?.ok_or_else(|| Failure::parameter("owner is missing"))?;
    let owner = cx.user(owner)?;
    create(cx, &body, GroupKind::Group, Some(owner)).await
}

/// POST `/rooms`.
pub async fn create_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    create(cx, &request.object()?, GroupKind::Room, None).await
}

async fn create(
    cx: &Context<'_>,
    body: &Map<String, Value>,
    kind: GroupKind,
    owner: Option<BareJid>,
) -> Result<Reply, Failure> {
    let name = name(cx, body)?.unwrap_or_default().to_owned();
    let members: Vec<BareJid> =
        named(cx, body)?.unwrap_or_default().into_iter().filter(|user| owner.as_ref() != Some(user)).collect();
    within_limit(cx, kind, members.len() + usize::from(owner.is_some()))?;
    let everybody: Vec<BareJid> = owner.iter().chain(&members).cloned().collect();
    must_exist(cx, &everybody).await?;
    let id = format!("{:032x}", rand::random::<u128>());
    let new = NewGroup { room: cx.room(&id)?, kind, owner, members, name, note: None, avatar: None };
    cx.chat.groups.make_group(cx.call, &cx.app.realm, &new).await?;
    Ok(Reply::Json(StatusCode::CREATED, Value::String(id)))
}

/// GET `/groups?attr=v&_skip&_limit&_sort`.
pub async fn search_groups(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    search(cx, request, GroupKind::Group).await
}

/// GET `/rooms?attr=v&_skip&_limit&_sort`.
pub async fn search_rooms(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    search(cx, request, GroupKind::Room).await
}

async fn search(cx: &Context<'_>, request: &Request<'_>, kind: GroupKind) -> Result<Reply, Failure> {
    let search = Search::of(request.query)?;
    let mut all = cx.chat.groups.all_rooms(cx.call, &cx.app.realm).await?;
    // In the order of the page, so that one without a condition need not read all records.
    all.sort_by_cached_key(|room| cx.id(room));
    let mut found = Vec::new();
    for batch in all.chunks(search.batch()) {
        let described = cx.chat.groups.described(cx.call, &cx.app.realm, batch, kind).await?;
        let wanted = described.into_iter().filter(|(_, attributes)| search.finds(attributes));
        found.extend(wanted.map(|(room, attributes)| (cx.id(&room), attributes, room)));
        if search.has_enough(found.len()) {
            break;
        }
    }
    let page: Vec<BareJid> = search.page(found).into_iter().map(|(_, _, room)| room).collect();
    let groups = existing(cx, &page, kind).await?;
    Ok(Reply::ok(groups.iter().map(|group| row(cx, group, None)).collect::<Value>()))
}

/// GET `/groups/{g}`.
pub async fn group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    look(cx, request, GroupKind::Group).await
}

/// GET `/rooms/{r}`.
pub async fn room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    look(cx, request, GroupKind::Room).await
}

async fn look(cx: &Context<'_>, request: &Request<'_>, kind: GroupKind) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let group = cx.chat.groups.group(cx.call, &cx.app.realm, &room, kind).await?;
    Ok(Reply::ok(described(cx, &group)))
}

/// PUT `/groups/{g}`: only `owner` and `members` count, and `members` is the whole list.
pub async fn update_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let body = request.object()?;
    let owner = text(&body, "owner")?.map(|id| cx.user(id)).transpose()?;
    let members = named(cx, &body)?;
    let _guard = cx.lock(&room).await?;
    let group = cx.chat.groups.group(cx.call, &cx.app.realm, &room, GroupKind::Group).await?;
    let everybody: Vec<BareJid> = owner.iter().chain(members.iter().flatten()).cloned().collect();
    must_exist(cx, &everybody).await?;
    let head = owner.as_ref().or(group.owner.as_ref());
    let others = members.as_ref().unwrap_or(&group.members).iter().filter(|user| Some(*user) != head).count();
    within_limit(cx, GroupKind::Group, others + usize::from(head.is_some()))?;
    let owner = owner.as_ref().filter(|owner| group.owner.as_ref() != Some(owner));
    if let Some(owner) = owner {
        cx.chat.groups.set_owner(cx.call, &room, owner).await?;
    }
    if let Some(members) = &members {
        become_all(cx, &room, members, owner.map(|_| "the owner is changed")).await?;
    }
    Ok(Reply::Empty(StatusCode::CREATED))
}

/// PUT `/rooms/{r}` with `name`, `members` (the whole list), or both.
pub async fn update_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let body = request.object()?;
    let name = name(cx, &body)?;
    let members = named(cx, &body)?;
    let _guard = cx.lock(&room).await?;
    cx.chat.groups.group(cx.call, &cx.app.realm, &room, GroupKind::Room).await?;
    if let Some(members) = &members {
        within_limit(cx, GroupKind::Room, members.len())?;
        must_exist(cx, members).await?;
    }
    if let Some(name) = name {
        let attributes = Map::from_iter([("name".to_owned(), json!(name))]);
        cx.chat.groups.set_group_attributes(cx.call, &cx.app.realm, &room, &attributes, false).await?;
    }
    if let Some(members) = &members {
        become_all(cx, &room, members, name.map(|_| "the name is changed")).await?;
    }
    Ok(Reply::Empty(StatusCode::CREATED))
}

/// DELETE `/groups/{g}`.
pub async fn delete_group(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    delete(cx, request, GroupKind::Group).await
}

/// DELETE `/rooms/{r}`.
pub async fn delete_room(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    delete(cx, request, GroupKind::Room).await
}

async fn delete(cx: &Context<'_>, request: &Request<'_>, kind: GroupKind) -> Result<Reply, Failure> {
    let room = cx.room(request.part(0))?;
    let _guard = cx.lock(&room).await?;
    cx.chat.groups.group(cx.call, &cx.app.realm, &room, kind).await?;
    cx.chat.groups.destroy_group(cx.call, &cx.app.realm, &room).await?;
    Ok(Reply::Empty(StatusCode::NO_CONTENT))
}

/// GET `/ctx/{u}/groups`, with `?detail` more than ids.
pub async fn of_user(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    list(cx, request, GroupKind::Group).await
}

/// GET `/ctx/{u}/rooms`, with `?detail` more than ids.
pub async fn rooms_of_user(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    list(cx, request, GroupKind::Room).await
}

async fn list(cx: &Context<'_>, request: &Request<'_>, kind: GroupKind) -> Result<Reply, Failure> {
    let user = cx.user(request.part(0))?;
    must_exist(cx, std::slice::from_ref(&user)).await?;
    let mut groups = cx.chat.groups.groups_of(cx.call, &cx.app.realm, &user).await?;
    groups.retain(|group| group.kind == kind);
    if !request.query.has("detail") {
        return Ok(Reply::ok(groups.iter().map(|group| json!(cx.id(&group.room))).collect::<Value>()));
    }
    let last = match kind {
        GroupKind::Group => last_of_groups(cx, &groups).await?,
        GroupKind::Room => Vec::new(),
    };
    let mut last = last.into_iter();
    let recent = |stored: Option<Stored>| stored.map(|stored| shown(cx, &stored));
    let row = |group| row(cx, group, last.next().and_then(recent));
    Ok(Reply::ok(groups.iter().map(row).collect::<Value>()))
}

/// Those of `rooms` that are still there.
async fn existing(cx: &Context<'_>, rooms: &[BareJid], kind: GroupKind) -> Result<Vec<Group>, Failure> {
    let groups = cx.chat.groups.groups(cx.call, &cx.app.realm, rooms, kind).await;
    let there = groups.into_iter().filter(|group| !matches!(group, Err(ChatError::UnknownRoom(_))));
    Ok(there.collect::<Result<_, _>>()?)
}

/// A group or room without its id. As in the original, its owner is not among its members.
fn described(cx: &Context<'_>, group: &Group) -> Value {
    let mut shown = Map::new();
    if group.kind == GroupKind::Group {
        shown.insert("owner".into(), json!(group.owner.as_ref().map(|owner| cx.id(owner))));
    }
    let members = group.members.iter().filter(|user| cx.is_user(user) && group.owner.as_ref() != Some(user));
    shown.insert("members".into(), members.map(|user| json!(cx.id(user))).collect());
    shown.insert("attributes".into(), Value::Object(group.attributes.clone()));
    shown.insert("ts".into(), json!(group.created_ms));
    Value::Object(shown)
}

/// A group or room in a list.
fn row(cx: &Context<'_>, group: &Group, recent: Option<Value>) -> Value {
    let mut row = Map::from_iter([("id".to_owned(), json!(cx.id(&group.room)))]);
    if let Value::Object(rest) = described(cx, group) {
        row.extend(rest);
    }
    row.extend(recent.map(|recent| ("recent".to_owned(), recent)));
    Value::Object(row)
}

/// A field that is text, where it is there and not null.
fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Failure> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Failure::parameter(format!("{field} must be a string, not {}", sort_of(other)))),
    }
}

/// The name at the top of a body, which is as long as an attribute may be.
fn name<'a>(cx: &Context<'_>, body: &'a Map<String, Value>) -> Result<Option<&'a str>, Failure> {
    match text(body, "name")? {
        Some(name) if name.len() > cx.config.maxleap.attribute_bytes => Err(Failure::too_long("name")),
        name => Ok(name),
    }
}

/// Makes `members` the whole list. A failure says what was done `before`.
async fn become_all(
    cx: &Context<'_>,
    room: &BareJid,
    members: &[BareJid],
    before: Option<&str>,
) -> Result<(), Failure> {
    let outcomes = cx.chat.groups.set_members(cx.call, room, members).await.map_err(Failure::from);
    let failure = match outcomes.and_then(|outcomes| all_done(cx, &outcomes, "added or removed")) {
        Ok(()) => return Ok(()),
        Err(failure) => failure,
    };
    Err(match before {
        Some(before) => ChatError::Partial(format!("{before}; then: {}", failure.text)).into(),
        None => failure,
    })
}
